#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/msr.h"
#include "nesting/invariants.h"
#include "nesting/virtual_apic.h"

#include "entry_world.h"
#include "random.h"

#define ENTRIES 1000000
#define OWN_IO	UINT64_C(0x11110000) /* addresses of L0's pages */
#define OWN_MSR UINT64_C(0x22220000)
#define NEW_IO	UINT64_C(0x33330000)
#define NEW_MSR UINT64_C(0x44440000)
#define NO_APIC UINT64_C(0x77770000)
#define L1S	UINT64_C(0x88880000) /* its memory */

/* A processor's two VMCSs and the L1 that fills vmcs12. */
struct rig {
	struct random random;
	struct entry_world world;
	struct vmcs12 valid; /* the last that passed */
	struct entry_rules rules;
	struct nested nested;
	struct vmcs12 copies[NESTED_VMCSS];
	struct vmcs02_base base;
	struct vmcs02_merged merged;
	uint64_t vmcs01[VMCS12_SLOTS], vmcs02[VMCS12_SLOTS];
	_Alignas(PAGE_SIZE) uint8_t own_io[2 * PAGE_SIZE], io[2 * PAGE_SIZE];
	uint8_t own_msr[PAGE_SIZE], msr[PAGE_SIZE], l1_page[PAGE_SIZE];
};

static uint64_t read_01(void *ctx, enum vmcs_field field)
{
	return ((struct rig *)ctx)->vmcs01[vmcs12_slot(field)];
}

static uint64_t read_02(void *ctx, enum vmcs_field field)
{
	return ((struct rig *)ctx)->vmcs02[vmcs12_slot(field)];
}

static void write_02(void *ctx, enum vmcs_field field, uint64_t value)
{
	((struct rig *)ctx)->vmcs02[vmcs12_slot(field)] = value;
}

static bool watch(void *ctx, uint64_t gpa)
{
	(void)gpa;
	return !random_once_in(&((struct rig *)ctx)->random, 4);
}

static uint64_t lend(void *ctx, uint64_t gpa, uint64_t size)
{
	(void)ctx;
	return gpa < WORLD_BYTES && size <= WORLD_BYTES - gpa ? L1S + gpa : 0;
}

static bool is_l1s(void *ctx, uint64_t hpa)
{
	(void)ctx;
	return !(hpa & (PAGE_SIZE - 1)) && hpa >= L1S && hpa < L1S + WORLD_BYTES;
}

static const void *l1_memory(void *ctx, uint64_t gpa, uint64_t size)
{
	struct rig *rig = ctx;

	return size == PAGE_SIZE && gpa < WORLD_BYTES ? rig->l1_page : NULL;
}

static uint32_t some_controls(struct rig *rig, enum control_word word, uint32_t always)
{
	uint64_t offered = rig->world.vmx.controls.msr[word];

	return (uint32_t)offered | always |
	       ((uint32_t)random_next(&rig->random) & (uint32_t)(offered >> 32));
}

