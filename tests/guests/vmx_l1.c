#include "tests/guests/vmx_l1.h"

#include "bench/guests/rt/report.h"
#include "bench/guests/rt/segments.h"
#include "l1vmm/arch/below.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/hypercall.h"
#include "nesting/host_state.h"

#define STACK_BYTES 4096

static uint8_t vmxon_regions[2][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t vmcs_region[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t stack[STACK_BYTES] __attribute__((aligned(16)));
static struct exit_page page;
static bool launched, told;

uint64_t l2_registers[L2_REGISTERS];

/* enum vmx_outcome l1_enter(bool launch, enum vmcs_field rsp): exits return as success. */
enum vmx_outcome l1_enter(bool launch, enum vmcs_field rsp);
extern const char l1_exit[];

/* `move` for each of them, with `r` its name and `at` its place. */
#define EACH_REGISTER(move)                                             \
	".set at, 0\n"                                                  \
	".irp r, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, " \
	"r12, r13, r14, r15\n" move "\n.set at, at + 8\n.endr\n"
#define LOAD "mov l2_registers + at(%rip), %\\r"
#define SAVE "mov %\\r, l2_registers + at(%rip)"

#define CALLEE_SAVED "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
#define RESTORED     "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"

__asm__(".text\n"
	"l1_enter:\n" CALLEE_SAVED "mov %esi, %eax\n"
	"vmwrite %rsp, %rax\n"
	"test %edi, %edi\n" EACH_REGISTER(LOAD) "jnz 1f\n"
						"vmresume\n"
						"jmp 2f\n"
						"1: vmlaunch\n"
						"2: setc %cl\n"
						"setz %al\n"
						"movzbl %al, %eax\n"
						"add %eax, %eax\n"
						"movzbl %cl, %ecx\n"
						"add %ecx, %eax\n" RESTORED "ret\n"
						"l1_exit:\n" EACH_REGISTER(
							SAVE) "xor %eax, %eax\n" RESTORED "ret\n");

static const struct {
	uint32_t msr;
	enum vmcs_field field;
	uint32_t wanted;
} words[CONTROL_WORDS] = {
	[CONTROL_PIN] = {MSR_IA32_VMX_TRUE_PINBASED_CTLS, VMCS_PIN_BASED_CONTROLS, 0},
	[CONTROL_PRIMARY] = {MSR_IA32_VMX_TRUE_PROCBASED_CTLS, VMCS_PRIMARY_CONTROLS,
			     (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY},
	[CONTROL_SECONDARY] = {MSR_IA32_VMX_PROCBASED_CTLS2, VMCS_SECONDARY_CONTROLS, 0},
	[CONTROL_EXIT] = {MSR_IA32_VMX_TRUE_EXIT_CTLS, VMCS_EXIT_CONTROLS,
			  CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE | CONTROL_EXIT_LOAD_IA32_EFER},
	[CONTROL_ENTRY] = {MSR_IA32_VMX_TRUE_ENTRY_CTLS, VMCS_ENTRY_CONTROLS,
			   CONTROL_ENTRY_IA32E_MODE_GUEST | CONTROL_ENTRY_ENTRY_LOAD_IA32_EFER},
};

static void write_field(enum vmcs_field field, uint64_t value)
{
	if (vmwrite_checked(field, value) != VMX_SUCCEED)
		fail("no-such-field field=0x%x", field);
}

bool l1_can(enum control_word word, uint32_t control)
{
	return rdmsr(words[word].msr) >> 32 & control;
}

void l1_set(enum control_word word, uint32_t control, bool on)
{
	uint64_t now = vmread(words[word].field);

	if (on && !l1_can(word, control))
		fail("control-not-offered word=%u control=0x%x", word, control);
	vmwrite(words[word].field, on ? now | control : now & ~(uint64_t)control);
}

void l1_start(unsigned processor)
{
	uint8_t *vmxon_region = vmxon_regions[processor];
	uint32_t revision = (uint32_t)rdmsr(MSR_IA32_VMX_BASIC);

	write_cr0((read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0)) & rdmsr(MSR_IA32_VMX_CR4_FIXED1));
	*(uint32_t *)vmxon_region = revision;
	*(uint32_t *)vmcs_region = revision;
	expect("vmxon", vmxon((uint64_t)vmxon_region), VMX_SUCCEED);
}

void l1_stop(void)
{
	expect("vmclear", vmclear((uint64_t)vmcs_region), VMX_SUCCEED);
	__asm__ volatile("vmxoff" : : : "cc", "memory");
}

/* The base of the TSS, from its descriptor. */
static uint64_t tss_base(const struct desc_ptr *gdt)
{
	const uint64_t *tss = (const uint64_t *)(gdt->base + TSS);

	return (tss[0] >> 16 & 0xffffff) | (tss[0] >> 32 & 0xff000000) | tss[1] << 32;
}

static void set_segment(unsigned number, uint64_t selector, uint64_t base, uint64_t limit,
			uint64_t rights)
{
	write_field(VMCS_GUEST_ES_SELECTOR + 2 * number, selector);
	write_field(VMCS_GUEST_ES_BASE + 2 * number, base);
	write_field(VMCS_GUEST_ES_LIMIT + 2 * number, limit);
	write_field(VMCS_GUEST_ES_AR_BYTES + 2 * number, rights);
}

static void set_tables(void)
{
	struct desc_ptr gdt, idt;

	__asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(gdt), "=m"(idt));
	write_field(VMCS_HOST_GDTR_BASE, gdt.base);
	write_field(VMCS_HOST_IDTR_BASE, idt.base);
	write_field(VMCS_HOST_TR_SELECTOR, TSS);
	write_field(VMCS_HOST_TR_BASE, tss_base(&gdt));
	write_field(VMCS_GUEST_GDTR_BASE, gdt.base);
	write_field(VMCS_GUEST_GDTR_LIMIT, gdt.limit);
	write_field(VMCS_GUEST_IDTR_BASE, idt.base);
	write_field(VMCS_GUEST_IDTR_LIMIT, idt.limit);
	set_segment(1, KERNEL_CODE, 0, UINT32_MAX, HOST_STATE_CODE64);
	set_segment(2, KERNEL_DATA, 0, UINT32_MAX, HOST_STATE_DATA);
	set_segment(6, 0, 0, 0, AR_UNUSABLE);
	set_segment(7, TSS, tss_base(&gdt), HOST_STATE_TSS_SIZE, HOST_STATE_TSS);
	for (unsigned number = 0; number < 6; number++)
		if (number != 1 && number != 2)
			set_segment(number, KERNEL_DATA, 0, UINT32_MAX, HOST_STATE_DATA);
	for (unsigned number = 0; number < 6; number++)
		write_field(VMCS_HOST_ES_SELECTOR + 2 * number, number == 1  ? KERNEL_CODE
								: number < 4 ? KERNEL_DATA
									     : 0);
}

static void set_registers(const void *rip)
{
	static const enum vmcs_field zeroes[] = {
		VMCS_GUEST_IA32_DEBUGCTL,
		VMCS_GUEST_IA32_SYSENTER_CS,
		VMCS_GUEST_IA32_SYSENTER_ESP,
		VMCS_GUEST_IA32_SYSENTER_EIP,
		VMCS_GUEST_INTERRUPTIBILITY,
		VMCS_GUEST_ACTIVITY_STATE,
		VMCS_GUEST_SMBASE,
		VMCS_GUEST_PENDING_DBG_EXCEPTIONS,
		VMCS_HOST_IA32_SYSENTER_CS,
		VMCS_HOST_IA32_SYSENTER_ESP,
		VMCS_HOST_IA32_SYSENTER_EIP,
		VMCS_HOST_FS_BASE,
		VMCS_HOST_GS_BASE,
		VMCS_CR0_GUEST_HOST_MASK,
		VMCS_CR4_GUEST_HOST_MASK,
		VMCS_EXCEPTION_BITMAP,
		VMCS_PAGE_FAULT_ERROR_CODE_MASK,
		VMCS_PAGE_FAULT_ERROR_CODE_MATCH,
		VMCS_CR3_TARGET_COUNT,
		VMCS_EXIT_MSR_STORE_COUNT,
		VMCS_EXIT_MSR_LOAD_COUNT,
		VMCS_ENTRY_MSR_LOAD_COUNT,
		VMCS_ENTRY_INTR_INFO,
		VMCS_ENTRY_EXCEPTION_ERROR_CODE,
		VMCS_ENTRY_INSTRUCTION_LEN,
		VMCS_TSC_OFFSET,
	};

	for (unsigned i = 0; i < sizeof(zeroes) / sizeof(zeroes[0]); i++)
		write_field(zeroes[i], 0);
	write_field(VMCS_VMCS_LINK_POINTER, UINT64_MAX);
	write_field(VMCS_HOST_CR0, read_cr0());
	write_field(VMCS_HOST_CR3, read_cr3());
	write_field(VMCS_HOST_CR4, read_cr4());
	write_field(VMCS_HOST_IA32_EFER, rdmsr(MSR_IA32_EFER));
	write_field(VMCS_HOST_RIP, (uint64_t)l1_exit);
	write_field(VMCS_GUEST_CR0, read_cr0());
	write_field(VMCS_GUEST_CR3, read_cr3());
	write_field(VMCS_GUEST_CR4, read_cr4());
	write_field(VMCS_CR0_READ_SHADOW, read_cr0());
	write_field(VMCS_CR4_READ_SHADOW, read_cr4());
	write_field(VMCS_GUEST_IA32_EFER, rdmsr(MSR_IA32_EFER));
	write_field(VMCS_GUEST_DR7, DR7_INIT);
	write_field(VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	write_field(VMCS_GUEST_RSP, (uint64_t)(stack + STACK_BYTES));
	write_field(VMCS_GUEST_RIP, (uint64_t)rip);
}

void l1_new_guest(const void *rip)
{
	expect("vmclear", vmclear((uint64_t)vmcs_region), VMX_SUCCEED);
	expect("vmptrld", vmptrld((uint64_t)vmcs_region), VMX_SUCCEED);
	launched = false;
	for (unsigned word = 0; word < CONTROL_WORDS; word++)
		write_field(words[word].field,
			    (uint32_t)rdmsr(words[word].msr) | words[word].wanted);
	set_tables();
	set_registers(rip);
	for (unsigned i = 0; i < L2_REGISTERS; i++)
		l2_registers[i] = 0;
}

uint64_t l1_try(void)
{
	switch (l1_enter(!launched, VMCS_HOST_RSP)) {
	case VMX_SUCCEED:
		launched |= !(vmread(VMCS_EXIT_REASON) & EXIT_REASON_FAILED_ENTRY);
		return 0;
	case VMX_FAIL_VALID:
		return vmread(VMCS_INSTRUCTION_ERROR);
	case VMX_FAIL_INVALID:
		break;
	}
	fail("no-current-vmcs");
}

/* What the hypervisor below tells of each exit is what the VMCS has. */
static void compare_page(uint64_t reason)
{
	expect("told-reason", page.reason, reason);
	expect("told-rip", page.rip, vmread(VMCS_GUEST_RIP));
	expect("told-length", page.length, vmread(VMCS_EXIT_INSTRUCTION_LEN));
	if (reason == EXIT_REASON_EPT_VIOLATION || reason == EXIT_REASON_EXCEPTION_NMI)
		expect("told-qualification", page.qualification, vmread(VMCS_EXIT_QUALIFICATION));
}

bool l1_ask_for_page(void)
{
	const int64_t bad = -HYPERCALL_E_BAD_ARRAY;

	if (!below_has_exit_page())
		return false;
	expect("page-aligned", (uint64_t)hypercall(HYPERCALL_EXIT_PAGE, 8, 0), (uint64_t)bad);
	expect("page-beyond", (uint64_t)hypercall(HYPERCALL_EXIT_PAGE, UINT64_C(1) << 40, 0),
	       (uint64_t)bad);
	expect("page-last", (uint64_t)hypercall(HYPERCALL_EXIT_PAGE, -UINT64_C(64), 0),
	       (uint64_t)bad);
	expect("page", below_tell_exits(&page), true);
	told = true;
	return true;
}

void l1_decline_page(void)
{
	page.reason = UINT64_MAX;
	expect("no-page", (uint64_t)hypercall(HYPERCALL_EXIT_PAGE, EXIT_PAGE_NONE, 0), 0);
	told = false;
	l1_run();
	expect("not-told", page.reason, UINT64_MAX);
}

uint64_t l1_run(void)
{
	uint64_t error = l1_try(), reason;

	if (error)
		fail("entry-refused error=%lu", error);
	reason = vmread(VMCS_EXIT_REASON);
	if (told)
		compare_page(reason);
	return reason;
}

void l1_expect(uint64_t reason, const void *rip)
{
	uint64_t found = l1_run();

	if (found != reason)
		fail("exit-reason found=0x%lx expected=%lu rip=0x%lx", found, reason,
		     vmread(VMCS_GUEST_RIP));
	if (rip)
		expect("rip", vmread(VMCS_GUEST_RIP), (uint64_t)rip);
}

void l1_skip(void)
{
	vmwrite(VMCS_GUEST_RIP, vmread(VMCS_GUEST_RIP) + vmread(VMCS_EXIT_INSTRUCTION_LEN));
}
