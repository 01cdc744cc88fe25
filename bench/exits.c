#include "bench/exits.h"

#include <stdbool.h>
#include <stdlib.h>

unsigned exits_window(const struct console *console, uint64_t tsc)
{
	unsigned low = 0;
	unsigned high = console->benches;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		const struct console_bench *bench = &console->bench[middle];
		if (tsc >= bench->begin && tsc <= bench->end)
			return middle;
		if (tsc < bench->begin)
			high = middle;
		else
			low = middle + 1;
	}
	return EXITS_OUTSIDE;
}

/* What the exits of a sum have in common. */
struct key {
	unsigned window, level;
	uint16_t reason;
	enum fee_component component;
};

static bool same_key(const struct exit_sum *sum, const struct key *key)
{
	return sum->window == key->window && sum->level == key->level &&
	       sum->reason == key->reason && sum->component == key->component;
}

/* Sets the index of the distribution that a new sum belongs to. */
static int find_latency(struct exits *exits, struct exit_sum *sum, struct vmfee_error *err)
{
	struct exit_latency *latency = exits->latency;

	for (sum->latency = 0; sum->latency < exits->latencies; sum->latency++, latency++)
		if (latency->level == sum->level && latency->reason == sum->reason &&
		    latency->component == sum->component)
			return 0;
	latency = reallocarray(exits->latency, exits->latencies + 1, sizeof(latency[0]));
	if (latency == NULL)
		return vmfee_fail_errno(err, "latencies of exits");
	exits->latency = latency;
	latency[exits->latencies++] = (struct exit_latency){
		.level = sum->level, .reason = sum->reason, .component = sum->component};
	return 0;
}

static struct exit_sum *new_sum(struct exits *exits, const struct key *key, struct vmfee_error *err)
{
	if (exits->sums == exits->room) {
		size_t room = exits->room == 0 ? 64 : 2 * exits->room;
		struct exit_sum *sum = reallocarray(exits->sum, room, sizeof(sum[0]));
		if (sum == NULL) {
			vmfee_fail_errno(err, "sums of exits");
			return NULL;
		}
		exits->sum = sum;
		exits->room = room;
	}
	exits->sum[exits->sums] = (struct exit_sum){.window = key->window,
						    .level = key->level,
						    .reason = key->reason,
						    .component = key->component};
	if (find_latency(exits, &exits->sum[exits->sums], err) != 0)
		return NULL;
	return &exits->sum[exits->sums++];
}

/* Searches only where the last record of that kind went to another sum. */
static struct exit_sum *find_sum(struct exits *exits, const struct key *key,
				 struct vmfee_error *err)
{
	unsigned kind = (key->level * CONSOLE_REASONS + key->reason) * FEE_COMPONENTS +
			(unsigned)key->component;
	size_t *recent = &exits->recent[kind % EXITS_RECENT];

	if (*recent < exits->sums && same_key(&exits->sum[*recent], key))
		return &exits->sum[*recent];
	for (size_t i = 0; i < exits->sums; i++)
		if (same_key(&exits->sum[i], key)) {
			*recent = i;
			return &exits->sum[i];
		}
	*recent = exits->sums;
	return new_sum(exits, key, err);
}

/* What the record says of the modelled TLB.  Whether that is all: the exit was for its sake. */
static bool observe(struct exits *exits, unsigned window, const struct exit_record *record)
{
	struct observed_sum *sum = &exits->observed[window];

	if (record->level != 0)
		return false;
	if (exits->tlb != NULL) {
		struct tlb_sim_result result = tlb_sim_feed(exits->tlb, record);
		sum->refills += result.refills;
		sum->references += result.references;
	}
	if (record->flags & RECORD_F_REFILL) {
		sum->refills++;
		sum->references += record->qualification >> OBSERVED_REFERENCES & 0x1f;
	}
	if (!(record->flags & RECORD_F_OBSERVED))
		return false;
	sum->exits++;
	return true;
}

int exits_add(struct exits *exits, const struct console *console, const struct exit_record *record,
	      struct vmfee_error *err)
{
	struct key key = {
		.window = exits_window(console, record->tsc),
		.level = record->level,
		.reason = record->reason,
		.component = fee_component(record->reason, record->qualification, record->flags),
	};
	if (key.component == FEE_COMPONENTS)
		return vmfee_fail(err, VMFEE_SYSTEM, "exit %u has reason %u, which is none",
				  record->seq, record->reason);

	exits->records++;
	if (observe(exits, key.window, record))
		return 0;
	struct exit_sum *sum = find_sum(exits, &key, err);
	if (sum == NULL)
		return -1;
	if (sum->count == 0 || record->handled_ticks < sum->shortest)
		sum->shortest = record->handled_ticks;
	if (record->handled_ticks > sum->longest)
		sum->longest = record->handled_ticks;
	if (histogram_add(&exits->latency[sum->latency].handled_ticks, record->handled_ticks) !=
		    0 ||
	    timeline_add(&exits->latency[sum->latency].timeline, console, record) != 0)
		return vmfee_fail_errno(err, "latencies of exits");
	sum->count++;
	sum->guest_ticks += record->guest_ticks;
	sum->handled_ticks += record->handled_ticks;
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) sum->counters.name += record->name;
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	return 0;
}

static int compare_sums(const void *a, const void *b)
{
	const struct exit_sum *left = a;
	const struct exit_sum *right = b;

	if (left->window != right->window)
		return left->window < right->window ? -1 : 1;
	if (left->level != right->level)
		return left->level < right->level ? -1 : 1;
	if (left->reason != right->reason)
		return left->reason < right->reason ? -1 : 1;
	return (left->component > right->component) - (left->component < right->component);
}

void exits_sort(struct exits *exits)
{
	if (exits->sums > 0)
		qsort(exits->sum, exits->sums, sizeof(exits->sum[0]), compare_sums);
}

void exits_free(struct exits *exits)
{
	for (size_t i = 0; i < exits->latencies; i++) {
		histogram_free(&exits->latency[i].handled_ticks);
		timeline_free(&exits->latency[i].timeline);
	}
	free(exits->latency);
	join_free(&exits->join);
	levels_free(&exits->levels);
	vmcs_accesses_free(&exits->accesses);
	free(exits->sum);
	tlb_sim_free(exits->tlb);
	*exits = (struct exits){0};
}
