/*
 * Two processors that interrupt each other and themselves at random, at the same time: each vector
 * must arrive once, in the order of priorities and only where nothing holds it back, whatever its
 * receiver does meanwhile; so must an NMI.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/log.h"
#include "bench/guests/irq/second.h"
#include "bench/guests/irq/stress.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/random.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/wait.h"
#include "l1vmm/arch/x86.h"

/*
 * A vector says who takes it, the first processor or the second (bit 0), and from whom it comes,
 * the other one or the taker itself (bit 1).
 */
#define FIRST_VECTOR 0x30
#define LAST_VECTOR  0xef
#define KINDS	     4
#define OF_ITS_OWN   2
#define TO_OTHER     12 /* vectors that each one sends to the other in a round, all different */
#define TO_ITSELF    4	/* and to itself, one of them by its timer */
#define ROUND	     (TO_OTHER + TO_ITSELF)
#define ICR_SELF     0x40000
#define ICR_NMI	     0x400
#define ICR_OTHERS   0xc0000
#define ICR_LOGICAL  0x800
#define TIMER_TICKS  20000 /* how far ahead the timer is set at most */

/* Above all vectors that are used, so that nothing is taken. */
#define HIGHEST_PRIORITY 15

/* A processor's own, but for `sent`, `taken`, `done` and `nmis_sent`, which the other one reads. */
static struct side {
	uint32_t apic_id, logical_id;
	uint64_t random, random_in_handler;
	uint32_t sent[TO_OTHER], own[TO_ITSELF];
	uint64_t rounds; /* to take part in */
	uint64_t taken;	 /* vectors, of all rounds */
	uint64_t done;	 /* of meet() */
	uint64_t nmis_sent, nmis;
	/* The classes that hold others back: as CR8 has it, and of what is being handled. */
	uint32_t priority, served;
	uint8_t order[ROUND]; /* in which vectors have been taken since `count` was 0 */
	uint32_t count;
} sides[2];

static uint8_t counts[VECTORS];

static uint32_t random_below(struct side *side, uint32_t limit)
{
	return random_from(&side->random, limit);
}

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void add(uint64_t *value)
{
	__atomic_store_n(value, *value + 1, __ATOMIC_RELEASE);
}

static void note(const struct side *side, enum log_step step, uint32_t number)
{
	log_put(side == &sides[1], step, number);
}

/* `priority` is never above what holds vectors back. */
static void set_priority(struct side *side, uint32_t priority)
{
	bool falls = priority < side->priority;

	if (falls) {
		side->priority = priority;
		note(side, LOG_PRIORITY, priority);
	}
	write_cr8(priority);
	side->priority = priority;
	if (!falls)
		note(side, LOG_PRIORITY, priority);
}

/* Some let higher ones interrupt them. */
static void take(struct trap_frame *frame)
{
	struct side *side = &sides[frame->vector & 1];
	uint32_t class = (uint32_t)frame->vector >> 4, before = side->served;

	note(side, LOG_TAKE, (uint32_t)frame->vector);
	expect("masked", frame->rflags & RFLAGS_IF, RFLAGS_IF);
	if (class <= side->priority || class <= before)
		fail("too-early vector=0x%lx priority=%u served=%u", frame->vector, side->priority,
		     before);
	if (side->count == ROUND)
		fail("too-many vector=0x%lx", frame->vector);
	side->order[side->count++] = (uint8_t)frame->vector;
	counts[frame->vector]++;
	if (random_from(&side->random_in_handler, 4) == 0) {
		side->served = class;
		open_window();
		side->served = before;
	}
	host_wait_interrupted(frame);
	note(side, LOG_END, 0);
	apic_eoi();
	add(&side->taken);
}

static void take_nmi(struct trap_frame *frame)
{
	struct side *side = &sides[rdmsr(MSR_X2APIC_APICID) == sides[1].apic_id];

	host_wait_interrupted(frame);
	note(side, LOG_TAKE_NMI, 0);
	add(&side->nmis);
}

/* One was on its way when the priority rose above it: SDM volume 3, 11.9. */
static void take_spurious(struct trap_frame *frame)
{
	(void)frame;
}

