#include "tests/unit/lapic_replay.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench/guests/irq/log_step.h"
#include "tests/unit/lapic_reference.h"

struct side {
	struct replay_log log;
	size_t at;   /* where the stretch begins */
	size_t step; /* the one that is looked at */
	struct lapic_reference apic;
	bool on_the_way[REFERENCE_VECTORS];
	/* Sent by it since both have met last, for the other one. */
	bool sent[REFERENCE_VECTORS];
	unsigned long nmis_sent, nmis_taken;
};

struct run {
	struct side side[REPLAY_SIDES];
	struct replay_result *result;
};

static bool __attribute__((format(printf, 3, 4)))
wrong(const struct run *run, const struct side *side, const char *format, ...)
{
	char *why = run->result->why;
	int used = snprintf(why, sizeof(run->result->why),
			    "processor %d, step %zu: ", (int)(side - run->side), side->step / 2);
	va_list list;

	va_start(list, format);
	vsnprintf(why + used, sizeof(run->result->why) - (size_t)used, format, list);
	va_end(list);
	return false;
}

/* What may have come already need not, but what has come for certain goes first. */
static bool take(struct run *run, struct side *side, unsigned vector)
{
	struct lapic_reference *apic = &side->apic;
	int pending = reference_pending(apic);

	if (!apic->requested[vector] && !side->on_the_way[vector])
		return wrong(run, side, "0x%x comes, which nobody has sent", vector);
	if (vector >> 4 <= reference_floor(apic))
		return wrong(run, side, "0x%x comes, which class %u holds back", vector,
			     reference_floor(apic));
	if (pending > (int)vector)
		return wrong(run, side, "0x%x comes before 0x%x", vector, pending);
	if (apic->depth == REFERENCE_VECTORS)
		return wrong(run, side, "too many are in service");
	if (!apic->requested[vector])
		side->on_the_way[vector] = false;
	reference_take(apic, vector);
	run->result->taken++;
	return true;
}

static bool is_nothing_pending(const struct run *run, const struct side *side)
{
	int pending = reference_pending(&side->apic);

	return pending < 0 || wrong(run, side, "0x%x has not come", pending);
}

static bool send(struct run *run, struct side *side, bool *list, unsigned vector)
{
	if (list[vector])
		return wrong(run, side, "0x%x is sent while it is still on its way", vector);
	list[vector] = true;
	return true;
}

/* One step of a processor, but for the meetings. */
static bool step(struct run *run, struct side *side, uint8_t what, uint8_t number)
{
	struct side *other = &run->side[side == &run->side[0]];

	switch (what) {
	case LOG_REQUEST:
		side->apic.requested[number] = true;
		return true;
	case LOG_COMES:
		return send(run, side, side->on_the_way, number);
	case LOG_HAS_COME:
		side->apic.requested[number] |= side->on_the_way[number];
		side->on_the_way[number] = false;
		return true;
	case LOG_SEND:
		side->sent[number] = true;
		return send(run, side, other->on_the_way, number);
	case LOG_PRIORITY:
		side->apic.tpr = number << 4;
		return true;
	case LOG_TAKE:
		return take(run, side, number);
	case LOG_END:
		reference_end(&side->apic);
		return true;
	case LOG_CLOSED:
		return is_nothing_pending(run, side);
	case LOG_SEND_NMI:
		side->nmis_sent++;
		return true;
	case LOG_TAKE_NMI:
		side->nmis_taken++;
		run->result->nmis++;
		return true;
	default:
		return wrong(run, side, "0x%x is no step", what);
	}
}

/*
 * Sendings of a stretch between two meetings come first, then what both have taken: who takes
 * something while the other one still sends it has it sent already.
 */
static bool run_stretch(struct run *run, bool sendings)
{
	for (struct side *side = run->side; side < run->side + REPLAY_SIDES; side++) {
		for (size_t at = side->at; at + 1 < side->log.count; at += 2) {
			uint8_t what = side->log.bytes[at];

			side->step = at;
			if (what == LOG_MEET)
				break;
			if ((what == LOG_SEND) != sendings)
				continue;
			if (!step(run, side, what, side->log.bytes[at + 1]))
				return false;
		}
	}
	return true;
}

/* Behind their meeting.  False where a log is at its end. */
static bool meet(struct run *run)
{
	bool goes_on = false;

	for (struct side *side = run->side; side < run->side + REPLAY_SIDES; side++) {
		while (side->at + 1 < side->log.count && side->log.bytes[side->at] != LOG_MEET)
			side->at += 2;
		if (side->at + 1 < side->log.count) {
			side->at += 2;
			goes_on = true;
		}
	}
	for (unsigned i = 0; i < REPLAY_SIDES; i++) {
		struct side *to = &run->side[i], *from = &run->side[!i];

		for (unsigned vector = 0; vector < REFERENCE_VECTORS; vector++) {
			if (!from->sent[vector])
				continue;
			to->apic.requested[vector] |= to->on_the_way[vector];
			to->on_the_way[vector] = from->sent[vector] = false;
		}
	}
	return goes_on;
}

/* Nothing is left over. */
static bool is_over(const struct run *run, const struct side *side)
{
	const struct side *sender = &run->side[run->side[1].log.count ? side == run->side : 0];

	for (unsigned vector = 0; vector < REFERENCE_VECTORS; vector++)
		if (side->apic.requested[vector] || side->on_the_way[vector])
			return wrong(run, side, "0x%x never comes", vector);
	if (side->log.count && side->nmis_taken != sender->nmis_sent)
		return wrong(run, side, "%lu NMIs come of %lu", side->nmis_taken,
			     sender->nmis_sent);
	return true;
}

bool replay(const struct replay_log logs[REPLAY_SIDES], struct replay_result *result)
{
	static struct run run;

	*result = (struct replay_result){.taken = 0};
	run = (struct run){.result = result};
	for (unsigned i = 0; i < REPLAY_SIDES; i++)
		run.side[i].log = logs[i];
	do
		if (!run_stretch(&run, true) || !run_stretch(&run, false))
			return false;
	while (meet(&run));
	for (unsigned i = 0; i < REPLAY_SIDES; i++)
		run.side[i].step = logs[i].count;
	return is_over(&run, &run.side[0]) && is_over(&run, &run.side[1]);
}
