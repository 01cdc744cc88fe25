#ifndef L1VMM_EXITS_EMULATE_H
#define L1VMM_EXITS_EMULATE_H

#include "l1vmm/vmx/vcpu.h"

enum emulate_result {
	EMULATE_DONE,	     /* carried out, or the guest has been given a fault */
	EMULATE_UNSUPPORTED, /* the emulator does not know it; nothing has changed */
};

/*
 * Carries out the instruction at the guest's RIP, which stores to guest-physical address `gpa`.  Of
 * a repeated one that clears or copies a page table only what comes before the shadow MMU sees that
 * it is none any more: the rest is the guest's again.
 * @pre v's VMCS is current
 */
enum emulate_result emulate_store(struct vcpu *v, uint64_t gpa);

/*
 * Carries out the instruction at RIP for an access to guest-physical address `gpa`, where there is
 * no memory.  Without a device there, and for an instruction that is not known, the guest is
 * stopped.
 * @pre v's VMCS is current
 */
enum exit_action emulate_device(struct vcpu *v, uint64_t gpa);

#endif