static bool is_among(const uint32_t *vectors, uint32_t count, uint32_t vector)
{
	for (uint32_t i = 0; i < count; i++)
		if (vectors[i] == vector)
			return true;
	return false;
}

/* Different vectors of one kind. */
static void choose(struct side *side, uint32_t *vectors, uint32_t count, uint32_t kind)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t vector;

		do
			vector = FIRST_VECTOR + kind +
				 KINDS * random_below(side,
						      (LAST_VECTOR - FIRST_VECTOR + 1) / KINDS);
		while (is_among(vectors, i, vector));
		vectors[i] = vector;
	}
}

static void send_to_other(struct side *side, const struct side *to, uint32_t vector)
{
	note(side, LOG_SEND, vector);
	switch (random_below(side, 3)) {
	case 0:
		wrmsr(MSR_X2APIC_ICR, ICR_OTHERS | vector);
		break;
	case 1:
		wrmsr(MSR_X2APIC_ICR, (uint64_t)to->logical_id << 32 | ICR_LOGICAL | vector);
		break;
	default:
		wrmsr(MSR_X2APIC_ICR, (uint64_t)to->apic_id << 32 | vector);
		break;
	}
}

/* The first by the timer, at once or later. */
static void send_to_itself(struct side *side, uint32_t index, bool held)
{
	uint32_t vector = side->own[index];

	note(side, LOG_COMES, vector);
	if (index == 0) {
		apic_timer_deadline((uint8_t)vector);
		wrmsr(MSR_IA32_TSC_DEADLINE,
		      held ? 1 : rdtsc_ordered() + random_below(side, TIMER_TICKS));
	} else if (random_below(side, 2)) {
		wrmsr(MSR_X2APIC_ICR, ICR_SELF | vector);
	} else {
		wrmsr(MSR_X2APIC_SELF_IPI, vector);
	}
	if (index || held)
		note(side, LOG_HAS_COME, vector);
}

static void send_nmi(struct side *side, const struct side *to)
{
	note(side, LOG_SEND_NMI, 0);
	wrmsr(MSR_X2APIC_ICR, (uint64_t)to->apic_id << 32 | ICR_NMI);
	add(&side->nmis_sent);
}

/* All are held back, or come with interrupts on, off, or below the task priority. */
static void send_round(struct side *side, const struct side *to, bool held)
{
	uint32_t kind = to == &sides[1], own = 0;
	uint32_t nmi_at = random_below(side, 4 * ROUND); /* mostly none */

	choose(side, side->sent, TO_OTHER, kind);
	choose(side, side->own, TO_ITSELF, OF_ITS_OWN + (kind ^ 1));
	for (uint32_t i = 0; i < ROUND; i++) {
		if (!held && random_below(side, 4) == 0)
			sti();
		if (random_below(side, 4) == 0)
			cli();
		if (random_below(side, 4) == 0)
			set_priority(side, random_below(side, 15));
		if (i == nmi_at)
			send_nmi(side, to);
		if (i % (ROUND / TO_ITSELF) == 0)
			send_to_itself(side, own++, held);
		else
			send_to_other(side, to, side->sent[i - own]);
	}
	cli();
}

static void meet(struct side *side, const struct side *other)
{
	add(&side->done);
	while (load(&other->done) < side->done)
		pause();
	note(side, LOG_MEET, 0);
}

/*
 * What is requested is what was sent, no more and no less.  Under irq=apicv and irq=posted what
 * another processor has sent is still on its way to one that has interrupts off: the window lets it
 * in, above the priority of all.
 */
static void check_requests(const struct side *side, const struct side *other)
{
	for (uint32_t vector = 0; vector < VECTORS; vector++) {
		bool found = rdmsr(MSR_X2APIC_IRR0 + vector / 32) >> vector % 32 & 1;
		bool sent = is_among(other->sent, TO_OTHER, vector) ||
			    is_among(side->own, TO_ITSELF, vector);

		if (found != sent)
			fail("wrong-request vector=0x%x found=%d sent=%d", vector, found, sent);
	}
}

