/*
 * A hypervisor that means no good: addresses where it has no memory, VMCSs that it edits behind the
 * back of the one below, entries that are refused for ever.  Upon a hypervisor only: what a
 * processor finds where there is no memory is its machine's affair.
 */
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

/* Guest-physical, and valid: behind all memory, and where the hypervisor below may be in its own.
 */
static const uint64_t nowhere[] = {UINT64_C(1) << 38, UINT64_C(0xbffff000), UINT64_C(0xfee00000)};

#define NOWHERES	  (sizeof(nowhere) / sizeof(nowhere[0]))
#define EPTP_FLAGS	  UINT64_C(0x1e) /* write-back, four levels */
#define LAUNCHES	  2000
#define REQUESTED	  0xa1 /* vectors */
#define NOTIFIED	  0xe3
#define MSR_LOAD_FAILED	  34
#define BAD_STATE	  33
#define BAD_LINK	  4 /* qualification */
#define CONTROLS_REFUSED  7 /* error number */
#define ERROR_VMXON_AGAIN 15

L2_CODE(l2_port, "in $0x80, %al; vmcall");
L2_CODE(l2_msr, "rdmsr; vmcall");
L2_CODE(l2_function, "vmfunc; vmcall");
L2_CODE(l2_field, "vmread %rdi, %rax; vmcall");
L2_CODE(l2_priority_set, "mov %rax, %cr8; vmcall");
L2_CODE(l2_opens, "sti; nop; nop; ud2");
L2_CODE(l2_loads, "movl (%rdi), %eax; vmcall");
L2_CODE(l2_stores, "movl %eax, (%rdi); vmcall");
L2_CODE(l2_nothing, "vmcall; jmp l2_nothing");

static uint8_t a_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static void begin(const char *name, const void *rip)
{
	report_running(name);
	l1_new_guest(rip);
}

/* Where there is no memory reads float high, so all that bitmaps are asked for exits. */
static void bitmaps(uint64_t at)
{
	begin("io-bitmaps-nowhere", l2_port);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_IO_BITMAPS, true);
	vmwrite(VMCS_IO_BITMAP_A, at);
	vmwrite(VMCS_IO_BITMAP_B, at);
	l1_expect(EXIT_REASON_IO_INSTRUCTION, l2_port);

	begin("msr-bitmap-nowhere", l2_msr);
	l1_set(CONTROL_PRIMARY, (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS, true);
	vmwrite(VMCS_MSR_BITMAP, at);
	l2_registers[L2_RCX] = MSR_IA32_EFER;
	l1_expect(EXIT_REASON_MSR_READ, l2_msr);
}

/* The task priority that the guest sets is lost, or not. */
static void virtual_apic(uint64_t at)
{
	begin("virtual-apic-nowhere", l2_priority_set);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW, true);
	l1_set(CONTROL_PRIMARY,
	       CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING, false);
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, at);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	l2_registers[L2_RAX] = 9;
	l1_expect(EXIT_REASON_VMCALL, NULL);
}

/* A guest whose APIC is virtualized. */
static void begin_apic(const char *name, const void *rip, uint64_t page)
{
	begin(name, rip);
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT, true);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW, true);
	l1_set(CONTROL_SECONDARY,
	       CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION |
		       CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY,
	       true);
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, page);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	for (unsigned i = 0; i < 4; i++)
		vmwrite(VMCS_EOI_EXIT_BITMAP0 + 2 * i, 0);
}

/* What is requested is delivered, wherever the page; what nobody posted reads as ones. */
static void interrupts_from(uint64_t page, uint64_t descriptor)
{
	trap_gate(REQUESTED, l2_nothing);
	begin_apic("virtual-interrupt-nowhere", l2_opens, page);
	vmwrite(VMCS_GUEST_INTR_STATUS, REQUESTED);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
	expect("served", vmread(VMCS_GUEST_INTR_STATUS) >> 8, REQUESTED);
	trap_gate(REQUESTED, NULL);
	if (!l1_can(CONTROL_PIN, CONTROL_PIN_POSTED_INTERRUPTS))
		return;
	begin_apic("descriptor-nowhere", l2_nothing, page);
	l1_set(CONTROL_PIN, CONTROL_PIN_POSTED_INTERRUPTS, true);
	vmwrite(VMCS_POSTED_INTR_DESC_ADDR, descriptor);
	vmwrite(VMCS_POSTED_INTR_NV, NOTIFIED);
	vmwrite(VMCS_GUEST_INTR_STATUS, 0);
	wrmsr(MSR_X2APIC_SELF_IPI, NOTIFIED);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
	expect("requested", vmread(VMCS_GUEST_INTR_STATUS), 0xff);
}

/* Where there is no memory, each access to the page is one that exits. */
static void apic_access(uint64_t at, uint64_t page)
{
	for (unsigned write = 0; write < 2; write++) {
		begin_apic("apic-access-nowhere", write ? l2_stores : l2_loads, page);
		l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES, true);
		vmwrite(VMCS_APIC_ACCESS_ADDR, at);
		vmwrite(VMCS_GUEST_INTR_STATUS, 0);
		page_map(PAGE_AREA_FREE + 4, at, PTE_RW);
		l2_registers[L2_RDI] = (uint64_t)page_address(PAGE_AREA_FREE + 4) + 0x20;
		l1_expect(EXIT_REASON_APIC_ACCESS, write ? l2_stores : l2_loads);
		expect("qualification", vmread(VMCS_EXIT_QUALIFICATION), write << 12 | 0x20);
	}
}

