/*
 * What a guest's hypervisor is told of the event whose delivery an exit has interrupted: here that
 * of a virtual interrupt, and of an exception (SDM volume 3, 28.2.4 and 30.2.2).  With a second
 * processor, also that a hypervisor below loses nothing that comes meanwhile.
 */
#include "bench/guests/irq/second.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define VIRTUAL	 0x61 /* vectors */
#define INJECTED 0x51
#define SENT	 0x52
#define TIMER	 0x53

#define EPT_ALL	       UINT64_C(7) /* rights */
#define EPT_WRITABLE   UINT64_C(2)
#define EPT_LARGE      UINT64_C(0x80)
#define EPT_WRITE_BACK UINT64_C(0x30)
#define EPTP_FLAGS     UINT64_C(0x1e)	    /* write-back, four levels */
#define HIGH	       (UINT64_C(1) << 30)  /* guest-physical: the IDT again, in each page */
#define UNTOUCHED      (UINT64_C(64) << 20) /* memory of the image's that nothing is in */

#define IDT_PAGE  (PAGE_AREA_FREE + 5)
#define SIDE_PAGE (PAGE_AREA_FREE + 6)
#define IDT_LIMIT 0xfff

#define ICR_NMI	 0x400	     /* to APIC 0, this one */
#define IRR	 (0x200 / 4) /* in the page of the virtual APIC */
#define ROUNDS	 120
#define APART	 UINT64_C(300) /* ticks */
#define SOON	 500
#define PATIENCE 1000000

/* What the tables of both pages are is known when the delivery begins, so that it stops once. */
L2_CODE(l2_vectors_wait, "mov (%rdi), %rax; sti; nop; nop; vmcall");
L2_CODE(l2_vectored, "vmcall; sti; nop; l2_goes_round: jmp l2_goes_round");
L2_CODE(l2_injected, "vmcall");
L2_CODE(l2_excepted, "ud2");
extern const char l2_goes_round[];

static uint64_t root[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t table[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t directory[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t entries[PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint32_t virtual_apic[PAGE_SIZE / 4] __attribute__((aligned(PAGE_SIZE)));
static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint32_t first; /* the APIC of this processor, where there is a second one, */
static uint64_t begun; /* and the rounds of the two */
static volatile unsigned taken[256];
static uint8_t gates[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

static bool on_bochs(void)
{
	return !(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR);
}

static void copy_gates(void)
{
	struct desc_ptr idt;

	__asm__ volatile("sidt %0" : "=m"(idt));
	memcpy(gates, (const void *)idt.base, sizeof(gates));
}

/* The first GB of memory in its place, and the IDT in each page behind it. */
static void use_space(void)
{
	root[0] = (uint64_t)table | EPT_ALL;
	table[0] = EPT_ALL | EPT_LARGE | EPT_WRITE_BACK;
	table[1] = (uint64_t)directory | EPT_ALL;
	directory[0] = (uint64_t)entries | EPT_ALL;
	for (unsigned i = 0; i < PTES_PER_PAGE; i++)
		entries[i] = (uint64_t)gates | EPT_ALL | EPT_WRITE_BACK;
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, true);
	vmwrite(VMCS_EPT_POINTER, (uint64_t)root | EPTP_FLAGS);
	expect("invept", invept(1, (uint64_t)root | EPTP_FLAGS), VMX_SUCCEED);
}

/* A guest with an IDT of its own at `idt`, its copy with EPT, which it has not touched yet. */
static void begin(const char *name, const void *rip, bool ept, uint64_t idt)
{
	report_running(name);
	l1_new_guest(rip);
	copy_gates();
	if (ept)
		use_space();
	page_map(IDT_PAGE, idt, PTE_RW);
	page_map(SIDE_PAGE, (uint64_t)gates, PTE_RW);
	l2_registers[L2_RDI] = (uint64_t)page_address(SIDE_PAGE);
	vmwrite(VMCS_GUEST_IDTR_BASE, (uint64_t)page_address(IDT_PAGE));
	vmwrite(VMCS_GUEST_IDTR_LIMIT, IDT_LIMIT);
}

/* The processor delivers to it, and has something to deliver. */
static void request(void)
{
	memset(virtual_apic, 0, sizeof(virtual_apic));
	virtual_apic[IRR + VIRTUAL / 32 * 4] = 1u << VIRTUAL % 32;
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, (uint64_t)virtual_apic);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	for (unsigned i = 0; i < 4; i++)
		vmwrite(VMCS_EOI_EXIT_BITMAP0 + 2 * i, 0);
	vmwrite(VMCS_GUEST_INTR_STATUS, VIRTUAL);
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	l1_set(CONTROL_EXIT, CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT, true);
	l1_set(CONTROL_PRIMARY,
	       (uint32_t)(CONTROL_PRIMARY_USE_MSR_BITMAPS | CONTROL_PRIMARY_USE_TPR_SHADOW), true);
	l1_set(CONTROL_PRIMARY,
	       CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING, false);
	l1_set(CONTROL_SECONDARY, (uint32_t)CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY, true);
}

static void inject(void)
{
	vmwrite(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | INTR_TYPE_EXTERNAL | INJECTED);
}

/* The IDT's page as it was, or none, which the hypervisor below has to look for again. */
static void give_idt(bool there)
{
	entries[0] = there ? entries[1] : 0;
	expect("invept", invept(1, vmread(VMCS_EPT_POINTER)), VMX_SUCCEED);
}

/* Another event, which is over when the one in question comes. */
static void deliver_another(void)
{
	begin("vectoring-before", l2_vectors_wait, false, (uint64_t)gates);
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	inject();
	l1_expect(EXIT_REASON_VMCALL, l2_vectored);
	page_unmap(IDT_PAGE);
}

static void expect_vectoring(uint64_t info)
{
	expect("vectoring", vmread(VMCS_IDT_VECTORING_INFO), info);
	expect("status", vmread(VMCS_GUEST_INTR_STATUS), VIRTUAL << 8);
}

/* What a hypervisor below has to see to meanwhile is nothing to this one. */
static void is_delivered(const char *name, bool ept)
{
	deliver_another();
	begin(name, l2_vectors_wait, ept, ept ? HIGH : (uint64_t)gates);
	request();
	l1_expect(EXIT_REASON_VMCALL, l2_vectored);
	expect_vectoring(0);
}

/* Bochs tells of the event before. */
static void ends_in_ept(const char *name, uint64_t reason, uint64_t entry)
{
	deliver_another();
	begin(name, l2_vectors_wait, true, HIGH);
	request();
	entries[0] = entry;
	l1_expect(reason, NULL);
	expect_vectoring(INTR_INFO_VALID | INTR_TYPE_EXTERNAL | VIRTUAL);
	give_idt(true);
	vmwrite(VMCS_ENTRY_INTR_INFO, vmread(VMCS_IDT_VECTORING_INFO));
	l1_expect(EXIT_REASON_VMCALL, l2_vectored);
	expect_vectoring(0);
}

/* The guest has no IDT that is there: neither fault is one in delivery. */
static void double_faults(void)
{
	begin("vectoring-double-fault", l2_excepted, false, (uint64_t)gates);
	page_unmap(IDT_PAGE);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_DF));
	l1_expect(EXIT_REASON_EXCEPTION_NMI, l2_excepted);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION | VECTOR_DF);
	expect("vectoring", vmread(VMCS_IDT_VECTORING_INFO), 0);
	if (on_bochs())
		return;
	begin("vectoring-triple-fault", l2_excepted, false, (uint64_t)gates);
	page_unmap(IDT_PAGE);
	l1_expect(EXIT_REASON_TRIPLE_FAULT, l2_excepted);
	expect("vectoring", vmread(VMCS_IDT_VECTORING_INFO), 0);
}

