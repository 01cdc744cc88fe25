/*
 * Does the processor itself check a VM entry as nesting/entry_checks.def says?  This image runs in
 * VMX root operation, puts each edge of the checks (tests/unit/entry_world.h) into a VMCS, enters,
 * and compares what the processor did with what the table expects of it.
 *
 * An edge is laid out as it is: its memory at its own physical addresses, below the image.  Where
 * it has left the host state as it found it, that is replaced by the image's own, so that exits
 * come back.  Guests have no memory to run in and exit at once.
 */
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/segments.h"
#include "bench/guests/rt/start.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vmx/vmcs.h"
#include "tests/unit/entry_world.h"

#define MEMORY_BYTES (128ull << 20) /* at least; the experiment says how much */
#define LAID_OUT     0x9000	    /* from page 1 to here */

struct outcome {
	uint32_t error, reason;
	uint64_t qualification;
};

static struct entry_world fresh;
static struct vmx_capabilities processor;
static uint8_t vmxon_region[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static unsigned compared, skipped, differing;
static unsigned deviating[ENTRY_CHECKS];

static const struct {
	unsigned edges;
	const char *how;
} known[ENTRY_CHECKS] = {
#define DEVIATION(NAME, edges, how) [ENTRY_##NAME] = {edges, how},
#include "tests/guests/entry_deviations.def"
#undef DEVIATION
};

/* Ones where there is no memory. */
static void read_physical(void *ctx, uint64_t gpa, void *to, size_t bytes)
{
	(void)ctx;
	if (gpa + bytes <= MEMORY_BYTES)
		memcpy(to, (const void *)gpa, bytes);
	else
		memset(to, 0xff, bytes);
}

static bool load_nothing(void *ctx, uint32_t index, uint64_t value)
{
	(void)ctx;
	(void)index;
	(void)value;
	return true;
}

static void read_capabilities(void)
{
	processor = (struct vmx_capabilities){
		.basic = rdmsr(MSR_IA32_VMX_BASIC),
		.misc = rdmsr(MSR_IA32_VMX_MISC),
		.cr0_fixed0 = rdmsr(MSR_IA32_VMX_CR0_FIXED0),
		.cr0_fixed1 = rdmsr(MSR_IA32_VMX_CR0_FIXED1),
		.cr4_fixed0 = rdmsr(MSR_IA32_VMX_CR4_FIXED0),
		.cr4_fixed1 = rdmsr(MSR_IA32_VMX_CR4_FIXED1),
		.ept_vpid = rdmsr(MSR_IA32_VMX_EPT_VPID_CAP),
		.controls = {{
			[CONTROL_PIN] = rdmsr(MSR_IA32_VMX_TRUE_PINBASED_CTLS),
			[CONTROL_PRIMARY] = rdmsr(MSR_IA32_VMX_TRUE_PROCBASED_CTLS),
			[CONTROL_SECONDARY] = rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2),
			[CONTROL_EXIT] = rdmsr(MSR_IA32_VMX_TRUE_EXIT_CTLS),
			[CONTROL_ENTRY] = rdmsr(MSR_IA32_VMX_TRUE_ENTRY_CTLS),
		}},
		.physical_address_bits = (uint8_t)cpuid(0x80000008, 0).eax,
	};
}

static void enable_vmx(void)
{
	write_cr0((read_cr0() | processor.cr0_fixed0) & processor.cr0_fixed1);
	write_cr4((read_cr4() | processor.cr4_fixed0) & processor.cr4_fixed1);
	*(uint32_t *)vmxon_region = (uint32_t)processor.basic;
	expect("vmxon", vmxon((uint64_t)vmxon_region), VMX_SUCCEED);
}

/* The VMCS itself is one of the edge's pages; the regions have the processor's revision. */
static void lay_out(const struct entry_world *w)
{
	for (uint64_t page = PAGE_SIZE; page < LAID_OUT; page += PAGE_SIZE) {
		if (page != WORLD_CURRENT)
			memcpy((void *)page, &w->memory[page], PAGE_SIZE);
	}
	*(volatile uint32_t *)WORLD_LINK ^= VMCS12_REVISION ^ (uint32_t)processor.basic;
}

static void replace(struct entry_world *w, enum vmcs_field field, uint64_t own)
{
	if (vmcs12_get(&w->v, field) == vmcs12_get(&fresh.v, field))
		vmcs12_set(&w->v, field, own);
}

