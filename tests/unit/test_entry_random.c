#include <criterion/criterion.h>
#include <string.h>

#include "entry_reference.h"
#include "random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STEPS	     500000

static const uint16_t fields[] = {
#define ENTRY_FIELD(NAME, GROUP) VMCS_##NAME,
#include "nesting/entry_fields.def"
#undef ENTRY_FIELD
};

/* Values at the borders that checks draw. */
static const uint64_t borders[] = {
	0,
	1,
	2,
	15,
	16,
	0x93,
	0x9b,
	0xf3,
	0xfff,
	0x1000,
	0xffff,
	0x10000,
	AR_UNUSABLE,
	AR_DATA32,
	AR_CODE32,
	0xfffff,
	0xffffffff,
	0x100000000,
	(UINT64_C(1) << WORLD_WIDTH) - 0x1000,
	UINT64_C(1) << WORLD_WIDTH,
	0x00007fffffffffff,
	0x0000800000000000,
	0x0000ffffffffffff,
	0x0001000000000000,
	0xffff800000000000,
	0xffff7fffffffffff,
	UINT64_MAX,
	WORLD_PAGE,
	WORLD_LINK,
	WORLD_CURRENT,
	VMCS12_REVISION,
	EFER_LME,
	EFER_LME | EFER_LMA,
};

/* The words of memory that decide. */
static const uint16_t places[] = {WORLD_VTPR,	  WORLD_LINK,	   WORLD_CURRENT,  WORLD_PDPT,
				  WORLD_PDPT + 8, WORLD_PDPT + 16, WORLD_PDPT + 24};

/* All of a world that changes here. */
struct snapshot {
	struct vmcs12 v;
	uint64_t memory[COUNT(places)];
	bool ia32e_mode;
	struct vmx_capabilities vmx;
};

#define MOST_STARTS 1024

struct walk {
	struct random random;
	struct entry_world now;
	struct snapshot valid, starts[MOST_STARTS];
	unsigned starts_used;
	uint32_t changed; /* since the entry at `valid` */
	unsigned passed, failed[ENTRY_VMCS_CHECKS];
};

static uint64_t mask(unsigned field)
{
	switch (vmcs_width(field)) {
	case VMCS_WIDTH_16:
		return 0xffff;
	case VMCS_WIDTH_32:
		return 0xffffffff;
	default:
		return UINT64_MAX;
	}
}

static uint64_t bit_of(struct walk *walk, uint64_t bits)
{
	uint64_t bit;

	do {
		bit = BIT(random_below(&walk->random, random_once_in(&walk->random, 2) ? 32 : 64));
	} while (!(bit & bits));
	return bit;
}

static const struct snapshot *any_start(struct walk *walk)
{
	return &walk->starts[random_below(&walk->random, walk->starts_used)];
}

static uint64_t near(struct walk *walk, unsigned field, uint64_t value)
{
	struct random *random = &walk->random;

	switch (random_below(random, 8)) {
	case 0:
		return borders[random_below(random, COUNT(borders))];
	case 1:
		return value + 1;
	case 2:
		return value - 1;
	case 3:
	case 4:
		return vmcs12_get(&any_start(walk)->v, field);
	default:
		return value ^ bit_of(walk, mask(field));
	}
}

static uint64_t event(struct random *random)
{
	static const uint8_t vectors[] = {0, 1, 2, 3, 6, 8, 9, 13, 14, 17, 18, 21, 31, 32, 255};
	uint64_t info = INTR_INFO_VALID | random_below(random, 8) << 8 |
			vectors[random_below(random, COUNT(vectors))];

	return random_once_in(random, 3) ? info | INTR_INFO_ERROR_CODE : info;
}

static void change_field(struct walk *walk)
{
	struct vmcs12 *v = &walk->now.v;
	unsigned field = random_once_in(&walk->random, 16)
				 ? VMCS_ENTRY_INTR_INFO
				 : fields[random_below(&walk->random, COUNT(fields))];
	uint64_t before = vmcs12_get(v, field);
	uint64_t after = field == VMCS_ENTRY_INTR_INFO && !random_once_in(&walk->random, 3)
				 ? event(&walk->random)
				 : near(walk, field, before) & mask(field);

	vmcs12_set(v, field, after);
	walk->changed |= entry_changed(&walk->now.rules, field, before, after);
}

