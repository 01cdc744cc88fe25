/* VMCS shadowing: VMREAD and VMWRITE as the instructions of a guest. */
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"
#include "nesting/vmcs12.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define LINKED_RIP  0x1234567
#define UNSUPPORTED 0x2ffe

static uint8_t shadow[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t read_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t write_bitmap[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t memory;

/* RDI is the field; RAX and RBX are what comes of the reads, RSI what is written, RDX the flags. */
L2_CODE(l2_reads_field,
	"l2_vmread: vmread %rdi, %rax; pushfq; pop %rdx; vmread %rdi, (%rsi); mov (%rsi), %rbx; vmcall");
L2_CODE(l2_writes_field, "l2_vmwrite: vmwrite %rsi, %rdi; pushfq; pop %rdx; vmcall");
extern const char l2_vmread[], l2_vmwrite[];

/* A shadow VMCS with a RIP; its indicator may be set only while it is not active. */
static void make_shadow(void)
{
	uint32_t *revision = (uint32_t *)shadow;

	*revision = (uint32_t)rdmsr(MSR_IA32_VMX_BASIC) & ~VMCS12_SHADOW;
	expect("vmclear", vmclear((uint64_t)shadow), VMX_SUCCEED);
	expect("vmptrld", vmptrld((uint64_t)shadow), VMX_SUCCEED);
	vmwrite(VMCS_GUEST_RIP, LINKED_RIP);
	expect("vmclear", vmclear((uint64_t)shadow), VMX_SUCCEED);
	*revision |= VMCS12_SHADOW;
}

static void begin(const char *name, const void *rip, uint64_t field)
{
	report_running(name);
	make_shadow();
	memset(read_bitmap, 0, sizeof(read_bitmap));
	memset(write_bitmap, 0, sizeof(write_bitmap));
	l1_new_guest(rip);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_VMCS_SHADOWING, true);
	vmwrite(VMCS_VMCS_LINK_POINTER, (uint64_t)shadow);
	vmwrite(VMCS_VMREAD_BITMAP, (uint64_t)read_bitmap);
	vmwrite(VMCS_VMWRITE_BITMAP, (uint64_t)write_bitmap);
	l2_registers[L2_RDI] = field;
	l2_registers[L2_RSI] = (uint64_t)&memory;
}

static uint64_t outcome(void)
{
	return l2_registers[L2_RDX] & (RFLAGS_CF | RFLAGS_ZF);
}

/* What the shadow VMCS has of a field, by way of the processor. */
static uint64_t in_shadow(enum vmcs_field field)
{
	uint64_t value, current = 0;

	__asm__ volatile("vmptrst %0" : "=m"(current));
	expect("vmptrld", vmptrld((uint64_t)shadow), VMX_SUCCEED);
	value = vmread(field);
	expect("vmclear", vmclear((uint64_t)shadow), VMX_SUCCEED);
	expect("vmptrld", vmptrld(current), VMX_SUCCEED);
	return value;
}

static void accesses(void)
{
	begin("shadow-read", l2_reads_field, VMCS_GUEST_RIP);
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("read", l2_registers[L2_RAX], LINKED_RIP);
	expect("read-memory", l2_registers[L2_RBX], LINKED_RIP);
	expect("outcome", outcome(), 0);

	begin("shadow-write", l2_writes_field, VMCS_GUEST_RIP);
	l2_registers[L2_RSI] = 0x7654321;
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("outcome", outcome(), 0);
	expect("written", in_shadow(VMCS_GUEST_RIP), 0x7654321);
	/* And what the hypervisor sees is its own. */
	if (vmread(VMCS_GUEST_RIP) == 0x7654321)
		fail("written-elsewhere");
}

static void exits(void)
{
	begin("shadow-read-exit", l2_reads_field, VMCS_GUEST_RIP);
	read_bitmap[VMCS_GUEST_RIP / 8] = 1 << VMCS_GUEST_RIP % 8;
	l1_expect(EXIT_REASON_VMREAD, l2_vmread);
	begin("shadow-write-exit", l2_writes_field, VMCS_GUEST_RIP);
	write_bitmap[VMCS_GUEST_RIP / 8] = 1 << VMCS_GUEST_RIP % 8;
	l1_expect(EXIT_REASON_VMWRITE, l2_vmwrite);
	begin("shadow-beyond-bitmap", l2_reads_field, 0x8000);
	l1_expect(EXIT_REASON_VMREAD, l2_vmread);
	begin("shadow-off", l2_reads_field, VMCS_GUEST_RIP);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_VMCS_SHADOWING, false);
	vmwrite(VMCS_VMCS_LINK_POINTER, UINT64_MAX);
	l1_expect(EXIT_REASON_VMREAD, l2_vmread);
}

static void failures(void)
{
	begin("shadow-unsupported", l2_writes_field, UNSUPPORTED);
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("outcome", outcome(), RFLAGS_ZF);
	expect("number", vmread(VMCS_INSTRUCTION_ERROR), 12);
	begin("shadow-none", l2_writes_field, VMCS_GUEST_RIP);
	vmwrite(VMCS_VMCS_LINK_POINTER, UINT64_MAX);
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("outcome", outcome(), RFLAGS_CF);

	/* The link pointer must lead to a shadow VMCS, and one cannot be entered itself. */
	begin("shadow-ordinary", l2_reads_field, VMCS_GUEST_RIP);
	*(uint32_t *)shadow &= ~VMCS12_SHADOW;
	l1_expect(EXIT_REASON_FAILED_ENTRY | EXIT_REASON_INVALID_GUEST_STATE, NULL);
	begin("shadow-entered", l2_reads_field, VMCS_GUEST_RIP);
	expect("vmptrld", vmptrld((uint64_t)shadow), VMX_SUCCEED);
	if (VMX_INSTRUCTION("vmlaunch", "m"(memory)) == VMX_SUCCEED)
		fail("entered");
	expect("vmclear", vmclear((uint64_t)shadow), VMX_SUCCEED);
}

/* SDM volume 3, 25.10 and 26.1.3. */
void vmcs_shadowing(void)
{
	/* Upon a hypervisor, or a processor, that has none. */
	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_VMCS_SHADOWING))
		return;
	accesses();
	exits();
	failures();
}
