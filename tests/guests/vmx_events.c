/* Events of a guest and its hypervisor: windows, interrupts, NMIs, faults while one is delivered.
 */
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "nesting/entry_checks.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define OTHER	   0x50 /* vectors */
#define INJECTED   0x51
#define VIRR	   0x200 /* of a virtual-APIC page */
#define TIME_AHEAD (UINT64_C(1) << 40)
#define NMI	   0x400 /* x2APIC ICR: an NMI to APIC 0, this one */

/* With no bit set, no access to an MSR exits. */
static uint8_t msr_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static volatile unsigned taken;

L2_CODE(l2_spin, "jmp l2_spin");
L2_CODE(l2_opens, "sti; nop; l2_open: nop; vmcall");
L2_CODE(l2_takes, "vmcall");
L2_CODE(l2_takes_nmi, "nop; l2_taken: vmcall");
L2_CODE(l2_goes_on, "sti; nop; l2_waits: jmp l2_waits");
L2_CODE(l2_halts_open, "sti; hlt; l2_woken: vmcall");
L2_CODE(l2_starts_timer, "wrmsr; l2_timed: jmp l2_timed");
L2_CODE(l2_sends_nmi, "wrmsr; nop; vmcall");
L2_CODE(l2_returns, "vmcall; iretq");
L2_CODE(l2_undefined, "ud2");
L2_CODE(l2_sets_time, "wrmsr; vmcall");
extern const char l2_open[], l2_taken[], l2_timed[], l2_woken[];

static void begin(const char *name, const void *rip)
{
	report_running(name);
	l1_new_guest(rip);
	vmwrite(VMCS_MSR_BITMAP, (uint64_t)msr_bitmap);
	l1_set(CONTROL_PRIMARY, (uint32_t)CONTROL_PRIMARY_USE_MSR_BITMAPS, true);
}

static void count(struct trap_frame *frame)
{
	(void)frame;
	taken++;
}

static void inject(uint32_t info)
{
	vmwrite(VMCS_ENTRY_INTR_INFO, INTR_INFO_VALID | info);
}

static void open_guest(void)
{
	vmwrite(VMCS_GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
}

static void send_self(uint8_t vector)
{
	wrmsr(MSR_X2APIC_SELF_IPI, vector);
}

/* The hypervisor takes the interrupt that waits, if there is one. */
static unsigned take(void)
{
	unsigned before = taken;

	__asm__ volatile("sti; nop; nop; cli" : : : "memory");
	return taken - before;
}

/* SDM volume 3, 26.2 and 27.7.5. */
void interrupt_windows(void)
{
	begin("interrupt-window", l2_opens);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING, true);
	l1_expect(EXIT_REASON_INTERRUPT_WINDOW, l2_open);
	l1_expect(EXIT_REASON_INTERRUPT_WINDOW, l2_open);
	inject(INTR_TYPE_EXTERNAL | INJECTED);
	trap_gate(INJECTED, l2_takes);
	l1_expect(EXIT_REASON_VMCALL, l2_takes);
	trap_gate(INJECTED, NULL);

	begin("nmi-window", l2_returns);
	l1_set(CONTROL_PIN, CONTROL_PIN_NMI_EXITING | CONTROL_PIN_VIRTUAL_NMIS, true);
	trap_gate(VECTOR_NMI, l2_returns);
	vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_spin);
	inject(INTR_TYPE_NMI | VECTOR_NMI);
	l1_expect(EXIT_REASON_VMCALL, l2_returns);
	expect("blocking", vmread(VMCS_GUEST_INTERRUPTIBILITY), BLOCKING_BY_NMI);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_NMI_WINDOW_EXITING, true);
	l1_skip();
	l1_expect(EXIT_REASON_NMI_WINDOW, l2_spin);
	expect("blocking", vmread(VMCS_GUEST_INTERRUPTIBILITY), 0);
	trap_gate(VECTOR_NMI, NULL);
}

static void expect_interrupt(const void *rip, bool acknowledged)
{
	l1_expect(EXIT_REASON_EXTERNAL_INTERRUPT, rip);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       acknowledged ? INTR_INFO_VALID | INTR_TYPE_EXTERNAL | OTHER : 0);
	if (acknowledged)
		apic_eoi();
	expect("waiting", take(), !acknowledged);
	if (!acknowledged)
		apic_eoi();
}

