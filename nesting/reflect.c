#include "nesting/reflect.h"

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/exit_reason.h"
#include "nesting/link.h"
#include "nesting/vmcs02.h"

/* Exit qualification of control-register accesses and I/O: SDM volume 3, tables 28-3 and 28-5. */
#define CR_NUMBER(q)	  ((q) & 0xf)
#define CR_ACCESS_TYPE(q) ((q) >> 4 & 3)
#define IO_SIZE(q)	  (((q) & 7) + 1)
#define IO_PORT(q)	  ((q) >> 16 & 0xffff)

enum { MOV_TO_CR, MOV_FROM_CR, CLTS, LMSW };

#define LMSW_BITS (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

#define MSR_HIGH_FIRST 0xc0000000u
#define MSR_RANGE      0x2000u

static uint32_t primary(const struct nested *n)
{
	return (uint32_t)vmcs12_get(n->vmcs12, VMCS_PRIMARY_CONTROLS);
}

/*
 * A bit of a bitmap in L1's memory; where there is no memory, reads float high.  The processor has
 * gone by what was merged at the entry.  Only a store that L1 must not make, while L2 runs, can
 * have changed it since, with effects that no software may rely on (SDM volume 3, 25.11.4): the
 * exit is dealt with as L1's or as the hypervisor's own, whichever it is said to be now.
 */
static bool bit_is_set(const struct nested *n, uint64_t gpa, uint32_t bit)
{
	const volatile uint8_t *byte = n->ops.memory(n->ops.ctx, gpa + bit / 8, 1);

	return !byte || (*byte >> bit % 8 & 1);
}

/* An access that wraps around the ports exits, whatever the bitmaps say: SDM volume 3, 26.1.3. */
static bool io_exits(const struct nested *n, uint64_t qualification)
{
	uint32_t first = (uint32_t)IO_PORT(qualification);
	uint32_t size = (uint32_t)IO_SIZE(qualification);

	if (!(primary(n) & CONTROL_PRIMARY_USE_IO_BITMAPS))
		return primary(n) & CONTROL_PRIMARY_UNCONDITIONAL_IO_EXITING;
	if (first + size > 0x10000)
		return true;
	for (uint32_t port = first; port < first + size; port++) {
		enum vmcs_field bitmap = port < 0x8000 ? VMCS_IO_BITMAP_A : VMCS_IO_BITMAP_B;

		if (bit_is_set(n, vmcs12_get(n->vmcs12, bitmap), port & 0x7fff))
			return true;
	}
	return false;
}

static bool msr_exits(const struct nested *n, uint32_t msr, bool write)
{
	uint64_t bitmap = vmcs12_get(n->vmcs12, VMCS_MSR_BITMAP) + (write ? 2048 : 0);

	if (!(primary(n) & CONTROL_PRIMARY_USE_MSR_BITMAPS))
		return true;
	if (msr < MSR_RANGE)
		return bit_is_set(n, bitmap, msr);
	if (msr - MSR_HIGH_FIRST < MSR_RANGE)
		return bit_is_set(n, bitmap + 1024, msr - MSR_HIGH_FIRST);
	return true;
}

/* Whether a new value differs from the shadow in a bit that L1 owns. */
static bool changes_owned(const struct nested *n, enum vmcs_field mask, enum vmcs_field shadow,
			  uint64_t value, uint64_t bits)
{
	const struct vmcs12 *v = n->vmcs12;

	return (vmcs12_get(v, mask) & bits) & (value ^ vmcs12_get(v, shadow));
}

static bool mov_to_cr3_exits(const struct nested *n, uint64_t value)
{
	uint64_t targets = vmcs12_get(n->vmcs12, VMCS_CR3_TARGET_COUNT);

	if (!(primary(n) & CONTROL_PRIMARY_CR3_LOAD_EXITING))
		return false;
	for (unsigned i = 0; i < targets && i < 4; i++)
		if (vmcs12_get(n->vmcs12, VMCS_CR3_TARGET_VALUE0 + 2 * i) == value)
			return false;
	return true;
}

static bool mov_to_cr_exits(const struct nested *n, unsigned number, uint64_t value)
{
	switch (number) {
	case 0:
		return changes_owned(n, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW, value,
				     UINT64_MAX);
	case 3:
		return mov_to_cr3_exits(n, value);
	case 4:
		return changes_owned(n, VMCS_CR4_GUEST_HOST_MASK, VMCS_CR4_READ_SHADOW, value,
				     UINT64_MAX);
	default:
		return primary(n) & CONTROL_PRIMARY_CR8_LOAD_EXITING;
	}
}

/* LMSW cannot clear PE, so only setting it counts: SDM volume 3, 26.1.3. */
static bool lmsw_exits(const struct nested *n, uint64_t value)
{
	uint64_t bits = value & CR0_PE ? LMSW_BITS : LMSW_BITS & ~CR0_PE;

	return changes_owned(n, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW, value, bits);
}

static bool cr_exits(const struct nested *n, uint64_t qualification, uint64_t value)
{
	unsigned number = CR_NUMBER(qualification);

	switch (CR_ACCESS_TYPE(qualification)) {
	case MOV_TO_CR:
		return mov_to_cr_exits(n, number, value);
	case MOV_FROM_CR:
		return primary(n) & (number == 3 ? CONTROL_PRIMARY_CR3_STORE_EXITING
						 : CONTROL_PRIMARY_CR8_STORE_EXITING);
	case CLTS:
		return changes_owned(n, VMCS_CR0_GUEST_HOST_MASK, VMCS_CR0_READ_SHADOW, 0, CR0_TS);
	default:
		return lmsw_exits(n, value);
	}
}

