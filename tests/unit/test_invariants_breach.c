/* That each invariant of vmcs02 can be violated, and the checker says so by name. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/msr.h"
#include "tests/unit/invariants_rig.h"

#define COUNT(array)	 (sizeof(array) / sizeof((array)[0]))
#define CR8_EXITS	 (CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING)
#define PRIMARY(control) ((uint32_t)CONTROL_PRIMARY_##control)
#define SECOND(control)	 ((uint32_t)CONTROL_SECONDARY_##control)
#define BITMAPS		 (PRIMARY(USE_IO_BITMAPS) | PRIMARY(USE_MSR_BITMAPS))
#define PIN_OF_L0                                                                      \
	((uint32_t)(CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING | CONTROL_PIN_NMI_EXITING | \
		    CONTROL_PIN_VIRTUAL_NMIS | CONTROL_PIN_PREEMPTION_TIMER))
#define PRIMARY_OF_L0                                                                  \
	(PRIMARY(HLT_EXITING) | PRIMARY(MWAIT_EXITING) | PRIMARY(RDPMC_EXITING) |      \
	 PRIMARY(RDTSC_EXITING) | PRIMARY(MOV_DR_EXITING) | PRIMARY(MONITOR_EXITING) | \
	 PRIMARY(ACTIVATE_SECONDARY))
#define SECONDARY_OF_L0 (SECOND(ENABLE_EPT) | SECOND(ENABLE_VPID) | SECOND(WBINVD_EXITING))
#define X2APIC_MSRS	256u

/*
 * What both levels have on, beside what they must: all that there is of bitmaps and intercepts;
 * next to nothing; L2's APIC; clocks.
 */
enum { BOTH, NONE, APIC, CLOCK };

static const struct setting {
	enum entry_base base;
	uint32_t pin01, primary01, secondary01, primary12, secondary12;
} settings[] = {
	[BOTH] = {BASE_LONG, PIN_OF_L0, PRIMARY_OF_L0 | BITMAPS, SECONDARY_OF_L0, BITMAPS,
		  SECOND(ENABLE_VMFUNC)},
	[NONE] = {BASE_COMPATIBLE, 0,
		  PRIMARY(ACTIVATE_SECONDARY) | PRIMARY(UNCONDITIONAL_IO_EXITING), 0, 0, 0},
	[APIC] = {BASE_APICV, 0, PRIMARY(ACTIVATE_SECONDARY) | BITMAPS, SECOND(ENABLE_EPT),
		  BITMAPS | CR8_EXITS, 0},
	[CLOCK] = {BASE_LONG, 0, PRIMARY(ACTIVATE_SECONDARY) | PRIMARY(TSC_OFFSETTING),
		   SECOND(ENABLE_EPT) | SECOND(TSC_SCALING), PRIMARY(TSC_OFFSETTING),
		   SECOND(TSC_SCALING)},
};

#define OUTER (TSC_MULTIPLIER_1 / 2 * 3) /* clocks of L0's and L1's */
#define INNER (TSC_MULTIPLIER_1 * 2)

#define WIDTH(bits) (UINT64_MAX >> (64 - (bits)))
#define NOT_L1S	    (~(uint64_t)(WORLD_BYTES - PAGE_SIZE)) /* beside them a page is L1's, too */

