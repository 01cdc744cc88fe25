/*
 * Single steps of a guest, over instructions that a hypervisor below may carry out for it, too; and
 * registers of which Bochs itself has none, or knows less.
 */
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/below.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define BREAKPOINT0 UINT64_C(1)		/* exit qualification and pending debug exceptions, */
#define ENABLED	    (UINT64_C(1) << 12) /* the latter only: SDM volume 3, tables 25-4 and 28-1 */

L2_CODE(l2_steps, "nop; l2_stepped: nop; vmcall");
L2_CODE(l2_flushes_once, "wbinvd; l2_flushed: nop; vmcall");
L2_CODE(l2_calls_once, "vmcall");
L2_CODE(l2_reads_debugctl, "rdmsr; vmcall; wrmsr; vmcall");
extern const char l2_stepped[], l2_flushed[];

static void begin(const char *name, const void *rip)
{
	report_running(name);
	l1_new_guest(rip);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_DB));
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
}

static void expect_trap(const void *rip, uint64_t qualification)
{
	l1_expect(EXIT_REASON_EXCEPTION_NMI, rip);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_TYPE_EXCEPTION | VECTOR_DB);
	expect("qualification", vmread(VMCS_EXIT_QUALIFICATION), qualification);
	expect("pending", vmread(VMCS_GUEST_PENDING_DBG_EXCEPTIONS), 0);
	expect("interruptibility", vmread(VMCS_GUEST_INTERRUPTIBILITY), 0);
}

static void steps(const char *name, const void *from, const void *to)
{
	begin(name, from);
	expect_trap(to, PENDING_DBG_BS);
	/* As behind a MOV SS that has met a breakpoint. */
	begin(name, from);
	vmwrite(VMCS_GUEST_INTERRUPTIBILITY, BLOCKING_BY_MOV_SS);
	vmwrite(VMCS_GUEST_PENDING_DBG_EXCEPTIONS, PENDING_DBG_BS | ENABLED | BREAKPOINT0);
	expect_trap(to, PENDING_DBG_BS | BREAKPOINT0);
}

/* SDM volume 3, 27.3.2.1 and 28.3.1, and 28.5.1 of the hypervisor's own. */
static void debugctl(void)
{
	static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

	begin("debugctl", l2_reads_debugctl);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	l1_set(CONTROL_PRIMARY, (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS, true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_SAVE_DEBUG_CONTROLS, true);
	l1_set(CONTROL_ENTRY, CONTROL_ENTRY_LOAD_DEBUG_CONTROLS, true);
	wrmsr(MSR_IA32_DEBUGCTL, DEBUGCTL_LBR);
	expect("debugctl", rdmsr(MSR_IA32_DEBUGCTL), DEBUGCTL_LBR);
	vmwrite(VMCS_GUEST_IA32_DEBUGCTL, DEBUGCTL_BTF);
	l2_registers[L2_RCX] = MSR_IA32_DEBUGCTL;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("loaded", l2_registers[L2_RAX], DEBUGCTL_BTF);
	expect("debugctl", rdmsr(MSR_IA32_DEBUGCTL), 0);
	l2_registers[L2_RAX] = DEBUGCTL_LBR | DEBUGCTL_BTF;
	l2_registers[L2_RDX] = 0;
	l1_skip();
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("saved", vmread(VMCS_GUEST_IA32_DEBUGCTL), DEBUGCTL_LBR | DEBUGCTL_BTF);
}

/* What is added to a guest's clock is not added to what an exit stores of it: 25.6.5. */
static void stored_clock(void)
{
	static struct {
		uint64_t index, value;
	} area __attribute__((aligned(16)));
	uint64_t start;

	begin("stored-clock", l2_calls_once);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	area.index = MSR_IA32_TIME_STAMP_COUNTER;
	vmwrite(VMCS_EXIT_MSR_STORE_ADDR, (uint64_t)&area);
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 1);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_TSC_OFFSETTING, true);
	vmwrite(VMCS_TSC_OFFSET, 1 << 30);
	start = rdtsc_ordered();
	l1_expect(EXIT_REASON_VMCALL, l2_calls_once);
	if (area.value < start || area.value > rdtsc_ordered())
		fail("stored value=%lu start=%lu", area.value, start);
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
}

void debugging(void)
{
	steps("step", l2_steps, l2_stepped);
	steps("step-flush", l2_flushes_once, l2_flushed);
	/* Bochs, where there is nobody below, has no such register, and adds to the clock. */
	if (below_find_level() > 0) {
		debugctl();
		stored_clock();
	}
}
