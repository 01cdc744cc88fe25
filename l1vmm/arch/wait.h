/*
 * How the hypervisor waits for its own interrupts, without losing one that comes just before it
 * halts.
 */
#ifndef L1VMM_ARCH_WAIT_H
#define L1VMM_ARCH_WAIT_H

#include "l1vmm/arch/trap_frame.h"

/* Halts until an interrupt or an NMI has gone through a gate.  Interrupts are off before and after.
 */
void host_wait(void);

/*
 * For every gate of an interrupt or NMI.  STI keeps interrupts off until HLT has begun, but not
 * NMIs (SDM volume 3, 7.8.3), and the IRET of one ends the shadow: whatever finds host_wait() about
 * to halt ends the wait, for it may have been what the wait is for.
 */
void host_wait_interrupted(struct trap_frame *frame);

#endif
