/*
 * Three processors or more that interrupt each other and themselves at random, at the same time, by
 * every kind of destination: each vector must arrive once at each of those that it was sent to, in
 * the order of priorities, and at nobody else.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/second.h"
#include "bench/guests/irq/stress.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/random.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/wait.h"
#include "l1vmm/arch/x86.h"

/* A vector says who sends it: vector % MOST. */
#define MOST	     4
#define FIRST_VECTOR 0x30
#define LAST_VECTOR  0xef
#define SENT	     8 /* vectors of a processor in a round, all different */
#define TAKEN_MOST   (MOST * SENT)

#define ICR_SELF    0x40000
#define ICR_ALL	    0x80000
#define ICR_OTHERS  0xc0000
#define ICR_LOGICAL 0x800
#define ICR_NMI	    0x400
#define BROADCAST   UINT64_C(0xffffffff)

#define HIGHEST_PRIORITY 15

/* A processor's own, but for what the others read: IDs, what it sends, and `done`. */
static struct side {
	uint32_t apic_id, logical_id;
	uint64_t random;
	uint32_t vector[SENT], to[SENT]; /* to a bit for each processor */
	uint64_t done;			 /* of meet() */
	uint64_t taken;			 /* vectors, in this round */
	uint64_t nmis;
	uint8_t order[TAKEN_MOST + 1];
} sides[MOST];

static uint32_t count;	/* of processors */
static uint64_t rounds; /* to take part in */
static uint8_t taken[MOST][VECTORS];
static uint64_t nmis_sent[MOST][MOST]; /* by whom, to whom */

static uint32_t random_below(struct side *side, uint32_t limit)
{
	return random_from(&side->random, limit);
}

/* Without an exit under any hypervisor here. */
static uint32_t self(void)
{
	return (uint32_t)rdmsr(MSR_IA32_TSC_AUX);
}

static void take(struct trap_frame *frame)
{
	struct side *side = &sides[self()];

	if (side->taken == TAKEN_MOST)
		fail("too-many vector=0x%lx", frame->vector);
	side->order[side->taken] = (uint8_t)frame->vector;
	taken[side - sides][frame->vector]++;
	host_wait_interrupted(frame);
	apic_eoi();
	__atomic_store_n(&side->taken, side->taken + 1, __ATOMIC_RELEASE);
}

static void take_nmi(struct trap_frame *frame)
{
	struct side *side = &sides[self()];

	host_wait_interrupted(frame);
	__atomic_store_n(&side->nmis, side->nmis + 1, __ATOMIC_RELEASE);
}

static void take_spurious(struct trap_frame *frame)
{
	(void)frame;
}

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

/* Waits for all others. */
static void meet(struct side *side)
{
	__atomic_store_n(&side->done, side->done + 1, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < count; i++)
		while (load(&sides[i].done) < side->done)
			pause();
}

static bool is_chosen(const struct side *side, uint32_t number, uint32_t vector)
{
	for (uint32_t i = 0; i < number; i++)
		if (side->vector[i] == vector)
			return true;
	return false;
}

static void choose(struct side *side)
{
	uint32_t first = FIRST_VECTOR + (uint32_t)(side - sides);

	for (uint32_t i = 0; i < SENT; i++) {
		uint32_t vector;

		do
			vector = first +
				 MOST * random_below(side, (LAST_VECTOR + 1 - FIRST_VECTOR) / MOST);
		while (is_chosen(side, i, vector));
		side->vector[i] = vector;
	}
}

/* The ICR that reaches some processors, which `to` has a bit each of. */
static uint64_t destination(struct side *side, uint32_t *to)
{
	uint32_t all = (1u << count) - 1, me = 1u << (side - sides), one;
	uint64_t logical = 0;

	switch (random_below(side, 6)) {
	case 0:
		*to = all & ~me;
		return ICR_OTHERS;
	case 1:
		*to = all;
		return ICR_ALL;
	case 2:
		*to = me;
		return ICR_SELF;
	case 3:
		*to = all;
		return BROADCAST << 32;
	case 4:
		one = random_below(side, count);
		*to = 1u << one;
		return (uint64_t)sides[one].apic_id << 32;
	default:
		*to = 1 + random_below(side, all);
		for (uint32_t i = 0; i < count; i++)
			if (*to >> i & 1)
				logical |= sides[i].logical_id;
		return logical << 32 | ICR_LOGICAL;
	}
}

