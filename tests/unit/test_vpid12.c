/* Virtual VPIDs: more of L1's than L0 has, on a processor that forgets nothing unless it must. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "nesting/vpid12.h"
#include "tests/unit/adversarial_tlb.h"
#include "tests/unit/random.h"

#define FIRST	 100 /* of L0's */
#define GUESTS	 (VPID12_SLOTS + 5)
#define GVA	 UINT64_C(0x7000)
#define NO_FLUSH 0

struct rig {
	struct vpid12_map map;
	struct adversarial_tlb tlb;
	uint64_t frame[GUESTS + 1]; /* that each guest's address means now; 0 is without a VPID */
	unsigned flushes, dropped, wrong;
};

static void invalidate(void *ctx, enum invvpid_type type, uint16_t vpid02, uint64_t address)
{
	struct rig *rig = ctx;

	cr_assert(vpid02 >= FIRST && vpid02 < FIRST + VPID12_SLOTS);
	if (++rig->flushes != rig->dropped)
		tlb_invvpid(&rig->tlb, type, vpid02, address);
}

static void init(struct rig *rig)
{
	*rig = (struct rig){.map = {.invalidate = invalidate, .ctx = rig}};
	for (unsigned i = 0; i < VPID12_SLOTS; i++)
		rig->map.slot[i].vpid02 = (uint16_t)(FIRST + i);
}

/* Runs a guest: the processor uses what it has cached for its address, or caches what that means.
 */
static void run(struct rig *rig, uint16_t vpid12)
{
	const struct cached_page page = {.frame = rig->frame[vpid12], .size = PAGE_SIZE};
	uint16_t vpid02 = rig->map.slot[vpid12_use(&rig->map, vpid12)].vpid02;
	struct mmu_cache *cache = &tlb_line(&rig->tlb, TLB_LINEAR, vpid02, 0, GVA)->cache;

	for (unsigned i = 0; i < cache->page_count; i++)
		rig->wrong += cache->pages[i].frame != page.frame;
	cache_add_page(cache, page);
	tlb_transition(&rig->tlb, true);
}

/* L1 changes what the address means to a guest, and says so. */
static void change(struct rig *rig, uint16_t vpid12)
{
	rig->frame[vpid12] += (GUESTS + 1) * PAGE_SIZE;
	vpid12_invalidate(&rig->map, INVVPID_ONE_ADDRESS, vpid12, GVA);
}

static void run_all(struct rig *rig, unsigned dropped)
{
	struct random random = {.state = 7};

	init(rig);
	rig->dropped = dropped;
	for (uint64_t i = 0; i <= GUESTS; i++)
		rig->frame[i] = i * PAGE_SIZE;
	for (unsigned step = 0; step < 4000; step++) {
		uint16_t vpid12 = (uint16_t)random_below(&random, GUESTS + 1);

		if (random_below(&random, 8) == 0)
			change(rig, vpid12);
		else
			run(rig, vpid12);
	}
}

Test(vpid12, each_guest_finds_its_own_translations)
{
	static struct rig rig;
	unsigned flushes, noticed = 0;

	run_all(&rig, NO_FLUSH);
	cr_expect_eq(rig.wrong, 0);
	cr_expect_gt(rig.flushes, 100);
	flushes = rig.flushes;
	for (unsigned dropped = 1; dropped <= 100; dropped++) {
		run_all(&rig, dropped);
		cr_expect_eq(rig.flushes, flushes);
		noticed += rig.wrong > 0;
	}
	cr_expect_gt(noticed, 60, "a flush left out shows: %u of 100", noticed);
}

/* How many of L0's an INVVPID of L1's comes to. */
static unsigned flushes_of(struct rig *rig, enum invvpid_type type, uint16_t vpid12)
{
	unsigned before = rig->flushes;

	vpid12_invalidate(&rig->map, type, vpid12, 0);
	return rig->flushes - before;
}

Test(vpid12, as_long_as_there_are_some_none_is_flushed)
{
	static struct rig rig;

	init(&rig);
	for (unsigned round = 0; round < 3; round++)
		for (uint16_t vpid12 = 1; vpid12 < VPID12_SLOTS; vpid12++)
			cr_expect_neq(vpid12_use(&rig.map, (uint16_t)(1000 * vpid12)), 0);
	cr_expect_eq(rig.flushes, 0);
	cr_expect_eq(flushes_of(&rig, INVVPID_SINGLE, 1000), 1);
	cr_expect_eq(flushes_of(&rig, INVVPID_SINGLE, 1), 0);
	cr_expect_eq(flushes_of(&rig, INVVPID_ALL, 0), VPID12_SLOTS - 1);
	/* 1000 was used longest ago, but for this. */
	vpid12_use(&rig.map, 1000);
	rig.flushes = 0;
	vpid12_use(&rig.map, 1);
	cr_expect_eq(rig.flushes, 1);
	cr_expect_eq(flushes_of(&rig, INVVPID_SINGLE, 1000), 1);
	cr_expect_eq(flushes_of(&rig, INVVPID_SINGLE, 2000), 0);
}

Test(vpid12, without_one_each_entry_flushes)
{
	static struct rig rig;

	init(&rig);
	cr_expect_eq(vpid12_use(&rig.map, 0), 0);
	cr_expect_eq(vpid12_use(&rig.map, 0), 0);
	cr_expect_eq(rig.flushes, 2);
	cr_expect_eq(flushes_of(&rig, INVVPID_ALL, 0), 0, "INVVPID knows of none");
}
