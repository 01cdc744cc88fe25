#include "l1vmm/vmx/chipset.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/spin.h"
#include "l1vmm/lib/muldiv.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/timer.h"

/* Where counter 0 of the timer goes. */
#define PIC_TIMER_LINE	  0
#define IOAPIC_TIMER_LINE 2

/* Where the controllers' output goes, besides the boot processor's LINT0. */
#define IOAPIC_PIC_LINE 0

/* Port 0x61: bits that can be written, and what they say. */
#define SPEAKER_PORT	 0x61
#define SPEAKER_WRITABLE 0x0f
#define SPEAKER_GATE	 0x01 /* of counter 2 */
#define SPEAKER_SOUND	 0x02
#define SPEAKER_REFRESH	 0x10 /* changes with each refresh of the memory */
#define SPEAKER_OUTPUT	 0x20 /* of counter 2 */
#define REFRESH_TICKS	 18

/* 10 ms of the machine's timer, and how long to wait for their end, in ticks of the TSC. */
#define MEASURED	(PIT_HZ / 100)
#define MEASURE_CONTROL 0xb0 /* counter 2, both bytes, mode 0 */
#define PATIENCE	(UINT64_C(1) << 32)

void chipset_reset(struct chipset *chipset)
{
	*chipset = (struct chipset){.busy = false};
	ioapic_reset(&chipset->ioapic);
	pic_reset(&chipset->pic);
	pit_reset(&chipset->pit);
}

static bool measuring_is_over(void)
{
	return in8(SPEAKER_PORT) & SPEAKER_OUTPUT;
}

/* Where nothing answers, the output is high from the beginning. */
static void measure(struct chipset *chipset)
{
	uint8_t before = in8(SPEAKER_PORT);
	uint64_t start, ticks = 0;

	chipset->measured = true;
	out8(SPEAKER_PORT, (uint8_t)((before & ~SPEAKER_SOUND) | SPEAKER_GATE));
	out8(PIT_CONTROL_PORT, MEASURE_CONTROL);
	out8(PIT_PORT + 2, (uint8_t)MEASURED);
	out8(PIT_PORT + 2, (uint8_t)(MEASURED >> 8));
	start = rdtsc_ordered();
	if (!measuring_is_over()) {
		do
			ticks = rdtsc_ordered() - start;
		while (!measuring_is_over() && ticks < PATIENCE);
	}
	out8(SPEAKER_PORT, before);
	chipset->tsc_ticks = ticks < PATIENCE ? ticks : 0;
	chipset->tsc_start = start;
}

static uint64_t timer_now(const struct chipset *chipset)
{
	return mul_div(rdtsc_ordered() - chipset->tsc_start, MEASURED, chipset->tsc_ticks);
}

/* The TSC at which that time has come. */
static uint64_t tsc_at(const struct chipset *chipset, uint64_t time)
{
	return chipset->tsc_start + mul_div(time, chipset->tsc_ticks, MEASURED) + 1;
}

/* Lowest priority: any that is named may be the one, so the first is. */
static void choose_one(const struct vm *vm, struct lapic_ipi *message)
{
	for (uint32_t i = 0; i < vm->vcpu_count; i++) {
		if (!lapic_is_destination(&vm->vcpus[i].lapic, message))
			continue;
		message->destination = vm->vcpus[i].lapic.id;
		message->logical = message->everybody = false;
		break;
	}
	message->mode = LAPIC_FIXED;
}

/* Sends the messages of a set of lines. */
static void send(struct vcpu *v, uint32_t lines)
{
	for (unsigned line = 0; lines; line++, lines >>= 1) {
		struct lapic_ipi message;

		if (!(lines & 1))
			continue;
		message = ioapic_message(&v->vm->chipset.ioapic, line);
		if (message.mode == LAPIC_LOWEST_PRIORITY)
			choose_one(v->vm, &message);
		lapic_send(&v->lapic, &message);
	}
	apic_changed(v);
}