/* Each of the bits, turned over in vmcs02 by itself. */
static const struct breach {
	const char *name;
	unsigned setting;
	enum vmcs_field field;
	uint64_t bits;
} breaches[] = {
	{"EXIT_CONTROLS", BOTH, VMCS_EXIT_CONTROLS,
	 WIDTH(32) & ~(uint64_t)CONTROL_EXIT_SAVE_PREEMPTION_TIMER},
	{"ENTRY_CONTROLS", BOTH, VMCS_ENTRY_CONTROLS,
	 WIDTH(32) & ~(uint64_t)CONTROL_ENTRY_IA32E_MODE_GUEST},
	{"ADDRESS_CONTROLS", BOTH, VMCS_SECONDARY_CONTROLS,
	 SECOND(ENABLE_PML) | SECOND(VMCS_SHADOWING) | SECOND(EPT_VIOLATION_VE)},
	{"TASK_PRIORITY", BOTH, VMCS_PRIMARY_CONTROLS, CR8_EXITS | PRIMARY(USE_TPR_SHADOW)},
	{"TASK_PRIORITY", NONE, VMCS_PRIMARY_CONTROLS, CR8_EXITS | PRIMARY(USE_TPR_SHADOW)},
	{"TASK_PRIORITY", APIC, VMCS_VIRTUAL_APIC_PAGE_ADDR, NOT_L1S},
	{"VIRTUAL_APIC", APIC, VMCS_PRIMARY_CONTROLS, PRIMARY(USE_TPR_SHADOW)},
	{"VIRTUAL_APIC", NONE, VMCS_SECONDARY_CONTROLS,
	 SECOND(VIRTUALIZE_X2APIC) | SECOND(APIC_REGISTER_VIRTUALIZATION) |
		 SECOND(VIRTUAL_INTERRUPT_DELIVERY)},
	{"APIC_ACCESS", APIC, VMCS_APIC_ACCESS_ADDR, NOT_L1S},
	{"APIC_ACCESS", NONE, VMCS_SECONDARY_CONTROLS, SECOND(VIRTUALIZE_APIC_ACCESSES)},
	{"POSTED_INTERRUPTS", BOTH, VMCS_PIN_BASED_CONTROLS, CONTROL_PIN_POSTED_INTERRUPTS},
	{"VM_FUNCTIONS", BOTH, VMCS_VM_FUNCTION_CONTROLS, UINT64_MAX},
	{"PIN_CONTROLS", BOTH, VMCS_PIN_BASED_CONTROLS, PIN_OF_L0},
	{"PRIMARY_CONTROLS", BOTH, VMCS_PRIMARY_CONTROLS, PRIMARY_OF_L0},
	{"SECONDARY_CONTROLS", BOTH, VMCS_SECONDARY_CONTROLS, SECONDARY_OF_L0},
	{"EXCEPTIONS", BOTH, VMCS_EXCEPTION_BITMAP, WIDTH(32)},
	{"PAGE_FAULTS", BOTH, VMCS_PAGE_FAULT_ERROR_CODE_MASK, WIDTH(32)},
	{"PAGE_FAULTS", BOTH, VMCS_PAGE_FAULT_ERROR_CODE_MATCH, WIDTH(32)},
	{"IO", BOTH, VMCS_IO_BITMAP_A, UINT64_MAX},
	{"IO", BOTH, VMCS_IO_BITMAP_B, UINT64_MAX},
	{"IO", BOTH, VMCS_PRIMARY_CONTROLS, PRIMARY(USE_IO_BITMAPS)},
	{"IO", NONE, VMCS_PRIMARY_CONTROLS,
	 PRIMARY(USE_IO_BITMAPS) | PRIMARY(UNCONDITIONAL_IO_EXITING)},
	{"MSR", BOTH, VMCS_MSR_BITMAP, UINT64_MAX},
	{"MSR", NONE, VMCS_PRIMARY_CONTROLS, PRIMARY(USE_MSR_BITMAPS)},
	{"CR0_MASK", BOTH, VMCS_CR0_GUEST_HOST_MASK, CR0_NE | CR0_CD | CR0_NW},
	{"CR4_MASK", BOTH, VMCS_CR4_GUEST_HOST_MASK, CR4_VMXE | CR4_MCE},
	{"CR0_FIXED", BOTH, VMCS_GUEST_CR0, CR0_NE},
	{"CR4_FIXED", BOTH, VMCS_GUEST_CR4, CR4_VMXE},
	{"EPT_POINTER", BOTH, VMCS_EPT_POINTER, UINT64_MAX},
	{"VPID", BOTH, VMCS_VPID, WIDTH(16)},
	{"TSC_OFFSETTING", NONE, VMCS_PRIMARY_CONTROLS, PRIMARY(TSC_OFFSETTING)},
	{"TSC_SCALING", NONE, VMCS_SECONDARY_CONTROLS, SECOND(TSC_SCALING)},
	{"TSC_OFFSETTING", CLOCK, VMCS_PRIMARY_CONTROLS, PRIMARY(TSC_OFFSETTING)},
	{"TSC_SCALING", CLOCK, VMCS_SECONDARY_CONTROLS, SECOND(TSC_SCALING)},
	{"TSC_MULTIPLIER", CLOCK, VMCS_TSC_MULTIPLIER, UINT64_MAX},
	{"TSC_OFFSET", CLOCK, VMCS_TSC_OFFSET, UINT64_MAX},
	{"TSC_OFFSET", NONE, VMCS_TSC_OFFSET, UINT64_MAX},
};

static const struct {
	const char *name;
	enum vmcs_field field;
} host_fields[] = {
#define HOST_FIELD(FIELD) {#FIELD, VMCS_##FIELD},
#define INVARIANT(NAME, holds)
#include "nesting/invariants.def"
#undef INVARIANT
};

static struct invariants_rig rig;

static uint32_t must(enum control_word word)
{
	return (uint32_t)rig.world.vmx.controls.msr[word];
}

