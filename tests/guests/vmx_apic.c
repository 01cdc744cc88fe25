/*
 * A guest whose APIC the processor virtualizes (SDM volume 3, chapter 30): what it reads, writes
 * and takes without an exit, and what exits.
 */
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"
#include "nesting/virtual_apic.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define LOW	 0x52 /* vectors of the guest's, of two priorities */
#define HIGH	 0x61
#define OTHER	 0x50 /* of its hypervisor's */
#define NOTIFIED 0xe3
#define ILLEGAL	 0x0f

/* Offsets in the page. */
enum { ID = 0x20, TPR = 0x80, PPR = 0xa0, EOI = 0xb0, ISR = 0x100, IRR = 0x200, LVT = 0x320 };
enum { COUNT = 0x390, SELF_IPI = 0x3f0, ICR = 0x300 };

#define TYPE_READ  0x0000u /* qualification of APIC accesses: SDM volume 3, table 28-6 */
#define TYPE_WRITE 0x1000u

#define ACCESSED (PAGE_AREA_FREE + 4) /* linear: the APIC-access page */

#define EPT_ALL	       UINT64_C(7) /* rights */
#define EPT_LARGE      UINT64_C(0x80)
#define EPT_WRITE_BACK UINT64_C(0x30)
#define EPTP_FLAGS     UINT64_C(0x1e) /* write-back, four levels */

#define ICR_SELF 0x40000u
#define CONSOLE	 0xe9
#define FIXED_ID 0x77000000u

/* The registers as EAX, ECX and EDX say. */
L2_CODE(l2_reads_msr, "rdmsr; vmcall; jmp l2_reads_msr");
L2_CODE(l2_writes_msr, "wrmsr; l2_written: nop; vmcall; jmp l2_writes_msr");
L2_CODE(l2_opens_up, "sti; nop; nop; vmcall");
L2_CODE(l2_lowers, "sti; mov %rax, %cr8; nop; vmcall");
L2_CODE(l2_loads, "movl (%rdi), %eax; vmcall; jmp l2_loads");
L2_CODE(l2_stores, "movl %eax, (%rdi); l2_stored: nop; vmcall; jmp l2_stores");
L2_CODE(l2_outputs, "cld; l2_output: rep outsb; vmcall");
L2_CODE(l2_halts_for, "sti; hlt; jmp l2_halts_for");
/* Handlers: tell that they have begun, and end the interrupt; what waits comes then. */
#define HANDLER "vmcall; mov $0x80b, %ecx; xor %eax, %eax; xor %edx, %edx; wrmsr; "
L2_CODE(l2_high, HANDLER "l2_high_ended: sti; nop; vmcall; iretq");
L2_CODE(l2_low, HANDLER "sti; nop; vmcall; iretq");
extern const char l2_written[], l2_stored[], l2_output[], l2_high_ended[];

