/* CPUID: the processor's own answer, less what guests are not given. */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/signature.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vm.h"

#define CPUID_HYPERVISOR_LAST (CPUID_HYPERVISOR + 1)
#define XSAVE_SUBLEAF_1_XSAVES BIT(3)

static void hide(uint32_t leaf, struct cpuid_regs *r)
{
#define CPUID_HIDE(number, reg, bits, why) \
	if (leaf == (number))              \
		r->reg &= ~(uint32_t)(bits);
#define CPUID_EMPTY(number, why)          \
	if (leaf == (number))             \
		*r = (struct cpuid_regs){0};
#include "l1vmm/exits/cpuid.def"
#undef CPUID_HIDE
#undef CPUID_EMPTY
}

/* The leaves by which a hypervisor tells of itself. */
static struct cpuid_regs hypervisor_leaf(const struct vm *vm, uint32_t leaf)
{
	struct cpuid_regs r = {0};

	if (leaf == CPUID_HYPERVISOR) {
		r.eax = CPUID_HYPERVISOR_LAST;
		memcpy(&r.ebx, L1VMM_SIGNATURE, L1VMM_SIGNATURE_SIZE);
	} else if (leaf == CPUID_HYPERVISOR_LAST) {
		r.eax = vm->level;
	}
	return r;
}

/* Bits that follow the guest's own state, SDM volume 2, CPUID. */
static void follow_state(struct vcpu *v, struct cpuid_regs *r)
{
	r->ecx |= CPUID_1_ECX_HYPERVISOR;
	r->ecx &= ~(uint32_t)CPUID_1_ECX_OSXSAVE;
	if (vmcs_read(v, VMCS_GUEST_CR4) & CR4_OSXSAVE)
		r->ecx |= CPUID_1_ECX_OSXSAVE;
	r->ebx = (r->ebx & 0x00ffffff) | v->id << 24; /* initial APIC ID */
}

enum exit_action exit_cpuid(struct vcpu *v)
{
	uint32_t leaf = (uint32_t)v->regs[RAX], subleaf = (uint32_t)v->regs[RCX];
	struct cpuid_regs r;

	if (leaf >= CPUID_HYPERVISOR && leaf < CPUID_HYPERVISOR + 0x10000) {
		r = hypervisor_leaf(v->vm, leaf);
	} else {
		r = cpuid(leaf, subleaf);
		hide(leaf, &r);
		if (leaf == 1)
			follow_state(v, &r);
		if (leaf == 0xd && subleaf == 1) {
			r.eax &= ~(uint32_t)XSAVE_SUBLEAF_1_XSAVES;
			r.ecx = r.edx = 0;
		}
	}
	v->regs[RAX] = r.eax;
	v->regs[RBX] = r.ebx;
	v->regs[RCX] = r.ecx;
	v->regs[RDX] = r.edx;
	return EXIT_ADVANCE;
}