static void want(enum vmcs_field field, uint64_t more)
{
	vmcs12_set(&rig.world.v, field, vmcs12_get(&rig.world.v, field) | more);
}

static void enter(const struct setting *s)
{
	uint32_t *word = rig.base.controls.word;

	invariants_rig_init(&rig);
	invariants_rig_choose_l0(&rig);
	rig.base.exceptions = UINT32_MAX;
	rig.base.tsc.multiplier = s->secondary01 & SECOND(TSC_SCALING) ? OUTER : TSC_MULTIPLIER_1;
	rig.nested.cr0_owned = CR0_NE | CR0_CD | CR0_NW;
	rig.nested.cr4_owned = CR4_VMXE | CR4_MCE;
	word[CONTROL_PIN] = must(CONTROL_PIN) | s->pin01;
	word[CONTROL_PRIMARY] = must(CONTROL_PRIMARY) | s->primary01;
	word[CONTROL_SECONDARY] = must(CONTROL_SECONDARY) | s->secondary01;
	entry_world_init(&rig.world, s->base);
	want(VMCS_PRIMARY_CONTROLS, s->primary12);
	want(VMCS_SECONDARY_CONTROLS, s->secondary12);
	vmcs12_set(&rig.world.v, VMCS_TSC_MULTIPLIER, INNER);
	memset(rig.nested.held, 0xff, sizeof(rig.nested.held));
	invariants_rig_update(&rig);
	cr_assert(!invariants_rig_violated(&rig), "%s", invariants_rig_violated(&rig));
}

/* What is not as it should be is found, and by that name. */
static void expect(const char *name, enum vmcs_field field, uint64_t flip)
{
	uint64_t *at = &rig.vmcs02[vmcs12_slot(field)];
	const char *found;

	*at ^= flip;
	found = invariants_rig_violated(&rig);
	cr_expect(found && !strcmp(found, name), "%s: 0x%lx of 0x%x: %s", name, flip, field,
		  found ? found : "holds");
	*at ^= flip;
}

static void expect_each(const char *name, enum vmcs_field field, uint64_t bits)
{
	for (; bits; bits &= bits - 1)
		expect(name, field, bits & -bits);
}

Test(invariants, host_state_is_that_of_l0_to_the_bit)
{
	static const uint64_t bits[] = {
		[VMCS_WIDTH_16] = WIDTH(16),
		[VMCS_WIDTH_64] = WIDTH(64),
		[VMCS_WIDTH_32] = WIDTH(32),
		[VMCS_WIDTH_NATURAL] = WIDTH(64),
	};

	for (size_t s = 0; s < COUNT(settings); s++) {
		enter(&settings[s]);
		for (size_t i = 0; i < COUNT(host_fields); i++)
			expect_each(host_fields[i].name, host_fields[i].field,
				    bits[vmcs_width(host_fields[i].field)]);
	}
}

Test(invariants, each_can_be_violated)
{
	for (size_t i = 0; i < COUNT(breaches); i++) {
		const struct breach *b = &breaches[i];

		enter(&settings[b->setting]);
		expect_each(b->name, b->field, b->bits);
	}
}

static bool has_breach(const char *name)
{
	for (size_t i = 0; i < COUNT(breaches); i++)
		if (!strcmp(breaches[i].name, name))
			return true;
	return false;
}

/* Those of L2's x2APIC are violated by themselves, see below. */
Test(invariants, none_is_without_a_breach)
{
#define HOST_FIELD(FIELD)
#define INVARIANT(NAME, holds) \
	cr_expect(has_breach(#NAME) || !strcmp(#NAME, "X2APIC"), "%s", #NAME);
#include "nesting/invariants.def"
#undef INVARIANT
}

/* The VMCS's fields that are L0's, or of which L0 has a part. */
static const struct {
	const char *name;
	enum vmcs_field field;
	bool l0s;
} fields[] = {
#define L0S_HOST					       true
#define L0S_CONTROL					       true
#define L0S_COPY					       false
#define L0S_GUEST					       false
#define L0S_COMPOSED					       false
#define L0S_INFO					       false
#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow) {#NAME, encoding, L0S_##use},
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
};

/* What L2 reads, what the processor writes, and what belongs to controls that are not offered. */
static bool is_harmless(enum vmcs_field field)
{
	switch (field) {
	case VMCS_CR0_READ_SHADOW:
	case VMCS_CR4_READ_SHADOW:
	case VMCS_INSTRUCTION_ERROR:
	case VMCS_EPTP_INDEX:
	case VMCS_XSS_EXIT_BITMAP:
	case VMCS_ENCLS_EXITING_BITMAP:
		return true;
	default:
		return false;
	}
}

static bool matters(enum vmcs_field field)
{
	for (uint64_t bit = 1; bit; bit <<= 1) {
		const char *found;

		rig.vmcs02[vmcs12_slot(field)] ^= bit;
		found = invariants_rig_violated(&rig);
		rig.vmcs02[vmcs12_slot(field)] ^= bit;
		if (found)
			return true;
	}
	return false;
}

Test(invariants, no_field_of_l0_is_left_out)
{
	bool matter[COUNT(fields)] = {false};

	for (size_t s = 0; s < COUNT(settings); s++) {
		enter(&settings[s]);
		for (size_t i = 0; i < COUNT(fields); i++)
			matter[i] |= fields[i].l0s && matters(fields[i].field);
	}
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].l0s)
			cr_expect_neq(matter[i], is_harmless(fields[i].field), "%s",
				      fields[i].name);
}

