#include "tests/unit/invariants_rig.h"

#include <string.h>

#include "nesting/virtual_apic.h"

#define OWN_IO	UINT64_C(0x11110000) /* addresses of L0's pages */
#define OWN_MSR UINT64_C(0x22220000)
#define NEW_IO	UINT64_C(0x33330000)
#define NEW_MSR UINT64_C(0x44440000)
#define NO_APIC UINT64_C(0x77770000)
#define L1S	UINT64_C(0x88880000) /* its memory */

static uint64_t read_01(void *ctx, enum vmcs_field field)
{
	return ((struct invariants_rig *)ctx)->vmcs01[vmcs12_slot(field)];
}

static uint64_t read_02(void *ctx, enum vmcs_field field)
{
	return ((struct invariants_rig *)ctx)->vmcs02[vmcs12_slot(field)];
}

static void write_02(void *ctx, enum vmcs_field field, uint64_t value)
{
	((struct invariants_rig *)ctx)->vmcs02[vmcs12_slot(field)] = value;
}

static bool watch(void *ctx, uint64_t gpa)
{
	(void)gpa;
	return !random_once_in(&((struct invariants_rig *)ctx)->random, 4);
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
	struct invariants_rig *rig = ctx;

	return size == PAGE_SIZE && gpa < WORLD_BYTES ? rig->l1_page : NULL;
}

void invariants_rig_init(struct invariants_rig *rig)
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

/* Of L0's own bitmaps most words are closed to all its guests, or open to them. */
static void fill_bitmap(struct random *random, uint8_t *bitmap, size_t bytes)
{
	uint64_t *words = (uint64_t *)bitmap;

	for (size_t i = 0; i < bytes / sizeof(*words); i++) {
		static const uint64_t whole[] = {UINT64_MAX, UINT64_MAX, 0};
		uint64_t kind = random_below(random, 4);

		words[i] = kind < 3 ? whole[kind] : random_next(random);
	}
}

static uint32_t some_controls(struct invariants_rig *rig, enum control_word word, uint32_t always)
{
	uint64_t offered = rig->world.vmx.controls.msr[word];

	return (uint32_t)offered | always |
	       ((uint32_t)random_next(&rig->random) & (uint32_t)(offered >> 32));
}

static void choose_words(struct invariants_rig *rig)
{
	uint32_t *word = rig->base.controls.word;
	const uint32_t without = CONTROL_SECONDARY_ENABLE_PML | CONTROL_SECONDARY_ENABLE_VMFUNC |
				 CONTROL_SECONDARY_VMCS_SHADOWING |
				 CONTROL_SECONDARY_EPT_VIOLATION_VE;

	word[CONTROL_PIN] = some_controls(rig, CONTROL_PIN, 1 | CONTROL_PIN_POSTED_INTERRUPTS);
	word[CONTROL_PRIMARY] =
		some_controls(rig, CONTROL_PRIMARY, (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY) &
		~(uint32_t)CONTROL_PRIMARY_USE_TPR_SHADOW;
	word[CONTROL_SECONDARY] =
		some_controls(rig, CONTROL_SECONDARY, CONTROL_SECONDARY_ENABLE_EPT) & ~without;
	word[CONTROL_EXIT] = some_controls(rig, CONTROL_EXIT, 0);
	word[CONTROL_ENTRY] = some_controls(rig, CONTROL_ENTRY, 0);
}

uint64_t invariants_rig_multiplier(struct invariants_rig *rig)
{
	return (random_next(&rig->random) | BIT(63)) >> random_below(&rig->random, 64);
}

static void choose_clock(struct invariants_rig *rig)
{
	struct guest_tsc *tsc = &rig->base.tsc;

	*tsc = (struct guest_tsc){TSC_MULTIPLIER_1, random_next(&rig->random)};
	if (rig->base.controls.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_TSC_SCALING)
		tsc->multiplier = invariants_rig_multiplier(rig);
}

void invariants_rig_choose_l0(struct invariants_rig *rig)
{
	fill_bitmap(&rig->random, rig->own_io, sizeof(rig->own_io));
	fill_bitmap(&rig->random, rig->own_msr, sizeof(rig->own_msr));
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		rig->l1_page[i] = (uint8_t)random_next(&rig->random);
	rig->merged = (struct vmcs02_merged){.writes = 0};
	memset(rig->io, 0, sizeof(rig->io));
	memset(rig->msr, 0, sizeof(rig->msr));
	rig->base = (struct vmcs02_base){
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
		.ept01 = 0x5555501e,
		.ept02 = 0x6666601e,
		.vpid = 7,
		.no_apic = NO_APIC,
		.cr0_fixed = CR0_NE,
		.cr4_fixed = CR4_VMXE,
	};
	choose_words(rig);
	choose_clock(rig);
	rig->nested.cr0_owned = CR0_NE | (random_next(&rig->random) & 0xffffffff);
	rig->nested.cr4_owned = CR4_VMXE | (random_next(&rig->random) & 0xffffffff);
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		rig->vmcs01[slot] = rig->vmcs02[slot] = random_next(&rig->random);
}

void invariants_rig_update(struct invariants_rig *rig)
{
	const struct vmcs_ops ops = {read_02, write_02, rig};

	if (virtual_apic_changed(&rig->nested))
		virtual_apic_choose(&rig->nested, &rig->base);
	vmcs02_update(&rig->nested, &rig->base, &ops);
}

const char *invariants_rig_violated(struct invariants_rig *rig)
{
	const struct vmcs02_view view = {
		.base = &rig->base,
		.vmcs12 = &rig->world.v,
		.cr0_owned = rig->nested.cr0_owned,
		.cr4_owned = rig->nested.cr4_owned,
		.vmcs01 = read_01,
		.vmcs02 = read_02,
		.is_l1s = is_l1s,
		.ctx = rig,
	};

	return vmcs02_violated(&view);
}