static void translation(uint64_t at)
{
	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT))
		return;
	begin("ept-nowhere", l2_nothing);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, true);
	vmwrite(VMCS_EPT_POINTER, at | EPTP_FLAGS);
	l1_expect(EXIT_REASON_EPT_MISCONFIG, l2_nothing);
	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VMFUNC))
		return;
	begin("eptp-list-nowhere", l2_function);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, true);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VMFUNC, true);
	vmwrite(VMCS_EPT_POINTER, at | EPTP_FLAGS);
	vmwrite(VMCS_EPTP_LIST_ADDRESS, at);
	vmwrite(VMCS_VM_FUNCTION_CONTROLS, 1);
	l1_expect(EXIT_REASON_EPT_MISCONFIG, l2_function);
}

static void areas(uint64_t at)
{
	begin("msr-area-nowhere", l2_nothing);
	vmwrite(VMCS_ENTRY_MSR_LOAD_ADDR, at);
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 1);
	l1_expect(EXIT_REASON_FAILED_ENTRY | MSR_LOAD_FAILED, NULL);
	expect("number", vmread(VMCS_EXIT_QUALIFICATION), 1);

	begin("link-nowhere", l2_nothing);
	vmwrite(VMCS_VMCS_LINK_POINTER, at);
	l1_expect(EXIT_REASON_FAILED_ENTRY | BAD_STATE, NULL);
	expect("qualification", vmread(VMCS_EXIT_QUALIFICATION), BAD_LINK);

	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_VMCS_SHADOWING))
		return;
	begin("vmread-bitmap-nowhere", l2_field);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_VMCS_SHADOWING, true);
	vmwrite(VMCS_VMREAD_BITMAP, at);
	vmwrite(VMCS_VMWRITE_BITMAP, at);
	l2_registers[L2_RDI] = VMCS_GUEST_RIP;
	l1_expect(EXIT_REASON_VMREAD, l2_field);
}

static void regions(uint64_t at)
{
	begin("regions-nowhere", l2_nothing);
	expect("vmptrld", vmptrld(at), VMX_FAIL_VALID);
	expect("vmclear", vmclear(at), VMX_SUCCEED);
	expect("vmxon", vmxon(at), VMX_FAIL_VALID);
	expect("error", vmread(VMCS_INSTRUCTION_ERROR), ERROR_VMXON_AGAIN);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
}

/* A region is its owner's to read and write, and nobody looks while it is active. */
static void edited_region(void)
{
	uint64_t current = 0;
	volatile uint64_t *region;

	begin("edited", l2_nothing);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
	__asm__ volatile("vmptrst %0" : "=m"(current));
	region = (volatile uint64_t *)current;
	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*region); i++)
		region[i] = UINT64_MAX;
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
}

/* Of which the hypervisor has bitmaps and a region, too, that is active. */
static void one_page_for_all(void)
{
	uint64_t places[] = {(uint64_t)a_page, 0};

	begin("one-page", l2_nothing);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
	__asm__ volatile("vmptrst %0" : "=m"(places[1]));
	for (unsigned i = 0; i < 2; i++) {
		begin_apic("one-page-for-all", l2_priority_set, places[i]);
		l1_set(CONTROL_PIN, CONTROL_PIN_POSTED_INTERRUPTS, true);
		l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES, true);
		l1_set(CONTROL_PRIMARY, (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS, true);
		l1_set(CONTROL_PRIMARY,
		       CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING, false);
		vmwrite(VMCS_APIC_ACCESS_ADDR, places[i]);
		vmwrite(VMCS_POSTED_INTR_DESC_ADDR, places[i]);
		vmwrite(VMCS_POSTED_INTR_NV, NOTIFIED);
		vmwrite(VMCS_MSR_BITMAP, places[i]);
		vmwrite(VMCS_GUEST_INTR_STATUS, 0);
		wrmsr(MSR_X2APIC_SELF_IPI, NOTIFIED);
		l2_registers[L2_RAX] = 9;
		l1_expect(EXIT_REASON_VMCALL, NULL);
	}
}

static void refused_for_ever(void)
{
	begin("refused-for-ever", l2_nothing);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
	vmwrite(VMCS_CR3_TARGET_COUNT, 5);
	for (unsigned i = 0; i < LAUNCHES; i++)
		expect("error", l1_try(), CONTROLS_REFUSED);
	vmwrite(VMCS_CR3_TARGET_COUNT, 0);
	vmwrite(VMCS_GUEST_ACTIVITY_STATE, 9);
	for (unsigned i = 0; i < LAUNCHES; i++)
		l1_expect(EXIT_REASON_FAILED_ENTRY | BAD_STATE, NULL);
	vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_ACTIVE);
	l1_expect(EXIT_REASON_VMCALL, l2_nothing);
}

void hostile_hypervisor(void)
{
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR))
		return;
	apic_enable();
	for (unsigned i = 0; i < NOWHERES; i++) {
		bitmaps(nowhere[i]);
		translation(nowhere[i]);
		virtual_apic(nowhere[i]);
		interrupts_from(nowhere[i], nowhere[i]);
		apic_access(nowhere[i], (uint64_t)a_page);
		apic_access(nowhere[i], nowhere[i]);
		areas(nowhere[i]);
		regions(nowhere[i]);
	}
	one_page_for_all();
	edited_region();
	refused_for_ever();
}
