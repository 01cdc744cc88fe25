/*
 * The exit record as C sees it, generated from record.def.  What it looks like on disk is the same
 * bytes: ctf_metadata.c describes them from the same list.
 */
#ifndef TELEMETRY_RECORD_H
#define TELEMETRY_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_BYTES 64

struct exit_record {
#define RECORD_HEADER(ctype, name, unit, text) ctype name;
#define RECORD_FIELD(ctype, name, unit, text)  ctype name;
#define RECORD_COUNTER(ctype, name, text)      ctype name;
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
};

/* exit_record.id: the one event class there is. */
#define RECORD_ID_EXIT 0

/* exit_record.flags */
enum {
#define FLAG(NAME, bit, text) RECORD_F_##NAME = 1 << (bit),
#include "telemetry/record_flags.def"
#undef FLAG
};

/*
 * Below the address in exit_record.qualification, with RECORD_F_REFILL or RECORD_F_ACCESS: what
 * page it is, how it is walked to, and, of a refill, how many references that took.
 */
#define OBSERVED_LARGE	     UINT64_C(1) /* 2 MB */
#define OBSERVED_GLOBAL	     UINT64_C(2)
#define OBSERVED_LEAF	     2 /* 2 bits: level of the guest's entry, 0 without paging */
#define OBSERVED_FOUR_LEVELS UINT64_C(0x10) /* tables of four levels in memory, else of two */
#define OBSERVED_HOST	     5		    /* 2 bits: levels of EPT less one, 0 without EPT */
#define OBSERVED_REFERENCES  7		    /* 5 bits */

/*
 * The last 16 bytes of a record, kept per vCPU while an exit is handled: the exit's number and the
 * counters that the VMCS accessors and the page-table code increment.
 */
struct exit_cost {
	uint32_t seq;
#define RECORD_HEADER(ctype, name, unit, text)
#define RECORD_FIELD(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text) ctype name;
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
};

#define RECORD_COST_OFFSET offsetof(struct exit_record, seq)

/* A gap or an unaligned field would make C and CTF disagree about where a field is. */
#define RECORD_HEADER(ctype, name, unit, text) \
	_Static_assert(offsetof(struct exit_record, name) % sizeof(ctype) == 0, #name);
#define RECORD_FIELD(ctype, name, unit, text) RECORD_HEADER(ctype, name, unit, text)
#define RECORD_COUNTER(ctype, name, text)                                             \
	_Static_assert(offsetof(struct exit_record, name) ==                          \
			       RECORD_COST_OFFSET + offsetof(struct exit_cost, name), \
		       #name);
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER

#define RECORD_HEADER(ctype, name, unit, text) +sizeof(ctype)
#define RECORD_FIELD(ctype, name, unit, text)  +sizeof(ctype)
#define RECORD_COUNTER(ctype, name, text)      +sizeof(ctype)
_Static_assert(0
#include "telemetry/record.def"
		       == RECORD_BYTES,
	       "the fields fill a cache line");
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER

_Static_assert(sizeof(struct exit_record) == RECORD_BYTES, "no padding");
_Static_assert(RECORD_COST_OFFSET + sizeof(struct exit_cost) == RECORD_BYTES, "the costs end it");
_Static_assert(sizeof(struct exit_cost) == 16 && RECORD_COST_OFFSET % 8 == 0,
	       "costs move as two quadwords");

/* Put @cost into @record: two loads and two stores. */
static inline void exit_record_set_cost(struct exit_record *record, const struct exit_cost *cost)
{
	__builtin_memcpy((char *)record + RECORD_COST_OFFSET, cost, sizeof(*cost));
}

/* Name @reason and clear the flags behind it, in one store. */
static inline void exit_record_set_reason(struct exit_record *record, uint32_t reason)
{
	_Static_assert(offsetof(struct exit_record, flags) ==
			       offsetof(struct exit_record, reason) + sizeof(record->reason),
		       "neighbours");
	__builtin_memcpy(&record->reason, &reason, sizeof(reason));
}

/*
 * Begin the next exit: the following number, and all counters 0 but for the accesses that nearly
 * every exit makes and that are not counted one by one.
 */
static inline void exit_cost_next(struct exit_cost *cost, uint16_t vmreads, uint16_t vmwrites)
{
	*cost = (struct exit_cost){.seq = cost->seq + 1, .vmreads = vmreads, .vmwrites = vmwrites};
}

#endif