static void interrupts_that_exit(void)
{
	for (unsigned acknowledge = 0; acknowledge < 2; acknowledge++) {
		begin("interrupt-exit", l2_spin);
		l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
		l1_set(CONTROL_EXIT, CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT, acknowledge);
		open_guest();
		send_self(OTHER);
		expect_interrupt(l2_spin, acknowledge);
	}
	/* The one that waits does not get lost behind the one that is injected. */
	begin("interrupt-behind-injection", l2_spin);
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	open_guest();
	trap_gate(INJECTED, l2_goes_on);
	send_self(OTHER);
	inject(INTR_TYPE_EXTERNAL | INJECTED);
	expect_interrupt(NULL, false);
	trap_gate(INJECTED, NULL);
}

/* Without exits an interrupt of L1's is L2's: SDM volume 3, 25.6.1. */
static void interrupts_that_do_not(void)
{
	static const char *const from[] = {l2_spin, l2_opens, l2_halts_open};

	for (unsigned i = 0; i < sizeof(from) / sizeof(from[0]); i++) {
		begin("interrupt-passed", from[i]);
		if (i == 0)
			open_guest();
		trap_gate(OTHER, l2_takes);
		send_self(OTHER);
		l1_expect(EXIT_REASON_VMCALL, l2_takes);
		trap_gate(OTHER, NULL);
		apic_eoi();
		expect("waiting", take(), 0);
	}
}

/* A guest that halts is woken by what comes later. */
static void interrupts_that_wake(void)
{
	begin("interrupt-wakes", l2_halts_open);
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	apic_timer_deadline(OTHER);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + 100000);
	expect_interrupt(l2_woken, false);
	apic_timer_stop();
}

/* Halted by itself and interrupted, or entered so. */
static void halt_guest(bool by_itself)
{
	if (!by_itself) {
		open_guest();
		vmwrite(VMCS_GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
		return;
	}
	apic_timer_deadline(OTHER);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc() + 100000);
	expect_interrupt(l2_woken, false);
	expect("activity", vmread(VMCS_GUEST_ACTIVITY_STATE), ACTIVITY_HLT);
	apic_timer_stop();
}

/* A virtual interrupt that waits at an entry wakes, too: SDM volume 3, 30.2.2. */
static void virtual_interrupts_that_wake(void)
{
	static uint32_t page[PAGE_SIZE / 4] __attribute__((aligned(PAGE_SIZE)));

	for (unsigned by_itself = 0; by_itself < 2; by_itself++) {
		begin("virtual-interrupt-wakes", l2_halts_open);
		l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
		l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW, true);
		l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY, true);
		vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, (uint64_t)page);
		trap_gate(INJECTED, l2_takes);
		halt_guest(by_itself);
		page[(VIRR + INJECTED / 32 * 16) / 4] = 1u << INJECTED % 32;
		vmwrite(VMCS_GUEST_INTR_STATUS, INJECTED);
		l1_expect(EXIT_REASON_VMCALL, l2_takes);
		trap_gate(INJECTED, NULL);
	}
}

static void start_timer(const char *name)
{
	begin(name, l2_starts_timer);
	open_guest();
	apic_timer_count(OTHER, APIC_TIMER_ONE_SHOT);
	l2_registers[L2_RCX] = MSR_X2APIC_INIT_COUNT;
	l2_registers[L2_RAX] = 20000;
	l2_registers[L2_RDX] = 0;
}

/* Its hypervisor's timer, which a guest may start itself. */
static void interrupts_of_the_timer(void)
{
	start_timer("timer-passed");
	trap_gate(OTHER, l2_takes);
	l1_expect(EXIT_REASON_VMCALL, l2_takes);
	trap_gate(OTHER, NULL);
	apic_eoi();

	start_timer("timer-exit");
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	expect_interrupt(l2_timed, false);
	apic_timer_stop();
}

static void set_deadline_of_l2(uint64_t deadline)
{
	l2_registers[L2_RCX] = MSR_IA32_TSC_DEADLINE;
	l2_registers[L2_RAX] = (uint32_t)deadline;
	l2_registers[L2_RDX] = deadline >> 32;
}

/*
 * Its hypervisor's deadline, which a guest may set.  A hypervisor below that leaves it to the
 * processor has to have it back when the clock is no longer the processor's.  Bochs has deadlines
 * of another clock than the one that is set.
 */
