#ifndef L1VMM_ARCH_POWEROFF_H
#define L1VMM_ARCH_POWEROFF_H

#include <stdint.h>

/*
 * Ends the machine, or the virtual machine, that this image runs on, with a status for whoever runs
 * it: 0 is success.  Where nobody listens to the ports, the CPU halts with interrupts off.
 */
_Noreturn void poweroff(uint8_t status);

#endif
