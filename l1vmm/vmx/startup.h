/* The state in which a vCPU begins after an INIT and a start-up message. */
#ifndef L1VMM_VMX_STARTUP_H
#define L1VMM_VMX_STARTUP_H

#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

/*
 * Gives `v`, but for its APIC, the state of a processor after INIT that a start-up message has sent
 * to `page` (SDM volume 3, table 10-1 and 9.4.3).
 * @pre v's VMCS is current
 */
void startup_begin(struct vcpu *v, uint8_t page);

#endif