static void interrupts_at_a_deadline(void)
{
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR))
		return;
	begin("deadline-exit", l2_sets_time);
	l1_set(CONTROL_PIN, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING, true);
	open_guest();
	apic_timer_deadline(OTHER);
	wrmsr(MSR_IA32_TSC_DEADLINE, rdtsc_ordered() + 2 * TIME_AHEAD);
	set_deadline_of_l2(rdtsc_ordered() + 2 * TIME_AHEAD);
	l1_expect(EXIT_REASON_VMCALL, NULL);
	wrmsr(MSR_IA32_TIME_STAMP_COUNTER, rdtsc_ordered() + TIME_AHEAD);
	set_deadline_of_l2(rdtsc_ordered() + 20000);
	vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_starts_timer);
	expect_interrupt(l2_timed, false);
	apic_timer_stop();
	wrmsr(MSR_IA32_TIME_STAMP_COUNTER, rdtsc_ordered() - TIME_AHEAD);
}

/* SDM volume 3, 26.3: a WRMSR of L2's that does not exit sets L1's clock, by which no count goes.
 */
static void time_that_l2_sets(void)
{
	uint64_t left, to;

	begin("time-set", l2_sets_time);
	apic_timer_count(OTHER, APIC_TIMER_ONE_SHOT);
	wrmsr(MSR_X2APIC_INIT_COUNT, UINT32_MAX);
	to = rdtsc_ordered() + TIME_AHEAD;
	l2_registers[L2_RCX] = MSR_IA32_TIME_STAMP_COUNTER;
	l2_registers[L2_RAX] = (uint32_t)to;
	l2_registers[L2_RDX] = to >> 32;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	left = rdmsr(MSR_X2APIC_CURRENT_COUNT);
	expect("set", rdtsc_ordered() >= to, true);
	wrmsr(MSR_IA32_TIME_STAMP_COUNTER, rdtsc_ordered() - TIME_AHEAD);
	if (left < UINT32_MAX / 2)
		fail("count-has-moved left=%lu", left);
	apic_timer_stop();
}

/* The interrupt that waits when the clock is loaded is the guest's, and no longer waited for. */
static void interrupts_behind_loads(void)
{
	static struct entry_msr area __attribute__((aligned(16)));

	begin("interrupt-msr-load", l2_spin);
	vmwrite(VMCS_ENTRY_MSR_LOAD_ADDR, (uint64_t)&area);
	vmwrite(VMCS_ENTRY_MSR_LOAD_COUNT, 1);
	trap_gate(OTHER, l2_takes);
	for (unsigned i = 0; i < 2; i++) {
		vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_spin);
		open_guest();
		send_self(OTHER);
		area.index = MSR_IA32_TIME_STAMP_COUNTER;
		area.value = rdtsc_ordered();
		l1_expect(EXIT_REASON_VMCALL, l2_takes);
		apic_eoi();
	}
	trap_gate(OTHER, NULL);
	expect("waiting", take(), 0);
}

void interrupts(void)
{
	apic_enable();
	trap_handle(OTHER, count);
	/* First, as long as nobody has set the clock. */
	interrupts_at_a_deadline();
	interrupts_that_exit();
	interrupts_that_do_not();
	interrupts_that_wake();
	/* Bochs forgets to. */
	if ((cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR) &&
	    l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY))
		virtual_interrupts_that_wake();
	interrupts_of_the_timer();
	time_that_l2_sets();
	interrupts_behind_loads();
	interrupts_of_controllers();
}

static void send_nmi(void)
{
	wrmsr(MSR_X2APIC_ICR, NMI);
}

/* SDM volume 3, 25.3 and 28.5.6: an exit for an NMI blocks them until the hypervisor's IRET. */
void nmis(void)
{
	apic_enable();
	trap_handle(VECTOR_NMI, count);
	trap_handle(OTHER, count);
	begin("nmi-exit", l2_sends_nmi);
	l1_set(CONTROL_PIN, CONTROL_PIN_NMI_EXITING | CONTROL_PIN_VIRTUAL_NMIS, true);
	l2_registers[L2_RCX] = MSR_X2APIC_ICR;
	l2_registers[L2_RAX] = NMI;
	l1_expect(EXIT_REASON_EXCEPTION_NMI, NULL);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_TYPE_NMI | VECTOR_NMI);
	taken = 0;
	send_nmi();
	expect("blocked", taken, 0);
	__asm__ volatile("int %0" : : "i"(OTHER) : "memory");
	expect("unblocked", taken, 2);

	begin("nmi-passed", l2_sends_nmi);
	trap_gate(VECTOR_NMI, l2_takes_nmi);
	l2_registers[L2_RCX] = MSR_X2APIC_ICR;
	l2_registers[L2_RAX] = NMI;
	l1_expect(EXIT_REASON_VMCALL, l2_taken);
	trap_gate(VECTOR_NMI, NULL);
	__asm__ volatile("int %0" : : "i"(OTHER) : "memory");
}

