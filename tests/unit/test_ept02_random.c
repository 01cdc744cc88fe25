/* ept02 under random EPTs of L1, edits, accesses and invalidations. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/ept02_rig.h"
#include "tests/unit/random.h"

#define STEPS	  600000 /* with each pool */
#define SEEDS	  10
#define FEW_STEPS 20000

#define REASON(NAME, text) text,
static const char *const reasons[] = {EPT02_REASONS(REASON)};
#undef REASON

static struct ept02_rig rig;

/* Tables below the topmost ones, some for each level. */
static unsigned random_table(struct random *random, unsigned level)
{
	static const unsigned first[] = {0, 10, 5, 0}, count[] = {0, 6, 5, 5};

	if (level == 4)
		return (unsigned)random_below(random, EPT02_CONTEXTS);
	return EPT02_CONTEXTS + first[level] + (unsigned)random_below(random, count[level]);
}

static uint64_t random_rights(struct random *random)
{
	static const uint64_t rights[] = {7, 7, 7, 7, 3, 5, 1, 4};

	return rights[random_below(random, 8)];
}

/* In each part of memory, and rarely outside; aligned to the page of the level. */
static uint64_t random_frame(struct random *random, unsigned level)
{
	static const uint64_t frames[] = {0x0,	      0x7000,	  0x200000,
					  0x3fe01000, 0x40000000, 0x80003000};

	if (random_once_in(random, 40))
		return EPT02_MEMORY;
	return frames[random_below(random, 6)] & -page_table_span(level);
}

static uint64_t random_page(struct random *random, unsigned level)
{
	static const uint64_t types[] = {6, 6, 6, 0, 1, 4, 5, 14};

	return random_frame(random, level) | random_rights(random) |
	       types[random_below(random, 8)] << 3 | (level > 1 ? 0x80 : 0) |
	       random_below(random, 4) << 8;
}

/* Malformed in one way. */
static uint64_t spoil(struct random *random, uint64_t entry, unsigned level)
{
	switch (random_below(random, 5)) {
	case 0:
		return (entry & ~UINT64_C(7)) | 2;
	case 1:
		return (entry & ~UINT64_C(7)) | 6;
	case 2:
		return entry | UINT64_C(1) << EPT02_RIG_WIDTH;
	case 3:
		return (entry & ~UINT64_C(0x38)) | 7 << 3;
	default:
		return level > 1 ? entry | 0x1080 : entry | UINT64_C(1) << 51;
	}
}

static void edit(struct random *random)
{
	unsigned level = 1 + (unsigned)random_below(random, 4);
	uint64_t probe = ept02_rig_probe((unsigned)random_below(random, EPT02_PROBES));
	uint64_t *entry =
		&rig.l1[random_table(random, level)][probe / page_table_span(level) % 512];

	if (random_once_in(random, 12))
		*entry = 0;
	else if (level == 4 || (level > 1 && !random_once_in(random, 3)))
		*entry = (uint64_t)random_table(random, level - 1) * PAGE_SIZE |
			 random_rights(random);
	else
		*entry = random_page(random, level);
	if (random_once_in(random, 40))
		*entry = spoil(random, *entry, level);
}

static void change_ept01(struct random *random)
{
	static const enum ept_memory_type types[] = {EPT_WB, EPT_WB, EPT_UC};
	struct ept02_part *part = &rig.parts[random_below(random, EPT02_PARTS)];

	part->base ^= UINT64_C(1) << 41;
	part->granted = EPT_READ | (random_next(random) & EPT_RWX);
	part->allowed = random_once_in(random, 4) ? EPT_READ : EPT_RWX;
	part->type = types[random_below(random, 3)];
	ept02_rig_changed(&rig);
}

static void access_some(struct random *random, unsigned context)
{
	static const uint64_t kinds[] = {EPT_READ, EPT_WRITE, EPT_READ | EPT_WRITE, EPT_EXECUTE};

	ept02_rig_access(&rig, context, (unsigned)random_below(random, EPT02_PROBES),
			 kinds[random_below(random, 4)]);
}

/* L2s take turns; their hypervisor edits and invalidates. */
static unsigned step(struct random *random, unsigned context)
{
	uint64_t what = random_below(random, 100);

	if (what < 22)
		edit(random);
	else if (what < 25)
		ept02_rig_invept(&rig, (unsigned)random_below(random, EPT02_CONTEXTS));
	else if (what < 26 && random_once_in(random, 4))
		ept02_rig_invept(&rig, EPT02_CONTEXTS);
	else if (what < 27 && random_once_in(random, 4))
		change_ept01(random);
	else if (what < 28)
		rig.flags[context] = !rig.flags[context];
	else if (what < 36)
		return (unsigned)random_below(random, EPT02_CONTEXTS);
	else
		access_some(random, context);
	return context;
}

/* With a pool that lasts, or with the smallest one that there may be. */
static void start(struct random *random, bool lasts)
{
	ept02_rig_init(&rig, lasts ? EPT02_POOL_MOST : EPT02_POOL_LEAST);
	for (unsigned i = 0; i < 300; i++)
		edit(random);
}

/* From start(); true if something stale was served. */
static bool run(struct random *random, unsigned steps)
{
	unsigned context = 0;

	for (unsigned i = 0; i < steps && !rig.stale[0]; i++)
		context = step(random, context);
	return rig.stale[0];
}

static void run_all(bool lasts)
{
	struct random random = {.state = lasts};

	start(&random, lasts);
	cr_expect_not(run(&random, STEPS), "%s", rig.stale);
	cr_expect_gt(rig.compositions, STEPS / 20);
	cr_expect_gt(rig.violations, STEPS / 20);
	for (unsigned reason = 0; reason < EPT02_REASONS_COUNT; reason++)
		if (reason != (lasts ? EPT02_RECLAIMED : EPT02_REUSED))
			cr_expect_gt(rig.invalidations[reason], STEPS / 2000, "%s",
				     reasons[reason]);
}

Test(ept02_random, nothing_stale_is_ever_served)
{
	run_all(true);
	cr_expect_eq(rig.invalidations[EPT02_RECLAIMED], 0);
}

Test(ept02_random, nor_with_hardly_any_tables)
{
	run_all(false);
}

/* The rig's teeth: it sees whichever invalidations are left out. */
Test(ept02_random, each_invalidation_is_needed)
{
	for (unsigned reason = 0; reason < EPT02_REASONS_COUNT; reason++)
		for (unsigned seed = 1; seed <= SEEDS; seed++) {
			struct random random = {.state = seed};

			start(&random, reason != EPT02_RECLAIMED);
			rig.dropped[reason] = true;
			cr_expect(run(&random, FEW_STEPS), "%s, seed %u", reasons[reason], seed);
		}
}

Test(ept02_random, what_a_violation_forgets_must_go)
{
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct random random = {.state = seed};

		start(&random, true);
		rig.keeps = true;
		cr_expect(run(&random, FEW_STEPS), "seed %u", seed);
	}
}