/* In a bitmap, a bit of L0's that is missing. */
static void expect_bits_of_l0(const char *name, uint8_t *own, uint8_t *used, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		uint8_t bit = (uint8_t)(1u << i % 8);
		const char *found;

		own[i] |= bit;
		used[i] |= bit;
		cr_assert(!invariants_rig_violated(&rig), "%s: byte %zu", name, i);
		used[i] ^= bit;
		found = invariants_rig_violated(&rig);
		cr_assert(found && !strcmp(found, name), "%s: byte %zu: %s", name, i,
			  found ? found : "holds");
		used[i] ^= bit;
	}
}

Test(invariants, bitmaps_hold_all_of_l0)
{
	static const struct {
		size_t from, to;
	} msrs[] = {
		{0, MSR_X2APIC_FIRST / 8},
		{(MSR_X2APIC_FIRST + X2APIC_MSRS) / 8, 2048 + MSR_X2APIC_FIRST / 8},
		{2048 + (MSR_X2APIC_FIRST + X2APIC_MSRS) / 8, PAGE_SIZE},
	};

	enter(&settings[BOTH]);
	expect_bits_of_l0("IO", rig.own_io, rig.io, 0, sizeof(rig.io));
	for (size_t i = 0; i < COUNT(msrs); i++)
		expect_bits_of_l0("MSR", rig.own_msr, rig.msr, msrs[i].from, msrs[i].to);
}

/* SDM volume 3, 30.5: what of the x2APIC is in L2's page. */
static bool is_virtual(uint32_t secondary, uint32_t msr, bool write)
{
	if (!(secondary & SECOND(VIRTUALIZE_X2APIC)))
		return false;
	if (msr == MSR_X2APIC_TPR)
		return true;
	if (!write)
		return secondary & SECOND(APIC_REGISTER_VIRTUALIZATION);
	return (secondary & SECOND(VIRTUAL_INTERRUPT_DELIVERY)) &&
	       (msr == MSR_X2APIC_EOI || msr == MSR_X2APIC_SELF_IPI);
}

static void expect_x2apic(uint32_t secondary, uint32_t msr, bool write)
{
	uint8_t *at = &rig.msr[(write ? 2048 : 0) + msr / 8], before = *at;
	const char *found, *expected = is_virtual(secondary, msr, write) ? NULL : "X2APIC";

	*at &= (uint8_t)~(1u << msr % 8);
	found = invariants_rig_violated(&rig);
	cr_expect(expected ? found && !strcmp(found, expected) : !found, "0x%x %s under 0x%x: %s",
		  msr, write ? "written" : "read", secondary, found ? found : "holds");
	*at = before;
}

/* Under each set of controls, each MSR of the x2APIC that L2 would reach. */
Test(invariants, l2_reaches_no_apic_but_its_own)
{
	static const uint32_t controls[] = {SECOND(VIRTUALIZE_X2APIC),
					    SECOND(APIC_REGISTER_VIRTUALIZATION),
					    SECOND(VIRTUAL_INTERRUPT_DELIVERY)};
	struct setting s = settings[APIC];

	for (unsigned set = 0; set < 1u << COUNT(controls); set++) {
		uint32_t wanted = 0;

		for (unsigned i = 0; i < COUNT(controls); i++)
			wanted |= set >> i & 1 ? controls[i] : 0;
		s.base = BASE_APIC;
		s.secondary12 = wanted;
		enter(&s);
		for (uint32_t i = 0; i < X2APIC_MSRS; i++) {
			expect_x2apic(wanted, MSR_X2APIC_FIRST + i, false);
			expect_x2apic(wanted, MSR_X2APIC_FIRST + i, true);
		}
	}
}
