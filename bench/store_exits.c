#include "bench/store_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* first as in store_exits(). */
static void put_window(struct row *row, sqlite3_int64 first, unsigned window)
{
	if (window == EXITS_OUTSIDE)
		row_null(row);
	else
		row_number(row, (uint64_t)first + window);
}

static int put_exit_sum(struct store *store, unsigned number, sqlite3_int64 first,
			const struct exit_sum *sum, struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_EXIT_SUM);

	row_number(&row, number);
	put_window(&row, first, sum->window);
	row_number(&row, sum->level);
	row_text(&row, exit_reason_name(sum->reason));
	row_text(&row, fee_component_name(sum->component));
	row_number(&row, sum->count);
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) row_number(&row, sum->counters.name);
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
	row_number(&row, sum->guest_ticks);
	row_number(&row, sum->handled_ticks);
	row_number(&row, sum->shortest);
	row_number(&row, sum->longest);
	return row_insert(&row, err);
}

static int put_latency(struct store *store, unsigned number, const struct exit_latency *latency,
		       struct vmfee_error *err)
{
	for (size_t i = 0; i < latency->handled_ticks.buckets; i++) {
		struct row row = row_of(store, TABLE_EXIT_LATENCY);
		if (latency->handled_ticks.count[i] == 0)
			continue;
		row_number(&row, number);
		row_number(&row, latency->level);
		row_text(&row, exit_reason_name(latency->reason));
		row_text(&row, fee_component_name(latency->component));
		row_number(&row, histogram_low(i));
		row_number(&row, histogram_high(i));
		row_number(&row, latency->handled_ticks.count[i]);
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_time(struct store *store, unsigned number, const struct console *console,
		    const struct exit_latency *latency, struct vmfee_error *err)
{
	if (latency->timeline.count == NULL)
		return 0;
	for (unsigned i = 0; i < TIMELINE_SLICES * TIMELINE_BUCKETS; i++) {
		unsigned slice = i / TIMELINE_BUCKETS;
		unsigned bucket = i % TIMELINE_BUCKETS;
		struct row row = row_of(store, TABLE_EXIT_TIME);
		if (latency->timeline.count[slice][bucket] == 0)
			continue;
		row_number(&row, number);
		row_number(&row, latency->level);
		row_text(&row, exit_reason_name(latency->reason));
		row_text(&row, fee_component_name(latency->component));
		row_number(&row, timeline_begin(console, slice));
		row_number(&row, timeline_begin(console, slice + 1));
		row_number(&row, timeline_low(bucket));
		row_number(&row, timeline_high(bucket));
		row_number(&row, latency->timeline.count[slice][bucket]);
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_joined(struct store *store, unsigned number, sqlite3_int64 first,
		      const struct join_sum *sum, struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_JOINED);

	row_number(&row, number);
	put_window(&row, first, sum->window);
	row_text(&row, exit_reason_name(sum->reason));
	row_number(&row, sum->count);
	row_number(&row, sum->stays);
	row_number(&row, sum->stay_ticks);
	row_number(&row, sum->shortest);
	return row_insert(&row, err);
}

static int put_joined_beneath(struct store *store, unsigned number, sqlite3_int64 first,
			      const struct join_part *part, struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_JOINED_BENEATH);

	row_number(&row, number);
	put_window(&row, first, part->window);
	row_text(&row, exit_reason_name(part->reason));
	row_text(&row, exit_reason_name(part->beneath));
	row_number(&row, part->count);
	row_number(&row, part->handled_ticks);
	return row_insert(&row, err);
}

static int put_path(struct store *store, unsigned number, sqlite3_int64 first, uint32_t id,
		    const struct level_node *node, struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_PATH);

	row_number(&row, number);
	row_number(&row, id);
	if (node->parent == LEVELS_NO_NODE)
		row_null(&row);
	else
		row_number(&row, node->parent);
	put_window(&row, first, node->window);
	row_number(&row, node->level);
	row_text(&row, level_kind_name(node->kind));
	row_text(&row, exit_reason_name(node->reason));
	row_number(&row, node->nested);
	row_number(&row, node->count);
	row_number(&row, node->own_ticks);
	return row_insert(&row, err);
}

static int put_access(struct store *store, unsigned number, const struct vmcs_access *access,
		      struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_VMCS_ACCESS);