/* Whether the I/O APIC passes it on to `v`. */
static bool is_passed_to(const struct vcpu *v)
{
	const struct ioapic *ioapic = &v->vm->chipset.ioapic;
	const struct lapic_ipi message = ioapic_message(ioapic, IOAPIC_PIC_LINE);

	return ioapic_passes_extint(ioapic, IOAPIC_PIC_LINE) &&
	       (v->lapic.base & APIC_BASE_ENABLE) && lapic_is_destination(&v->lapic, &message);
}

/* The controllers' output goes to the boot processor, and to the I/O APIC. */
static void tell_of_pic(struct vcpu *v)
{
	const struct chipset *chipset = &v->vm->chipset;
	const struct vcpu *boot = &v->vm->vcpus[0];
	const struct lapic_ipi message = {.destination = boot->lapic.id, .mode = LAPIC_EXTINT};

	if (!pic_asks(&chipset->pic))
		return;
	if (ioapic_passes_extint(&chipset->ioapic, IOAPIC_PIC_LINE))
		send(v, UINT32_C(1) << IOAPIC_PIC_LINE);
	if (v == boot)
		v->lapic.signals |= LAPIC_SIGNAL_EXTINT;
	else
		lapic_send(&v->lapic, &message);
	apic_changed(v);
}

static void set_timer_line(struct vcpu *v, bool high)
{
	struct chipset *chipset = &v->vm->chipset;

	pic_set_line(&chipset->pic, PIC_TIMER_LINE, high);
	tell_of_pic(v);
	send(v, ioapic_set_line(&chipset->ioapic, IOAPIC_TIMER_LINE, high));
}

/* When counter 0 has to be seen to next, for its keeper. */
static void schedule(struct vcpu *v, uint64_t now)
{
	const struct chipset *chipset = &v->vm->chipset;
	uint64_t next = pit_next_rise(&chipset->pit, 0, now), due = CHIPSET_NEVER;

	if (next != PIT_NEVER && chipset->keeper == v->id) {
		uint64_t earliest = rdtsc() + TIMER_SHORTEST_PERIOD;

		due = tsc_at(chipset, next);
		due = due < earliest ? earliest : due;
	}
	if (due != v->chipset_due)
		v->requests |= REQUEST_TIMER;
	v->chipset_due = due;
}

/* However often its output has risen meanwhile, that is one edge. */
static void see_to_timer(struct vcpu *v)
{
	struct chipset *chipset = &v->vm->chipset;
	uint64_t now;

	if (!chipset->tsc_ticks)
		return;
	now = timer_now(chipset);
	if (pit_next_rise(&chipset->pit, 0, chipset->seen) <= now) {
		set_timer_line(v, false);
		set_timer_line(v, true);
	}
	set_timer_line(v, pit_output(&chipset->pit, 0, now));
	chipset->seen = now;
	schedule(v, now);
}

static bool has_timer(struct chipset *chipset)
{
	if (!chipset->measured)
		measure(chipset);
	return chipset->tsc_ticks;
}

static uint8_t read_speaker(const struct chipset *chipset)
{
	uint64_t now = timer_now(chipset);

	return chipset->speaker | (now / REFRESH_TICKS % 2 ? SPEAKER_REFRESH : 0) |
	       (pit_output(&chipset->pit, 2, now) ? SPEAKER_OUTPUT : 0);
}

static uint8_t read_timer(struct chipset *chipset, uint16_t port)
{
	if (!has_timer(chipset))
		return UINT8_MAX;
	if (port == SPEAKER_PORT)
		return read_speaker(chipset);
	return pit_read(&chipset->pit, port, timer_now(chipset));
}

