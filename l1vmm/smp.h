/*
 * The machine's processors: all but the first are started by it, and stopped when the run ends.
 */
#ifndef L1VMM_SMP_H
#define L1VMM_SMP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Starts processors 1 to `count` - 1.  Each calls `prepare`, one after the other while the caller
 * waits, and when all have done so, `run`.  False where the machine has fewer.
 * @pre paging_init() and host_apic_init() have been called
 */
bool smp_start(uint32_t count, void (*prepare)(uint32_t id), void (*run)(uint32_t id));

/*
 * The run ends: has all other processors leave their guests for good, so that what they have
 * written is complete.  Where another one ends the run already, does not return.
 */
void smp_stop_others(void);

/* Does not return once the run ends.  For where a processor holds nothing that others wait for. */
void smp_park_if_ending(void);

#endif
