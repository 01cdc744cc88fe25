/* VMFUNC, INVVPID and VMCALL as the instructions of a guest and of its hypervisor. */
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "tests/guests/vmx_features.h"
#include "tests/guests/vmx_l1.h"

#define EPT_ALL	       UINT64_C(7) /* rights */
#define EPT_LARGE      UINT64_C(0x80)
#define EPT_WRITE_BACK UINT64_C(0x30)
#define EPTP_FLAGS     UINT64_C(0x1e) /* write-back, four levels */
#define LIST	       512
#define FIRST_ALIAS    (UINT64_C(1) << 30)

/* Two guest-physical spaces; in the first one, memory shows at 1 GB, too. */
static uint64_t roots[2][PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t tables[2][PTES_PER_PAGE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t list[LIST] __attribute__((aligned(PAGE_SIZE)));
static uint64_t marker = 0x1234;

L2_CODE(l2_switches, "mov (%rdi), %rbx; l2_vmfunc: vmfunc; l2_reads: mov (%rdi), %rdx; vmcall");
extern const char l2_vmfunc[], l2_reads[];
L2_CODE(l2_flushed, "vmcall; jmp l2_flushed");

static uint64_t eptp_of(unsigned space)
{
	return (uint64_t)roots[space] | EPTP_FLAGS;
}

static void make_spaces(void)
{
	for (unsigned space = 0; space < 2; space++) {
		roots[space][0] = (uint64_t)tables[space] | EPT_ALL;
		tables[space][0] = EPT_ALL | EPT_LARGE | EPT_WRITE_BACK;
		list[space] = eptp_of(space);
	}
	tables[0][1] = tables[0][0];
	list[2] = eptp_of(0) | BIT(7); /* reserved */
	list[LIST - 1] = eptp_of(1);
}

void use_identity_ept(void)
{
	make_spaces();
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, true);
	vmwrite(VMCS_EPT_POINTER, eptp_of(0));
}

/* The guest executes VMFUNC with these. */
static void begin(const char *name, uint32_t function, uint32_t index)
{
	report_running(name);
	l1_new_guest(l2_switches);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT, true);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VMFUNC, true);
	vmwrite(VMCS_EPT_POINTER, eptp_of(0));
	vmwrite(VMCS_VM_FUNCTION_CONTROLS, 1);
	vmwrite(VMCS_EPTP_LIST_ADDRESS, (uint64_t)list);
	vmwrite(VMCS_EXCEPTION_BITMAP, BIT(VECTOR_UD));
	l2_registers[L2_RDI] = (uint64_t)&marker + FIRST_ALIAS;
	l2_registers[L2_RAX] = function;
	l2_registers[L2_RCX] = index;
}

static void expect_undefined(void)
{
	l1_expect(EXIT_REASON_EXCEPTION_NMI, l2_vmfunc);
	expect("information", vmread(VMCS_EXIT_INTR_INFO),
	       INTR_INFO_VALID | INTR_TYPE_EXCEPTION | VECTOR_UD);
}

static void refuses(const char *name, uint32_t function, uint32_t index)
{
	begin(name, function, index);
	l1_expect(EXIT_REASON_VMFUNC, l2_vmfunc);
	expect("length", vmread(VMCS_EXIT_INSTRUCTION_LEN), 3);
	expect("eptp", vmread(VMCS_EPT_POINTER), eptp_of(0));
}

static void switches(const char *name, uint32_t index)
{
	begin(name, 0, index);
	l1_expect(EXIT_REASON_EPT_VIOLATION, l2_reads);
	expect("before", l2_registers[L2_RBX], marker);
	expect("eptp", vmread(VMCS_EPT_POINTER), eptp_of(1));
	expect("address", vmread(VMCS_GUEST_PHYSICAL_ADDRESS), (uint64_t)&marker + FIRST_ALIAS);
	/* And back, by the hypervisor. */
	vmwrite(VMCS_EPT_POINTER, eptp_of(0));
	l1_expect(EXIT_REASON_VMCALL, NULL);
	expect("after", l2_registers[L2_RDX], marker);
}

/* SDM volume 3, 26.5.6. */
void eptp_switching(void)
{
	make_spaces();
	if (!(rdmsr(MSR_IA32_VMX_VMFUNC) & 1))
		fail("no-eptp-switching");
	switches("eptp-switch", 1);
	switches("eptp-switch-last", LIST - 1);
	refuses("eptp-no-entry", 0, LIST);
	refuses("eptp-invalid", 0, 2);
	refuses("eptp-empty", 0, 3);
	refuses("vmfunc-disabled", 1, 0);
	begin("vmfunc-beyond", 64, 0);
	expect_undefined();
	begin("vmfunc-off", 0, 1);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VMFUNC, false);
	expect_undefined();
	begin("vmfunc-no-function", 0, 1);
	vmwrite(VMCS_VM_FUNCTION_CONTROLS, 0);
	l1_expect(EXIT_REASON_VMFUNC, l2_vmfunc);
}

/* Each type, for a guest that runs under a VPID, for another, and wrongly. */
void invvpid_types(void)
{
	/* Upon a hypervisor that has none to give. */
	if (!l1_can(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VPID))
		return;
	report_running("invvpid");
	l1_new_guest(l2_flushed);
	l1_set(CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_VPID, true);
	vmwrite(VMCS_VPID, 5);
	for (uint64_t type = 0; type < 4; type++) {
		l1_expect(EXIT_REASON_VMCALL, l2_flushed);
		expect("own", invvpid(type, 5, (uint64_t)&marker), VMX_SUCCEED);
		expect("other", invvpid(type, 6, (uint64_t)&marker), VMX_SUCCEED);
		expect("none", invvpid(type, 0, 0), type == 2 ? VMX_SUCCEED : VMX_FAIL_VALID);
	}
	/* More than a hypervisor below has kept for its guests. */
	for (uint16_t vpid = 1; vpid < 100; vpid++) {
		vmwrite(VMCS_VPID, vpid);
		l1_expect(EXIT_REASON_VMCALL, l2_flushed);
		expect("each", invvpid(1, vpid, 0), VMX_SUCCEED);
	}
	expect("type", invvpid(4, 5, 0), VMX_FAIL_VALID);
	expect("error", vmread(VMCS_INSTRUCTION_ERROR), 28);
}

/* SDM volume 3, chapter 31.  Bochs itself ends where it meets one. */
void vmcall_in_root(void)
{
	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR))
		return;
	report_running("vmcall-in-root");
	l1_new_guest(l2_flushed);
	expect("vmcall", VMX_INSTRUCTION("vmcall", "a"(0x4b1d)), VMX_FAIL_VALID);
	expect("error", vmread(VMCS_INSTRUCTION_ERROR), 1);
}
