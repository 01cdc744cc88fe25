/* The allocation of VPIDs, on a processor that forgets nothing unless it must. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/vpid.h"
#include "tests/unit/adversarial_tlb.h"
#include "tests/unit/random.h"

/* Owners of VPIDs, more than there are, each with an address space of its own. */
#define OWNERS 7
#define GVA    UINT64_C(0x7000)

struct vpid_rig {
	struct vpid_pool pool;
	struct vpid_owner owners[OWNERS];
	struct adversarial_tlb tlb;
	unsigned invalidations, dropped;
	unsigned wrong; /* translations of one owner that another has run into */
};

static void invalidate_vpids(void *ctx)
{
	struct vpid_rig *rig = ctx;

	if (++rig->invalidations != rig->dropped)
		tlb_invvpid(&rig->tlb, INVVPID_ALL, 0, 0);
}

static void run_owner(struct vpid_rig *rig, unsigned number)
{
	struct vpid_owner *owner = &rig->owners[number];
	const struct cached_page page = {.frame = (uint64_t)number * PAGE_SIZE, .size = PAGE_SIZE};
	uint16_t before = owner->number;
	bool changed = vpid_take(&rig->pool, owner);
	struct mmu_cache *cache;

	cr_assert(owner->number > 0 && owner->number <= rig->pool.last);
	cr_assert(changed || owner->number == before);
	cache = &tlb_line(&rig->tlb, TLB_LINEAR, owner->number, 0, GVA)->cache;
	for (unsigned i = 0; i < cache->page_count; i++)
		rig->wrong += cache->pages[i].frame != page.frame;
	cache_add_page(cache, page);
	tlb_transition(&rig->tlb, true);
}

/* `last` VPIDs for all owners, in a random order. */
static void run_owners(struct vpid_rig *rig, uint16_t last, unsigned steps, unsigned dropped)
{
	struct random random = {.state = last};

	*rig = (struct vpid_rig){.dropped = dropped};
	vpid_pool_init(&rig->pool, last, invalidate_vpids, rig);
	for (unsigned i = 0; i < steps; i++)
		run_owner(rig, (unsigned)random_below(&random, OWNERS));
}

Test(vpid, owners_never_meet)
{
	static struct vpid_rig rig;

	for (uint16_t last = 1; last <= OWNERS + 1; last++) {
		run_owners(&rig, last, 5000, 0);
		cr_expect_eq(rig.wrong, 0, "with %u VPIDs", last);
		/* While there are enough nobody pays. */
		cr_expect_eq(rig.invalidations == 0, last >= OWNERS, "with %u VPIDs", last);
		cr_expect_leq(rig.invalidations, 5000 / last);
	}
}

Test(vpid, each_recycling_needs_its_invalidation)
{
	static struct vpid_rig rig;

	for (uint16_t last = 1; last < OWNERS; last++) {
		run_owners(&rig, last, 5000, 1);
		cr_expect_gt(rig.wrong, 0, "with %u VPIDs", last);
	}
}

Test(vpid, all_are_given_out_before_any_is_recycled)
{
	static struct vpid_rig rig;

	rig = (struct vpid_rig){.dropped = 0};
	vpid_pool_init(&rig.pool, VPID_MAX, invalidate_vpids, &rig);
	for (unsigned i = 1; i <= VPID_MAX; i++) {
		struct vpid_owner owner = {.number = 0};

		cr_assert(vpid_take(&rig.pool, &owner));
		cr_assert_eq(owner.number, i);
		cr_assert_not(vpid_take(&rig.pool, &owner));
	}
	cr_expect_eq(rig.invalidations, 0);
	cr_expect(vpid_take(&rig.pool, &rig.owners[0]));
	cr_expect_eq(rig.owners[0].number, 1);
	cr_expect_eq(rig.invalidations, 1);
}
