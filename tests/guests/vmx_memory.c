/* Instructions that reach memory and devices for which the guest's hypervisor asks no exit. */
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/dev/ioapic.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define EPT_ALL	       UINT64_C(7) /* rights */
#define EPT_READABLE   UINT64_C(1)
#define EPT_WRITABLE   UINT64_C(2)
#define EPT_LARGE      UINT64_C(0x80)
#define EPT_WRITE_BACK UINT64_C(0x30)
#define EPTP_FLAGS     UINT64_C(0x1e)	   /* write-back, four levels */
#define HIGH	       (UINT64_C(1) << 30) /* guest-physical: memory again, page by page */
#define CONSOLE	       0xe9
#define NO_PORT	       0x1f0f0 /* EDX: the upper half counts for nothing */
#define VERSION	       1       /* of the I/O APIC: a register */
#define DEVICE_PAGE    (PAGE_AREA_FREE + 1)
#define FIRST_PAGE     (PAGE_AREA_FREE + 2) /* of two */

/* Qualification of EPT violations: SDM volume 3, table 28-7.  What follows not all processors tell.
 */
#define VIOLATION_TOLD	    UINT64_C(0x1ff)
#define VIOLATION_OF_LINEAR UINT64_C(0x180)
#define VIOLATION_READ	    UINT64_C(1)
#define VIOLATION_WRITE	    UINT64_C(2)

static uint64_t root[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t table[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t directory[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t entries[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t pages[2][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t msr_bitmap[PAGE_SIZE / 8] __attribute__((aligned(PAGE_SIZE)));
static const char line[] = "vmx: a line of the guest's guest\n";

L2_CODE(l2_out_strings, "cld; l2_outs: rep outsb; vmcall");
L2_CODE(l2_in_strings, "cld; l2_ins: rep insb; vmcall");
L2_CODE(l2_device, "movl %eax, (%rdi); movl 0x10(%rdi), %ebx; vmcall");
L2_CODE(l2_msr_read, "rdmsr; vmcall");
L2_CODE(l2_call, "vmcall");
extern const char l2_outs[], l2_ins[];

/* All of memory and devices where they are, and two pages of memory at HIGH. */
static void make_space(void)
{
	root[0] = (uint64_t)table | EPT_ALL;
	table[0] = EPT_ALL | EPT_LARGE | EPT_WRITE_BACK;
	table[1] = (uint64_t)directory | EPT_ALL;
	table[3] = 3 * HIGH | EPT_ALL | EPT_LARGE;
	directory[0] = (uint64_t)entries | EPT_ALL;
	for (uint64_t i = 0; i < 2; i++) {
		entries[i] = (uint64_t)pages[i] | EPT_ALL | EPT_WRITE_BACK;
		page_map(FIRST_PAGE + (unsigned)i, HIGH + i * PAGE_SIZE, PTE_RW);
	}
}

static void begin(const char *name, const void *rip, bool ept)
{
	report_running(name);
	l1_new_guest(rip);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, ept);
	if (ept)
		vmwrite(VMCS_EPT_POINTER, (uint64_t)root | EPTP_FLAGS);
}

static void strings_out(bool ept)
{
	begin(ept ? "outs-ept" : "outs", l2_out_strings, ept);
	l2_registers[L2_RSI] = (uint64_t)line;
	l2_registers[L2_RCX] = sizeof(line) - 1;
	l2_registers[L2_RDX] = CONSOLE;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("rsi", l2_registers[L2_RSI], (uint64_t)line + sizeof(line) - 1);
	expect("rcx", l2_registers[L2_RCX], 0);
}

/* Across both pages, of which the second one is read-only first. */
static void strings_in(void)
{
	uint64_t start = (uint64_t)page_address(FIRST_PAGE) + PAGE_SIZE - 8;

	make_space();
	entries[1] = (uint64_t)pages[1] | EPT_READABLE | EPT_WRITE_BACK;
	for (unsigned i = 0; i < 16; i++)
		pages[i / 8][i < 8 ? PAGE_SIZE - 8 + i : i - 8] = 0x55;
	begin("ins-ept", l2_in_strings, true);
	l2_registers[L2_RDI] = start;
	l2_registers[L2_RCX] = 16;
	l2_registers[L2_RDX] = NO_PORT;
	l1_expect(EXIT_REASON_EPT_VIOLATION, l2_ins);
	expect("address", vmread(VMCS_GUEST_PHYSICAL_ADDRESS), HIGH + PAGE_SIZE);
	expect("linear", vmread(VMCS_GUEST_LINEAR_ADDRESS), start + 8);
	expect("qualification", vmread(VMCS_EXIT_QUALIFICATION) & VIOLATION_TOLD & ~VIOLATION_READ,
	       VIOLATION_OF_LINEAR | VIOLATION_WRITE | EPT_READABLE << 3);
	expect("rdi", l2_registers[L2_RDI], start + 8);
	expect("rcx", l2_registers[L2_RCX], 8);
	expect("stored", pages[0][PAGE_SIZE - 1], 0xff);
	entries[1] |= EPT_ALL;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("rcx", l2_registers[L2_RCX], 0);
	expect("stored", pages[1][7], 0xff);
}

/* A page that the guest's tables do not have, and one that EPT does not. */
static void strings_fault(void)
{
	begin("outs-page-fault", l2_out_strings, false);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_PF));
	page_unmap(FIRST_PAGE);
	l2_registers[L2_RSI] = (uint64_t)page_address(FIRST_PAGE);
	l2_registers[L2_RCX] = 1;
	l2_registers[L2_RDX] = NO_PORT;
	l1_expect(EXIT_REASON_EXCEPTION_NMI, l2_outs);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION | VECTOR_PF);
	expect("address", vmread(VMCS_EXIT_QUALIFICATION), (uint64_t)page_address(FIRST_PAGE));
}

static void strings_fault_in_ept(void)
{
	make_space();
	entries[0] = 0;
	begin("outs-ept-fault", l2_out_strings, true);
	l2_registers[L2_RSI] = (uint64_t)page_address(FIRST_PAGE) + 5;
	l2_registers[L2_RCX] = 1;
	l2_registers[L2_RDX] = NO_PORT;
	l1_expect(EXIT_REASON_EPT_VIOLATION, l2_outs);
	expect("address", vmread(VMCS_GUEST_PHYSICAL_ADDRESS), HIGH + 5);
	expect("qualification", vmread(VMCS_EXIT_QUALIFICATION) & VIOLATION_TOLD,
	       VIOLATION_OF_LINEAR | VIOLATION_READ);
	entries[0] = (uint64_t)pages[0] | EPT_WRITE_BACK | EPT_WRITABLE;
	l1_expect(EXIT_REASON_EPT_MISCONFIG, l2_outs);
	expect("address", vmread(VMCS_GUEST_PHYSICAL_ADDRESS), HIGH + 5);
}

static uint32_t version(void)
{
	volatile uint32_t *ioapic = (volatile uint32_t *)page_address(DEVICE_PAGE);

	ioapic[0] = 0;
	ioapic[0] = VERSION;
	return ioapic[4];
}

/* The I/O APIC: the register that was chosen last is another one. */
static void device(bool ept)
{
	uint32_t found;

	page_map(DEVICE_PAGE, IOAPIC_BASE, PTE_RW | PTE_PCD);
	found = version();
	*(volatile uint32_t *)page_address(DEVICE_PAGE) = 0;
	begin(ept ? "device-ept" : "device", l2_device, ept);
	l2_registers[L2_RDI] = (uint64_t)page_address(DEVICE_PAGE);
	l2_registers[L2_RAX] = VERSION;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("version", (uint32_t)l2_registers[L2_RBX], found);
	page_unmap(DEVICE_PAGE);
}

/* The next exit stores this value in the second half of `area`. */
static void begin_storing(const char *name, const void *rip, volatile uint64_t *area,
			  uint64_t value)
{
	area[0] = MSR_IA32_KERNEL_GS_BASE;
	area[1] = 0;
	wrmsr(MSR_IA32_KERNEL_GS_BASE, value);
	begin(name, rip, false);
	vmwrite(VMCS_EXIT_MSR_STORE_ADDR, (uint64_t)area);
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 1);
}

