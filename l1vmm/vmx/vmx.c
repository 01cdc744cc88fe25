#include "l1vmm/vmx/vmx.h"

#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/tlb.h"
#include "l1vmm/vmx/vmcs.h"

#define BASIC_REVISION_MASK 0x7fffffff

/*
 * MSRs that exist only where an earlier one says so read as 0, that is, nothing is allowed: SDM
 * volume 3, A.1 and A.3.3.
 */
static uint64_t read_capability(uint32_t msr)
{
	bool true_controls = rdmsr(MSR_IA32_VMX_BASIC) & BIT(55);
	uint64_t primary = rdmsr(MSR_IA32_VMX_PROCBASED_CTLS);
	bool secondary = primary & BIT(63);

	if (msr >= MSR_IA32_VMX_TRUE_PINBASED_CTLS && msr <= MSR_IA32_VMX_TRUE_ENTRY_CTLS &&
	    !true_controls)
		return rdmsr(msr - MSR_IA32_VMX_TRUE_PINBASED_CTLS + MSR_IA32_VMX_PINBASED_CTLS);
	if (msr == MSR_IA32_VMX_PROCBASED_CTLS2 && !secondary)
		return 0;
	if (msr == MSR_IA32_VMX_EPT_VPID_CAP &&
	    (!secondary || !(rdmsr(MSR_IA32_VMX_PROCBASED_CTLS2) & (BIT(33) | BIT(37)))))
		return 0;
	return rdmsr(msr);
}

static void print_problem(void *ctx, enum control_problem problem, enum control_word word,
			  unsigned bit, const char *name, const char *why)
{
	(void)ctx;
	if (problem == CONTROL_LACKING)
		printk("l1vmm: this CPU lacks %s (%s control, bit %u): %s\n", name,
		       control_word_name(word), bit, why);
	else
		printk("l1vmm: this CPU cannot turn %s off (%s control, bit %u)\n", name,
		       control_word_name(word), bit);
}

static bool check_capabilities(const struct switches *sw)
{
	bool ok = true;

#define CAPABILITY(MSR, mask, NAME, when, why)                                        \
	if ((when) && (read_capability(MSR_IA32_##MSR) & (mask)) != (mask)) {         \
		printk("l1vmm: this CPU lacks %s (IA32_" #MSR "): %s\n", #NAME, why); \
		ok = false;                                                           \
	}
#include "l1vmm/vmx/capability.def"
#undef CAPABILITY
	return ok;
}

void vmx_capabilities_read(struct vmx_capabilities *c)
{
	*c = (struct vmx_capabilities){
		.basic = rdmsr(MSR_IA32_VMX_BASIC),
		.misc = rdmsr(MSR_IA32_VMX_MISC),
		.cr0_fixed0 = rdmsr(MSR_IA32_VMX_CR0_FIXED0),
		.cr0_fixed1 = rdmsr(MSR_IA32_VMX_CR0_FIXED1),
		.cr4_fixed0 = rdmsr(MSR_IA32_VMX_CR4_FIXED0),
		.cr4_fixed1 = rdmsr(MSR_IA32_VMX_CR4_FIXED1),
		.ept_vpid = read_capability(MSR_IA32_VMX_EPT_VPID_CAP),
		.controls.msr =
			{
				[CONTROL_PIN] = read_capability(MSR_IA32_VMX_TRUE_PINBASED_CTLS),
				[CONTROL_PRIMARY] =
					read_capability(MSR_IA32_VMX_TRUE_PROCBASED_CTLS),
				[CONTROL_SECONDARY] = read_capability(MSR_IA32_VMX_PROCBASED_CTLS2),
				[CONTROL_EXIT] = read_capability(MSR_IA32_VMX_TRUE_EXIT_CTLS),
				[CONTROL_ENTRY] = read_capability(MSR_IA32_VMX_TRUE_ENTRY_CTLS),
			},
		.physical_address_bits = (uint8_t)cpuid(0x80000008, 0).eax,
	};
}

bool vmx_check(const struct switches *sw, struct controls *controls)
{
	struct vmx_capabilities caps;
	bool ok;

	if (!(cpuid(1, 0).ecx & CPUID_1_ECX_VMX)) {
		printk("l1vmm: this CPU lacks VMX (CPUID.1:ECX bit 5): the hypervisor is built on it\n");
		return false;
	}
	vmx_capabilities_read(&caps);
	ok = check_capabilities(sw);
	return controls_build(sw, &caps.controls, controls, print_problem, NULL) == 0 && ok;
}

static bool unlock_vmxon(void)
{
	uint64_t value = rdmsr(MSR_IA32_FEATURE_CONTROL);

	if (!(value & FEATURE_CONTROL_LOCKED)) {
		value |= FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX_OUTSIDE_SMX;
		wrmsr(MSR_IA32_FEATURE_CONTROL, value);
	}
	return value & FEATURE_CONTROL_VMX_OUTSIDE_SMX;
}

uint64_t vmcs_alloc(void)
{
	uint64_t region = memory_alloc(1);

	if (region)
		*(uint32_t *)region = rdmsr(MSR_IA32_VMX_BASIC) & BASIC_REVISION_MASK;
	return region;
}

/*
 * What the hypervisor's own CR4 needs beside VMXE: XSETBV is carried out for guests, and machine
 * checks are the machine's whatever a guest has set.
 */
static uint64_t wanted_cr4(void)
{
	struct cpuid_regs features = cpuid(1, 0);
	uint64_t cr4 = CR4_VMXE;

	if (features.ecx & CPUID_1_ECX_XSAVE)
		cr4 |= CR4_OSXSAVE;
	if (features.edx & CPUID_1_EDX_MCE)
		cr4 |= CR4_MCE;
	return cr4;
}

bool vmx_enable(struct cpu *cpu)
{
	if (!unlock_vmxon()) {
		printk("l1vmm: firmware has locked VMX out (IA32_FEATURE_CONTROL bit 2): "
		       "switch virtualization on in its set-up\n");
		return false;
	}
	/* SDM volume 3, 24.8: bits that VMX operation fixes. */
	write_cr0((read_cr0() | rdmsr(MSR_IA32_VMX_CR0_FIXED0)) & rdmsr(MSR_IA32_VMX_CR0_FIXED1));
	write_cr4((read_cr4() | wanted_cr4() | rdmsr(MSR_IA32_VMX_CR4_FIXED0)) &
		  rdmsr(MSR_IA32_VMX_CR4_FIXED1));
	cpu->vmxon_region = vmcs_alloc();
	if (!cpu->vmxon_region) {
		printk("l1vmm: no memory for the VMXON region\n");
		return false;
	}
	if (vmxon(cpu->vmxon_region) != VMX_SUCCEED)
		panic("VMXON failed on CPU %u", cpu->id);
	/* Whoever used VMX before may have left translations. */
	tlb_forget_all();
	vpid_pool_init(&cpu->vpids, VPID_MAX, tlb_forget_vpids, NULL);
	return true;
}

void vmx_print_capabilities(void)
{
#define CAPABILITY_MSR(NAME)                                                       \
	printk("@cap name=IA32_" #NAME " msr=0x%x value=0x%lx\n", MSR_IA32_##NAME, \
	       read_capability(MSR_IA32_##NAME));
#include "l1vmm/vmx/capability_msrs.def"
#undef CAPABILITY_MSR
}

uint64_t vmx_capability(uint32_t msr)
{
	return read_capability(msr);
}