bool nested_exception_exits(const struct nested *n, uint8_t vector, uint32_t error_code)
{
	const struct vmcs12 *v = n->vmcs12;
	bool wanted = vmcs12_get(v, VMCS_EXCEPTION_BITMAP) >> vector & 1;
	bool matches = (error_code & vmcs12_get(v, VMCS_PAGE_FAULT_ERROR_CODE_MASK)) ==
		       vmcs12_get(v, VMCS_PAGE_FAULT_ERROR_CODE_MATCH);

	return vector == VECTOR_PF ? wanted == matches : wanted;
}

/* NMIs are the machine's, and so L0's. */
static bool exception_exits(const struct nested *n, const struct nested_exit *e)
{
	return (e->intr_info & INTR_INFO_TYPE_MASK) != INTR_TYPE_NMI &&
	       nested_exception_exits(n, e->intr_info & INTR_INFO_VECTOR_MASK, e->error_code);
}

/* Of the flag, or of such an exit that L1 has injected as pending. */
static bool mtf_exits(const struct nested *n)
{
	uint64_t event = vmcs12_get(n->vmcs12, VMCS_ENTRY_INTR_INFO);

	return (primary(n) & CONTROL_PRIMARY_MONITOR_TRAP_FLAG) ||
	       ((event & INTR_INFO_VALID) && (event & INTR_INFO_TYPE_MASK) == INTR_TYPE_OTHER);
}

enum nested_detail nested_exit_detail(uint32_t reason)
{
	switch (reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		return NESTED_DETAIL_EXCEPTION;
	case EXIT_REASON_MSR_READ:
	case EXIT_REASON_MSR_WRITE:
		return NESTED_DETAIL_MSR;
	case EXIT_REASON_CR_ACCESS:
		return NESTED_DETAIL_CR;
	case EXIT_REASON_VMREAD:
	case EXIT_REASON_VMWRITE:
		return NESTED_DETAIL_FIELD;
	default:
		return NESTED_DETAIL_NONE;
	}
}

bool nested_exit_is_l1s(struct nested *n, const struct nested_exit *e)
{
	switch (e->reason) {
	case EXIT_REASON_EXCEPTION_NMI:
		return exception_exits(n, e);
	case EXIT_REASON_EXTERNAL_INTERRUPT:
	case EXIT_REASON_MACHINE_CHECK_ENTRY:
	case EXIT_REASON_VMFUNC:
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		return false;
	case EXIT_REASON_INTERRUPT_WINDOW:
		return primary(n) & CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING;
	case EXIT_REASON_NMI_WINDOW:
		return primary(n) & CONTROL_PRIMARY_NMI_WINDOW_EXITING;
	case EXIT_REASON_MONITOR_TRAP_FLAG:
		return mtf_exits(n);
	case EXIT_REASON_HLT:
		return primary(n) & CONTROL_PRIMARY_HLT_EXITING;
	case EXIT_REASON_INVLPG:
		return primary(n) & CONTROL_PRIMARY_INVLPG_EXITING;
	case EXIT_REASON_RDPMC:
		return primary(n) & CONTROL_PRIMARY_RDPMC_EXITING;
	case EXIT_REASON_RDTSC:
	case EXIT_REASON_RDTSCP:
		return primary(n) & CONTROL_PRIMARY_RDTSC_EXITING;
	case EXIT_REASON_CR_ACCESS:
		return cr_exits(n, e->qualification, e->cr_value);
	case EXIT_REASON_DR_ACCESS:
		return primary(n) & CONTROL_PRIMARY_MOV_DR_EXITING;
	case EXIT_REASON_IO_INSTRUCTION:
		return io_exits(n, e->qualification);
	case EXIT_REASON_MSR_READ:
		return msr_exits(n, e->msr, false);
	case EXIT_REASON_MSR_WRITE:
		return msr_exits(n, e->msr, true);
	case EXIT_REASON_VMREAD:
		return link_access_exits(n, e->field, false);
	case EXIT_REASON_VMWRITE:
		return link_access_exits(n, e->field, true);
	case EXIT_REASON_MWAIT:
		return primary(n) & CONTROL_PRIMARY_MWAIT_EXITING;
	case EXIT_REASON_MONITOR:
		return primary(n) & CONTROL_PRIMARY_MONITOR_EXITING;
	case EXIT_REASON_PAUSE:
		return primary(n) & CONTROL_PRIMARY_PAUSE_EXITING;
	case EXIT_REASON_GDTR_IDTR_ACCESS:
	case EXIT_REASON_LDTR_TR_ACCESS:
		return vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_DESCRIPTOR_TABLE_EXITING;
	case EXIT_REASON_WBINVD:
		return vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_WBINVD_EXITING;
	case EXIT_REASON_RDRAND:
		return vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_RDRAND_EXITING;
	case EXIT_REASON_RDSEED:
		return vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_RDSEED_EXITING;
	default: /* exits whatever the controls say: SDM volume 3, 26.1.2 */
		return true;
	}
}