static void end_storing(void)
{
	vmwrite(VMCS_EXIT_MSR_STORE_COUNT, 0);
	wrmsr(MSR_IA32_KERNEL_GS_BASE, 0);
}

/* The value is the bits of MSRs 0x140 to 0x17f, to be read. */
static void bitmap_stored_to(void)
{
	uint64_t *area = &msr_bitmap[0x140 / 64 - 1];

	begin_storing("bitmap-stored-to", l2_msr_read, area, UINT64_MAX);
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_MSR_BITMAPS, true);
	l2_registers[L2_RCX] = MSR_IA32_SYSENTER_CS;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("stored", area[1], UINT64_MAX);
	vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_msr_read);
	l1_expect(EXIT_REASON_MSR_READ, l2_msr_read);
	end_storing();
}

/* The value is a page's entry, in the stead of one that has been used. */
static void table_stored_to(void)
{
	uint64_t entry = (uint64_t)pages[1] | PTE_RW | PTE_P;

	pages[0][0] = 1;
	pages[1][0] = 2;
	begin_storing("table-stored-to", l2_call, &area_pt[FIRST_PAGE], entry);
	page_map(FIRST_PAGE + 1, (uint64_t)pages[0], PTE_RW);
	expect("byte", *page_address(FIRST_PAGE + 1), 1);
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("stored", area_pt[FIRST_PAGE + 1], entry);
	invlpg(page_address(FIRST_PAGE + 1));
	expect("byte", *page_address(FIRST_PAGE + 1), 2);
	end_storing();
	page_unmap(FIRST_PAGE);
	page_unmap(FIRST_PAGE + 1);
}

void memory_left_alone(void)
{
	bitmap_stored_to();
	table_stored_to();
	strings_out(false);
	device(false);
	strings_fault();
	/* Upon a hypervisor that has no EPT itself. */
	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT))
		return;
	make_space();
	strings_out(true);
	device(true);
	strings_in();
	strings_fault_in_ept();
}
