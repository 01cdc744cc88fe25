#ifndef L1VMM_EXITS_MMIO_H
#define L1VMM_EXITS_MMIO_H

#include "l1vmm/vmx/vcpu.h"

/*
 * Carries out the instruction that accessed guest-physical address `gpa`, where there is no memory,
 * on the device there.  Without a device the guest is stopped.
 * @pre v's VMCS is current
 */
enum exit_action mmio_access(struct vcpu *v, uint64_t gpa);

#endif
