/*
 * Local APICs that interrupt each other, against a reference: vectors, priorities, masked
 * stretches, NMIs, timers and halts at random.  The reference keeps everything as plain lists and
 * counts time tick by tick; the two have to take the same interrupts in the same order.  Mailboxes
 * are looked into only by those who have been told, and those who halt do nothing else.
 */
#include <criterion/criterion.h>

#include "tests/unit/lapic_reference.h"
#include "tests/unit/lapic_rig.h"
#include "tests/unit/random.h"

#define CPUS	3
#define EVENTS	1000000u
#define VECTORS REFERENCE_VECTORS

static const uint32_t ids[CPUS] = {0, 1, 0x11};

struct reference {
	struct lapic_reference apic;
	bool nmi;
	/* Sent, but not taken in yet. */
	bool on_the_way[VECTORS], nmi_on_the_way;
	unsigned vectors_on_the_way;
	struct {
		unsigned mode, vector; /* mode: 0 one-shot, 1 periodic, 2 deadline */
		bool masked;
		uint64_t initial, left; /* counts; left 0: not running */
		uint64_t deadline;
	} timer;
};

struct machine {
	struct lapic_rig rigs[CPUS];
	struct reference refs[CPUS];
	bool interrupts_off[CPUS];
	bool told[CPUS]; /* that there is something in the mailbox */
	bool halted[CPUS];
	uint64_t now;
	unsigned long taken, nmis, timer_events, halts, untold;
};

static void reference_timer_fires(struct machine *m, struct reference *r)
{
	if (r->timer.masked)
		return;
	if (!r->apic.requested[r->timer.vector])
		m->timer_events++;
	r->apic.requested[r->timer.vector] = true;
}

static void reference_tick(struct machine *m, struct reference *r)
{
	if (r->timer.mode == 2) {
		if (r->timer.deadline && m->now >= r->timer.deadline) {
			r->timer.deadline = 0;
			reference_timer_fires(m, r);
		}
		return;
	}
	if (r->timer.left && --r->timer.left == 0) {
		reference_timer_fires(m, r);
		if (r->timer.mode == 1)
			r->timer.left = r->timer.initial;
	}
}

/* Time goes on; as the hypervisor would, looks at a timer only when it says so. */
static void wait(struct machine *m, uint64_t ticks)
{
	for (uint64_t i = 0; i < ticks; i++) {
		m->now++;
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			reference_tick(m, &m->refs[cpu]);
	}
	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		m->rigs[cpu].now = m->now;
		if (lapic_timer_matters(&m->rigs[cpu].apic) &&
		    !lapic_timer_left(&m->rigs[cpu].apic, m->now))
			lapic_timer_poll(&m->rigs[cpu].apic);
	}
}

static uint32_t cluster_bit(uint32_t id)
{
	return (id / 16) * 65536 + (1u << id % 16);
}

/* Whether CPU `to` is meant by this ICR of CPU `from`. */
static bool meant(uint64_t icr, unsigned from, unsigned to)
{
	uint32_t destination = (uint32_t)(icr >> 32);

	switch (icr >> 18 & 3) {
	case 1:
		return to == from;
	case 2:
		return true;
	case 3:
		return to != from;
	}
	if (destination == UINT32_MAX)
		return true;
	if (!(icr >> 11 & 1))
		return destination == ids[to];
	return destination / 65536 == ids[to] / 16 &&
	       (destination % 65536 & cluster_bit(ids[to]) % 65536);
}

static void reference_send(struct reference *r, unsigned vector, bool nmi, bool to_itself)
{
	if (nmi)
		*(to_itself ? &r->nmi : &r->nmi_on_the_way) = true;
	else if (to_itself)
		r->apic.requested[vector] = true;
	else if (!r->on_the_way[vector])
		r->vectors_on_the_way++;
	if (!nmi && !to_itself)
		r->on_the_way[vector] = true;
}

static void reference_collect(struct reference *r)
{
	for (unsigned vector = 0; r->vectors_on_the_way && vector < VECTORS; vector++) {
		r->vectors_on_the_way -= r->on_the_way[vector];
		r->apic.requested[vector] |= r->on_the_way[vector];
		r->on_the_way[vector] = false;
	}
	r->nmi |= r->nmi_on_the_way;
	r->nmi_on_the_way = false;
}

static void collect(struct machine *m, unsigned cpu)
{
	if (!m->told[cpu])
		return;
	m->told[cpu] = false;
	lapic_collect(&m->rigs[cpu].apic);
	reference_collect(&m->refs[cpu]);
}