static void write_timer(struct vcpu *v, uint16_t port, uint8_t value)
{
	struct chipset *chipset = &v->vm->chipset;

	if (!has_timer(chipset))
		return;
	see_to_timer(v);
	if (port == SPEAKER_PORT) {
		chipset->speaker = value & SPEAKER_WRITABLE;
		pit_set_gate(&chipset->pit, 2, value & SPEAKER_GATE, timer_now(chipset));
		return;
	}
	pit_write(&chipset->pit, port, value, timer_now(chipset));
	chipset->keeper = v->id;
	see_to_timer(v);
}

static bool is_timer(uint16_t port)
{
	return (port >= PIT_PORT && port <= PIT_CONTROL_PORT) || port == SPEAKER_PORT;
}

uint8_t chipset_read_port(struct vcpu *v, uint16_t port)
{
	struct chipset *chipset = &v->vm->chipset;
	uint8_t value;

	spin_lock(&chipset->busy);
	value = is_timer(port) ? read_timer(chipset, port) : pic_read(&chipset->pic, port);
	spin_unlock(&chipset->busy);
	return value;
}

void chipset_write_port(struct vcpu *v, uint16_t port, uint8_t value)
{
	struct chipset *chipset = &v->vm->chipset;

	spin_lock(&chipset->busy);
	if (is_timer(port))
		write_timer(v, port, value);
	else
		pic_write(&chipset->pic, port, value);
	tell_of_pic(v);
	spin_unlock(&chipset->busy);
}

uint32_t chipset_read_ioapic(struct vcpu *v, uint32_t offset)
{
	struct chipset *chipset = &v->vm->chipset;
	uint32_t value;

	spin_lock(&chipset->busy);
	value = ioapic_read(&chipset->ioapic, offset);
	spin_unlock(&chipset->busy);
	return value;
}

void chipset_write_ioapic(struct vcpu *v, uint32_t offset, uint32_t value)
{
	struct chipset *chipset = &v->vm->chipset;

	spin_lock(&chipset->busy);
	see_to_timer(v);
	send(v, ioapic_write(&chipset->ioapic, offset, value));
	tell_of_pic(v);
	spin_unlock(&chipset->busy);
}

void chipset_end_of_interrupt(struct vcpu *v, uint8_t vector)
{
	struct chipset *chipset = &v->vm->chipset;

	spin_lock(&chipset->busy);
	see_to_timer(v);
	send(v, ioapic_end_of_interrupt(&chipset->ioapic, vector));
	spin_unlock(&chipset->busy);
}

void chipset_poll(struct vcpu *v)
{
	struct chipset *chipset = &v->vm->chipset;

	if (rdtsc_ordered() < v->chipset_due)
		return;
	spin_lock(&chipset->busy);
	see_to_timer(v);
	spin_unlock(&chipset->busy);
}

bool chipset_asks(struct vcpu *v)
{
	const struct vcpu *boot = &v->vm->vcpus[0];

	return (v->lapic.signals & LAPIC_SIGNAL_EXTINT) && pic_asks(&v->vm->chipset.pic) &&
	       ((v == boot && lapic_takes_extint(&v->lapic)) || is_passed_to(v));
}

void chipset_settle(struct vcpu *v)
{
	if (!pic_asks(&v->vm->chipset.pic))
		v->lapic.signals &= ~LAPIC_SIGNAL_EXTINT;
	v->waits &= (uint8_t)~WAITS_EXTINT;
	v->waits |= chipset_asks(v) ? WAITS_EXTINT : 0;
}

uint8_t chipset_acknowledge(struct vcpu *v)
{
	struct chipset *chipset = &v->vm->chipset;
	uint8_t vector;

	spin_lock(&chipset->busy);
	vector = pic_acknowledge(&chipset->pic);
	spin_unlock(&chipset->busy);
	return vector;
}

bool chipset_give_back(struct vcpu *v, uint8_t vector)
{
	struct chipset *chipset = &v->vm->chipset;
	bool given;

	spin_lock(&chipset->busy);
	given = pic_give_back(&chipset->pic, vector);
	tell_of_pic(v);
	spin_unlock(&chipset->busy);
	return given;
}