static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint32_t page[PAGE_SIZE / 4] __attribute__((aligned(PAGE_SIZE)));
static uint8_t accessed[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static struct posted_descriptor descriptor __attribute__((aligned(PAGE_SIZE)));
static uint64_t root[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t table[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t directory[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t entries[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static volatile unsigned taken;

#define DELIVERED ((uint32_t)CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)
#define REGISTERS ((uint32_t)CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION)
#define X2APIC	  ((uint32_t)CONTROL_SECONDARY_VIRTUALIZE_X2APIC)
#define ACCESSES  ((uint32_t)CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES)

static uint32_t *reg(unsigned offset)
{
	return &page[offset / 4];
}

static void set_vector(unsigned offset, unsigned vector)
{
	*reg(offset + vector / 32 * 16) |= 1u << vector % 32;
}

static bool has_vector(unsigned offset, unsigned vector)
{
	return *reg(offset + vector / 32 * 16) >> vector % 32 & 1;
}

static void set_status(unsigned served, unsigned requested)
{
	vmwrite(VMCS_GUEST_INTR_STATUS, served << 8 | requested);
}

static void expect_status(unsigned served, unsigned requested)
{
	expect("status", vmread(VMCS_GUEST_INTR_STATUS), served << 8 | requested);
}

/* No access to an MSR exits but those that a case asks for. */
static void begin(const char *name, const void *rip, uint32_t secondary)
{
	report_running(name);
	l1_new_guest(rip);
	memset(page, 0, sizeof(page));
	memset(msr_bitmap, 0, sizeof(msr_bitmap));
	*reg(ID) = FIXED_ID;
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, (uint64_t)page);
	vmwrite(VMCS_APIC_ACCESS_ADDR, (uint64_t)accessed);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	for (unsigned i = 0; i < 4; i++)
		vmwrite(VMCS_EOI_EXIT_BITMAP0 + 2 * i, 0);
	set_status(0, 0);
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT, true);
	l1_set(CONTROL_PRIMARY, (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS, true);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW, true);
	l1_set(CONTROL_PRIMARY,
	       CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING, false);
	l1_set(CONTROL_SECONDARY, secondary, true);
	trap_gate(HIGH, l2_high);
	trap_gate(LOW, l2_low);
}

static void end(void)
{
	trap_gate(HIGH, NULL);
	trap_gate(LOW, NULL);
}

static void request(unsigned vector)
{
	set_vector(IRR, vector);
	set_status(0, vector);
}

/* From requested to in service and to its end, the next one behind it: 30.2. */
static void delivers(void)
{
	begin("virtual-interrupts", l2_opens_up, DELIVERED | REGISTERS | X2APIC);
	request(LOW);
	request(HIGH);
	l1_expect(EXIT_REASON_VMCALL, l2_high);
	expect_status(HIGH, LOW);
	expect("served", has_vector(ISR, HIGH), true);
	expect("requested", has_vector(IRR, HIGH), false);
	expect("priority", *reg(PPR), HIGH & 0xf0);
	l1_skip();
	l1_expect(EXIT_REASON_VMCALL, l2_low);
	expect_status(LOW, 0);
	expect("ended", has_vector(ISR, HIGH), false);
	l1_skip();
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect_status(0, 0);
	expect("priority", *reg(PPR), 0);

	begin("held-back", l2_lowers, DELIVERED | REGISTERS | X2APIC);
	*reg(TPR) = HIGH & 0xf0;
	request(HIGH);
	l2_registers[L2_RAX] = HIGH >> 4;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect_status(0, HIGH);
	vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_lowers);
	l2_registers[L2_RAX] = 0;
	l1_expect(EXIT_REASON_VMCALL, l2_high);
	end();
}

/* 30.1.4 and 30.1.5. */
static void ends_and_sends(void)
{
	begin("eoi-exits", l2_opens_up, DELIVERED | REGISTERS | X2APIC);
	vmwrite(VMCS_EOI_EXIT_BITMAP0 + 2 * (HIGH / 64), UINT64_C(1) << HIGH % 64);
	request(HIGH);
	l1_expect(EXIT_REASON_VMCALL, l2_high);
	l1_skip();
	l1_expect(EXIT_REASON_VIRTUALIZED_EOI, l2_high_ended);
	expect("vector", vmread(VMCS_EXIT_QUALIFICATION), HIGH);
	expect_status(0, 0);

	begin("self-ipi", l2_writes_msr, DELIVERED | REGISTERS | X2APIC);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	l2_registers[L2_RCX] = MSR_X2APIC_SELF_IPI;
	l2_registers[L2_RAX] = HIGH;
	l1_expect(EXIT_REASON_VMCALL, l2_high);
	expect_status(HIGH, 0);

	begin("self-ipi-illegal", l2_writes_msr, DELIVERED | REGISTERS | X2APIC);
	l2_registers[L2_RCX] = MSR_X2APIC_SELF_IPI;
	l2_registers[L2_RAX] = ILLEGAL;
	l1_expect(EXIT_REASON_APIC_WRITE, l2_written);
	expect("register", vmread(VMCS_EXIT_QUALIFICATION), SELF_IPI);
	expect_status(0, 0);
	end();
}

static uint64_t read_msr(uint32_t msr)
{
	l2_registers[L2_RCX] = msr;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	return (uint32_t)l2_registers[L2_RAX];
}

/* 30.5: what is not virtualized is the hypervisor's own. */
static void x2apic(void)
{
	begin("x2apic-registers", l2_reads_msr, REGISTERS | X2APIC);
	*reg(LVT) = 0x1234;
	expect("id", read_msr(MSR_X2APIC_APICID), FIXED_ID);
	l1_skip();
	expect("lvt", read_msr(MSR_X2APIC_LVT_TIMER), 0x1234);
	l1_skip();
	msr_bitmap[MSR_X2APIC_APICID / 8] |= 1 << MSR_X2APIC_APICID % 8;
	l2_registers[L2_RCX] = MSR_X2APIC_APICID;
	l1_expect(EXIT_REASON_MSR_READ, l2_reads_msr);

	begin("x2apic-priority", l2_reads_msr, X2APIC);
	*reg(TPR) = 0x30;
	expect("priority", read_msr(MSR_X2APIC_TPR), 0x30);
	l1_skip();
	expect("own-id", read_msr(MSR_X2APIC_APICID), rdmsr(MSR_X2APIC_APICID));

	begin("x2apic-not", l2_reads_msr, REGISTERS);
	*reg(TPR) = 0x30;
	expect("own-priority", read_msr(MSR_X2APIC_TPR), 0);
	l1_skip();
	expect("own-id", read_msr(MSR_X2APIC_APICID), rdmsr(MSR_X2APIC_APICID));

	begin("x2apic-write", l2_writes_msr, X2APIC);
	l2_registers[L2_RCX] = MSR_X2APIC_TPR;
	l2_registers[L2_RAX] = 0x50;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("page", *reg(TPR), 0x50);
	expect("own-priority", rdmsr(MSR_X2APIC_TPR), 0);
	end();
}

/* All of the first GB of memory in its place, around the page in pages as small. */
static void use_space(void)
{
	uint64_t around = (uint64_t)accessed / PAGE_SIZE_2M;

	root[0] = (uint64_t)table | EPT_ALL;
	table[0] = (uint64_t)directory | EPT_ALL;
	for (uint64_t i = 0; i < PTES_PER_PAGE; i++) {
		directory[i] = i * PAGE_SIZE_2M | EPT_ALL | EPT_LARGE | EPT_WRITE_BACK;
		entries[i] = (around * PAGE_SIZE_2M + i * PAGE_SIZE) | EPT_ALL | EPT_WRITE_BACK;
	}
	directory[around] = (uint64_t)entries | EPT_ALL;
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, true);
	vmwrite(VMCS_EPT_POINTER, (uint64_t)root | EPTP_FLAGS);
}

static void expect_access(const void *rip, uint64_t qualification)
{
	l1_expect(EXIT_REASON_APIC_ACCESS, rip);
	expect("qualification", vmread(VMCS_EXIT_QUALIFICATION), qualification);
}

static void begin_access(const char *name, const void *rip, unsigned offset, uint32_t secondary,
			 bool ept)
{
	begin(name, rip, secondary | ACCESSES);
	if (ept)
		use_space();
	memset(accessed, 0xee, sizeof(accessed));
	page_map(ACCESSED, (uint64_t)accessed, PTE_RW);
	l2_registers[L2_RDI] = (uint64_t)page_address(ACCESSED) + offset;
}

/* 30.4, by way of the page.  Bochs gives up where a guest fetches code from it. */
static void accesses(bool ept)
{
	begin_access("access-read", l2_loads, ID, REGISTERS, ept);
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("id", (uint32_t)l2_registers[L2_RAX], FIXED_ID);
	begin_access("access-read-exits", l2_loads, COUNT, REGISTERS, ept);
	expect_access(l2_loads, COUNT | TYPE_READ);
	begin_access("access-read-alone", l2_loads, ID, 0, ept);
	expect_access(l2_loads, ID | TYPE_READ);
	begin_access("access-priority", l2_loads, TPR, 0, ept);
	*reg(TPR) = 0x40;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("priority", (uint32_t)l2_registers[L2_RAX], 0x40);

	begin_access("access-write", l2_stores, ICR, REGISTERS, ept);
	l2_registers[L2_RAX] = HIGH;
	l1_expect(EXIT_REASON_APIC_WRITE, l2_stored);
	expect("register", vmread(VMCS_EXIT_QUALIFICATION), ICR);
	expect("written", *reg(ICR), HIGH);
	begin_access("access-write-exits", l2_stores, COUNT, REGISTERS, ept);
	expect_access(l2_stores, COUNT | TYPE_WRITE);
	begin_access("access-self-ipi", l2_stores, ICR, REGISTERS | DELIVERED, ept);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	l2_registers[L2_RAX] = ICR_SELF | HIGH;
	l1_expect(EXIT_REASON_VMCALL, l2_high);
	begin_access("access-string", l2_outputs, COUNT, REGISTERS, ept);
	l2_registers[L2_RSI] = l2_registers[L2_RDI];
	l2_registers[L2_RCX] = 4;
	l2_registers[L2_RDX] = CONSOLE;
	expect_access(l2_output, COUNT | TYPE_READ);
	end();
	for (unsigned i = 0; i < sizeof(accessed); i++)
		expect("untouched", accessed[i], 0xee);
}

static void count(struct trap_frame *frame)
{
	(void)frame;
	taken++;
}

/* The hypervisor takes the interrupt that waits, if there is one. */
static unsigned take(void)
{
	unsigned before = taken;

	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	return taken - before;
}

static void begin_posted(const char *name, const void *rip)
{
	begin(name, rip, DELIVERED | REGISTERS | X2APIC);
	memset(&descriptor, 0, sizeof(descriptor));
	l1_set(CONTROL_PIN, CONTROL_PIN_POSTED_INTERRUPTS, true);
	vmwrite(VMCS_POSTED_INTR_DESC_ADDR, (uint64_t)&descriptor);
	vmwrite(VMCS_POSTED_INTR_NV, NOTIFIED);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
}

static void post(unsigned vector)
{
	descriptor.requests[vector / 64] |= UINT64_C(1) << vector % 64;
	descriptor.control |= POSTED_OUTSTANDING;
}

/* 30.6: a notification that waits when the guest is entered is the processor's. */
static void posted(void)
{
	trap_handle(NOTIFIED, count);
	trap_handle(OTHER, count);
	begin_posted("posted", l2_opens_up);
	post(LOW);
	post(HIGH);
	wrmsr(MSR_X2APIC_SELF_IPI, NOTIFIED);
	l1_expect(EXIT_REASON_VMCALL, l2_high);
	expect_status(HIGH, LOW);
	expect("taken-over", descriptor.requests[1] | descriptor.control, 0);
	expect("waiting", take(), 0);
	l1_skip();
	l1_expect(EXIT_REASON_VMCALL, l2_low);

	begin_posted("posted-other", l2_opens_up);
	post(HIGH);
	wrmsr(MSR_X2APIC_SELF_IPI, OTHER);
	l1_expect(EXIT_REASON_EXTERNAL_INTERRUPT, NULL);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_TYPE_EXTERNAL | OTHER);
	apic_eoi();
	expect("posted", descriptor.control, POSTED_OUTSTANDING);

	/* Without the control it is an interrupt as any. */
	begin_posted("posted-not", l2_opens_up);
	l1_set(CONTROL_PIN, CONTROL_PIN_POSTED_INTERRUPTS, false);
	post(HIGH);
	wrmsr(MSR_X2APIC_SELF_IPI, NOTIFIED);
	l1_expect(EXIT_REASON_EXTERNAL_INTERRUPT, NULL);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_TYPE_EXTERNAL | NOTIFIED);
	apic_eoi();

	/* By which a guest is woken; not on Bochs. */
	if (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) {
		begin_posted("posted-wakes", l2_halts_for);
		post(HIGH);
		apic_timer_deadline(NOTIFIED);
		wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + 100000);
		l1_expect(EXIT_REASON_VMCALL, l2_high);
		expect("activity", vmread(VMCS_GUEST_ACTIVITY_STATE), ACTIVITY_ACTIVE);
		apic_timer_stop();
	}
	end();
}

void virtualized_apic(void)
{
	apic_enable();
	if (l1_can(CONTROL_SECONDARY, X2APIC)) {
		delivers();
		ends_and_sends();
		x2apic();
		posted();
	}
	accesses(false);
	if (l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT))
		accesses(true);
}
