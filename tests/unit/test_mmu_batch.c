/* Orders of a guest that takes part in its shadowing: what they do, and what they must not. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "shadow/mmu_batch.h"
#include "tests/unit/mmu_guest.h"

#define CR3_LIMIT     BIT(40)
#define STEPS	      40000 /* in each mode */
#define STEPS_A_GUEST 400
#define EDITS	      6 /* at most, between two batches */

struct caller {
	struct mmu_rig rig;
	struct random random;
	uint64_t orders[MMU_BATCH_ORDERS];
	unsigned count;
	unsigned loads;
};

static bool load_cr3(void *ctx, uint64_t cr3)
{
	struct caller *c = ctx;

	if (cr3 >= CR3_LIMIT)
		return false;
	c->rig.state.cr3 = cr3;
	c->loads++;
	rig_load(&c->rig);
	return true;
}

static int64_t call(struct caller *c, const uint64_t *orders, uint64_t count)
{
	struct mmu_batch batch = {
		.orders = orders,
		.count = count,
		.load_cr3 = load_cr3,
		.ctx = c,
	};

	return mmu_batch_run(&c->rig.mmu, &batch);
}

static uint64_t entries(uint64_t gpa, uint64_t more)
{
	return gpa | more << MMU_ORDER_MORE_SHIFT | MMU_ORDER_ENTRIES;
}

static void put(struct caller *c, uint64_t order)
{
	if (c->count < MMU_BATCH_ORDERS)
		c->orders[c->count++] = order;
}

/* What the guest itself has to remember of an order that was carried out. */
static void order_done(struct caller *c, uint64_t order)
{
	if ((order & MMU_ORDER_KIND) != MMU_ORDER_INVALIDATE)
		return;
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		cache_invalidate(&c->rig.lawful[n], c->rig.address[n], order & ~0xfffUL);
}

/* Has all orders carried out but those that are wrong, which must not stop the others. */
static void tell(struct caller *c)
{
	unsigned at = 0;

	while (at < c->count) {
		int64_t result = call(c, c->orders + at, c->count - at);

		cr_assert(result != 0 && result <= c->count - at && result > -HYPERCALL_ERRORS);
		for (int64_t i = 0; i < result; i++)
			order_done(c, c->orders[at + i]);
		at += result > 0 ? (unsigned)result : 1;
	}
	c->count = 0;
	rig_check(&c->rig);
}

static uint64_t random_order(struct caller *c)
{
	struct random *random = &c->random;
	uint64_t order = random_next(random);

	switch (random_below(random, 6)) {
	case 0:
		return c->rig.address[random_below(random, RIG_ADDRESSES)] | MMU_ORDER_INVALIDATE;
	case 1:
		return random_frame(random) | MMU_ORDER_FORGET;
	case 2:
		return random_below(random, 4) << 12 | MMU_ORDER_LOAD;
	case 3:
		return entries(random_frame(random) | (order & 0xff8),
			       random_below(random, PTES_PER_PAGE));
	case 4:
		return (order & 0xff) << 12 | random_below(random, 8);
	default:
		return order;
	}
}

/* Stores of the guest of which nobody knows before the batch. */
static void edit_some(struct caller *c)
{
	for (uint64_t left = 1 + random_below(&c->random, EDITS); left > 0; left--) {
		struct guest_edit edit = random_edit(&c->random, &c->rig);

		rig_poke(&c->rig, edit.gpa, edit.size, edit.entry);
		put(c, entries(edit.gpa & ~7UL, 0));
		rig_check(&c->rig);
	}
}

static void step(struct caller *c)
{
	uint64_t dice = random_below(&c->random, 8);

	if (dice < 5) {
		/* A write by an access could edit a table as well. */
		unsigned access = (unsigned)random_below(&c->random, RIG_ACCESSES);

		rig_access(&c->rig, (unsigned)random_below(&c->random, RIG_ADDRESSES), access,
			   &c->random, (unsigned)random_below(&c->random, 512) * 8,
			   random_entry(&c->random));
	} else {
		if (dice < 7)
			edit_some(c);
		for (uint64_t left = random_below(&c->random, 5); left > 0; left--)
			put(c, random_order(c));
		tell(c);
	}
	if (rig_crowded(&c->rig))
		load_cr3(c, c->rig.state.cr3);
	rig_check(&c->rig);
}

static void run(enum paging_mode mode)
{
	static struct caller c;

	c.random.state = 77 + mode;
	for (unsigned i = 0; i < STEPS / STEPS_A_GUEST; i++) {
		random_guest(&c.random, &c.rig, mode);
		rig_start(&c.rig, MMU_PV,
			  MMU_POOL_MIN + (i % 4) * (RIG_POOL_MAX - MMU_POOL_MIN) / 3);
		for (unsigned j = 0; j < STEPS_A_GUEST; j++)
			step(&c);
		rig_stop(&c.rig);
	}
}

Test(mmu_batch, keeps_32bit_tables_in_step)
{
	run(PAGING_32BIT);
}

Test(mmu_batch, keeps_PAE_tables_in_step)
{
	run(PAGING_PAE);
}

Test(mmu_batch, keeps_4_levels_of_tables_in_step)
{
	run(PAGING_4LEVEL);
}

static void start(struct caller *c, enum paging_mode mode)
{
	memset(c, 0, sizeof(*c));
	c->random.state = 3;
	random_guest(&c->random, &c->rig, mode);
	rig_start(&c->rig, MMU_PV, RIG_POOL_MAX);
}