static void set_gates(const void *entry)
{
	trap_gate(VIRTUAL, entry);
	trap_gate(INJECTED, entry);
}

/* The guest serves a virtual interrupt, with IF set, and is to take another event. */
static void inject_while_served(const char *name)
{
	deliver_another();
	begin(name, l2_vectors_wait, true, HIGH);
	request();
	l1_expect(EXIT_REASON_VMCALL, l2_vectored);
	expect_vectoring(0);
	l1_skip();
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	trap_gate(INJECTED, l2_injected);
	copy_gates();
	inject();
}

static void expect_injected(void)
{
	l1_expect(EXIT_REASON_VMCALL, l2_injected);
	expect_vectoring(0);
	trap_gate(INJECTED, l2_vectored);
}

/* That interrupt is not taken for the event whose delivery ends early, nor the other way round. */
static void injected_while_served(void)
{
	inject_while_served("vectoring-served");
	give_idt(false);
	l1_expect(EXIT_REASON_EPT_VIOLATION, NULL);
	expect_vectoring(INTR_INFO_VALID | INTR_TYPE_EXTERNAL | INJECTED);
	give_idt(true);
	inject();
	expect_injected();

	inject_while_served("vectoring-served-below");
	give_idt(true);
	expect_injected();
	if (on_bochs())
		return;

	report_running("vectoring-served-again");
	request();
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
	give_idt(false);
	l1_expect(EXIT_REASON_EPT_VIOLATION, NULL);
	expect_vectoring(INTR_INFO_VALID | INTR_TYPE_EXTERNAL | VIRTUAL);
}

/* An interrupt of its own, on the stack that ends at `end`. */
static void send_on_stack(uint64_t end, uint32_t msr, uint32_t value)
{
	uint64_t kept;

	__asm__ volatile("mov %%rsp, %0; mov %1, %%rsp\n\t"
			 "sti; nop; wrmsr; nop; cli\n\t"
			 "mov %0, %%rsp"
			 : "=&r"(kept)
			 : "r"(end), "c"(msr), "a"(value), "d"(0)
			 : "cc", "memory");
}

static void take(struct trap_frame *frame)
{
	taken[frame->vector]++;
	if (frame->vector == VECTOR_NMI)
		return;
	if (taken[VIRTUAL] == 1)
		send_on_stack(UNTOUCHED, MSR_X2APIC_ICR, ICR_NMI);
	apic_eoi();
}