static void set_host(struct entry_world *w)
{
	uint64_t pat = rdmsr(MSR_IA32_PAT);

	replace(w, VMCS_HOST_CR0, read_cr0());
	replace(w, VMCS_HOST_CR3, read_cr3());
	replace(w, VMCS_HOST_CR4, read_cr4());
	replace(w, VMCS_HOST_CS_SELECTOR, KERNEL_CODE);
	replace(w, VMCS_HOST_SS_SELECTOR, KERNEL_DATA);
	replace(w, VMCS_HOST_DS_SELECTOR, KERNEL_DATA);
	replace(w, VMCS_HOST_ES_SELECTOR, KERNEL_DATA);
	replace(w, VMCS_HOST_TR_SELECTOR, TSS);
	replace(w, VMCS_HOST_IA32_PAT, pat);
	replace(w, VMCS_HOST_IA32_EFER, rdmsr(MSR_IA32_EFER));
}

/* Whether the processor might never come back, or not as it was. */
static bool dangerous(const struct entry_world *w, const struct outcome *expected)
{
	const struct vmcs12 *v = &w->v;

	/* Bochs computes the end of an area in 32 bits, and would then store one that has none. */
	if ((vmcs12_get(v, VMCS_EXIT_MSR_STORE_COUNT) | vmcs12_get(v, VMCS_EXIT_MSR_LOAD_COUNT)) >>
	    28)
		return true;
	if (expected->error)
		return false;
	if (vmcs12_get(v, VMCS_HOST_CR3) != read_cr3() ||
	    vmcs12_get(v, VMCS_HOST_RIP) != vmcs12_get(&fresh.v, VMCS_HOST_RIP))
		return true;
	if (vmcs12_get(v, VMCS_EXIT_MSR_STORE_COUNT) > 2 ||
	    vmcs12_get(v, VMCS_EXIT_MSR_LOAD_COUNT) > 2)
		return true;
	if ((vmcs12_get(v, VMCS_EXIT_MSR_STORE_COUNT) &&
	     vmcs12_get(v, VMCS_EXIT_MSR_STORE_ADDR) != WORLD_MSRS) ||
	    (vmcs12_get(v, VMCS_EXIT_MSR_LOAD_COUNT) &&
	     vmcs12_get(v, VMCS_EXIT_MSR_LOAD_ADDR) != WORLD_MSRS))
		return true;
	return !expected->reason && vmcs12_get(v, VMCS_GUEST_ACTIVITY_STATE) > ACTIVITY_HLT;
}

/* A guest in HLT is woken by the timer. */
static void set_timer(struct entry_world *w)
{
	uint64_t pin = vmcs12_get(&w->v, VMCS_PIN_BASED_CONTROLS);

	if (vmcs12_get(&w->v, VMCS_GUEST_ACTIVITY_STATE) == ACTIVITY_HLT)
		vmcs12_set(&w->v, VMCS_PIN_BASED_CONTROLS, pin | CONTROL_PIN_PREEMPTION_TIMER);
}

static struct outcome expect_by_table(const struct entry_world *w, enum entry_check *check)
{
	uint32_t number;
	const struct entry_failure *failure;

	*check = entry_check_vmcs(&w->rules, &w->entry, ENTRY_CHANGED_ALL);
	if (*check == ENTRY_PASSED) {
		*check = entry_load_msrs(&w->rules, &w->entry, &number);
		if (*check != ENTRY_PASSED)
			return (struct outcome){.reason = 34, .qualification = number};
		return (struct outcome){0};
	}
	failure = &entry_check_info(*check)->failure;
	return (struct outcome){failure->instruction_error, failure->exit_reason,
				failure->qualification};
}

/* VMLAUNCH; exits return as success. */
static enum vmx_outcome launch(bool own_rip)
{
	bool carry, zero;

	__asm__ volatile("push %%rbp\n\t"
			 "vmwrite %%rsp, %[rsp_field]\n\t"
			 "test %[own], %[own]\n\t"
			 "jz 1f\n\t"
			 "lea 2f(%%rip), %%rax\n\t"
			 "vmwrite %%rax, %[rip_field]\n"
			 "1:\n\t"
			 "vmlaunch\n\t"
			 "jmp 3f\n"
			 "2:\n\t"
			 "clc\n\t"
			 "cld\n\t"
			 "test %%rsp, %%rsp\n" /* clears ZF and CF */
			 "3:\n\t"
			 "pop %%rbp\n\t"
			 : "=@ccc"(carry), "=@ccz"(zero)
			 : [rsp_field] "b"((uint64_t)VMCS_HOST_RSP),
			   [rip_field] "c"((uint64_t)VMCS_HOST_RIP), [own] "d"((uint64_t)own_rip)
			 : "rax", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
			   "r15", "memory");
	return carry ? VMX_FAIL_INVALID : zero ? VMX_FAIL_VALID : VMX_SUCCEED;
}