/* L0's choice of controls, bitmaps and exceptions. */
static void choose_l0(struct rig *rig)
{
	struct vmcs02_base *b = &rig->base;
	uint32_t *word = b->controls.word;
	const uint32_t without = CONTROL_SECONDARY_ENABLE_PML | CONTROL_SECONDARY_ENABLE_VMFUNC |
				 CONTROL_SECONDARY_VMCS_SHADOWING |
				 CONTROL_SECONDARY_EPT_VIOLATION_VE;

	for (unsigned i = 0; i < sizeof(rig->own_io); i++)
		rig->own_io[i] = (uint8_t)random_next(&rig->random);
	for (unsigned i = 0; i < PAGE_SIZE; i++) {
		rig->own_msr[i] = (uint8_t)random_next(&rig->random);
		rig->l1_page[i] = (uint8_t)random_next(&rig->random);
	}
	*b = (struct vmcs02_base){
		.exceptions = (uint32_t)random_next(&rig->random),
		.io_bitmaps = rig->own_io,
		.msr_bitmap = rig->own_msr,
		.io_bitmaps_hpa = OWN_IO,
		.msr_bitmap_hpa = OWN_MSR,
		.merged_io = rig->io,
		.merged_msr = rig->msr,
		.merged_io_hpa = NEW_IO,
		.merged_msr_hpa = NEW_MSR,
		.merged = &rig->merged,
		.writes = rig->base.writes + 1, /* L1's pages are others now */
		.ept01 = 0x5555501e,
		.ept02 = 0x6666601e,
		.vpid = 7,
		.no_apic = NO_APIC,
		.cr0_fixed = CR0_NE,
		.cr4_fixed = CR4_VMXE,
	};
	word[CONTROL_PIN] = some_controls(rig, CONTROL_PIN, 1 | CONTROL_PIN_POSTED_INTERRUPTS);
	word[CONTROL_PRIMARY] =
		some_controls(rig, CONTROL_PRIMARY, (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY) &
		~(uint32_t)CONTROL_PRIMARY_USE_TPR_SHADOW;
	word[CONTROL_SECONDARY] =
		some_controls(rig, CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT) & ~without;
	word[CONTROL_EXIT] = some_controls(rig, CONTROL_EXIT, 0);
	word[CONTROL_ENTRY] = some_controls(rig, CONTROL_ENTRY, 0);
	rig->nested.cr0_owned = CR0_NE | (random_next(&rig->random) & 0xffffffff);
	rig->nested.cr4_owned = CR4_VMXE | (random_next(&rig->random) & 0xffffffff);
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		rig->vmcs01[slot] = rig->vmcs02[slot] = random_next(&rig->random);
}

/* L1 starts over with a new VMCS, all of which is to be loaded. */
static void choose_l1(struct rig *rig)
{
	do {
		entry_world_init(&rig->world, random_below(&rig->random, BASES));
		vmcs12_set(&rig->world.v, VMCS_EPT_POINTER, WORLD_PAGE | 0x1e);
		rig->rules.vmx = &rig->nested.offered;
	} while (entry_check_vmcs(&rig->rules, &rig->world.entry, ENTRY_CHANGED_ALL) !=
		 ENTRY_PASSED);
	rig->valid = rig->world.v;
	memset(rig->nested.held, 0xff, sizeof(rig->nested.held));
}

static void init(struct rig *rig)
{
	const struct nested_ops ops = {
		.memory = l1_memory,
		.vmcs02_read = read_02,
		.lend = lend,
		.watch = watch,
		.ctx = rig,
	};

	rig->random.state = 1;
	entry_world_init(&rig->world, BASE_LONG);
	nested_init(&rig->nested, &ops, &rig->world.vmx, rig->copies);
	rig->nested.vmcs12 = &rig->world.v;
	rig->rules = rig->world.rules;
	rig->rules.vmx = &rig->nested.offered;
	entry_rules_init(&rig->rules);
}

/* L1 writes a field that it has, with any bits. */
static void change(struct rig *rig)
{
	unsigned slot;
	uint64_t value;

	do {
		slot = random_below(&rig->random, VMCS12_SLOTS);
	} while (rig->nested.layout.field[slot].use == VMCS12_ABSENT);
	value = random_next(&rig->random);
	if (random_once_in(&rig->random, 2))
		value = rig->world.v.slot[slot] ^ UINT64_C(1) << (value & 63);
	else if (random_once_in(&rig->random, 2))
		value &= 0xf000;
	rig->world.v.slot[slot] = vmcs12_merge(rig->nested.layout.field[slot].encoding, 0, value);
	rig->nested.held[slot / 64] |= BIT(slot % 64);
}

static const char *violated(struct rig *rig)
{
	const struct vmcs02_view view = {
		.base = &rig->base,
		.cr0_owned = rig->nested.cr0_owned,
		.cr4_owned = rig->nested.cr4_owned,
		.vmcs01 = read_01,
		.vmcs02 = read_02,
		.is_l1s = is_l1s,
		.ctx = rig,
	};

	return vmcs02_violated(&view);
}

/* What the entry does once the checks have passed. */
static void update(struct rig *rig)
{
	const struct vmcs_ops ops = {read_02, write_02, rig};

	if (virtual_apic_changed(&rig->nested))
		virtual_apic_choose(&rig->nested, &rig->base);
	vmcs02_update(&rig->nested, &rig->base, &ops);
}

/* One vmcs12 of L1's: false where VM entry refuses it, and the last that passed stands again. */
static bool enter(struct rig *rig)
{
	do {
		change(rig);
	} while (random_once_in(&rig->random, 2));
	if (entry_check_vmcs(&rig->rules, &rig->world.entry, ENTRY_CHANGED_ALL) != ENTRY_PASSED) {
		rig->world.v = rig->valid;
		return false;
	}
	update(rig);
	rig->valid = rig->world.v;
	return true;
}

Test(invariants, hold_whatever_l1_wants)
{
	static struct rig rig;
	unsigned entered = 0;

	init(&rig);
	for (unsigned i = 0; entered < ENTRIES; i++) {
		const char *name;

		if (i % 1024 == 0)
			choose_l0(&rig);
		if (i % 64 == 0)
			choose_l1(&rig);
		if (!enter(&rig))
			continue;
		name = violated(&rig);
		cr_assert(!name, "step %u: %s", i, name);
		entered++;
		/* What the exit leaves to be loaded again is part of the next one. */
		if (random_once_in(&rig.random, 2))
			vmcs02_left(&rig.nested);
	}
}

/* A vmcs02 that is broken in one place. */
struct breach {
	const char *name;
	enum vmcs_field field;
	uint64_t flip;
};

static const struct breach breaches[] = {
	{"EXIT_CONTROLS", VMCS_EXIT_CONTROLS, CONTROL_EXIT_HOST_ADDRESS_SPACE_SIZE},
	{"ENTRY_CONTROLS", VMCS_ENTRY_CONTROLS, CONTROL_ENTRY_ENTRY_LOAD_IA32_EFER},
	{"ADDRESS_CONTROLS", VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_VMCS_SHADOWING},
	{"TASK_PRIORITY", VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_CR8_LOAD_EXITING},
	{"TASK_PRIORITY", VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_USE_TPR_SHADOW},
	{"VM_FUNCTIONS", VMCS_VM_FUNCTION_CONTROLS, VMX_FUNCTION_EPTP_SWITCHING},
	{"PIN_CONTROLS", VMCS_PIN_BASED_CONTROLS, CONTROL_PIN_EXTERNAL_INTERRUPT_EXITING},
	{"POSTED_INTERRUPTS", VMCS_PIN_BASED_CONTROLS, CONTROL_PIN_POSTED_INTERRUPTS},
	{"PRIMARY_CONTROLS", VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_HLT_EXITING},
	{"SECONDARY_CONTROLS", VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_ENABLE_EPT},
	{"EXCEPTIONS", VMCS_EXCEPTION_BITMAP, BIT(VECTOR_PF)},
	{"PAGE_FAULTS", VMCS_PAGE_FAULT_ERROR_CODE_MASK, 1},
	{"PAGE_FAULTS", VMCS_PAGE_FAULT_ERROR_CODE_MATCH, 1},
	{"IO", VMCS_IO_BITMAP_A, PAGE_SIZE},
	{"IO", VMCS_IO_BITMAP_B, PAGE_SIZE},
	{"IO", VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_USE_IO_BITMAPS},
	{"MSR", VMCS_MSR_BITMAP, PAGE_SIZE},
	{"CR0_MASK", VMCS_CR0_GUEST_HOST_MASK, CR0_NE},
	{"CR4_MASK", VMCS_CR4_GUEST_HOST_MASK, CR4_VMXE},
	{"CR0_FIXED", VMCS_GUEST_CR0, CR0_NE},
	{"CR4_FIXED", VMCS_GUEST_CR4, CR4_VMXE},
	{"EPT_POINTER", VMCS_EPT_POINTER, PAGE_SIZE},
	{"VPID", VMCS_VPID, 1},
};

/* L2 in protected mode, with L0 and L1 both using each bitmap. */
static void enter_with_bitmaps(struct rig *rig)
{
	const uint32_t bitmaps = CONTROL_PRIMARY_USE_IO_BITMAPS | CONTROL_PRIMARY_USE_MSR_BITMAPS;
	uint64_t primary, secondary;

	init(rig);
	choose_l0(rig);
	rig->base.exceptions = BIT(VECTOR_PF);
	rig->base.controls.word[CONTROL_PRIMARY] |= bitmaps | CONTROL_PRIMARY_HLT_EXITING;
	rig->base.controls.word[CONTROL_SECONDARY] |= CONTROL_SECONDARY_ENABLE_VPID;
	choose_l1(rig);
	entry_world_init(&rig->world, BASE_LONG);
	primary = vmcs12_get(&rig->world.v, VMCS_PRIMARY_CONTROLS);
	vmcs12_set(&rig->world.v, VMCS_PRIMARY_CONTROLS, primary | bitmaps);
	secondary = vmcs12_get(&rig->world.v, VMCS_SECONDARY_CONTROLS);
	vmcs12_set(&rig->world.v, VMCS_SECONDARY_CONTROLS,
		   secondary | CONTROL_SECONDARY_ENABLE_VMFUNC);
	update(rig);
}

/* Those of L2's APIC, where L1 has it virtualized: how many invariants these are. */
static unsigned pages_can_be_others(struct rig *rig)
{
	static const struct breach apic[] = {
		{"VIRTUAL_APIC", VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_USE_TPR_SHADOW},
		{"APIC_ACCESS", VMCS_APIC_ACCESS_ADDR, WORLD_BYTES},
		{"APIC_ACCESS", VMCS_APIC_ACCESS_ADDR, 1},
		{"TASK_PRIORITY", VMCS_VIRTUAL_APIC_PAGE_ADDR, WORLD_BYTES},
	};
	uint64_t primary,
		exits = CONTROL_PRIMARY_CR8_LOAD_EXITING | CONTROL_PRIMARY_CR8_STORE_EXITING;

	entry_world_init(&rig->world, BASE_APICV);
	primary = vmcs12_get(&rig->world.v, VMCS_PRIMARY_CONTROLS);
	vmcs12_set(&rig->world.v, VMCS_PRIMARY_CONTROLS,
		   primary | exits | CONTROL_PRIMARY_USE_MSR_BITMAPS);
	memset(rig->nested.held, 0xff, sizeof(rig->nested.held));
	update(rig);
	cr_assert(!violated(rig), "%s", violated(rig));
	for (unsigned i = 0; i < sizeof(apic) / sizeof(apic[0]); i++) {
		const char *name;

		rig->vmcs02[vmcs12_slot(apic[i].field)] ^= apic[i].flip;
		name = violated(rig);
		cr_expect(name && !strcmp(name, apic[i].name), "%s: %s", apic[i].name,
			  name ? name : "holds");
		rig->vmcs02[vmcs12_slot(apic[i].field)] ^= apic[i].flip;
	}
	rig->msr[MSR_X2APIC_TPR / 8] &= 0xfe;
	cr_expect(violated(rig) && !strcmp(violated(rig), "X2APIC"));
	rig->msr[MSR_X2APIC_TPR / 8] |= 1;
	enter_with_bitmaps(rig);
	return 3;
}

Test(invariants, each_can_be_violated)
{
	static struct rig rig;
	unsigned invariants = 0, seen = 0;
	const char *last = "";

	enter_with_bitmaps(&rig);
	cr_assert(!violated(&rig), "%s", violated(&rig));
	for (unsigned i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++) {
		const struct breach *b = &breaches[i];
		const char *name;

		rig.vmcs02[vmcs12_slot(b->field)] ^= b->flip;
		name = violated(&rig);
		cr_expect(name && !strcmp(name, b->name), "%s: %s", b->name, name ? name : "holds");
		rig.vmcs02[vmcs12_slot(b->field)] ^= b->flip;
		seen += strcmp(last, b->name) != 0;
		last = b->name;
	}
#define INVARIANT(NAME, holds) invariants++;
#include "nesting/invariants.def"
#undef INVARIANT
	seen += pages_can_be_others(&rig);
	/* The others each compare a field of vmcs02 with that of vmcs01. */
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++) {
		rig.vmcs02[slot] ^= BIT(4);
		if (violated(&rig) && rig.vmcs01[slot] == (rig.vmcs02[slot] ^ BIT(4)))
			seen++;
		rig.vmcs02[slot] ^= BIT(4);
	}
	cr_expect(seen == invariants, "%u of %u", seen, invariants);
}

/* Bitmaps that leave out a bit of L0's. */
Test(invariants, bitmaps_hold_all_of_l0)
{
	static struct rig rig;

	enter_with_bitmaps(&rig);
	rig.own_io[2 * PAGE_SIZE - 1] = 1;
	rig.io[2 * PAGE_SIZE - 1] = 0xfe;
	cr_expect(violated(&rig) && !strcmp(violated(&rig), "IO"));
	rig.io[2 * PAGE_SIZE - 1] = 1;
	cr_expect(!violated(&rig));
	rig.own_msr[0] = 0x80;
	rig.msr[0] = 0x7f;
	cr_expect(violated(&rig) && !strcmp(violated(&rig), "MSR"));
}
