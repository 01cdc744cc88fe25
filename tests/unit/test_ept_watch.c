#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/ept.h"
#include "tests/unit/ept_rig.h"

static struct ept_rig rig;
static struct ept *const ept = &rig.ept;

static uint64_t rights(uint64_t gpa)
{
	return ept_page(ept, gpa).rights;
}

Test(ept_watch, the_next_store_is_counted_once)
{
	const uint64_t watched = 5 * PAGE_SIZE;

	ept_rig_init(&rig, ept_rig_config(PAGE_SIZE_2M));
	cr_assert_eq(ept_access(ept, watched, EPT_WRITE), EPT_DONE);
	cr_assert(ept_watch(ept, watched));
	cr_expect_eq(rig.invalidations, 1, "a processor may have cached that it is writable");
	cr_expect_eq(rights(watched), EPT_READ | EPT_EXECUTE);
	cr_expect_eq(rights(watched - 1), EPT_RWX);
	cr_expect_eq(rights(watched + PAGE_SIZE), EPT_RWX);
	cr_expect_eq(ept_access(ept, watched, EPT_READ), EPT_DONE);
	cr_expect_eq(ept_access(ept, watched - 1, EPT_WRITE), EPT_DONE);
	cr_expect_eq(ept->write_grants, 0);
	cr_expect_eq(ept_access(ept, watched + 8, EPT_WRITE), EPT_DONE);
	cr_expect_eq(ept->write_grants, 1);
	cr_expect_eq(rights(watched), EPT_RWX);
	cr_expect_eq(ept_access(ept, watched, EPT_WRITE), EPT_DONE);
	cr_expect_eq(ept->write_grants, 1);
	ept_rig_free(&rig);
}

Test(ept_watch, the_hypervisors_stores_count_too)
{
	ept_rig_init(&rig, ept_rig_config(PAGE_SIZE));
	cr_assert(ept_watch(ept, 0));
	ept_written(ept, PAGE_SIZE - 8, 16);
	cr_expect_eq(ept->write_grants, 1);
	ept_rig_free(&rig);
}

Test(ept_watch, watching_again_costs_nothing)
{
	uint64_t written;

	ept_rig_init(&rig, ept_rig_config(PAGE_SIZE_2M));
	cr_assert(ept_watch(ept, 0));
	written = ept->table.writes;
	rig.invalidations = 0;
	cr_expect(ept_watch(ept, 0));
	cr_expect_eq(ept->table.writes, written);
	cr_expect_eq(rig.invalidations, 0);
	ept_rig_free(&rig);
}

Test(ept_watch, what_cannot_be_watched)
{
	struct ept_config config = ept_rig_config(PAGE_SIZE);

	ept_rig_init(&rig, config);
	cr_expect_not(ept_watch(ept, EPT_RIG_MEMORY), "no memory");
	ept_rig_free(&rig);
	config.rights = EPT_READ;
	config.on_demand = EPT_WRITE | EPT_EXECUTE;
	ept_rig_init(&rig, config);
	cr_expect_not(ept_watch(ept, 0), "what is counted already means something else");
	ept_rig_free(&rig);
	config.rights = EPT_READ | EPT_WRITE;
	config.on_demand = EPT_EXECUTE;
	ept_rig_init(&rig, config);
	cr_expect(ept_watch(ept, 0));
	cr_expect_eq(ept_access(ept, 0, EPT_EXECUTE), EPT_DONE, "and is executed on demand still");
	cr_expect_eq(rights(0), EPT_READ | EPT_EXECUTE);
	ept_rig_free(&rig);
}
