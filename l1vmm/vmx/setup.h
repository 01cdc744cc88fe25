/*
 * A new vCPU, ready for its first entry at a PVH image.
 */
#ifndef L1VMM_VMX_SETUP_H
#define L1VMM_VMX_SETUP_H

#include <stdbool.h>

#include "l1vmm/guest.h"
#include "l1vmm/vmx/vcpu.h"

/*
 * Fills in the VMCS of `v`, whose vm, cpu, id and controls are set, and makes it current.  False
 * where memory is short.
 */
bool vcpu_setup(struct vcpu *v, const struct guest_start *start);

#endif