/* What was held back came in the order of priorities, all above `priority` and nothing else. */
static void check_order(struct side *side, const struct side *other, uint32_t priority,
			uint32_t below)
{
	uint32_t number = 0;

	for (uint32_t vector = (below + 1) * 16 - 1; vector >= (priority + 1) * 16; vector--) {
		if (!is_among(other->sent, TO_OTHER, vector) &&
		    !is_among(side->own, TO_ITSELF, vector))
			continue;
		if (number == side->count || side->order[number] != vector)
			fail("wrong-order expected=0x%x number=%u of=%u", vector, number,
			     side->count);
		number++;
	}
	expect("too-many", side->count, number);
	side->count = 0;
}

/* Nothing can come any more: what is held back is taken, the upper part of it first. */
static void take_held(struct side *side, const struct side *other)
{
	uint32_t priority = random_below(side, HIGHEST_PRIORITY);

	set_priority(side, HIGHEST_PRIORITY);
	open_window();
	check_requests(side, other);
	set_priority(side, priority);
	open_window();
	note(side, LOG_CLOSED, 0);
	check_order(side, other, priority, HIGHEST_PRIORITY);
	set_priority(side, 0);
	open_window();
	note(side, LOG_CLOSED, 0);
	check_order(side, other, 0, priority);
}

/* Until the vectors of all rounds have come, halted or not. */
static void wait_for_vectors(struct side *side, uint64_t number)
{
	bool halts = random_below(side, 2);

	set_priority(side, 0);
	while (load(&side->taken) < number) {
		if (halts)
			host_wait();
		else
			open_window();
	}
	side->count = 0;
}

/* Nobody sends: what each has sent came once to the other, and nothing else came. */
static void check_round(struct side *side, const struct side *other, uint64_t number)
{
	uint32_t taker = side == &sides[1];

	for (uint32_t i = 0; i < TO_OTHER; i++)
		counts[other->sent[i]]--;
	for (uint32_t i = 0; i < TO_ITSELF; i++)
		counts[side->own[i]]--;
	for (uint32_t vector = taker; vector < VECTORS; vector += 2)
		if (counts[vector])
			fail("wrong-count vector=0x%x more=%d", vector, (int8_t)counts[vector]);
	expect("wrong-sum", side->taken, number * ROUND);
	while (load(&side->nmis) < other->nmis_sent)
		open_window();
	expect("wrong-nmis", side->nmis, other->nmis_sent);
}

static void run_round(struct side *side, struct side *other, uint64_t number)
{
	bool held = number % 2;

	send_round(side, other, held);
	if (held)
		meet(side, other);
	if (held)
		take_held(side, other);
	else
		wait_for_vectors(side, number * ROUND);
	meet(side, other);
	check_round(side, other, number);
	meet(side, other);
}

static void start_side(struct side *side)
{
	side->apic_id = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	side->logical_id = (uint32_t)rdmsr(MSR_X2APIC_LDR);
}

static void run_second(void)
{
	start_side(&sides[1]);
	meet(&sides[1], &sides[0]);
	for (uint64_t number = 1; number <= sides[1].rounds; number++)
		run_round(&sides[1], &sides[0], number);
}

void bench_ipi_stress(struct run *run)
{
	const uint64_t rounds = run->ops / ROUND / 2; /* of a sample */
	uint64_t number = 0;

	if (!second_is_there(run))
		return;
	irq_start(irq_count_entry);
	trap_gate(VECTOR_IRQ, NULL);
	handle_all(FIRST_VECTOR, LAST_VECTOR, take, take_nmi, take_spurious);
	sides[0] = (struct side){.random = 1, .random_in_handler = 3};
	sides[1] = (struct side){
		.random = 2, .random_in_handler = 4, .rounds = run_samples(run) * rounds};
	start_side(&sides[0]);
	log_begin(run);
	second_begin(run_second);
	meet(&sides[0], &sides[1]);
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		for (uint64_t i = 0; i < rounds; i++)
			run_round(&sides[0], &sides[1], ++number);
		sample_end(s);
	}
	second_finish();
	handle_all(FIRST_VECTOR, LAST_VECTOR, NULL, NULL, NULL);
	apic_timer_stop();
	log_print();
}
