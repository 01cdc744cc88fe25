#include "l1vmm/vmx/cr.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/tlb.h"

/*
 * PG decides on IA-32e mode, which is also a control; NE is fixed in VMX operation; CD and NW are
 * not part of a VM entry (SDM volume 3, 27.3.2.1).
 */
#define CR0_OWNED (CR0_PG | CR0_NE | CR0_CD | CR0_NW)

/* What a guest may switch without anybody else being concerned. */
#define CR4_GUESTS_OWN                                                                  \
	(CR4_PVI | CR4_TSD | CR4_DE | CR4_PGE | CR4_PCE | CR4_OSFXSR | CR4_OSXMMEXCPT | \
	 CR4_FSGSBASE)

/* Not offered: SMX, and what CPUID hides (exits/cpuid.def). */
#define CR4_HIDDEN (CR4_SMXE | CR4_LA57 | CR4_PKE | CR4_CET | CR4_PKS)

/* A change of one of these changes translations: SDM volume 3, 4.10.4.1. */
#define CR0_TRANSLATION (CR0_PG | CR0_WP)
#define CR4_TRANSLATION (CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP)
/* So does one of these, by way of the PDPTEs that it loads: SDM volume 3, 4.4.1. */
#define CR0_RELOADS_PDPTES (CR0_CD | CR0_NW)
#define CR4_RELOADS_PDPTES (CR4_PSE | CR4_PAE | CR4_PGE | CR4_SMEP)

#define CR0_AT_INIT (CR0_CD | CR0_NW | CR0_ET) /* SDM volume 3, table 10-1 */

#define CR3_NO_FLUSH   BIT(63) /* with CR4.PCIDE */
#define CR3_PCID_MASK  0xfff
#define PDPTE_COUNT    4
#define PDPTE_RESERVED (BIT(1) | BIT(2) | BIT(5) | BIT(6) | BIT(7) | BIT(8))

/* Bits that a physical address cannot have. */
static uint64_t physical_reserved(const struct vcpu *v)
{
	return ~(BIT(v->maxphyaddr) - 1);
}

uint64_t cr0_owned(const struct switches *sw)
{
	if (sw->cr == SW_CR_TRAP)
		return ~UINT64_C(0);
	return switches_shadow(sw) ? CR0_OWNED | CR0_PE | CR0_WP : CR0_OWNED;
}

uint64_t cr4_owned(const struct switches *sw)
{
	if (sw->cr == SW_CR_TRAP)
		return ~UINT64_C(0);
	return switches_shadow(sw) ? ~CR4_GUESTS_OWN | CR4_PGE : ~CR4_GUESTS_OWN;
}

/*
 * With unrestricted guest, PE and PG are not fixed (SDM volume 3, 27.3.1.1).  What shadow tables
 * ask for is said in shadow/mmu.h.
 */
uint64_t cr0_real(const struct vcpu *v, uint64_t guest)
{
	uint64_t fixed = rdmsr(MSR_IA32_VMX_CR0_FIXED0);

	if (vcpu_is_shadowed(v))
		return guest | fixed | CR0_WP;
	return guest | (fixed & ~(CR0_PE | CR0_PG));
}

/* MCE stays on whatever the guest says: a machine check concerns the whole machine. */
uint64_t cr4_real(struct vcpu *v, uint64_t guest)
{
	uint64_t real = guest | rdmsr(MSR_IA32_VMX_CR4_FIXED0) | (read_cr4() & CR4_MCE);

	if (!vcpu_is_shadowed(v))
		return real;
	real = (real | CR4_PAE) & ~(CR4_PGE | CR4_PCIDE);
	return v->paging ? real : real & ~(CR4_SMEP | CR4_SMAP);
}

/* Shadow tables keep CR0.PG set, and with it LME must equal LMA: SDM volume 3, 27.3.1.1. */
uint64_t efer_real(const struct vcpu *v, uint64_t guest)
{
	if (!vcpu_is_shadowed(v))
		return guest;
	return (guest & EFER_LMA ? guest : guest & ~EFER_LME) | EFER_NXE;
}

uint64_t guest_read_cr0(struct vcpu *v)
{
	return (vmcs_read(v, VMCS_GUEST_CR0) & ~v->cr0_mask) |
	       (vmcs_read(v, VMCS_CR0_READ_SHADOW) & v->cr0_mask);
}

uint64_t guest_read_cr4(struct vcpu *v)
{
	return (vmcs_read(v, VMCS_GUEST_CR4) & ~v->cr4_mask) |
	       (vmcs_read(v, VMCS_CR4_READ_SHADOW) & v->cr4_mask);
}

