/*
 * The state that L1 finds after an exit: the host state of vmcs12 becomes the guest state of vmcs01
 * (SDM volume 3, 28.5), but for CR0, CR3, CR4 and EFER, which have their masks and shadows there.
 *
 * These are some sixty stores on each exit to L1.  The function is inlined where `to` is constant,
 * and then each is one VMWRITE.
 */
#ifndef NESTING_HOST_STATE_H
#define NESTING_HOST_STATE_H

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/controls.h"
#include "nesting/vmx.h"

#define HOST_STATE_CODE64   0xa09bu
#define HOST_STATE_CODE32   0xc09bu
#define HOST_STATE_DATA	    0xc093u
#define HOST_STATE_TSS	    0x008bu
#define HOST_STATE_TSS_SIZE 0x67u

#define HOST_STATE_INLINE static inline __attribute__((always_inline))

HOST_STATE_INLINE void host_state_segment(const struct vmcs_ops *to, unsigned number,
					  uint64_t selector, uint64_t base, uint64_t rights)
{
	unsigned at = 2 * number;

	to->write(to->ctx, VMCS_GUEST_ES_SELECTOR + at, selector);
	to->write(to->ctx, VMCS_GUEST_ES_BASE + at, base);
	to->write(to->ctx, VMCS_GUEST_ES_LIMIT + at, UINT32_MAX);
	to->write(to->ctx, VMCS_GUEST_ES_AR_BYTES + at, rights);
}

/* A data segment; the null selector makes it unusable. */
HOST_STATE_INLINE void host_state_data(const struct vmcs12 *v, const struct vmcs_ops *to,
				       unsigned number, uint64_t base)
{
	uint64_t selector = v->slot[vmcs12_slot(VMCS_HOST_ES_SELECTOR) + number];

	host_state_segment(to, number, selector, base, selector ? HOST_STATE_DATA : AR_UNUSABLE);
}

HOST_STATE_INLINE void host_state_tables(const struct vmcs12 *v, const struct vmcs_ops *to)
{
	to->write(to->ctx, VMCS_GUEST_TR_SELECTOR, vmcs12_get(v, VMCS_HOST_TR_SELECTOR));
	to->write(to->ctx, VMCS_GUEST_TR_BASE, vmcs12_get(v, VMCS_HOST_TR_BASE));
	to->write(to->ctx, VMCS_GUEST_TR_LIMIT, HOST_STATE_TSS_SIZE);
	to->write(to->ctx, VMCS_GUEST_TR_AR_BYTES, HOST_STATE_TSS);
	to->write(to->ctx, VMCS_GUEST_LDTR_SELECTOR, 0);
	to->write(to->ctx, VMCS_GUEST_LDTR_AR_BYTES, AR_UNUSABLE);
	to->write(to->ctx, VMCS_GUEST_GDTR_BASE, vmcs12_get(v, VMCS_HOST_GDTR_BASE));
	to->write(to->ctx, VMCS_GUEST_GDTR_LIMIT, UINT16_MAX);
	to->write(to->ctx, VMCS_GUEST_IDTR_BASE, vmcs12_get(v, VMCS_HOST_IDTR_BASE));
	to->write(to->ctx, VMCS_GUEST_IDTR_LIMIT, UINT16_MAX);
}

HOST_STATE_INLINE void host_state_registers(const struct vmcs12 *v, const struct vmcs_ops *to)
{
	to->write(to->ctx, VMCS_GUEST_IA32_SYSENTER_CS, vmcs12_get(v, VMCS_HOST_IA32_SYSENTER_CS));
	to->write(to->ctx, VMCS_GUEST_IA32_SYSENTER_ESP,
		  vmcs12_get(v, VMCS_HOST_IA32_SYSENTER_ESP));
	to->write(to->ctx, VMCS_GUEST_IA32_SYSENTER_EIP,
		  vmcs12_get(v, VMCS_HOST_IA32_SYSENTER_EIP));
	to->write(to->ctx, VMCS_GUEST_IA32_DEBUGCTL, 0);
	to->write(to->ctx, VMCS_GUEST_DR7, DR7_INIT);
	to->write(to->ctx, VMCS_GUEST_RSP, vmcs12_get(v, VMCS_HOST_RSP));
	to->write(to->ctx, VMCS_GUEST_RIP, vmcs12_get(v, VMCS_HOST_RIP));
	to->write(to->ctx, VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	to->write(to->ctx, VMCS_GUEST_INTERRUPTIBILITY, 0);
	to->write(to->ctx, VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	to->write(to->ctx, VMCS_GUEST_PENDING_DBG_EXCEPTIONS, 0);
	if (vmcs12_get(v, VMCS_EXIT_CONTROLS) & CONTROL_EXIT_LOAD_IA32_PAT)
		to->write(to->ctx, VMCS_GUEST_IA32_PAT, vmcs12_get(v, VMCS_HOST_IA32_PAT));
}

/* @pre `to` is vmcs01, `v` the vmcs12 of the exit */
HOST_STATE_INLINE void host_state_load(const struct vmcs12 *v, const struct vmcs_ops *to)
{
	bool code64 = vmcs12_get(v, VMCS_EXIT_CONTROLS) & CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE;

	host_state_data(v, to, 0, 0);
	host_state_segment(to, 1, vmcs12_get(v, VMCS_HOST_CS_SELECTOR), 0,
			   code64 ? HOST_STATE_CODE64 : HOST_STATE_CODE32);
	host_state_data(v, to, 2, 0);
	host_state_data(v, to, 3, 0);
	host_state_data(v, to, 4, vmcs12_get(v, VMCS_HOST_FS_BASE));
	host_state_data(v, to, 5, vmcs12_get(v, VMCS_HOST_GS_BASE));
	host_state_tables(v, to);
	host_state_registers(v, to);
}

#endif