static void change_memory(struct walk *walk)
{
	static const uint64_t values[] = {0,
					  0x50,
					  VMCS12_REVISION,
					  VMCS12_REVISION | VMCS12_SHADOW,
					  WORLD_PAGE | 1,
					  (UINT64_C(1) << WORLD_WIDTH) | 1};

	entry_world_store(&walk->now, places[random_below(&walk->random, COUNT(places))],
			  values[random_below(&walk->random, COUNT(values))], 8);
}

static void change_mode(struct walk *walk)
{
	walk->now.entry.ia32e_mode = !walk->now.entry.ia32e_mode;
	walk->changed |= ENTRY_CHANGED(HOST);
}

static void save(struct snapshot *to, const struct entry_world *w)
{
	to->v = w->v;
	to->ia32e_mode = w->entry.ia32e_mode;
	to->vmx = w->vmx;
	for (unsigned i = 0; i < COUNT(places); i++)
		memcpy(&to->memory[i], &w->memory[places[i]], sizeof(to->memory[i]));
}

static void restore(struct entry_world *w, const struct snapshot *from)
{
	w->v = from->v;
	w->entry.ia32e_mode = from->ia32e_mode;
	w->vmx = from->vmx;
	for (unsigned i = 0; i < COUNT(places); i++)
		memcpy(&w->memory[places[i]], &from->memory[i], sizeof(from->memory[i]));
}

/*
 * One entry after a change or two: the table agrees with the reference, and checking what changed
 * says the same as checking all.
 */
static void step(struct walk *walk)
{
	const struct entry_world *w = &walk->now;
	enum entry_check all = entry_check_vmcs(&w->rules, &w->entry, ENTRY_CHANGED_ALL);
	enum entry_check some = entry_check_vmcs(&w->rules, &w->entry, walk->changed);
	unsigned reference = entry_reference(w);

	cr_assert(entry_outcome(all) & reference, "%s fails, the reference says %#x",
		  all == ENTRY_PASSED ? "nothing" : entry_check_info(all)->name, reference);
	cr_assert(all == some, "of all %s fails, of what changed %s",
		  all == ENTRY_PASSED ? "nothing" : entry_check_info(all)->name,
		  some == ENTRY_PASSED ? "nothing" : entry_check_info(some)->name);
	if (all == ENTRY_PASSED) {
		walk->passed++;
		walk->changed = 0;
		save(&walk->valid, w);
	} else {
		walk->failed[all]++;
		if (random_once_in(&walk->random, 4))
			return;
		restore(&walk->now, &walk->valid);
		walk->changed = 0;
	}
}

static void begin(struct walk *walk)
{
	walk->valid = *any_start(walk);
	restore(&walk->now, &walk->valid);
	walk->changed = 0;
}

/* Walks start where a check just holds. */
static void add_start(void *ctx, struct entry_world *w, enum entry_check check, bool valid)
{
	struct walk *walk = ctx;

	(void)check;
	if (!valid)
		return;
	cr_assert(walk->starts_used < MOST_STARTS);
	save(&walk->starts[walk->starts_used++], w);
}

static void walk_random(uint64_t seed)
{
	static struct walk walk;
	unsigned failing = 0;

	walk.random.state = seed;
	entry_edges(&walk.now, add_start, &walk);
	for (unsigned i = 0; i < STEPS; i++) {
		if (i % 16 == 0)
			begin(&walk);
		do {
			if (random_once_in(&walk.random, 16))
				change_memory(&walk);
			else if (random_once_in(&walk.random, 256))
				change_mode(&walk);
			else
				change_field(&walk);
		} while (random_once_in(&walk.random, 4));
		step(&walk);
	}
	cr_expect(walk.passed > STEPS / 4 && walk.passed < STEPS * 3 / 4, "%u of %u pass",
		  walk.passed, STEPS);
	for (unsigned check = 0; check < ENTRY_VMCS_CHECKS; check++)
		failing += walk.failed[check] != 0;
	cr_expect(failing > ENTRY_VMCS_CHECKS * 15 / 16, "%u of %u checks fail", failing,
		  ENTRY_VMCS_CHECKS);
}

Test(entry_random, agrees_with_the_reference)
{
	walk_random(1);
}

Test(entry_random, agrees_with_the_reference_again)
{
	walk_random(2);
}