	row_number(&row, number);
	row_number(&row, access->level);
	row_text(&row, vmcs_field_name(access->field));
	row_number(&row, access->reads);
	row_number(&row, access->writes);
	return row_insert(&row, err);
}

static int put_levels(struct store *store, unsigned number, sqlite3_int64 first,
		      const struct exits *exits, struct vmfee_error *err)
{
	for (uint32_t i = 0; i < exits->levels.nodes; i++)
		if (put_path(store, number, first, i, &exits->levels.node[i], err) != 0)
			return -1;
	for (size_t i = 0; i < exits->accesses.count; i++)
		if (put_access(store, number, &exits->accesses.access[i], err) != 0)
			return -1;
	return 0;
}

static int put_observed_log2(struct store *store, unsigned number,
			     const struct console_observed *observed, struct vmfee_error *err)
{
	for (unsigned i = 0; i < CONSOLE_REASONS * CONSOLE_BUCKETS; i++) {
		uint16_t reason = (uint16_t)(i / CONSOLE_BUCKETS);
		unsigned bucket = i % CONSOLE_BUCKETS;
		struct row row = row_of(store, TABLE_OBSERVED_LOG2);
		if (observed->handled[reason][bucket] == 0)
			continue;
		row_number(&row, number);
		row_text(&row, exit_reason_name(reason));
		row_number(&row, bucket);
		row_number(&row, observed->handled[reason][bucket]);
		if (row_insert(&row, err) != 0)
			return -1;
	}
	return 0;
}

static int put_tlb(struct store *store, unsigned number, const struct tlb_file *tlb,
		   struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_TLB);
	char parameters[128] = "";

#define TLB_PARAMETER(key, least, most, text)                                              \
	snprintf(parameters + strlen(parameters), sizeof(parameters) - strlen(parameters), \
		 "%s" #key "=%" PRIu32, parameters[0] == '\0' ? "" : " ", tlb->parameters.key);
	TLB_PARAMETERS
#undef TLB_PARAMETER
	row_number(&row, number);
	row_text(&row, tlb->name);
	row_text(&row, tlb->title);
	row_number(&row, tlb->reference);
	row_text(&row, parameters);
	return row_insert(&row, err);
}

static int put_observed(struct store *store, unsigned number, sqlite3_int64 first, unsigned window,
			const struct observed_sum *sum, struct vmfee_error *err)
{
	struct row row = row_of(store, TABLE_OBSERVED);

	row_number(&row, number);
	put_window(&row, first, window);
	row_number(&row, sum->exits);
	row_number(&row, sum->refills);
	row_number(&row, sum->references);
	return row_insert(&row, err);
}

/* A stack with a model has been observed. */
static int put_observatory(struct store *store, unsigned number, sqlite3_int64 first,
			   const struct tlb_file *tlb, const struct console *console,
			   const struct exits *exits, struct vmfee_error *err)
{
	if (tlb->name[0] == '\0' || exits->records == 0)
		return 0;
	if (put_tlb(store, number, tlb, err) != 0)
		return -1;
	for (unsigned i = 0; i < console->benches; i++)
		if (put_observed(store, number, first, i, &exits->observed[i], err) != 0)
			return -1;
	return put_observed(store, number, first, EXITS_OUTSIDE, &exits->observed[EXITS_OUTSIDE],
			    err);
}

int store_exits(struct store *store, unsigned number, sqlite3_int64 first,
		const struct tlb_file *tlb, const struct console *console,
		const struct exits *exits, struct vmfee_error *err)
{
	for (size_t i = 0; i < exits->sums; i++)
		if (put_exit_sum(store, number, first, &exits->sum[i], err) != 0)
			return -1;
	for (size_t i = 0; i < exits->latencies; i++)
		if (put_latency(store, number, &exits->latency[i], err) != 0 ||
		    put_time(store, number, console, &exits->latency[i], err) != 0)
			return -1;
	for (size_t i = 0; i < exits->join.sums; i++)
		if (put_joined(store, number, first, &exits->join.sum[i], err) != 0)
			return -1;
	for (size_t i = 0; i < exits->join.parts; i++)
		if (put_joined_beneath(store, number, first, &exits->join.part[i], err) != 0)
			return -1;
	if (put_levels(store, number, first, exits, err) != 0 ||
	    put_observed_log2(store, number, &console->observed, err) != 0)
		return -1;
	return put_observatory(store, number, first, tlb, console, exits, err);
}