Test(mmu_batch, names_what_is_wrong_with_an_order)
{
	static struct caller c;
	static const struct {
		enum paging_mode mode;
		int64_t result;
		uint64_t order;
	} rows[] = {
		{PAGING_4LEVEL, 1, 0x1ff8 | MMU_ORDER_ENTRIES},
		{PAGING_4LEVEL, 1, 511UL << 52 | 0x1000},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ENTRIES, 511UL << 52 | 0x1008},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ENTRIES, 512UL << 52 | 0x1000},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ENTRIES, 1UL << 52 | 0x1ff8},
		{PAGING_4LEVEL, 1, (RIG_SIZE - 8) | MMU_ORDER_ENTRIES},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ENTRIES, RIG_SIZE | MMU_ORDER_ENTRIES},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ENTRIES, 0x000ffffffffffff8},
		{PAGING_4LEVEL, 1, 0x00007ffffffff000 | MMU_ORDER_INVALIDATE},
		{PAGING_4LEVEL, 1, 0xffff800000000000 | MMU_ORDER_INVALIDATE},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ADDRESS,
		 0x0000800000000000 | MMU_ORDER_INVALIDATE},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ADDRESS,
		 0xffff7ffffffff000 | MMU_ORDER_INVALIDATE},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, 0x1008 | MMU_ORDER_INVALIDATE},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, 0x1800 | MMU_ORDER_INVALIDATE},
		{PAGING_32BIT, 1, 0xffff7ffffffff000 | MMU_ORDER_INVALIDATE},
		{PAGING_4LEVEL, 1, 0x17000 | MMU_ORDER_FORGET},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ROOT, RIG_SIZE | MMU_ORDER_FORGET},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, 0x1008 | MMU_ORDER_FORGET},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, BIT(52) | 0x1000 | MMU_ORDER_FORGET},
		{PAGING_4LEVEL, 1, 0x1018 | MMU_ORDER_LOAD},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ROOT, CR3_LIMIT | MMU_ORDER_LOAD},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, BIT(63) | 0x1000 | MMU_ORDER_LOAD},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, 4},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, 5},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, 6},
		{PAGING_4LEVEL, -HYPERCALL_E_BAD_ORDER, UINT64_MAX},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t result;

		start(&c, rows[i].mode);
		result = call(&c, &rows[i].order, 1);
		cr_expect(result == rows[i].result, "%#lx: %ld, not %ld", rows[i].order, result,
			  rows[i].result);
		rig_check(&c.rig);
		rig_stop(&c.rig);
	}
}

Test(mmu_batch, stops_before_an_order_that_is_wrong)
{
	static const uint64_t orders[] = {
		0x1000 | MMU_ORDER_LOAD,
		7,
		0x2000 | MMU_ORDER_LOAD,
	};
	static struct caller c;

	start(&c, PAGING_4LEVEL);
	cr_expect(call(&c, orders, 0) == 0);
	cr_expect(call(&c, orders, 3) == 1);
	cr_expect(c.loads == 1);
	cr_expect(call(&c, orders + 1, 2) == -HYPERCALL_E_BAD_ORDER);
	cr_expect(c.loads == 1);
	rig_stop(&c.rig);
}

static void forget_roots(enum paging_mode mode)
{
	static struct caller c;
	static const uint64_t load = 0x1000 | MMU_ORDER_LOAD, ends[] = {
								      0x0000 | MMU_ORDER_FORGET,
								      0x2000 | MMU_ORDER_FORGET,
								      0x3000 | MMU_ORDER_FORGET,
							      };
	uint32_t free_pages;

	start(&c, mode);
	c.rig.state.cr3 = 0;
	rig_load(&c.rig);
	for (unsigned n = 0; n < RIG_ADDRESSES; n++)
		rig_access(&c.rig, n, 0, &c.random, 0, 0);
	cr_assert(call(&c, &load, 1) == 1);
	free_pages = c.rig.mmu.free_pages;
	cr_assert(free_pages < RIG_POOL_MAX - 2);
	cr_expect(call(&c, ends, 3) == 3);
	cr_expect(c.rig.mmu.free_pages == RIG_POOL_MAX - 1, "%u in mode %d", c.rig.mmu.free_pages,
		  mode);
	rig_stop(&c.rig);
}

Test(mmu_batch, gives_back_the_tables_of_a_root_that_is_forgotten)
{
	for (enum paging_mode mode = PAGING_32BIT; mode <= PAGING_4LEVEL; mode++)
		forget_roots(mode);
}

Test(mmu_batch, does_not_more_than_a_call_may)
{
	static struct caller c;

	start(&c, PAGING_4LEVEL);
	for (unsigned i = 0; i < MMU_BATCH_ORDERS; i++)
		put(&c, entries(0x1000, MMU_ORDER_MORE_MAX));
	cr_expect(call(&c, c.orders, MMU_BATCH_ORDERS + 1) == -HYPERCALL_E_TOO_LONG);
	cr_expect(call(&c, c.orders, UINT64_MAX) == -HYPERCALL_E_TOO_LONG);
	cr_expect(call(&c, c.orders, MMU_BATCH_ORDERS) == MMU_BATCH_ENTRIES / PTES_PER_PAGE);
	for (unsigned i = 0; i < MMU_BATCH_ORDERS; i++)
		c.orders[i] = entries(0x1000, 0);
	cr_expect(call(&c, c.orders, MMU_BATCH_ORDERS) == MMU_BATCH_ORDERS);
	rig_stop(&c.rig);
}
