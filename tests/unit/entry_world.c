#include "entry_world.h"

#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"

#define SET(NAME, value)  vmcs12_set(&w->v, VMCS_##NAME, value)
#define GET(NAME)	  vmcs12_get(&w->v, VMCS_##NAME)
#define WITH(NAME, value) SET(NAME, GET(NAME) | (uint32_t)(value))
#define LESS(NAME, value) SET(NAME, GET(NAME) & ~(uint64_t)(uint32_t)(value))

#define PAT_AT_RESET 0x0007040600070406

#define FOR_SIX(set) set(ES) set(CS) set(SS) set(DS) set(FS) set(GS)

static void read_memory(void *ctx, uint64_t gpa, void *to, size_t bytes)
{
	struct entry_world *w = ctx;

	if (gpa >> WORLD_WIDTH == 0 && gpa >= WORLD_TOP)
		gpa = WORLD_LINK + (gpa - WORLD_TOP);
	for (size_t i = 0; i < bytes; i++)
		((uint8_t *)to)[i] = gpa + i < WORLD_BYTES ? w->memory[gpa + i] : 0xff;
}

static bool load_msr(void *ctx, uint32_t index, uint64_t value)
{
	struct entry_world *w = ctx;

	(void)value;
	w->msrs_loaded++;
	return index != WORLD_MSR_REFUSED;
}

void entry_world_store(struct entry_world *w, uint64_t gpa, uint64_t value, size_t bytes)
{
	memcpy(&w->memory[gpa], &value, bytes);
}

void entry_world_msr(struct entry_world *w, uint32_t number, uint32_t index, uint32_t reserved,
		     uint64_t value)
{
	const struct entry_msr msr = {index, reserved, value};

	memcpy(&w->memory[WORLD_MSRS + (number - 1) * sizeof(msr)], &msr, sizeof(msr));
}

/* What l1vmm/vmx/controls.def names may be 1; the bits of SDM volume 3, A.2 must. */
static void offer(struct entry_world *w)
{
	static const uint32_t must[CONTROL_WORDS] = {
		[CONTROL_PIN] = 0x16,
		[CONTROL_PRIMARY] = 0x04006172,
		[CONTROL_EXIT] = 0x00036dfb,
		[CONTROL_ENTRY] = 0x000011fb,
	};
	uint32_t may[CONTROL_WORDS] = {0};

#define CONTROL(WORD, bit, NAME, wanted, why) may[CONTROL_##WORD] |= 1u << (bit);
#include "l1vmm/vmx/controls.def"
#undef CONTROL
	w->vmx = (struct vmx_capabilities){
		.basic = VMCS12_REVISION | VMX_BASIC_TRUE_CONTROLS,
		.misc = (UINT64_C(7) << 6) | (UINT64_C(4) << 16),
		.cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = CR4_VMXE,
		.cr4_fixed1 = 0x00f7ffff,
		.ept_vpid = EPT_VPID_FOUR_LEVELS | EPT_VPID_UNCACHEABLE | EPT_VPID_WRITE_BACK |
			    EPT_VPID_ACCESSED_DIRTY,
		.physical_address_bits = WORLD_WIDTH,
	};
	for (int i = 0; i < CONTROL_WORDS; i++)
		w->vmx.controls.msr[i] = must[i] | (uint64_t)(must[i] | may[i]) << 32;
	w->rules = (struct entry_rules){
		.vmx = &w->vmx,
		.efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE,
		.debugctl = 3,
		.perf_global_ctrl = 0x70000000f,
		.vm_functions = 1,
		.linear_address_bits = 48,
	};
	entry_rules_init(&w->rules);
}

static void set_host(struct entry_world *w)
{
	SET(HOST_CR0, CR0_PE | CR0_NE | CR0_WP | CR0_PG);
	SET(HOST_CR3, 0x7000);
	SET(HOST_CR4, CR4_PAE | CR4_VMXE);
	SET(HOST_CS_SELECTOR, 0x08);
	SET(HOST_TR_SELECTOR, 0x18);
	SET(HOST_RIP, 0xffffffff80000000);
	SET(HOST_IA32_PAT, PAT_AT_RESET);
	SET(HOST_IA32_EFER, EFER_LME | EFER_LMA);
}

