/* CPUID: the processor's own answer, less what guests are not given. */
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/signature.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/trace.h"
#include "l1vmm/vm.h"
#include "shadow/mmu_batch.h"

#define CPUID_HYPERVISOR_RANGE	0x10000
#define CPUID_HYPERVISOR_LAST	CPUID_HANDSHAKES
#define XSAVE_SUBLEAF_1_XSAVES	BIT(3)
#define XSAVE_LEGACY_AND_HEADER 576 /* bytes */

/* Leaves 1 to this one may have a row in cpuid.def. */
#define LAST_MASKED_LEAF 0x1f

/* Answers of EAX, EBX, ECX and EDX; CPUID clears the upper halves. */
static void set_answer(struct vcpu *v, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	v->regs[RAX] = eax;
	v->regs[RBX] = ebx;
	v->regs[RCX] = ecx;
	v->regs[RDX] = edx;
}

static void hide(uint32_t leaf, struct cpuid_regs *r)
{
#define CPUID_HIDE(number, reg, bits, why) \
	if (leaf == (number))              \
		r->reg &= ~(uint32_t)(bits);
#define CPUID_EMPTY(number, why) \
	if (leaf == (number))    \
		*r = (struct cpuid_regs){0};
#include "l1vmm/exits/cpuid.def"
#undef CPUID_HIDE
#undef CPUID_EMPTY
}

static void handshakes_leaf(struct vcpu *v)
{
	bool orders = vm_takes_shadow_orders(v->vm);

	set_answer(v, orders ? MMU_BATCH_VERSION : 0, orders ? MMU_BATCH_ORDERS : 0,
		   trace_takes_packets(v), v->nested ? 1 : 0);
}

/* The leaves by which a hypervisor tells of itself. */
static __attribute__((noinline)) void hypervisor_leaf(struct vcpu *v, uint32_t leaf)
{
	uint32_t name[L1VMM_SIGNATURE_SIZE / 4];

	memcpy(name, L1VMM_SIGNATURE, sizeof(name));
	if (leaf == CPUID_HYPERVISOR)
		set_answer(v, CPUID_HYPERVISOR_LAST, name[0], name[1], name[2]);
	else if (leaf == CPUID_HANDSHAKES)
		handshakes_leaf(v);
	else
		set_answer(v, leaf == CPUID_LEVEL ? v->vm->level : 0, 0, 0, 0);
}

/* Bits that follow the guest's own state, SDM volume 2, CPUID. */
static void follow_state(struct vcpu *v, struct cpuid_regs *r)
{
	/* The local APIC is emulated. */
	r->ecx |= CPUID_1_ECX_HYPERVISOR | CPUID_1_ECX_X2APIC | CPUID_1_ECX_DEADLINE;
	r->ecx &= ~(uint32_t)CPUID_1_ECX_OSXSAVE;
	if (vmcs_read(v, VMCS_GUEST_CR4) & CR4_OSXSAVE)
		r->ecx |= CPUID_1_ECX_OSXSAVE;
	r->ebx = (r->ebx & 0x00ffffff) | v->id << 24; /* initial APIC ID */
	if (v->nested)
		r->ecx |= (uint32_t)CPUID_1_ECX_VMX;
	if (vcpu_is_shadowed(v))
		r->ecx &= ~(uint32_t)CPUID_1_ECX_PCID; /* shadow tables carry no tag */
	if (!(v->lapic.base & APIC_BASE_ENABLE))
		r->edx &= ~(uint32_t)CPUID_1_EDX_APIC; /* SDM volume 3, 11.4.3 */
}

/* Leaf 0xD: the state components of XCR0_OFFERED, and the largest area that they need. */
static void xsave_leaf(uint32_t subleaf, struct cpuid_regs *r)
{
	struct cpuid_regs avx = cpuid(0xd, 2);

	if (subleaf == 0) {
		r->eax &= (uint32_t)XCR0_OFFERED;
		r->ecx = r->eax & XCR0_AVX ? avx.ebx + avx.eax : XSAVE_LEGACY_AND_HEADER;
		r->edx = 0;
	} else if (subleaf == 1) {
		r->eax &= ~(uint32_t)XSAVE_SUBLEAF_1_XSAVES;
		r->ecx = r->edx = 0;
	} else if (subleaf > 2) {
		*r = (struct cpuid_regs){0};
	}
}

/* A leaf that is not simply the processor's. */
static __attribute__((noinline)) void masked_leaf(struct vcpu *v, uint32_t leaf, uint32_t subleaf)
{
	struct cpuid_regs r = cpuid(leaf, subleaf);

	hide(leaf, &r);
	switch (leaf) {
	case 0x1:
		follow_state(v, &r);
		break;
	case 0xb:
	case 0x1f:
		r.edx = v->id; /* x2APIC ID */
		break;
	case 0xd:
		xsave_leaf(subleaf, &r);
		break;
	}
	set_answer(v, r.eax, r.ebx, r.ecx, r.edx);
}

enum exit_action exit_cpuid(struct vcpu *v)
{
	uint32_t leaf = (uint32_t)v->regs[RAX], subleaf = (uint32_t)v->regs[RCX];

	if (leaf - 1 < LAST_MASKED_LEAF) {
		masked_leaf(v, leaf, subleaf);
	} else if (leaf - CPUID_HYPERVISOR < CPUID_HYPERVISOR_RANGE) {
		hypervisor_leaf(v, leaf);
	} else {
		struct cpuid_regs r;

		cpuid_to(&r, leaf, subleaf);
		set_answer(v, r.eax, r.ebx, r.ecx, r.edx);
	}
	return EXIT_ADVANCE;
}
