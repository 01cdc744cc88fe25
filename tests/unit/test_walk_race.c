/*
 * Walks of tables that another vCPU edits between any two reads: what comes out is what some state
 * of each entry gives, and no entry is marked that was not read so.
 */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "shadow/walk.h"
#include "tests/unit/random.h"

#define LEVELS	 4
#define VERSIONS 2
#define COMBINED (1 << LEVELS) /* choices of one version each */
#define TABLE(n) (((n) + UINT64_C(1)) * PAGE_SIZE)
#define INDEX	 5 /* in each table */

/* One entry a level, the top first; each has two versions, between which it changes. */
struct race {
	struct random random;
	uint64_t versions[LEVELS][VERSIONS];
	uint64_t entries[LEVELS];
	bool racing;
};

static void edit(struct race *race)
{
	unsigned level = (unsigned)random_below(&race->random, LEVELS);

	if (race->racing)
		race->entries[level] = race->versions[level][random_below(&race->random, VERSIONS)];
}

static uint64_t *entry_at(struct race *race, uint64_t gpa)
{
	uint64_t level = gpa / PAGE_SIZE - 1;

	cr_assert(level < LEVELS && gpa % PAGE_SIZE == INDEX * sizeof(uint64_t), "%#lx", gpa);
	return &race->entries[level];
}

static bool read_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t *value)
{
	cr_assert_eq(size, sizeof(*value));
	for (unsigned i = 0; i < LEVELS; i++)
		edit(ctx);
	*value = *entry_at(ctx, gpa);
	return true;
}

static bool exchange_entry(void *ctx, uint64_t gpa, unsigned size, uint64_t expected,
			   uint64_t desired)
{
	uint64_t *entry = entry_at(ctx, gpa);

	cr_assert_eq(size, sizeof(*entry));
	edit(ctx);
	if (*entry != expected)
		return false;
	/* Marks only, on what stands there. */
	cr_assert_eq((expected ^ desired) & ~(PTE_A | PTE_D), 0);
	cr_assert(expected & PTE_P);
	*entry = desired;
	return true;
}

static uint64_t random_version(struct random *random, unsigned level)
{
	uint64_t next = level + 1 < LEVELS ? TABLE(level + 1) : random_below(random, 64) << 21;
	uint64_t entry = next | PTE_P | PTE_RW | PTE_US;

	for (unsigned i = 0; i < 2; i++)
		if (random_once_in(random, 3))
			entry ^= BIT(random_below(random, 7));
	if (random_once_in(random, 8))
		entry |= PTE_NX;
	if (random_once_in(random, 8))
		entry |= BIT(45); /* reserved */
	if ((level == 1 || level == 2) && random_once_in(random, 4))
		entry = (entry & ~PTE_ADDR_MASK) | PTE_PS | random_below(random, 8) << 30;
	return entry;
}

static bool same(enum walk_status a, const struct walk_result *x, enum walk_status b,
		 const struct walk_result *y)
{
	if (a != b)
		return false;
	return a == WALK_FAULT ? x->error_code == y->error_code : x->gpa == y->gpa;
}

#define ROUNDS 100000

Test(walk_race, comes_out_as_some_version_of_each_entry_says)
{
	struct race race = {.random = {.state = 7}};
	const struct walk_memory memory = {
		.read = read_entry, .exchange = exchange_entry, .ctx = &race};
	const struct paging_state state = {.cr0 = CR0_PE | CR0_PG | CR0_WP,
					   .cr3 = TABLE(0),
					   .cr4 = CR4_PAE | CR4_SMEP,
					   .efer = EFER_LME | EFER_LMA | EFER_NXE,
					   .maxphyaddr = 40,
					   .pages_1g = true};
	const uint64_t gva =
		(uint64_t)INDEX << 39 | (uint64_t)INDEX << 30 | INDEX << 21 | INDEX << 12 | 0x123;
	static const uint32_t accesses[] = {0, PF_W, PF_U, PF_U | PF_W, PF_I, PF_U | PF_I};
	unsigned contended = 0, walked = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t access = accesses[random_below(&race.random, 6)];
		struct walk_result result, lawful;
		enum walk_status status;
		bool explained = false;

		for (unsigned level = 0; level < LEVELS; level++)
			for (unsigned v = 0; v < VERSIONS; v++)
				race.versions[level][v] = random_version(&race.random, level);
		race.racing = true;
		for (unsigned level = 0; level < LEVELS; level++)
			race.entries[level] = race.versions[level][0];
		status = walk(&memory, &state, gva, access, &result);
		race.racing = false;
		contended += status == WALK_CONTENDED;
		walked += status == WALK_OK;
		for (unsigned choice = 0; choice < COMBINED && !explained; choice++) {
			for (unsigned level = 0; level < LEVELS; level++)
				race.entries[level] = race.versions[level][choice >> level & 1];
			explained = same(status, &result,
					 walk(&memory, &state, gva, access, &lawful), &lawful);
		}
		cr_assert(explained || status == WALK_CONTENDED, "round %u: status %d", round,
			  status);
	}
	/* Both happen. */
	cr_expect_gt(contended, 0);
	cr_expect_gt(walked, ROUNDS / 20);
}
