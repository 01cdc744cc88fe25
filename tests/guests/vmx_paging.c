/* Page tables of the guest's own, which its hypervisor leaves to it: none of this exits. */
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define SLOT  UINT64_C(100) /* of the topmost table, where nothing else is */
#define ALIAS (SLOT << 39)
#define LINK  (PTE_P | PTE_RW | PTE_A)
#define PAGE  (LINK | PTE_D)
#define VPID  7

enum { R8 = L2_RDI + 1, R9 };

/* Two spaces, each with what the image needs and one page at ALIAS, of which there are two. */
static uint64_t tables[2][4][PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t pages[2][PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

L2_CODE(l2_changes_pages, "mov (%rdi), %rbx; mov %r8, (%rsi); invlpg (%rdi); mov (%rdi), %rdx;"
			  "mov %r9, %cr3; mov (%rdi), %rcx; mov %cr3, %rax; vmcall");
L2_CODE(l2_overrides, "mov %cr0, %rax; btr $16, %rax; mov %rax, %cr0; mov %rbx, (%rdi);"
		      "mov (%rdi), %rdx; bts $16, %rax; mov %rax, %cr0;"
		      "l2_writes: mov %rbx, (%rdi); ud2");
L2_CODE(l2_turns_nx_off, "mov $0xc0000080, %ecx; rdmsr; btr $11, %eax; wrmsr;"
			 "l2_reads_nx: mov (%rdi), %rdx; ud2");
L2_CODE(l2_turns_global, "mov %cr4, %rax; btc $7, %rax; mov %rax, %cr4; mov %cr4, %rbx; vmcall");
L2_CODE(l2_reads_page, "mov (%rdi), %rbx; vmcall; jmp l2_reads_page");
extern const char l2_writes[], l2_reads_nx[];

static uint64_t *entry(unsigned space)
{
	return &tables[space][3][0];
}

static void begin(const char *name, const void *rip)
{
	report_running(name);
	for (unsigned space = 0; space < 2; space++) {
		memcpy(tables[space][0], (void *)(read_cr3() & PTE_ADDR_MASK), PAGE_SIZE);
		tables[space][0][SLOT] = (uint64_t)tables[space][1] | LINK;
		tables[space][1][0] = (uint64_t)tables[space][2] | LINK;
		tables[space][2][0] = (uint64_t)tables[space][3] | LINK;
		*entry(space) = (uint64_t)pages[0] | PAGE;
		pages[space][0] = 0x1000 + space;
	}
	l1_new_guest(rip);
	vmwrite(VMCS_GUEST_CR3, (uint64_t)tables[0][0]);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_PF));
	l2_registers[L2_RDI] = ALIAS;
	l2_registers[L2_RSI] = (uint64_t)entry(0);
}

static void expect_page_fault(const void *rip, uint32_t error)
{
	l1_expect(EXIT_REASON_EXCEPTION_NMI, rip);
	expect("vector", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION | VECTOR_PF);
	expect("error-code", vmread(VMCS_EXIT_INTR_ERROR_CODE), error);
	expect("address", vmread(VMCS_EXIT_QUALIFICATION), ALIAS);
}

static void changes_pages(void)
{
	begin("own-pages", l2_changes_pages);
	l2_registers[R8] = (uint64_t)pages[1] | PAGE;
	l2_registers[R9] = (uint64_t)tables[1][0];
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("before", l2_registers[L2_RBX], 0x1000);
	expect("after", l2_registers[L2_RDX], 0x1001);
	expect("elsewhere", l2_registers[L2_RCX], 0x1000);
	expect("cr3", l2_registers[L2_RAX], (uint64_t)tables[1][0]);
	expect("guest-cr3", vmread(VMCS_GUEST_CR3), (uint64_t)tables[1][0]);
}

/* A value that its hypervisor lets pass is one more that does not exit. */
static void changes_to_target(void)
{
	begin("cr3-target", l2_changes_pages);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_CR3_LOAD_EXITING, true);
	vmwrite(VMCS_CR3_TARGET_COUNT, 1);
	vmwrite(VMCS_CR3_TARGET_VALUE0, (uint64_t)tables[1][0]);
	l2_registers[R8] = (uint64_t)pages[1] | PAGE;
	l2_registers[R9] = (uint64_t)tables[1][0];
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("elsewhere", l2_registers[L2_RCX], 0x1000);
	begin("cr3-no-target", l2_changes_pages);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_CR3_LOAD_EXITING, true);
	l2_registers[R8] = (uint64_t)pages[1] | PAGE;
	l2_registers[R9] = (uint64_t)tables[1][0];
	l1_expect(EXIT_REASON_CR_ACCESS, NULL);
	expect("guest-cr3", vmread(VMCS_GUEST_CR3), (uint64_t)tables[0][0]);
}