/* Another one has to be left that can wake it.  Who has its interrupts off waits for NMIs alone. */
static void halt(struct machine *m, unsigned cpu)
{
	unsigned halted = 0;

	for (unsigned i = 0; i < CPUS; i++)
		halted += m->halted[i];
	if (halted == CPUS - 1)
		return;
	m->halts++;
	m->halted[cpu] = true;
	if (m->interrupts_off[cpu])
		lapic_suppress(&m->rigs[cpu].apic);
}

/* What the hypervisor does in its wait.  Whether it is over. */
static bool wakes_up(struct machine *m, unsigned cpu)
{
	struct lapic *apic = &m->rigs[cpu].apic;

	if (m->interrupts_off[cpu] && m->refs[cpu].vectors_on_the_way && !m->told[cpu])
		m->untold++;
	collect(m, cpu);
	if (!(apic->signals & LAPIC_SIGNAL_NMI) &&
	    (m->interrupts_off[cpu] || lapic_pending(apic) < 0))
		return false;
	m->halted[cpu] = false;
	if (m->interrupts_off[cpu]) {
		lapic_go_on(apic);
		reference_collect(&m->refs[cpu]);
	}
	return true;
}

static void send(struct machine *m, struct random *random, unsigned from)
{
	static const uint64_t destinations[] = {0, 1, 0x11, 0x10002, 0x3, 0x1, UINT32_MAX};
	bool nmi = random_once_in(random, 16);
	uint64_t icr = random_below(random, 240) + 16;

	icr |= destinations[random_below(random, 7)] << 32 | random_below(random, 4) << 18 |
	       random_below(random, 2) << 11 | (nmi ? 0x400 : 0);
	lapic_put(&m->rigs[from], MSR_X2APIC_ICR, icr);
	for (unsigned to = 0; to < CPUS; to++) {
		struct lapic *target = &m->rigs[to].apic;

		/* What the hypervisor does with an IPI to others. */
		if (to != from && (icr >> 18 & 3) != 1 &&
		    lapic_is_destination(target, &m->rigs[from].sent) &&
		    lapic_post(target, &m->rigs[from].sent))
			m->told[to] = true;
		if (meant(icr, from, to))
			reference_send(&m->refs[to], icr & 0xff, nmi, to == from);
	}
}

static void program_timer(struct machine *m, struct random *random, unsigned cpu)
{
	struct lapic_rig *rig = &m->rigs[cpu];
	struct reference *r = &m->refs[cpu];
	unsigned mode = (unsigned)random_below(random, 3);
	unsigned vector = 16 + (unsigned)random_below(random, 240);
	bool masked = random_once_in(random, 4);

	/* Deadline mode and the others stop each other's timers. */
	if ((mode == 2) != (r->timer.mode == 2))
		r->timer.left = r->timer.deadline = 0;
	r->timer.mode = mode;
	r->timer.vector = vector;
	r->timer.masked = masked;
	lapic_put(rig, MSR_X2APIC_LVT_TIMER, mode << 17 | (masked ? 0x10000 : 0) | vector);
	if (random_once_in(random, 4)) /* goes on with what it counts */
		return;
	if (mode == 2) {
		r->timer.deadline = m->now + random_below(random, 60);
		lapic_write_deadline(&rig->apic, r->timer.deadline);
		if (r->timer.deadline && r->timer.deadline <= m->now) {
			r->timer.deadline = 0;
			reference_timer_fires(m, r);
		}
	} else {
		r->timer.initial = r->timer.left = random_below(random, 60);
		lapic_put(rig, MSR_X2APIC_INIT_COUNT, r->timer.initial);
	}
}

static void end(struct machine *m, unsigned cpu)
{
	lapic_put(&m->rigs[cpu], MSR_X2APIC_EOI, 0);
	reference_end(&m->refs[cpu].apic);
}

static void take(struct machine *m, unsigned cpu)
{
	struct lapic *apic = &m->rigs[cpu].apic;
	struct reference *r = &m->refs[cpu];
	int vector = lapic_pending(apic);

	if (apic->signals & LAPIC_SIGNAL_NMI) {
		apic->signals &= ~LAPIC_SIGNAL_NMI;
		r->nmi = false;
		m->nmis++;
	} else if (vector >= 0 && !m->interrupts_off[cpu]) {
		lapic_accept(apic, (uint8_t)vector);
		reference_take(&r->apic, (unsigned)vector);
		m->taken++;
	}
}

