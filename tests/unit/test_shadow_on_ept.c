/* A guest hypervisor's shadow tables behind ept01, at random. */
#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/random.h"
#include "tests/unit/shadow_on_ept_rig.h"

#define STEPS	  600000 /* with each size of pages */
#define SEEDS	  5
#define FEW_STEPS 600000
#define MEMORY	  (UINT64_C(4) << 20)
#define BASE	  UINT64_C(0x00012340000000)

#define REASON(NAME, text) text,
static const char *const reasons[] = {SOE_REASONS(REASON)};
#undef REASON

static struct soe_rig rig;

/* Some for each level. */
static unsigned random_table(struct random *random, unsigned level)
{
	static const unsigned first[] = {0, 10, 6, 3, 0}, count[] = {0, 6, 4, 3, 3};

	return first[level] + (unsigned)random_below(random, count[level]);
}

static uint64_t random_entry(struct random *random, unsigned level)
{
	uint64_t entry = PTE_P | PTE_RW | PTE_US | (random_next(random) & (PTE_A | PTE_D));

	if (random_once_in(random, 10))
		return 0;
	if (random_once_in(random, 3))
		entry |= PTE_G;
	if (random_once_in(random, 5))
		entry &= ~(random_next(random) & (PTE_RW | PTE_US));
	if (random_once_in(random, 8))
		entry |= PTE_NX;
	if (level == 1)
		return entry | random_below(random, SOE_FRAMES + random_once_in(random, 20)) << 12;
	if (level == 2 && random_once_in(random, 5))
		return entry | PTE_PS;
	return entry | (uint64_t)random_table(random, level - 1) << 12;
}

static void edit(struct random *random)
{
	unsigned level = 1 + (unsigned)random_below(random, 4);
	uint64_t probe = soe_probe((unsigned)random_below(random, SOE_PROBES));

	soe_store(&rig, random_table(random, level),
		  (unsigned)(probe / page_table_span(level) % 512), random_entry(random, level));
}

static unsigned random_guest(struct random *random)
{
	if (random_once_in(random, 4))
		return SOE_UNTAGGED;
	return SOE_UNTAGGED + 1 + (unsigned)random_below(random, SOE_CONTEXTS - SOE_UNTAGGED - 1);
}

static void invvpid(struct random *random)
{
	unsigned guest =
		SOE_UNTAGGED + 1 + (unsigned)random_below(random, SOE_CONTEXTS - SOE_UNTAGGED - 1);
	uint64_t gva = soe_probe((unsigned)random_below(random, SOE_PROBES));

	soe_invvpid(&rig, (enum invvpid_type)random_below(random, 4), guest, gva);
}

static void access_some(struct random *random)
{
	static const uint64_t kinds[] = {0,	 PTE_RW,	  PTE_US,
					 PTE_NX, PTE_US | PTE_RW, PTE_US | PTE_NX};

	soe_access(&rig, (unsigned)random_below(random, SOE_PROBES),
		   kinds[random_below(random, 6)]);
}

static void run_l1(struct random *random)
{
	uint64_t dice = random_below(random, 100);

	if (dice < 40)
		edit(random);
	else if (dice < 46)
		invvpid(random);
	else if (dice < 50)
		rig.root[random_guest(random)] = random_table(random, 4);
	else if (dice < 52)
		soe_load_cr3(&rig, random_table(random, 4));
	else if (dice < 60)
		access_some(random);
	else
		soe_enter(&rig, random_guest(random));
}

static void run_guest(struct random *random)
{
	uint64_t dice = random_below(random, 100);

	if (dice < 60)
		access_some(random);
	else if (dice < 62)
		soe_load_cr3(&rig, random_table(random, 4));
	else if (dice < 64)
		soe_invlpg(&rig, soe_probe((unsigned)random_below(random, SOE_PROBES)));
	else
		soe_exit(&rig);
}

static void step(struct random *random)
{
	if (random_once_in(random, 40))
		soe_change(&rig, SOE_WATCH + (enum soe_reason)random_below(random, 5),
			   (unsigned)random_below(random, SOE_FRAMES), random_next(random));
	if (soe_crowded(&rig))
		soe_change_pge(&rig);
	if (rig.running == SOE_L1)
		run_l1(random);
	else
		run_guest(random);
}

static void start(struct random *random, uint64_t page_size)
{
	const struct ept_config config = {.base = BASE,
					  .size = MEMORY,
					  .page_size = page_size,
					  .rights = EPT_RWX,
					  .accessed_dirty = true};

	soe_init(&rig, config);
	for (unsigned i = 0; i < 100; i++)
		edit(random);
}

/* True if something stale was served. */
static bool run(struct random *random, unsigned steps)
{
	for (unsigned i = 0; i < steps && !rig.stale[0]; i++)
		step(random);
	return rig.stale[0];
}

static void run_all(uint64_t page_size)
{
	struct random random = {.state = page_size};

	start(&random, page_size);
	cr_expect_not(run(&random, STEPS), "%s", rig.stale);
	cr_expect_gt(rig.checked, STEPS / 2);
	cr_expect_gt(rig.violations, STEPS / 100);
	cr_expect_gt(rig.ept.write_grants, STEPS / 1000);
	for (unsigned reason = 0; reason < SOE_REASONS_COUNT; reason++)
		cr_expect_gt(rig.invalidations[reason], STEPS / 1000, "%s", reasons[reason]);
	soe_free(&rig);
}

Test(shadow_on_ept, nothing_stale_is_ever_served_with_4k_pages)
{
	run_all(PAGE_SIZE);
}

Test(shadow_on_ept, nothing_stale_is_ever_served_with_2m_pages)
{
	run_all(PAGE_SIZE_2M);
}

/* The rig's teeth: it sees whichever invalidations are left out. */
Test(shadow_on_ept, each_invalidation_is_needed)
{
	for (unsigned reason = 0; reason < SOE_REASONS_COUNT; reason++)
		for (unsigned seed = 1; seed <= SEEDS; seed++) {
			struct random random = {.state = seed};

			start(&random, PAGE_SIZE);
			rig.dropped[reason] = true;
			cr_expect(run(&random, FEW_STEPS), "%s, seed %u", reasons[reason], seed);
			soe_free(&rig);
		}
}
