/*
 * CR0, CR3 and CR4 as a guest sees them, over the guest/host masks and read shadows of the VMCS
 * (SDM volume 3, 25.6.6).
 * @pre for all: v's VMCS is current
 */
#ifndef L1VMM_VMX_CR_H
#define L1VMM_VMX_CR_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

#define CR0_AT_PVH_ENTRY (CR0_PE | CR0_ET)

/* Bits that are the hypervisor's with cr=mask: a guest's write that changes one exits. */
uint64_t cr0_owned(const struct switches *sw);
uint64_t cr4_owned(const struct switches *sw);

/* The processor's CR0, CR4 and EFER for what the guest has set. */
uint64_t cr0_real(const struct vcpu *v, uint64_t guest);
uint64_t cr4_real(struct vcpu *v, uint64_t guest);
uint64_t efer_real(const struct vcpu *v, uint64_t guest);

uint64_t guest_read_cr0(struct vcpu *v);
uint64_t guest_read_cr3(struct vcpu *v);
uint64_t guest_read_cr4(struct vcpu *v);

/* PDPTE `number` (0 to 3), as the guest's last load of CR3 has set it. */
uint64_t guest_read_pdpte(struct vcpu *v, unsigned number);

/*
 * PAE paging walks from four registers that a load of CR3 sets (SDM volume 3, 4.4.1): reads what it
 * would be, and sets them.  False where one is malformed, as which it raises #GP(0).
 */
bool guest_read_pdptes(const struct vcpu *v, uint64_t cr3, uint64_t entries[4]);
bool guest_load_pdptes(struct vcpu *v, uint64_t cr3);

/* EFER, which has been checked. */
void guest_write_efer(struct vcpu *v, uint64_t value);

/* MOV to a control register.  False where the processor would raise #GP(0); nothing changes then.
 */
bool guest_write_cr0(struct vcpu *v, uint64_t value);
bool guest_write_cr3(struct vcpu *v, uint64_t value);
bool guest_write_cr4(struct vcpu *v, uint64_t value);

/* CR0, CR2, CR3, CR4 and EFER as an INIT leaves them. */
void guest_reset_control_registers(struct vcpu *v);

#endif
