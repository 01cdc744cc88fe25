#include "nesting/entry_checks.h"

#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

/* The words of entry_checks.def, in terms of the rules `r` and the entry `e`. */
#define V(FIELD)	   vmcs12_get(e->vmcs12, VMCS_##FIELD)
#define WHEN(if_so, must)  (!(if_so) || (must))
#define HAS(WORD, control) ((uint32_t)V(WORD##_CONTROLS) & (uint32_t)(control))
#define PIN(control)	   HAS(PIN_BASED, CONTROL_PIN_##control)
#define PRIMARY(control)   HAS(PRIMARY, CONTROL_PRIMARY_##control)
#define SECONDARY(control) \
	(PRIMARY(ACTIVATE_SECONDARY) && HAS(SECONDARY, CONTROL_SECONDARY_##control))
#define EXIT(control)	       HAS(EXIT, CONTROL_EXIT_##control)
#define ENTRY(control)	       HAS(ENTRY, CONTROL_ENTRY_##control)
#define ALLOWED(WORD, FIELD)   vmx_controls_allowed(r->vmx, CONTROL_##WORD, (uint32_t)V(FIELD))
#define FIXED(FIELD, one, may) (!((one) & ~V(FIELD)) && !(V(FIELD) & ~(may)))
#define WITHIN_WIDTH(address)  (!((address) & r->beyond_width))
#define CANONICAL(address)     SAME_FROM(address, r->linear_address_bits - 1)
#define SAME_FROM(value, bit)  same_from(value, bit)
#define EPTP_SWITCHED	       (SECONDARY(ENABLE_VMFUNC) && (V(VM_FUNCTION_CONTROLS) & BIT(0)))
#define VIRTUAL_8086	       (V(GUEST_RFLAGS) & RFLAGS_VM)
#define CODE_64BIT	       (ENTRY(IA32E_MODE_GUEST) && (V(GUEST_CS_AR_BYTES) & AR_CODE64_BIT))
#define LINKED		       (V(VMCS_LINK_POINTER) != VMCS12_NO_ADDRESS)
#define BLOCKING(bits)	       (V(GUEST_INTERRUPTIBILITY) & (bits))
#define DEBUG_TRAPS_HELD \
	(BLOCKING(BLOCKING_BY_STI | BLOCKING_BY_MOV_SS) || V(GUEST_ACTIVITY_STATE) == ACTIVITY_HLT)
#define PAE_PAGING     ((V(GUEST_CR0) & CR0_PG) && (V(GUEST_CR4) & CR4_PAE) && !ENTRY(IA32E_MODE_GUEST))
#define EVENT_VALID    (V(ENTRY_INTR_INFO) & INTR_INFO_VALID)
#define EVENT_IS(type) (EVENT_VALID && EVENT_TYPE == (type))
#define EVENT_TYPE     (V(ENTRY_INTR_INFO) & INTR_INFO_TYPE_MASK)
#define EVENT_VECTOR   (V(ENTRY_INTR_INFO) & INTR_INFO_VECTOR_MASK)
#define USABLE(S)      (!(V(GUEST_##S##_AR_BYTES) & AR_UNUSABLE))
/* CS has no unusable bit: SDM volume 3, 27.3.1.2. */
#define LOOKED_AT(S) \
	(!VIRTUAL_8086 && (VMCS_GUEST_##S##_AR_BYTES == VMCS_GUEST_CS_AR_BYTES || USABLE(S)))

#define SELECTOR_RPL(selector) ((selector) & 3)
#define SELECTOR_TI	       4

/* Of access rights: SDM volume 3, table 25-2. */
#define AR_S		   BIT(4)
#define AR_DPL(rights)	   ((rights) >> 5 & 3)
#define AR_P		   BIT(7)
#define AR_G		   BIT(15)
#define AR_RESERVED	   UINT64_C(0xfffe0f00)
#define AR_8086		   0xf3
#define TYPE_ACCESSED_BIT  BIT(0)
#define TYPE_READABLE_BIT  BIT(1)
#define TYPE_CODE_BIT	   BIT(3)
#define TYPE_DATA_ACCESSED 3u
#define TYPE_CONFORMING	   12u
#define TYPE_TSS16_BUSY	   3u
#define TYPE_TSS32_BUSY	   11u

/* The bits that RFLAGS has, but for the fixed one. */
#define RFLAGS_WRITABLE	     UINT64_C(0x3f7fd5)
#define PENDING_DBG_WRITABLE (UINT64_C(0xf) | BIT(12) | PENDING_DBG_BS)

#define VTPR_OFFSET 0x80

/* Exceptions that push an error code where they occur: SDM volume 3, table 6-1, without #CP. */
#define WITH_ERROR_CODE                                                                       \
	(BIT(VECTOR_DF) | BIT(VECTOR_TS) | BIT(VECTOR_NP) | BIT(VECTOR_SS) | BIT(VECTOR_GP) | \
	 BIT(VECTOR_PF) | BIT(VECTOR_AC))

static bool same_from(uint64_t value, unsigned bit)
{
	int64_t rest = (int64_t)value >> bit;

	return rest == 0 || rest == -1;
}

/* Bits 7:4 of VTPR. */
static uint64_t virtual_task_priority(const struct entry *e)
{
	uint8_t vtpr;

	e->read(e->ctx, V(VIRTUAL_APIC_PAGE_ADDR) + VTPR_OFFSET, &vtpr, sizeof(vtpr));
	return vtpr >> 4;
}

static bool eptp_memory_type_offered(const struct entry_rules *r, uint64_t eptp)
{
	switch (eptp & 7) {
	case 0:
		return r->vmx->ept_vpid & EPT_VPID_UNCACHEABLE;
	case 6:
		return r->vmx->ept_vpid & EPT_VPID_WRITE_BACK;
	default:
		return false;
	}
}

static bool eptp_levels_offered(const struct entry_rules *r, uint64_t eptp)
{
	switch (eptp >> 3 & 7) {
	case 3:
		return r->vmx->ept_vpid & EPT_VPID_FOUR_LEVELS;
	case 4:
		return r->vmx->ept_vpid & EPT_VPID_FIVE_LEVELS;
	default:
		return false;
	}
}

/* A pending MTF exit, type 7, goes with the monitor trap flag. */
static bool event_type_offered(const struct entry_rules *r, const struct entry *e)
{
	switch (EVENT_TYPE) {
	case INTR_TYPE_RESERVED:
		return false;
	case INTR_TYPE_OTHER:
		return r->vmx->controls.msr[CONTROL_PRIMARY] >> 32 &
		       (uint32_t)CONTROL_PRIMARY_MONITOR_TRAP_FLAG;
	default:
		return true;
	}
}

static bool event_vector_fits(const struct entry *e)
{
	switch (EVENT_TYPE) {
	case INTR_TYPE_NMI:
		return EVENT_VECTOR == VECTOR_NMI;
	case INTR_TYPE_EXCEPTION:
		return EVENT_VECTOR < VECTOR_EXCEPTIONS;
	case INTR_TYPE_OTHER:
		return EVENT_VECTOR == 0;
	default:
		return true;
	}
}

/*
 * Whether an error code may come with the event at all.  Processors take the guest to be in
 * protected mode unless it is unrestricted, whatever its CR0.
 */
static bool event_may_have_error_code(const struct entry *e)
{
	return EVENT_TYPE == INTR_TYPE_EXCEPTION &&
	       (!SECONDARY(UNRESTRICTED_GUEST) || (V(GUEST_CR0) & CR0_PE));
}

static bool event_pushes_error_code(const struct entry *e)
{
	return EVENT_VECTOR < VECTOR_EXCEPTIONS && (WITH_ERROR_CODE >> EVENT_VECTOR & 1);
}

static bool event_wants_error_code(const struct entry_rules *r, const struct entry *e)
{
	return event_may_have_error_code(e) && !(r->vmx->basic & VMX_BASIC_ANY_ERROR_CODE) &&
	       event_pushes_error_code(e);
}

static bool event_allows_error_code(const struct entry_rules *r, const struct entry *e)
{
	return event_may_have_error_code(e) &&
	       ((r->vmx->basic & VMX_BASIC_ANY_ERROR_CODE) || event_pushes_error_code(e));
}

static bool event_by_instruction(const struct entry *e)
{
	return EVENT_TYPE == INTR_TYPE_SOFT_INT || EVENT_TYPE == INTR_TYPE_PRIV_SOFT ||
	       EVENT_TYPE == INTR_TYPE_SOFT_EXC;
}

/* Whether the event can arrive in the guest's activity state. */
static bool event_wakes(const struct entry *e)
{
	switch (V(GUEST_ACTIVITY_STATE)) {
	case ACTIVITY_ACTIVE:
		return true;
	case ACTIVITY_HLT:
		return EVENT_TYPE == INTR_TYPE_EXTERNAL || EVENT_TYPE == INTR_TYPE_NMI ||
		       (EVENT_TYPE == INTR_TYPE_EXCEPTION &&
			(EVENT_VECTOR == VECTOR_DB || EVENT_VECTOR == VECTOR_MC)) ||
		       (EVENT_TYPE == INTR_TYPE_OTHER && EVENT_VECTOR == 0);
	case ACTIVITY_SHUTDOWN:
		return EVENT_TYPE == INTR_TYPE_NMI ||
		       (EVENT_TYPE == INTR_TYPE_EXCEPTION && EVENT_VECTOR == VECTOR_MC);
	default:
		return false;
	}
}

/* Each byte is UC, WC, WT, WP, WB or UC-: SDM volume 3, table 12-10. */
static bool pat_valid(uint64_t pat)
{
	for (; pat; pat >>= 8) {
		if ((pat & 0xff) > 7 || (pat & 0xff) == 2 || (pat & 0xff) == 3)
			return false;
	}
	return true;
}

static bool code_type_allowed(const struct entry *e, uint64_t type)
{
	if (type == TYPE_DATA_ACCESSED)
		return SECONDARY(UNRESTRICTED_GUEST);
	return (type & (TYPE_CODE_BIT | TYPE_ACCESSED_BIT)) == (TYPE_CODE_BIT | TYPE_ACCESSED_BIT);
}

static bool code_dpl_allowed(const struct entry *e)
{
	uint64_t dpl = AR_DPL(V(GUEST_CS_AR_BYTES));
	uint64_t stack = AR_DPL(V(GUEST_SS_AR_BYTES));

	if (AR_TYPE(V(GUEST_CS_AR_BYTES)) == TYPE_DATA_ACCESSED)
		return dpl == 0;
	if (AR_TYPE(V(GUEST_CS_AR_BYTES)) < TYPE_CONFORMING)
		return dpl == stack;
	return dpl <= stack;
}

/* A limit with a low bit clear is in bytes, one with a high bit set in pages. */
static bool granularity_fits(uint64_t limit, uint64_t rights)
{
	return (rights & AR_G) ? (limit & 0xfff) == 0xfff : !(limit & 0xfff00000);
}

static bool activity_offered(const struct entry_rules *r, const struct entry *e)
{
	uint64_t activity = V(GUEST_ACTIVITY_STATE);

	return activity == ACTIVITY_ACTIVE ||
	       (activity <= ACTIVITY_WAIT_FOR_SIPI && (r->vmx->misc >> (5 + activity) & 1));
}

static bool single_steps(const struct entry *e)
{
	return (V(GUEST_RFLAGS) & RFLAGS_TF) && !(V(GUEST_IA32_DEBUGCTL) & DEBUGCTL_BTF);
}

static uint32_t link_revision(const struct entry *e)
{
	uint32_t revision;

	e->read(e->ctx, V(VMCS_LINK_POINTER), &revision, sizeof(revision));
	return revision;
}

/* Reserved bits of those that are present: SDM volume 3, table 4-8. */
static bool pdptes_valid(const struct entry_rules *r, const struct entry *e)
{
	const uint64_t fields[ENTRY_PDPTES] = {V(GUEST_PDPTE0), V(GUEST_PDPTE1), V(GUEST_PDPTE2),
					       V(GUEST_PDPTE3)};
	const uint64_t *pdpte = SECONDARY(ENABLE_EPT) ? fields : e->pdptes;

	if (!SECONDARY(ENABLE_EPT))
		e->read(e->ctx, V(GUEST_CR3) & 0xffffffe0, e->pdptes, sizeof(fields));
	for (unsigned i = 0; i < ENTRY_PDPTES; i++) {
		if ((pdpte[i] & PTE_P) && (pdpte[i] & (r->beyond_width | 0x1e6)))
			return false;
	}
	return true;
}

/* The first check of those that are due, a bit each, that does not hold. */
static enum entry_check first_failing(const struct entry_rules *r, const struct entry *e,
				      const uint64_t due[ENTRY_CHECK_WORDS])
{
	for (unsigned word = 0; word < ENTRY_CHECK_WORDS; word++) {
		for (uint64_t rest = due[word]; rest; rest &= rest - 1) {
			unsigned check = word * 64 + (unsigned)__builtin_ctzll(rest);

			switch (check) {
#define CHECK(NAME, section, failure, reads, holds) \
	case ENTRY_##NAME:                          \
		if (!(holds))                       \
			return check;               \
		break;
#include "nesting/entry_checks.def"
#undef CHECK
			default:
				__builtin_unreachable();
			}
		}
	}
	return ENTRY_PASSED;
}

bool entry_holds(const struct entry_rules *r, const struct entry *e, enum entry_check check)
{
	uint64_t due[ENTRY_CHECK_WORDS] = {0};

	due[check / 64] = BIT(check % 64);
	return first_failing(r, e, due) == ENTRY_PASSED;
}

#define ON(GROUP) (1u << ENTRY_##GROUP)

/* VMfailValid and exits: SDM volume 3, 31.4 and 27.8. */
#define FAIL_CONTROLS {.instruction_error = 7}
#define FAIL_HOST     {.instruction_error = 8}
#define FAIL_GUEST    {.exit_reason = 33}
#define FAIL_PDPTE    {.exit_reason = 33, .qualification = 2}
#define FAIL_NMI      {.exit_reason = 33, .qualification = 3}
#define FAIL_LINK     {.exit_reason = 33, .qualification = 4}
#define FAIL_MSR      {.exit_reason = 34}

static const struct entry_check_info infos[ENTRY_CHECKS] = {
#define CHECK(NAME, section, failure, reads, holds) {#NAME, section, FAIL_##failure, reads},
#include "nesting/entry_checks.def"
#undef CHECK
#define MSR_CHECK(NAME, section, holds) {#NAME, section, FAIL_MSR, 0},
#include "nesting/entry_msr_checks.def"
#undef MSR_CHECK
};

const struct entry_check_info *entry_check_info(enum entry_check check)
{
	return &infos[check];
}

void entry_rules_init(struct entry_rules *r)
{
	r->beyond_width = ~UINT64_C(0) << r->vmx->physical_address_bits;
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		r->groups[slot] = 0;
#define ENTRY_FIELD(NAME, GROUP) r->groups[vmcs12_slot(VMCS_##NAME)] = ENTRY_CHANGED(GROUP);
#include "nesting/entry_fields.def"
#undef ENTRY_FIELD
	for (unsigned group = 0; group < ENTRY_GROUPS; group++) {
		r->reads[group] = 0;
		for (unsigned word = 0; word < ENTRY_CHECK_WORDS; word++)
			r->checks[group][word] = 0;
		for (unsigned check = 0; check < ENTRY_VMCS_CHECKS; check++) {
			if (!(infos[check].reads >> group & 1))
				continue;
			r->checks[group][check / 64] |= BIT(check % 64);
			r->reads[group] |= infos[check].reads;
		}
	}
	for (unsigned group = 0; group < ENTRY_GROUPS; group++) {
		r->reads[group] |= r->reads[ENTRY_MEMORY];
		if (r->reads[group] & ENTRY_CHANGED(VM86))
			r->reads[group] |= ENTRY_CHANGED(RFLAGS);
	}
}

enum entry_check entry_check_vmcs(const struct entry_rules *r, const struct entry *e,
				  uint32_t changed)
{
	uint64_t due[ENTRY_CHECK_WORDS] = {0};

	for (changed |= ENTRY_CHANGED(MEMORY); changed; changed &= changed - 1) {
		const uint64_t *checks = r->checks[__builtin_ctz(changed)];

		for (unsigned word = 0; word < ENTRY_CHECK_WORDS; word++)
			due[word] |= checks[word];
	}
	return first_failing(r, e, due);
}

static enum entry_check check_msr(const struct entry_rules *r, const struct entry *e,
				  const struct entry_msr *msr, uint32_t number)
{
#define MSR_CHECK(NAME, section, holds) \
	if (!(holds))                   \
		return ENTRY_##NAME;
#include "nesting/entry_msr_checks.def"
#undef MSR_CHECK
	return ENTRY_PASSED;
}

enum entry_check entry_load_msrs(const struct entry_rules *r, const struct entry *e,
				 uint32_t *number)
{
	uint32_t count = (uint32_t)V(ENTRY_MSR_LOAD_COUNT);
	uint64_t address = V(ENTRY_MSR_LOAD_ADDR);

	for (*number = 1; *number <= count; ++*number, address += sizeof(struct entry_msr)) {
		struct entry_msr msr;
		enum entry_check check;

		e->read(e->ctx, address, &msr, sizeof(msr));
		check = check_msr(r, e, &msr, *number);
		if (check != ENTRY_PASSED)
			return check;
	}
	return ENTRY_PASSED;
}
