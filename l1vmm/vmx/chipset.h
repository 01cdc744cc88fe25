/*
 * What a PC has on its board besides processors and memory, as far as an operating system asks for
 * it: the I/O APIC, the two interrupt controllers and the interval timer.  Counter 0 of the timer
 * is wired to line 0 of the controllers and to line 2 of the I/O APIC.  Every vCPU gets at all of
 * it.
 */
#ifndef L1VMM_VMX_CHIPSET_H
#define L1VMM_VMX_CHIPSET_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/dev/ioapic.h"
#include "l1vmm/dev/pic.h"
#include "l1vmm/dev/pit.h"

struct vcpu;

#define CHIPSET_NEVER UINT64_MAX

struct chipset {
	bool busy; /* the lock of all that follows */
	struct ioapic ioapic;
	struct pic pic;
	struct pit pit;
	uint8_t speaker; /* port 0x61, as it was written */
	/*
	 * The timer runs as fast as the machine's own, which is measured when a guest first asks
	 * for it: so many ticks of the TSC in 10 ms.  0: the machine has none, and so has the
	 * guest.
	 */
	bool measured;
	uint64_t tsc_ticks;
	uint64_t tsc_start; /* the processor's TSC, when the timer's time was 0 */
	uint64_t seen;	    /* time up to which counter 0 has been seen to */
	/* Who sees to it: the vCPU that has programmed it last. */
	uint32_t keeper;
};

/* As after power-up. */
void chipset_reset(struct chipset *chipset);

/* Access to a port of dev/ports.def that is the chipset's. */
uint8_t chipset_read_port(struct vcpu *v, uint16_t port);
void chipset_write_port(struct vcpu *v, uint16_t port, uint8_t value);

/* Access to the page of the I/O APIC. */
uint32_t chipset_read_ioapic(struct vcpu *v, uint32_t offset);
void chipset_write_ioapic(struct vcpu *v, uint32_t offset, uint32_t value);

/* The local APIC of `v` has ended the level-triggered interrupt `vector`. */
void chipset_end_of_interrupt(struct vcpu *v, uint8_t vector);

/*
 * Whether the interrupt controllers ask `v` for an interrupt that it would take; and takes it:
 * its vector.  LAPIC_SIGNAL_EXTINT says that they may.
 */
bool chipset_asks(struct vcpu *v);
uint8_t chipset_acknowledge(struct vcpu *v);

/* `v` has not taken `vector` after all; false where no line has that in service. */
bool chipset_give_back(struct vcpu *v, uint8_t vector);

/*
 * Takes note in v->waits of whether they do.  LAPIC_SIGNAL_EXTINT goes only here and if they
 * do not: whoever waits for a window is looked at again until it does no more.
 */
void chipset_settle(struct vcpu *v);

/*
 * Sees to counter 0, if that is due by v->chipset_due (the processor's TSC, CHIPSET_NEVER), and
 * says there when it is due again.
 */
void chipset_poll(struct vcpu *v);

#endif