static void compare(struct machine *m, unsigned cpu)
{
	struct lapic *apic = &m->rigs[cpu].apic;
	const struct reference *r = &m->refs[cpu];
	bool suppressed = m->halted[cpu] && m->interrupts_off[cpu];

	cr_assert(m->told[cpu] || !r->nmi_on_the_way, "CPU %u", cpu);
	cr_assert(m->told[cpu] || suppressed || !r->vectors_on_the_way, "CPU %u", cpu);
	cr_assert_eq(lapic_pending(apic), reference_pending(&r->apic), "CPU %u after %lu events",
		     cpu, m->taken);
	cr_assert_eq(apic->signals & LAPIC_SIGNAL_NMI, r->nmi ? LAPIC_SIGNAL_NMI : 0, "CPU %u",
		     cpu);
}

static bool is_served(const struct reference *r, unsigned vector)
{
	for (unsigned i = 0; i < r->apic.depth; i++)
		if (r->apic.served[i] == vector)
			return true;
	return false;
}

static void compare_registers(struct machine *m, unsigned cpu)
{
	struct lapic_rig *rig = &m->rigs[cpu];
	const struct reference *r = &m->refs[cpu];

	for (unsigned vector = 0; vector < VECTORS; vector++) {
		cr_assert_eq(lapic_get(rig, MSR_X2APIC_IRR0 + vector / 32) >> vector % 32 & 1,
			     r->apic.requested[vector]);
		cr_assert_eq(lapic_get(rig, MSR_X2APIC_ISR0 + vector / 32) >> vector % 32 & 1,
			     is_served(r, vector));
	}
	cr_assert_eq(lapic_get(rig, MSR_X2APIC_CURRENT_COUNT),
		     r->timer.mode == 2 ? 0 : r->timer.left);
	cr_assert_eq(lapic_deadline(&rig->apic), r->timer.mode == 2 ? r->timer.deadline : 0);
}

static void step(struct machine *m, struct random *random, unsigned cpu)
{
	if (m->halted[cpu] && !wakes_up(m, cpu)) {
		wait(m, 1);
		return;
	}
	if (random_below(random, 2))
		collect(m, cpu);
	switch (random_below(random, 18)) {
	case 0:
	case 1:
	case 2:
		send(m, random, cpu);
		break;
	case 3:
		m->refs[cpu].apic.tpr =
			random_once_in(random, 3) ? (unsigned)random_below(random, 256) : 0;
		lapic_put(&m->rigs[cpu], MSR_X2APIC_TPR, m->refs[cpu].apic.tpr);
		break;
	case 4:
		m->interrupts_off[cpu] = random_once_in(random, 3);
		break;
	case 5:
		program_timer(m, random, cpu);
		break;
	case 6:
		wait(m, random_below(random, 30));
		break;
	case 7:
		if (random_once_in(random, 4))
			halt(m, cpu);
		break;
	case 8:
	case 9:
	case 10:
	case 11:
		end(m, cpu);
		break;
	default:
		take(m, cpu);
		break;
	}
}

Test(lapic_stress, every_event_arrives_once_and_in_the_order_of_priorities)
{
	static struct machine m;
	struct random random = {.state = 4};
	unsigned long steps = 0;

	for (unsigned cpu = 0; cpu < CPUS; cpu++) {
		lapic_start(&m.rigs[cpu], ids[cpu]);
		lapic_put(&m.rigs[cpu], MSR_X2APIC_DIV_CONF, 0xb);
		m.refs[cpu].timer.masked = true;
	}
	m.now = 1;
	wait(&m, 1);
	while (m.taken < EVENTS) {
		step(&m, &random, (unsigned)random_below(&random, CPUS));
		for (unsigned cpu = 0; cpu < CPUS; cpu++)
			compare(&m, cpu);
		if (++steps % 512 == 0)
			for (unsigned cpu = 0; cpu < CPUS; cpu++)
				compare_registers(&m, cpu);
	}
	cr_expect_gt(m.nmis, EVENTS / 50, "%lu", m.nmis);
	cr_expect_gt(m.timer_events, EVENTS / 50, "%lu", m.timer_events);
	cr_expect_gt(m.halts, EVENTS / 50, "%lu", m.halts);
	cr_expect_gt(m.untold, EVENTS / 500, "%lu", m.untold);
}
