#include "tests/unit/lapic_rig.h"

static uint64_t now(void *ctx)
{
	return ((struct lapic_rig *)ctx)->now;
}

static void timer_changed(void *ctx)
{
	((struct lapic_rig *)ctx)->timer_changes++;
}

static void send(void *ctx, const struct lapic_ipi *ipi)
{
	struct lapic_rig *rig = ctx;

	rig->sent = *ipi;
	rig->sends++;
}

static void end_of_level(void *ctx, uint8_t vector)
{
	((struct lapic_rig *)ctx)->ended = vector;
}

static const struct lapic_ops ops = {
	.now = now, .timer_changed = timer_changed, .send = send, .end_of_level = end_of_level};

void lapic_power_up(struct lapic_rig *rig, uint32_t id)
{
	memset(rig, 0, sizeof(*rig));
	rig->ended = -1;
	lapic_init(&rig->apic, id, &rig->page, &rig->mailbox, LAPIC_RIG_PHYSICAL_BITS, &ops, rig);
}

void lapic_start(struct lapic_rig *rig, uint32_t id)
{
	lapic_power_up(rig, id);
	cr_assert_eq(lapic_write_base(&rig->apic, rig->apic.base | APIC_BASE_X2APIC), LAPIC_OK);
	lapic_put(rig, MSR_X2APIC_SIVR, 0x1ff);
}

void lapic_copy(struct lapic_rig *to, const struct lapic_rig *from)
{
	*to = *from;
	to->apic.page = &to->page;
	to->apic.mailbox = &to->mailbox;
	to->apic.ctx = to;
}

bool lapic_same(const struct lapic_rig *a, const struct lapic_rig *b)
{
	return memcmp(&a->page, &b->page, sizeof(a->page)) == 0 &&
	       memcmp(&a->mailbox, &b->mailbox, sizeof(a->mailbox)) == 0 &&
	       a->apic.base == b->apic.base && a->apic.id == b->apic.id &&
	       a->apic.errors == b->apic.errors && a->apic.signals == b->apic.signals &&
	       a->apic.timer.running == b->apic.timer.running &&
	       (!a->apic.timer.running ||
		lapic_timer_left(&a->apic, a->now) == lapic_timer_left(&b->apic, b->now)) &&
	       a->apic.timer.period == b->apic.timer.period && a->sends == b->sends;
}