uint64_t guest_read_cr3(struct vcpu *v)
{
	return vcpu_is_shadowed(v) ? v->cr3 : vmcs_read(v, VMCS_GUEST_CR3);
}

uint64_t guest_read_pdpte(struct vcpu *v, unsigned number)
{
	return vcpu_is_shadowed(v) ? v->pdpte[number]
				   : vmcs_read(v, VMCS_GUEST_PDPTE0 + 2 * number);
}

void guest_write_efer(struct vcpu *v, uint64_t value)
{
	v->efer = value;
	vmcs_write(v, VMCS_GUEST_IA32_EFER, efer_real(v, value));
}

/* A change of state that translations depend on. */
static void translations_changed(struct vcpu *v)
{
	if (vcpu_is_shadowed(v))
		shadow_reload(v);
	else
		tlb_flush_guest(v);
}

bool guest_read_pdptes(const struct vcpu *v, uint64_t cr3, uint64_t entries[4])
{
	const uint64_t *table = vm_memory(v->vm, cr3 & 0xffffffe0, PDPTE_COUNT * sizeof(*table));

	for (unsigned i = 0; i < PDPTE_COUNT; i++) {
		/* Outside memory, reads float high as from any address that nobody answers. */
		entries[i] = table ? table[i] : UINT64_MAX;
		if ((entries[i] & PTE_P) && (entries[i] & (PDPTE_RESERVED | physical_reserved(v))))
			return false;
	}
	return true;
}

bool guest_load_pdptes(struct vcpu *v, uint64_t cr3)
{
	uint64_t entries[PDPTE_COUNT];

	if (!guest_read_pdptes(v, cr3, entries))
		return false;
	for (unsigned i = 0; i < PDPTE_COUNT; i++) {
		v->pdpte[i] = entries[i];
		if (!vcpu_is_shadowed(v))
			vmcs_write(v, VMCS_GUEST_PDPTE0 + 2 * i, entries[i]);
	}
	return true;
}

/* Loads them anew where the guest uses PAE paging. */
static bool reload_pdptes(struct vcpu *v)
{
	if (!v->paging || (v->efer & EFER_LMA) || !(guest_read_cr4(v) & CR4_PAE))
		return true;
	return guest_load_pdptes(v, guest_read_cr3(v));
}

static void set_long_mode(struct vcpu *v, uint64_t efer, bool on)
{
	uint32_t *entry = &v->controls.word[CONTROL_ENTRY];

	*entry &= ~(uint32_t)CONTROL_ENTRY_IA32E_MODE_GUEST;
	if (on)
		*entry |= CONTROL_ENTRY_IA32E_MODE_GUEST;
	vmcs_write(v, VMCS_ENTRY_CONTROLS, *entry);
	guest_write_efer(v, on ? efer | EFER_LMA : efer & ~EFER_LMA);
}

/* What turning paging on or off asks for: SDM volume 3, 4.1.1 and 10.8.5, table 26-2 for the TSS.
 */
static bool switch_paging(struct vcpu *v, bool on)
{
	uint64_t efer = v->efer;
	uint64_t cr4 = guest_read_cr4(v);

	if (vcpu_in_64bit_code(v) || (!on && (cr4 & CR4_PCIDE)))
		return false;
	if (on && (efer & EFER_LME)) {
		if (!(cr4 & CR4_PAE) || (vmcs_read(v, VMCS_GUEST_CS_AR_BYTES) & AR_CODE64_BIT) ||
		    AR_TYPE(vmcs_read(v, VMCS_GUEST_TR_AR_BYTES)) != DESC_TYPE_TSS_BUSY)
			return false;
		set_long_mode(v, efer, true);
	} else if (on && (cr4 & CR4_PAE)) {
		return guest_load_pdptes(v, guest_read_cr3(v));
	} else if (efer & EFER_LMA) {
		set_long_mode(v, efer, false);
	}
	return true;
}

void guest_reset_control_registers(struct vcpu *v)
{
	write_cr2(0);
	set_long_mode(v, 0, false);
	v->paging = false;
	vmcs_write(v, VMCS_CR0_READ_SHADOW, CR0_AT_INIT);
	vmcs_write(v, VMCS_GUEST_CR0, cr0_real(v, CR0_AT_INIT));
	vmcs_write(v, VMCS_GUEST_CR3, 0);
	vmcs_write(v, VMCS_CR4_READ_SHADOW, 0);
	vmcs_write(v, VMCS_GUEST_CR4, cr4_real(v, 0));
	translations_changed(v);
}