static void expect_exception(uint32_t vector, uint32_t error)
{
	l1_expect(EXIT_REASON_EXCEPTION_NMI, NULL);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_INFO_ERROR_CODE | INTR_TYPE_EXCEPTION | vector);
	expect("error-code", vmread(VMCS_EXIT_INTR_ERROR_CODE), error);
}

/* With no IDT nothing can be delivered: SDM volume 3, 28.2.3 and 28.2.4. */
void faults_in_delivery(void)
{
	begin("fault-in-interrupt", l2_spin);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_GP));
	open_guest();
	inject(INTR_TYPE_EXTERNAL | INJECTED);
	expect_exception(VECTOR_GP, INJECTED * 8 + 3);
	expect("vectoring", vmread(VMCS_IDT_VECTORING_INFO),
	       INTR_INFO_VALID | INTR_TYPE_EXTERNAL | INJECTED);

	report_running("fault-in-software-interrupt");
	inject(INTR_TYPE_SOFT_INT | INJECTED);
	vmwrite(VMCS_ENTRY_INSTRUCTION_LEN, 2);
	expect_exception(VECTOR_GP, INJECTED * 8 + 2);
	expect("vectoring", vmread(VMCS_IDT_VECTORING_INFO),
	       INTR_INFO_VALID | INTR_TYPE_SOFT_INT | INJECTED);
	expect("length", vmread(VMCS_EXIT_INSTRUCTION_LEN), 2);

	begin("fault-in-exception", l2_undefined);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_GP));
	expect_exception(VECTOR_GP, VECTOR_UD * 8 + 3);
	expect("vectoring", vmread(VMCS_IDT_VECTORING_INFO),
	       INTR_INFO_VALID | INTR_TYPE_EXCEPTION | VECTOR_UD);

	begin("double-fault", l2_undefined);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_DF));
	expect_exception(VECTOR_DF, 0);

	begin("triple-fault", l2_undefined);
	vmwrite(VMCS_GUEST_IDTR_LIMIT, 0);
	l1_expect(EXIT_REASON_TRIPLE_FAULT, l2_undefined);
}

L2_CODE(l2_priority, "mov %rax, %cr8; mov %cr8, %rbx; l2_set: vmcall");
extern const char l2_set[];
static uint32_t virtual_apic[PAGE_SIZE / 4] __attribute__((aligned(PAGE_SIZE)));

#define VTPR (0x80 / 4)

/* SDM volume 3, 30.1.2 and 30.3: the task priority of the guest is in a page of its hypervisor's.
 */
void task_priority(void)
{
	begin("tpr-shadow", l2_priority);
	l1_set(CONTROL_PRIMARY, CONTROL_PRIMARY_USE_TPR_SHADOW, true);
	l1_set(CONTROL_PRIMARY,
	       CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING, false);
	vmwrite(VMCS_VIRTUAL_APIC_PAGE_ADDR, (uint64_t)virtual_apic);
	vmwrite(VMCS_TPR_THRESHOLD, 0);
	virtual_apic[VTPR] = 0x30;
	l2_registers[L2_RAX] = 9;
	l1_expect(EXIT_REASON_VMCALL, l2_set);
	expect("cr8", l2_registers[L2_RBX], 9);
	expect("page", virtual_apic[VTPR], 0x90);

	report_running("tpr-threshold");
	vmwrite(VMCS_TPR_THRESHOLD, 5);
	vmwrite(VMCS_GUEST_RIP, (uint64_t)l2_priority);
	l2_registers[L2_RAX] = 4;
	l1_expect(EXIT_REASON_TPR_BELOW_THRESHOLD, NULL);
	expect("page", virtual_apic[VTPR], 0x40);
	expect("refused", l1_try(), 7);
	vmwrite(VMCS_TPR_THRESHOLD, 4);
	l1_expect(EXIT_REASON_VMCALL, l2_set);
	expect("cr8", l2_registers[L2_RBX], 4);
}
