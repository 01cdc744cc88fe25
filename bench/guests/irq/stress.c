/*
 * Interrupts of every kind at random: each must arrive once, the higher ones first, and none that
 * the task priority holds back.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/irq/log.h"
#include "bench/guests/irq/stress.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/random.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/x86.h"

#define FIRST_VECTOR 0x20
#define LAST_VECTOR  0xfe /* the next one is the spurious one's */
#define ROUND	     16	  /* interrupts that are sent before any of them is taken */
#define ICR_NMI	     0x400

static struct {
	uint8_t taken[ROUND + 1];
	uint32_t count;
	uint32_t nmis;
	bool requested[VECTORS];
} seen;

static uint64_t state;

static uint32_t random_below(uint32_t limit)
{
	return random_from(&state, limit);
}

static void take(struct trap_frame *frame)
{
	if (!seen.requested[frame->vector])
		fail("not-requested vector=0x%lx", frame->vector);
	seen.requested[frame->vector] = false;
	if (seen.count == sizeof(seen.taken))
		fail("too-many");
	seen.taken[seen.count++] = (uint8_t)frame->vector;
	log_put(0, LOG_TAKE, (uint32_t)frame->vector);
	log_put(0, LOG_END, 0);
	apic_eoi();
}

static void take_nmi(struct trap_frame *frame)
{
	(void)frame;
	log_put(0, LOG_TAKE_NMI, 0);
	seen.nmis++;
}

/* One was on its way when the priority rose above it: SDM volume 3, 11.9.  It has nothing to end.
 */
static void take_spurious(struct trap_frame *frame)
{
	(void)frame;
}

/* The interrupts taken so far in this round came in the order of their vectors. */
static void check_order(uint32_t lowest_class)
{
	for (uint32_t i = 0; i < seen.count; i++) {
		if (i && seen.taken[i] >= seen.taken[i - 1])
			fail("wrong-order first=0x%x then=0x%x", seen.taken[i - 1], seen.taken[i]);
		if (seen.taken[i] >> 4 <= (int)lowest_class)
			fail("too-early vector=0x%x class=%u", seen.taken[i], lowest_class);
	}
	for (uint32_t vector = (lowest_class + 1) << 4; vector < VECTORS; vector++)
		if (seen.requested[vector])
			fail("lost vector=0x%x class=%u", vector, lowest_class);
	seen.count = 0;
}

static void request(uint32_t vector)
{
	seen.requested[vector] = true;
	log_put(0, LOG_REQUEST, vector);
	if (random_below(8) == 0) {
		apic_timer_deadline((uint8_t)vector);
		wrmsr(MSR_IA32_TSC_DEADLINE, 1);
	} else if (random_below(2)) {
		wrmsr(MSR_X2APIC_ICR, 0x40000 | vector);
	} else {
		wrmsr(MSR_X2APIC_SELF_IPI, vector);
	}
}

static void take_waiting(void)
{
	open_window();
	log_put(0, LOG_CLOSED, 0);
}

/* Half of them wait behind IF, the others behind the task priority too, and one comes at once. */
static void round(uint32_t id)
{
	uint32_t priority = random_below(15), nmis = seen.nmis;

	for (uint32_t i = 0; i < ROUND; i++)
		request(FIRST_VECTOR + random_below(LAST_VECTOR - FIRST_VECTOR + 1));
	log_put(0, LOG_PRIORITY, priority);
	if (random_below(2))
		write_cr8(priority);
	else
		wrmsr(MSR_X2APIC_TPR, priority << 4);
	if (random_below(4) == 0) {
		log_put(0, LOG_SEND_NMI, 0);
		wrmsr(MSR_X2APIC_ICR, (uint64_t)id << 32 | ICR_NMI);
		nmis++;
	}
	take_waiting();
	expect("wrong-nmis", seen.nmis, nmis);
	check_order(priority);
	log_put(0, LOG_PRIORITY, 0);
	write_cr8(0);
	take_waiting();
	check_order(0);
}

void bench_stress(struct run *run)
{
	uint32_t id;

	irq_start(irq_count_entry);
	trap_gate(VECTOR_IRQ, NULL);
	id = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	state = 1;
	log_begin(run);
	handle_all(FIRST_VECTOR, LAST_VECTOR, take, take_nmi, take_spurious);
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		for (uint32_t sent = 0; sent < run->ops; sent += ROUND)
			round(id);
		sample_end(s);
	}
	handle_all(FIRST_VECTOR, LAST_VECTOR, NULL, NULL, NULL);
	apic_timer_stop();
	log_print();
}