/* What an exit loads beside what the image has anyway. */
static void restore_host(const struct desc_ptr *gdt, const struct desc_ptr *idt, uint64_t cr0,
			 uint64_t cr4)
{
	lgdt(gdt);
	lidt(idt);
	write_cr0(cr0);
	write_cr4(cr4);
}

static struct outcome enter(const struct entry_world *w)
{
	struct desc_ptr gdt, idt;
	uint64_t cr0 = read_cr0(), cr4 = read_cr4(), reason = 0, qualification = 0;
	struct outcome outcome = {0};

	__asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(gdt), "=m"(idt));
	vmclear(WORLD_CURRENT);
	*(volatile uint32_t *)WORLD_CURRENT = (uint32_t)processor.basic;
	expect("vmptrld", vmptrld(WORLD_CURRENT), VMX_SUCCEED);
#define ENTRY_FIELD(NAME, GROUP) vmwrite_checked(VMCS_##NAME, vmcs12_get(&w->v, VMCS_##NAME));
#include "nesting/entry_fields.def"
#undef ENTRY_FIELD
	vmwrite_checked(VMCS_PREEMPTION_TIMER_VALUE, 1000);
	vmwrite(VMCS_EXCEPTION_BITMAP, 0xffffffff);
	vmwrite(VMCS_PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmwrite(VMCS_PAGE_FAULT_ERROR_CODE_MATCH, 0);
	if (vmcs12_get(&w->v, VMCS_HOST_GDTR_BASE) == 0)
		vmwrite(VMCS_HOST_GDTR_BASE, gdt.base);
	if (vmcs12_get(&w->v, VMCS_HOST_IDTR_BASE) == 0)
		vmwrite(VMCS_HOST_IDTR_BASE, idt.base);
	switch (launch(vmcs12_get(&w->v, VMCS_HOST_RIP) == vmcs12_get(&fresh.v, VMCS_HOST_RIP))) {
	case VMX_FAIL_INVALID:
		fail("no-current-vmcs");
	case VMX_FAIL_VALID:
		outcome.error = (uint32_t)vmread(VMCS_INSTRUCTION_ERROR);
		break;
	case VMX_SUCCEED:
		restore_host(&gdt, &idt, cr0, cr4);
		reason = vmread(VMCS_EXIT_REASON);
		qualification = vmread(VMCS_EXIT_QUALIFICATION);
		if (reason & EXIT_REASON_FAILED_ENTRY) {
			outcome.reason = reason & EXIT_REASON_BASIC_MASK;
			outcome.qualification = qualification;
		}
		break;
	}
	return outcome;
}

static void compare(void *ctx, struct entry_world *w, enum entry_check edge, bool valid)
{
	struct outcome expected, found;
	enum entry_check check;

	(void)ctx;
	lay_out(w);
	set_host(w);
	set_timer(w);
	w->vmx = processor;
	w->rules.debugctl = 3;
	entry_rules_init(&w->rules);
	w->entry = (struct entry){&w->v,	WORLD_CURRENT, true,	 read_physical,
				  load_nothing, NULL,	       w->pdptes};
	expected = expect_by_table(w, &check);
	if (dangerous(w, &expected)) {
		skipped++;
		return;
	}
	found = enter(w);
	compared++;
	if (!memcmp(&found, &expected, sizeof(found)))
		return;
	/* Where nothing fails for the table, the edge says what the processor must have refused. */
	if (check == ENTRY_PASSED)
		check = edge;
	if (++deviating[check] <= known[check].edges)
		return;
	differing++;
	printk("%s, %s: %s expects error %u, reason %u, qualification %lu; "
	       "found %u, %u, %lu\n",
	       entry_check_info(edge)->name, valid ? "valid" : "invalid",
	       entry_check_info(check)->name, expected.error, expected.reason,
	       expected.qualification, found.error, found.reason, found.qualification);
}

void guest_main(const struct start_info_view *boot)
{
	static struct entry_world world;

	(void)boot;
	report_image("entry-checks");
	entry_world_init(&fresh, BASE_LONG);
	read_capabilities();
	enable_vmx();
	entry_edges(&world, compare, NULL);
	for (unsigned check = 0; check < ENTRY_CHECKS; check++) {
		if (!known[check].edges)
			continue;
		printk("deviation at %u edges: %s (%s): %s\n", deviating[check],
		       entry_check_info(check)->name, entry_check_info(check)->section,
		       known[check].how);
		expect(entry_check_info(check)->name, deviating[check], known[check].edges);
	}
	printk("%u edges compared, %u skipped, %u differ\n", compared, skipped, differing);
	expect("differing", differing, 0);
}