/* One a round, so that none comes while another one waits to be taken. */
static void send_nmi(struct side *side)
{
	uint32_t to = random_below(side, count);

	if (&sides[to] == side)
		return;
	wrmsr(MSR_X2APIC_ICR, (uint64_t)sides[to].apic_id << 32 | ICR_NMI);
	nmis_sent[side - sides][to]++;
}

/* All are held back, or come with interrupts on or off, or behind the task priority. */
static void send_round(struct side *side, uint64_t number, bool held)
{
	choose(side);
	for (uint32_t i = 0; i < SENT; i++) {
		uint64_t icr = destination(side, &side->to[i]);

		if (!held && random_below(side, 3) == 0)
			sti();
		if (random_below(side, 3) == 0)
			cli();
		if (!held && random_below(side, 4) == 0)
			write_cr8(random_below(side, HIGHEST_PRIORITY));
		wrmsr(MSR_X2APIC_ICR, icr | side->vector[i]);
	}
	if (number % count == (uint64_t)(side - sides))
		send_nmi(side);
	cli();
}

static uint64_t expected_by(uint32_t who)
{
	uint64_t sum = 0;

	for (uint32_t from = 0; from < count; from++)
		for (uint32_t i = 0; i < SENT; i++)
			sum += sides[from].to[i] >> who & 1;
	return sum;
}

/* Everybody has sent: what was held back comes all at once, the highest first. */
static void take_held(struct side *side, uint64_t expected)
{
	open_window(); /* above the priority of all */
	expect("too-early", side->taken, 0);
	write_cr8(0);
	open_window();
	expect("held-back", side->taken, expected);
	for (uint64_t i = 1; i < expected; i++)
		if (side->order[i] >= side->order[i - 1])
			fail("wrong-order vector=0x%x before=0x%x", side->order[i],
			     side->order[i - 1]);
}

static void wait_for(struct side *side, uint64_t expected)
{
	bool halts = random_below(side, 2);

	write_cr8(0);
	while (load(&side->taken) < expected) {
		if (halts)
			host_wait();
		else
			open_window();
	}
}

/* Each vector that was sent here came once, and no other. */
static void check_round(struct side *side)
{
	uint32_t me = (uint32_t)(side - sides);
	uint64_t nmis = 0;

	for (uint32_t from = 0; from < count; from++) {
		for (uint32_t i = 0; i < SENT; i++)
			if (sides[from].to[i] >> me & 1)
				taken[me][sides[from].vector[i]]--;
		nmis += nmis_sent[from][me];
	}
	for (uint32_t vector = 0; vector < VECTORS; vector++)
		if (taken[me][vector])
			fail("wrong-count vector=0x%x more=%d at=%u", vector,
			     (int8_t)taken[me][vector], me);
	while (load(&side->nmis) < nmis)
		open_window();
	expect("wrong-nmis", side->nmis, nmis);
	side->taken = 0;
}

static void run_round(struct side *side, uint64_t number)
{
	bool held = number % 2;
	uint64_t expected;

	write_cr8(held ? HIGHEST_PRIORITY : 0);
	meet(side);
	send_round(side, number, held);
	meet(side);
	expected = expected_by((uint32_t)(side - sides));
	if (held)
		take_held(side, expected);
	else
		wait_for(side, expected);
	meet(side);
	check_round(side);
	meet(side);
}

static void start_side(uint32_t number)
{
	struct side *side = &sides[number];

	*side = (struct side){.random = number};
	wrmsr(MSR_IA32_TSC_AUX, number);
	side->apic_id = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	side->logical_id = (uint32_t)rdmsr(MSR_X2APIC_LDR);
}

static void run_other(uint32_t number)
{
	start_side(number);
	for (uint64_t i = 1; i <= rounds; i++)
		run_round(&sides[number], i);
}

void bench_ipi_many(struct run *run)
{
	const uint64_t of_sample = run->ops / SENT;
	uint64_t number = 0;

	count = processors(run, 3);
	if (count < 3)
		return;
	if (count > MOST)
		count = MOST;
	irq_start(irq_count_entry);
	trap_gate(VECTOR_IRQ, NULL);
	handle_all(FIRST_VECTOR, LAST_VECTOR, take, take_nmi, take_spurious);
	for (uint32_t i = 0; i < MOST; i++)
		for (uint32_t j = 0; j < MOST; j++)
			nmis_sent[i][j] = 0;
	rounds = run_samples(run) * of_sample;
	start_side(0);
	others_begin(count, run_other);
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		for (uint64_t i = 0; i < of_sample; i++)
			run_round(&sides[0], ++number);
		sample_end(s);
	}
	others_finish(count);
	handle_all(FIRST_VECTOR, LAST_VECTOR, NULL, NULL, NULL);
}