bool guest_write_cr0(struct vcpu *v, uint64_t value)
{
	uint64_t changed = value ^ guest_read_cr0(v);

	if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) ||
	    ((value & CR0_NW) && !(value & CR0_CD)) || (v->nested && nested_forbids_cr0(v, value)))
		return false;
	if ((changed & CR0_PG) && !switch_paging(v, value & CR0_PG))
		return false;
	if (!(changed & CR0_PG) && (changed & CR0_RELOADS_PDPTES) && !reload_pdptes(v))
		return false;
	if (vcpu_is_shadowed(v) && !(value & CR0_PE))
		vcpu_stop(v, STOP_REAL_MODE, "cr0=0x%lx", value);
	value |= CR0_ET;
	v->paging = value & CR0_PG;
	vmcs_write(v, VMCS_CR0_READ_SHADOW, value);
	vmcs_write(v, VMCS_GUEST_CR0, cr0_real(v, value));
	if (vcpu_is_shadowed(v) && (changed & CR0_PG))
		vmcs_write(v, VMCS_GUEST_CR4, cr4_real(v, guest_read_cr4(v)));
	if (changed & (CR0_TRANSLATION | CR0_RELOADS_PDPTES))
		translations_changed(v);
	return true;
}

bool guest_write_cr4(struct vcpu *v, uint64_t value)
{
	uint64_t changed = value ^ guest_read_cr4(v);
	uint64_t cr0 = guest_read_cr0(v);
	bool long_mode = vmcs_read(v, VMCS_GUEST_IA32_EFER) & EFER_LMA;

	if (vcpu_is_shadowed(v) && (value & CR4_PCIDE))
		return false; /* CPUID hides it */
	if (v->nested ? nested_forbids_cr4(v, value) : value & CR4_VMXE)
		return false;
	if (value & (CR4_HIDDEN | ~rdmsr(MSR_IA32_VMX_CR4_FIXED1)))
		return false;
	if (long_mode && !(value & CR4_PAE))
		return false;
	if ((changed & value & CR4_PCIDE) && (!long_mode || (guest_read_cr3(v) & CR3_PCID_MASK)))
		return false;
	if (!long_mode && (cr0 & CR0_PG) && (value & CR4_PAE) && (changed & CR4_RELOADS_PDPTES) &&
	    !guest_load_pdptes(v, guest_read_cr3(v)))
		return false;
	vmcs_write(v, VMCS_CR4_READ_SHADOW, value);
	vmcs_write(v, VMCS_GUEST_CR4, cr4_real(v, value));
	if (changed & CR4_TRANSLATION)
		translations_changed(v);
	return true;
}

/* On shadow tables the mode is known without a look at the VMCS, and there are no PCIDs. */
static __attribute__((noinline)) bool load_shadowed_cr3(struct vcpu *v, uint64_t value)
{
	switch (paging_mode(&v->mmu.state)) {
	case PAGING_4LEVEL:
		if (value & physical_reserved(v))
			return false;
		break;
	case PAGING_PAE:
		if (!guest_load_pdptes(v, value))
			return false;
		break;
	case PAGING_32BIT:
	case PAGING_NONE:
		break;
	}
	v->cr3 = value;
	shadow_load_cr3(v);
	return true;
}

/* The processor's own CR3, of a guest with EPT. */
static __attribute__((noinline)) bool load_cr3(struct vcpu *v, uint64_t value)
{
	uint64_t cr4 = guest_read_cr4(v);
	bool paging = guest_read_cr0(v) & CR0_PG;
	bool keep = (cr4 & CR4_PCIDE) && (value & CR3_NO_FLUSH);

	if (cr4 & CR4_PCIDE)
		value &= ~CR3_NO_FLUSH;
	if (vmcs_read(v, VMCS_GUEST_IA32_EFER) & EFER_LMA) {
		if (value & physical_reserved(v))
			return false;
	} else if (paging && (cr4 & CR4_PAE) && !guest_load_pdptes(v, value)) {
		return false;
	}
	vmcs_write(v, VMCS_GUEST_CR3, value);
	if (!keep)
		tlb_flush_guest_non_global(v);
	return true;
}

bool guest_write_cr3(struct vcpu *v, uint64_t value)
{
	return vcpu_is_shadowed(v) ? load_shadowed_cr3(v, value) : load_cr3(v, value);
}