/* The same of the image itself, on stacks where nothing has been before; then all is over. */
static void nmi_while_served(void)
{
	report_running("vectoring-own");
	trap_handle(VIRTUAL, take);
	trap_handle(VECTOR_NMI, take);
	send_on_stack(UNTOUCHED + PAGE_SIZE_2M, MSR_X2APIC_SELF_IPI, VIRTUAL);
	send_on_stack(UNTOUCHED + 2 * PAGE_SIZE_2M, MSR_X2APIC_SELF_IPI, VIRTUAL);
	expect("nmis", taken[VECTOR_NMI], 1);
	expect("vectors", taken[VIRTUAL], 2);
	trap_handle(VECTOR_NMI, NULL);
	trap_handle(VIRTUAL, NULL);
}

void told_of_vectoring(void)
{
	apic_enable();
	nmi_while_served();
	set_gates(l2_vectored);
	double_faults();
	if (l1_can(CONTROL_SECONDARY, (uint32_t)CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY)) {
		is_delivered("vectoring-over", false);
		if (l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT)) {
			is_delivered("vectoring-over-ept", true);
			injected_while_served();
		}
		if (!on_bochs() && l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT)) {
			ends_in_ept("vectoring-violation", EXIT_REASON_EPT_VIOLATION, 0);
			ends_in_ept("vectoring-misconfig", EXIT_REASON_EPT_MISCONFIG,
				    (uint64_t)gates | EPT_WRITABLE | EPT_WRITE_BACK);
		}
	}
	set_gates(NULL);
}

/* The second processor interrupts the first one, each time later in what that has begun. */
static void interrupt_first(void)
{
	for (uint64_t round = 0; round < ROUNDS; round++) {
		uint64_t start;

		while (__atomic_load_n(&begun, __ATOMIC_ACQUIRE) <= round)
			pause();
		start = rdtsc_ordered();
		while (rdtsc_ordered() - start < round * APART)
			pause();
		wrmsr(MSR_X2APIC_ICR, (uint64_t)first << 32 | SENT);
	}
}

/*
 * Whether it comes for the hypervisor within the delivery, in which one below has to see to a page
 * that the guest has not touched before.
 */
static bool is_interrupted(uint64_t round)
{
	bool in_service, delivered;

	deliver_another();
	begin("vectoring-interrupted", l2_vectors_wait, true, HIGH + round * PAGE_SIZE);
	request();
	__atomic_store_n(&begun, round + 1, __ATOMIC_RELEASE);
	if (l1_run() == EXIT_REASON_VMCALL) {
		expect_vectoring(0);
		l1_skip();
		l1_run();
	}
	expect("reason", vmread(VMCS_EXIT_REASON), EXIT_REASON_EXTERNAL_INTERRUPT);
	apic_eoi();
	in_service = vmread(VMCS_GUEST_INTR_STATUS) == VIRTUAL << 8;
	delivered = vmread(VMCS_GUEST_RIP) - (uint64_t)l2_vectored <=
		    (uint64_t)l2_goes_round - (uint64_t)l2_vectored;
	expect("vectoring", vmread(VMCS_IDT_VECTORING_INFO),
	       in_service && !delivered ? INTR_INFO_VALID | INTR_TYPE_EXTERNAL | VIRTUAL : 0);
	return in_service && !delivered;
}

/* Both interrupts come, though the timer may go off just when a hypervisor below takes the other.
 */
static void expect_both(uint64_t round)
{
	unsigned seen = 0;

	begin("vectoring-both", l2_vectors_wait, false, (uint64_t)gates);
	request();
	l1_set(CONTROL_PIN, CONTROL_PIN_PREEMPTION_TIMER, true);
	vmwrite(VMCS_PREEMPTION_TIMER_VALUE, PATIENCE);
	apic_timer_deadline(TIMER);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc_ordered() + SOON);
	__atomic_store_n(&begun, round + 1, __ATOMIC_RELEASE);
	while (seen != (1 << (SENT & 1) | 1 << (TIMER & 1))) {
		if (l1_run() == EXIT_REASON_VMCALL) {
			l1_skip();
			continue;
		}
		if (vmread(VMCS_EXIT_REASON) != EXIT_REASON_EXTERNAL_INTERRUPT)
			fail("lost seen=%u round=%lu", seen, round);
		seen |= 1 << (vmread(VMCS_EXIT_INTR_INFO) & 1);
		apic_eoi();
	}
	apic_timer_stop();
}

static void begin_pair(void)
{
	begun = 0;
	second_begin(interrupt_first);
}

void vectoring_interrupted(void)
{
	unsigned times = 0;

	if (!l1_can(CONTROL_SECONDARY, (uint32_t)CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY))
		return;
	apic_enable();
	first = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	set_gates(l2_vectored);
	begin_pair();
	for (uint64_t round = 0; round < ROUNDS; round++)
		times += is_interrupted(round);
	second_finish();
	if (!times && !on_bochs())
		fail("never-interrupted");
	begin_pair();
	for (uint64_t round = 0; round < ROUNDS; round++)
		expect_both(round);
	second_finish();
	set_gates(NULL);
}
