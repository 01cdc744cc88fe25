/*
 * Two processors that interrupt each other at random, at the same time: each vector must arrive
 * once, whatever its receiver does meanwhile, and so must an NMI and an INIT.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/x86.h"

/* The first processor takes the even vectors of these, the second the odd ones. */
#define FIRST_VECTOR 0x30
#define LAST_VECTOR  0xef
#define ROUND	     16 /* vectors that each one sends in a round, all different */
#define ICR_NMI	     0x400
#define ICR_OTHERS   0xc0000
#define ICR_LOGICAL  0x800

/* A processor's own, but for `taken` and `done`, which the other one reads. */
static struct side {
	uint32_t apic_id, logical_id;
	uint64_t random;
	uint32_t sent[ROUND];
	uint64_t rounds; /* to take part in */
	uint64_t taken;	 /* vectors, of all rounds */
	uint64_t done;	 /* rounds of which all has been sent, and taken */
	uint64_t nmis_sent, nmis;
} sides[2];

static uint8_t counts[VECTORS];

static uint32_t random_below(struct side *side, uint32_t limit)
{
	side->random = side->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(side->random >> 33) % limit;
}

static uint64_t load(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static void add(uint64_t *value)
{
	__atomic_store_n(value, *value + 1, __ATOMIC_RELEASE);
}

static void take(struct trap_frame *frame)
{
	counts[frame->vector]++;
	apic_eoi();
	add(&sides[frame->vector & 1].taken);
}

/* Only the second processor is sent any. */
static void take_nmi(struct trap_frame *frame)
{
	(void)frame;
	add(&sides[1].nmis);
}

/* One was on its way when the priority rose above it: SDM volume 3, 11.9. */
static void take_spurious(struct trap_frame *frame)
{
	(void)frame;
}

static bool is_among(const uint32_t *sent, uint32_t count, uint32_t vector)
{
	for (uint32_t i = 0; i < count; i++)
		if (sent[i] == vector)
			return true;
	return false;
}

static void send(struct side *side, const struct side *to, uint32_t vector)
{
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

/* With interrupts on, off, or held back by the task priority as they come. */
static void send_round(struct side *side, const struct side *to)
{
	uint32_t odd = to == &sides[1];

	for (uint32_t i = 0; i < ROUND; i++) {
		uint32_t vector;

		if (random_below(side, 4) == 0)
			sti();
		if (random_below(side, 4) == 0)
			cli();
		if (random_below(side, 4) == 0)
			write_cr8(random_below(side, 15));
		do
			vector = (FIRST_VECTOR | odd) +
				 2 * random_below(side, (LAST_VECTOR - FIRST_VECTOR + 1) / 2);
		while (is_among(side->sent, i, vector));
		side->sent[i] = vector;
		send(side, to, vector);
	}
	write_cr8(0);
}

/* Until the vectors of all rounds have come. */
static void wait_for_vectors(const struct side *side, uint64_t number)
{
	cli();
	while (load(&side->taken) < number)
		__asm__ volatile("sti; nop; nop; cli" : : : "memory");
}

/* Nobody sends: what each has sent came once to the other, and nothing else came. */
static void check_round(struct side *side, uint64_t number)
{
	for (uint32_t i = 0; i < ROUND; i++) {
		expect("wrong-count", counts[side->sent[i]], 1);
		counts[side->sent[i]] = 0;
	}
	for (uint32_t vector = side->sent[0] & 1; vector < VECTORS; vector += 2)
		expect("not-sent", counts[vector], 0);
	expect("wrong-sum", side->taken, number * ROUND);
}

static void meet(struct side *side, const struct side *other)
{
	add(&side->done);
	while (load(&other->done) < side->done)
		pause();
}

/* An NMI comes to one that computes, its interrupts on or off. */
static void send_nmi(struct side *side, struct side *to)
{
	wrmsr(MSR_X2APIC_ICR, (uint64_t)to->apic_id << 32 | ICR_NMI);
	side->nmis_sent++;
	while (load(&to->nmis) < side->nmis_sent)
		pause();
	expect("wrong-nmis", to->nmis, side->nmis_sent);
}

static void run_round(struct side *side, struct side *other, uint64_t number)
{
	send_round(side, other);
	wait_for_vectors(side, number * ROUND);
	meet(side, other);
	check_round(side, number);
	if (side == &sides[0] && random_below(side, 4) == 0)
		send_nmi(side, other);
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

static void handle(trap_handler *vectors, trap_handler *nmi, trap_handler *spurious)
{
	for (uint32_t vector = FIRST_VECTOR; vector <= LAST_VECTOR; vector++)
		trap_handle((uint8_t)vector, vectors);
	trap_handle(VECTOR_NMI, nmi);
	trap_handle(VECTOR_SPURIOUS, spurious);
}

void bench_ipi_stress(struct run *run)
{
	const uint64_t rounds = run->ops / ROUND / 2; /* of a sample */
	uint64_t number = 0;

	if (!second_is_there(run))
		return;
	irq_start(irq_count_entry);
	trap_gate(VECTOR_IRQ, NULL);
	handle(take, take_nmi, take_spurious);
	sides[0] = (struct side){.random = 1};
	sides[1] = (struct side){.random = 2, .rounds = run_samples(run) * rounds};
	start_side(&sides[0]);
	second_begin(run_second);
	meet(&sides[0], &sides[1]);
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		for (uint64_t i = 0; i < rounds; i++)
			run_round(&sides[0], &sides[1], ++number);
		sample_end(s);
	}
	second_finish();
	handle(NULL, NULL, NULL);
	cli();
}

static uint64_t starts;

static void spin_masked(void)
{
	add(&starts);
	for (;;)
		__asm__ volatile("" : : : "memory");
}

static void halt_masked(void)
{
	add(&starts);
	for (;;)
		hlt();
}

static void halt(void)
{
	add(&starts);
	for (;;)
		__asm__ volatile("sti; hlt" : : : "memory");
}

/* INIT and start-up to a processor that does not listen otherwise: each starts it once, anew. */
void bench_ipi_restart(struct run *run)
{
	static void (*const works[])(void) = {spin_masked, halt_masked, halt};
	uint64_t number = 1;

	if (!second_is_there(run))
		return;
	irq_start(irq_count_entry);
	starts = 0;
	second_begin(spin_masked);
	for (struct sample *s = run->first; s != run->end; s++) {
		while (load(&starts) < number)
			pause();
		sample_begin(s);
		second_restart(works[number % 3]);
		while (load(&starts) == number)
			pause();
		sample_end(s);
		expect("wrong-start", starts, ++number);
	}
	second_restart(NULL);
	expect("wrong-starts", starts, number);
}