/* 64-bit guest at privilege 0, minimal controls. */
static void set_long(struct entry_world *w)
{
	const struct control_capabilities *c = &w->vmx.controls;

	SET(PIN_BASED_CONTROLS, (uint32_t)c->msr[CONTROL_PIN] |
					CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING |
					CONTROL_PIN_NMI_EXITING);
	SET(PRIMARY_CONTROLS, (uint32_t)c->msr[CONTROL_PRIMARY] | CONTROL_PRIMARY_HLT_EXITING);
	SET(EXIT_CONTROLS, (uint32_t)c->msr[CONTROL_EXIT] | CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE |
				   CONTROL_EXIT_LOAD_IA32_PAT | CONTROL_EXIT_LOAD_IA32_EFER);
	SET(ENTRY_CONTROLS, (uint32_t)c->msr[CONTROL_ENTRY] | CONTROL_ENTRY_LOAD_DEBUG_CONTROLS |
				    CONTROL_ENTRY_IA32E_MODE_GUEST |
				    CONTROL_ENTRY_ENTRY_LOAD_IA32_PAT |
				    CONTROL_ENTRY_ENTRY_LOAD_IA32_EFER);
	SET(VMCS_LINK_POINTER, VMCS12_NO_ADDRESS);
	SET(GUEST_CR0, CR0_PE | CR0_NE | CR0_WP | CR0_PG);
	SET(GUEST_CR3, 0x8000);
	SET(GUEST_CR4, CR4_PAE | CR4_VMXE);
	SET(GUEST_IA32_EFER, EFER_LME | EFER_LMA);
	SET(GUEST_IA32_PAT, PAT_AT_RESET);
	SET(GUEST_DR7, DR7_INIT);
	SET(GUEST_RFLAGS, RFLAGS_FIXED);
	SET(GUEST_RIP, 0xffff800000000000);
#define FLAT(S)                             \
	SET(GUEST_##S##_SELECTOR, 0x10);    \
	SET(GUEST_##S##_LIMIT, 0xffffffff); \
	SET(GUEST_##S##_AR_BYTES, AR_DATA32);
	FOR_SIX(FLAT)
#undef FLAT
	SET(GUEST_CS_SELECTOR, 0x08);
	SET(GUEST_CS_AR_BYTES, (AR_CODE32 & ~AR_DEFAULT_32) | AR_CODE64_BIT);
	SET(GUEST_LDTR_AR_BYTES, AR_UNUSABLE);
	SET(GUEST_TR_SELECTOR, 0x18);
	SET(GUEST_TR_LIMIT, 0x67);
	SET(GUEST_TR_AR_BYTES, AR_TSS32_BUSY);
	SET(GUEST_GDTR_LIMIT, 0xffff);
	SET(GUEST_IDTR_LIMIT, 0xfff);
}

static void set_secondary(struct entry_world *w, uint32_t controls)
{
	WITH(PRIMARY_CONTROLS, (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY);
	WITH(SECONDARY_CONTROLS, controls);
	if (controls & CONTROL_SECONDARY_ENABLE_EPT)
		SET(EPT_POINTER, WORLD_PAGE | 0x5e); /* write-back, four levels, A/D */
}

static void set_32bit(struct entry_world *w)
{
	LESS(ENTRY_CONTROLS, CONTROL_ENTRY_IA32E_MODE_GUEST);
	SET(GUEST_IA32_EFER, 0);
	SET(GUEST_CS_AR_BYTES, AR_CODE32);
	SET(GUEST_RIP, 0xfffffff0);
}

static void set_pae(struct entry_world *w)
{
	set_32bit(w);
	SET(GUEST_CR3, WORLD_PDPT);
	for (unsigned i = 0; i < 4; i++)
		entry_world_store(w, WORLD_PDPT + 8 * i, WORLD_PAGE | PTE_P, 8);
}

static void set_real(struct entry_world *w)
{
	set_32bit(w);
	set_secondary(w, CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_UNRESTRICTED_GUEST);
	SET(GUEST_CR0, CR0_NE);
	SET(GUEST_CR4, CR4_VMXE);
	SET(GUEST_RIP, 0xfff0);
#define REAL(S)                            \
	SET(GUEST_##S##_SELECTOR, 0xf000); \
	SET(GUEST_##S##_BASE, 0xffff0000); \
	SET(GUEST_##S##_LIMIT, 0xffff);    \
	SET(GUEST_##S##_AR_BYTES, 0x93);
	FOR_SIX(REAL)
#undef REAL
}

static void set_vm86(struct entry_world *w)
{
	set_32bit(w);
	SET(GUEST_CR4, CR4_VMXE);
	WITH(GUEST_RFLAGS, RFLAGS_VM);
	SET(GUEST_RIP, 0x100);
#define VM86(S)                            \
	SET(GUEST_##S##_SELECTOR, 0x1234); \
	SET(GUEST_##S##_BASE, 0x12340);    \
	SET(GUEST_##S##_LIMIT, 0xffff);    \
	SET(GUEST_##S##_AR_BYTES, 0xf3);
	FOR_SIX(VM86)
#undef VM86
}

static void set_compatible(struct entry_world *w)
{
	SET(PIN_BASED_CONTROLS, (uint32_t)w->vmx.controls.msr[CONTROL_PIN]);
	SET(EXIT_CONTROLS,
	    (uint32_t)w->vmx.controls.msr[CONTROL_EXIT] | CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE);
	SET(ENTRY_CONTROLS,
	    (uint32_t)w->vmx.controls.msr[CONTROL_ENTRY] | CONTROL_ENTRY_IA32E_MODE_GUEST);
	SET(GUEST_RIP, 0xfffffff0);
	SET(GUEST_CS_SELECTOR, 0x2b);
	SET(GUEST_CS_AR_BYTES, AR_CODE32 | 0x60);
	SET(GUEST_SS_SELECTOR, 0x33);
	SET(GUEST_SS_AR_BYTES, AR_DATA32 | 0x60);
	SET(GUEST_DS_AR_BYTES, AR_UNUSABLE);
	SET(GUEST_ES_AR_BYTES, AR_UNUSABLE);
	SET(GUEST_LDTR_AR_BYTES, 0x82);
	SET(GUEST_LDTR_LIMIT, 0xfff);
	WITH(GUEST_RFLAGS, RFLAGS_IF);
}

static void set_apic(struct entry_world *w)
{
	WITH(PRIMARY_CONTROLS, CONTROL_PRIMARY_USE_TPR_SHADOW);
	set_secondary(w, CONTROL_SECONDARY_ENABLE_VPID);
	SET(VPID, 1);
	SET(VIRTUAL_APIC_PAGE_ADDR, WORLD_VTPR & ~0xfff);
	entry_world_store(w, WORLD_VTPR, 0x57, 1);
	SET(TPR_THRESHOLD, 5);
}

static void set_apicv(struct entry_world *w)
{
	set_apic(w);
	set_secondary(w, CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_VIRTUALIZE_APIC_ACCESSES |
				 CONTROL_SECONDARY_APIC_REGISTER_VIRTUALIZATION |
				 CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY);
	WITH(PIN_BASED_CONTROLS, CONTROL_PIN_POSTED_INTERRUPTS);
	WITH(EXIT_CONTROLS, CONTROL_EXIT_ACKNOWLEDGE_INTERRUPT);
	SET(APIC_ACCESS_ADDR, WORLD_PAGE);
	SET(POSTED_INTR_NV, 0xf2);
	SET(POSTED_INTR_DESC_ADDR, WORLD_PAGE);
}

static void set_everything(struct entry_world *w)
{
	WITH(PIN_BASED_CONTROLS, CONTROL_PIN_VIRTUAL_NMIS | CONTROL_PIN_PREEMPTION_TIMER);
	WITH(PRIMARY_CONTROLS, CONTROL_PRIMARY_USE_IO_BITMAPS | CONTROL_PRIMARY_USE_MSR_BITMAPS |
				       CONTROL_PRIMARY_NMI_WINDOW_EXITING |
				       CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING);
	set_secondary(w, CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_UNRESTRICTED_GUEST |
				 CONTROL_SECONDARY_ENABLE_VPID | CONTROL_SECONDARY_ENABLE_VMFUNC |
				 CONTROL_SECONDARY_VMCS_SHADOWING | CONTROL_SECONDARY_ENABLE_PML |
				 CONTROL_SECONDARY_EPT_VIOLATION_VE |
				 CONTROL_SECONDARY_MODE_BASED_EXECUTE |
				 CONTROL_SECONDARY_TSC_SCALING);
	WITH(EXIT_CONTROLS,
	     CONTROL_EXIT_SAVE_PREEMPTION_TIMER | CONTROL_EXIT_LOAD_PERF_GLOBAL_CTRL);
	WITH(ENTRY_CONTROLS, CONTROL_ENTRY_ENTRY_LOAD_PERF_GLOBAL_CTRL);
	SET(VPID, 1);
	SET(IO_BITMAP_A, WORLD_PAGE);
	SET(IO_BITMAP_B, WORLD_PAGE);
	SET(MSR_BITMAP, WORLD_PAGE);
	SET(PML_ADDRESS, WORLD_PAGE);
	SET(VM_FUNCTION_CONTROLS, 1);
	SET(EPTP_LIST_ADDRESS, WORLD_PAGE);
	SET(VMREAD_BITMAP, WORLD_PAGE);
	SET(VMWRITE_BITMAP, WORLD_PAGE);
	SET(VIRT_EXCEPTION_INFO_ADDR, WORLD_PAGE);
	SET(TSC_MULTIPLIER, UINT64_C(1) << 48);
	SET(CR3_TARGET_COUNT, 4);
	SET(VMCS_LINK_POINTER, WORLD_LINK);
	entry_world_store(w, WORLD_LINK, VMCS12_REVISION | VMCS12_SHADOW, 4);
	SET(EXIT_MSR_STORE_COUNT, 2);
	SET(EXIT_MSR_STORE_ADDR, WORLD_MSRS);
	SET(EXIT_MSR_LOAD_COUNT, 2);
	SET(EXIT_MSR_LOAD_ADDR, WORLD_MSRS);
	SET(ENTRY_MSR_LOAD_COUNT, 2);
	SET(ENTRY_MSR_LOAD_ADDR, WORLD_MSRS);
	entry_world_msr(w, 1, MSR_IA32_LSTAR, 0, 0x1000);
	entry_world_msr(w, 2, MSR_IA32_STAR, 0, 0);
}

static void set_host_32bit(struct entry_world *w)
{
	set_32bit(w);
	SET(GUEST_CR4, CR4_VMXE);
	LESS(EXIT_CONTROLS, CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE);
	SET(HOST_IA32_EFER, 0);
	SET(HOST_SS_SELECTOR, 0x10);
	SET(HOST_RIP, 0xfffffff0);
	w->entry.ia32e_mode = false;
}

void entry_world_init(struct entry_world *w, enum entry_base base)
{
	memset(w, 0, sizeof(*w));
	offer(w);
	vmcs12_clear(&w->v);
	w->entry = (struct entry){&w->v, WORLD_CURRENT, true, read_memory, load_msr, w, w->pdptes};
	set_host(w);
	set_long(w);
	switch (base) {
	case BASE_LONG:
		set_secondary(w, CONTROL_SECONDARY_ENABLE_EPT);
		break;
	case BASE_COMPATIBLE:
		set_compatible(w);
		break;
	case BASE_PAE:
		set_pae(w);
		break;
	case BASE_PAE_EPT:
		set_32bit(w);
		set_secondary(w, CONTROL_SECONDARY_ENABLE_EPT);
		SET(GUEST_PDPTE0, WORLD_PAGE | PTE_P);
		break;
	case BASE_PROTECTED:
		set_32bit(w);
		set_secondary(w,
			      CONTROL_SECONDARY_ENABLE_EPT | CONTROL_SECONDARY_UNRESTRICTED_GUEST);
		SET(GUEST_CR0, CR0_PE | CR0_NE);
		break;
	case BASE_REAL:
		set_real(w);
		break;
	case BASE_VM86:
		set_vm86(w);
		break;
	case BASE_HALTED:
		SET(GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
		WITH(GUEST_RFLAGS, RFLAGS_IF);
		break;
	case BASE_APIC:
		set_apic(w);
		break;
	case BASE_APICV:
		set_apicv(w);
		break;
	case BASE_EVERYTHING:
		set_everything(w);
		break;
	case BASE_HOST_32BIT:
		set_host_32bit(w);
		break;
	case BASES:
		break;
	}
}

const char *entry_base_name(enum entry_base base)
{
	static const char *const names[BASES] = {
		[BASE_LONG] = "long",
		[BASE_COMPATIBLE] = "compatible",
		[BASE_PAE] = "pae",
		[BASE_PAE_EPT] = "pae-ept",
		[BASE_PROTECTED] = "protected",
		[BASE_REAL] = "real",
		[BASE_VM86] = "vm86",
		[BASE_HALTED] = "halted",
		[BASE_APIC] = "apic",
		[BASE_APICV] = "apicv",
		[BASE_EVERYTHING] = "everything",
		[BASE_HOST_32BIT] = "host-32bit",
	};

	return names[base];
}