/* The same guest with EPT and without, each time from the start. */
static void changes_kind(void)
{
	begin("ept-and-back", l2_changes_pages);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_CR3_LOAD_EXITING, true);
	vmwrite(VMCS_CR3_TARGET_COUNT, 1);
	vmwrite(VMCS_CR3_TARGET_VALUE0, (uint64_t)tables[1][0]);
	for (unsigned round = 0; round < 4; round++) {
		if (round % 2)
			use_identity_ept();
		else
			l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, false);
		*entry(0) = (uint64_t)pages[round / 2] | PAGE;
		vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_changes_pages);
		vmwrite(VMCS_GUEST_CR3, (uint64_t)tables[0][0]);
		l2_registers[L2_RDI] = ALIAS;
		l2_registers[R8] = (uint64_t)pages[1 - round / 2] | PAGE;
		l2_registers[R9] = (uint64_t)tables[1][0];
		l1_expect(EXIT_REASON_VMCALL, NULL);
		expect("before", l2_registers[L2_RBX], 0x1000 + round / 2);
		expect("after", l2_registers[L2_RDX], 0x1001 - round / 2);
		expect("guest-cr3", vmread(VMCS_GUEST_CR3), (uint64_t)tables[1][0]);
		expect("guest-cr0", vmread(VMCS_GUEST_CR0), read_cr0());
		expect("guest-cr4", vmread(VMCS_GUEST_CR4), read_cr4());
	}
}

static void overrides_protection(void)
{
	begin("write-protect", l2_overrides);
	*entry(0) &= ~PTE_RW;
	l2_registers[L2_RBX] = 0x77;
	expect_page_fault(l2_writes, PF_P | PF_W);
	expect("written", l2_registers[L2_RDX], 0x77);
	expect("guest-cr0", vmread(VMCS_GUEST_CR0), read_cr0() | CR0_WP);
}

static void turns_bits(void)
{
	begin("no-execute", l2_turns_nx_off);
	*entry(0) |= PTE_NX;
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_MSR_BITMAPS, true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_SAVE_IA32_EFER, true);
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	vmwrite(VMCS_GUEST_IA32_EFER, rdmsr(MSR_IA32_EFER) | EFER_NXE);
	expect_page_fault(l2_reads_nx, PF_P | PF_RSVD);
	expect("guest-efer", vmread(VMCS_GUEST_IA32_EFER), rdmsr(MSR_IA32_EFER) & ~EFER_NXE);
	begin("global", l2_turns_global);
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("cr4", l2_registers[L2_RBX], l2_registers[L2_RAX]);
	expect("guest-cr4", vmread(VMCS_GUEST_CR4), read_cr4() ^ CR4_PGE);
}

/* Its hypervisor changes them between its runs, without a VPID and, with one, with INVVPID. */
static void finds_changed_pages(const char *name, bool tagged)
{
	begin(name, l2_reads_page);
	if (tagged) {
		l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VPID, true);
		vmwrite(VMCS_VPID, VPID);
	}
	for (unsigned round = 0; round < 6; round++) {
		*entry(0) = (uint64_t)pages[round % 2] | PAGE;
		if (tagged)
			expect("invvpid", invvpid(round / 2, VPID, ALIAS), VMX_SUCCEED);
		l1_expect(EXIT_REASON_VMCALL, NULL);
		expect("page", l2_registers[L2_RBX], 0x1000 + round % 2);
		l1_skip();
	}
	*entry(0) = 0;
	if (tagged)
		expect("invvpid", invvpid(1, VPID, 0), VMX_SUCCEED);
	expect_page_fault(l2_reads_page, 0);
}

void own_paging(void)
{
	changes_pages();
	changes_to_target();
	if (l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT))
		changes_kind();
	overrides_protection();
	turns_bits();
	finds_changed_pages("changed-pages", false);
	if (l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VPID))
		finds_changed_pages("changed-pages-vpid", true);
}
