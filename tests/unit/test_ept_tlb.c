/* EPT on a processor that forgets nothing unless it must. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "tests/unit/ept_rig.h"
#include "tests/unit/random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint64_t page_sizes[] = {PAGE_SIZE, PAGE_SIZE_2M, PAGE_SIZE_1G};

static void ignore(void *ctx, uint64_t gpa, uint64_t size, uint64_t bits)
{
	(void)ctx, (void)gpa, (void)size, (void)bits;
}

/* What takes something away, each on page 1, which has been read, written and executed. */
static void unmap(struct ept_rig *rig)
{
	cr_assert_eq(ept_unmap(&rig->ept, PAGE_SIZE, PAGE_SIZE), EPT_DONE);
}

static void take_writing(struct ept_rig *rig)
{
	cr_assert_eq(ept_protect(&rig->ept, PAGE_SIZE, PAGE_SIZE, EPT_READ | EPT_EXECUTE, 0),
		     EPT_DONE);
}

static void take_execution(struct ept_rig *rig)
{
	cr_assert_eq(
		ept_protect(&rig->ept, PAGE_SIZE, PAGE_SIZE, EPT_READ | EPT_WRITE, EPT_EXECUTE),
		EPT_DONE);
}

static void change_type(struct ept_rig *rig)
{
	cr_assert_eq(ept_set_type(&rig->ept, PAGE_SIZE, PAGE_SIZE, EPT_UC), EPT_DONE);
}

static void collect(struct ept_rig *rig, uint64_t bits)
{
	cr_assert_eq(ept_collect(&rig->ept, PAGE_SIZE, PAGE_SIZE, bits, ignore, NULL), EPT_DONE);
}

static void collect_dirty(struct ept_rig *rig)
{
	collect(rig, EPT_DIRTY);
}

static void collect_accessed(struct ept_rig *rig)
{
	collect(rig, EPT_ACCESSED);
}

static void collect_written(struct ept_rig *rig)
{
	collect(rig, EPT_WRITE);
}

/* The same rights, but for a part of a page only: the page is another size then. */
static void split(struct ept_rig *rig)
{
	cr_assert_eq(ept_protect(&rig->ept, PAGE_SIZE, PAGE_SIZE, EPT_RWX, 0), EPT_DONE);
}

static const struct removal {
	const char *name;
	void (*run)(struct ept_rig *rig);
	bool accessed_dirty; /* needs the flags */
	bool large;	     /* needs a page above 4 KB */
} removals[] = {
	{"unmap", unmap, false, false},
	{"take writing", take_writing, false, false},
	{"take execution", take_execution, false, false},
	{"change the type", change_type, false, false},
	{"collect dirty flags", collect_dirty, true, false},
	{"collect accessed flags", collect_accessed, true, false},
	{"collect rights", collect_written, false, false},
	{"split", split, false, true},
};

static void run_removal(const struct removal *removal, uint64_t page_size, unsigned dropped,
			void (*replaced)(struct ept_rig *rig), struct ept_rig *rig)
{
	struct ept_config config = ept_rig_config(page_size);

	config.accessed_dirty = removal->accessed_dirty;
	config.on_demand = EPT_WRITE;
	ept_rig_init(rig, config);
	rig->dropped = dropped;
	rig->replaced = replaced;
	for (unsigned context = 0; context < EPT_RIG_CONTEXTS; context++)
		cr_assert_eq(ept_rig_access(rig, context, 1, EPT_WRITE), EPT_DONE);
	cr_assert_str_empty(rig->stale);
	cr_assert_eq(rig->invalidations, 0);
	removal->run(rig);
	ept_rig_check(rig);
}

/* Runs each removal that has something to remove with each size of pages. */
static void for_each_removal(unsigned dropped, void (*replaced)(struct ept_rig *rig), bool stale)
{
	static struct ept_rig rig;

	for (size_t i = 0; i < COUNT(removals); i++)
		for (size_t s = removals[i].large ? 1 : 0; s < COUNT(page_sizes); s++) {
			run_removal(&removals[i], page_sizes[s], dropped, replaced, &rig);
			cr_expect_eq(rig.invalidations, 1, "%s, pages of %#lx", removals[i].name,
				     page_sizes[s]);
			cr_expect_eq(rig.stale[0] != '\0', stale, "%s, pages of %#lx: %s",
				     removals[i].name, page_sizes[s], rig.stale);
			ept_rig_free(&rig);
		}
}

Test(ept_tlb, what_is_taken_away_is_forgotten)
{
	for_each_removal(0, NULL, false);
}

/* The rig's teeth: it sees each invalidation that is left out. */
Test(ept_tlb, each_invalidation_is_needed)
{
	for_each_removal(1, NULL, true);
}

/* INVVPID leaves guest-physical mappings alone, however wide it is. */
static void invvpid_all(struct ept_rig *rig)
{
	tlb_invvpid(&rig->tlb, INVVPID_ALL, 0, 0);
}

Test(ept_tlb, invvpid_is_no_substitute_for_invept)
{
	for_each_removal(0, invvpid_all, true);
}

static void invept_of_another(struct ept_rig *rig)
{
	tlb_invept(&rig->tlb, 1, ept_pointer(&rig->ept) + PAGE_SIZE);
}

Test(ept_tlb, nor_is_invept_of_another_pointer)
{
	for_each_removal(0, invept_of_another, true);
}

static void invept_all(struct ept_rig *rig)
{
	tlb_invept(&rig->tlb, 2, 0);
}

Test(ept_tlb, but_invept_of_all_is)
{
	for_each_removal(0, invept_all, false);
}

/* What gives, or takes nothing that is there, has nothing to invalidate. */
Test(ept_tlb, nothing_is_invalidated_without_need)
{
	static struct ept_rig rig;

	for (size_t s = 0; s < COUNT(page_sizes); s++) {
		struct ept_config config = ept_rig_config(page_sizes[s]);

		config.accessed_dirty = true;
		ept_rig_init(&rig, config);
		unmap(&rig);
		collect_dirty(&rig);
		cr_expect_eq(ept_protect(&rig.ept, 0, PAGE_SIZE_2M, EPT_READ, EPT_WRITE), EPT_DONE);
		cr_expect_eq(ept_rig_access(&rig, 1, 1, EPT_READ), EPT_DONE);
		cr_expect_eq(ept_rig_access(&rig, 1, 1, EPT_WRITE), EPT_DONE);
		cr_expect_eq(ept_protect(&rig.ept, 0, PAGE_SIZE_2M, EPT_RWX, 0), EPT_DONE);
		collect(&rig, 0);
		cr_expect_eq(ept_rig_access(&rig, 2, 1, EPT_EXECUTE), EPT_DONE);
		cr_expect_eq(rig.invalidations, 0, "pages of %#lx", page_sizes[s]);
		cr_expect_str_empty(rig.stale);
		ept_rig_free(&rig);
	}
}

/* A model of the guest's memory: what each page must grant, and what has been written to it. */
struct model {
	uint64_t rights[EPT_RIG_PAGES]; /* at most */
	enum ept_memory_type type[EPT_RIG_PAGES];
	bool written[EPT_RIG_PAGES];
	bool found[EPT_RIG_PAGES];
};

static void find(void *ctx, uint64_t gpa, uint64_t size, uint64_t bits)
{
	struct model *model = ctx;

	cr_assert(bits);
	for (unsigned page = 0; page < EPT_RIG_PAGES; page++)
		if (ept_rig_gpa(page) - gpa < size)
			model->found[page] = true;
}

static void check_model(const struct ept_rig *rig, const struct model *model)
{
	for (unsigned page = 0; page < EPT_RIG_PAGES; page++) {
		uint64_t entry = ept_rig_entry(rig, ept_rig_gpa(page));

		cr_assert_not(entry & EPT_RWX & ~model->rights[page], "page %u: %#lx", page, entry);
		cr_assert(!entry || (entry >> 3 & 7) == model->type[page], "page %u: %#lx", page,
			  entry);
	}
}

static void random_access(struct random *random, struct ept_rig *rig, struct model *model)
{
	static const uint64_t kinds[] = {EPT_READ, EPT_READ | EPT_WRITE, EPT_WRITE, EPT_EXECUTE};
	unsigned page = (unsigned)random_below(random, EPT_RIG_PAGES);
	uint64_t access = kinds[random_below(random, COUNT(kinds))];
	enum ept_result result =
		ept_rig_access(rig, (unsigned)random_below(random, EPT_RIG_CONTEXTS), page, access);

	cr_assert_eq(result, access & ~model->rights[page] ? EPT_DENIED : EPT_DONE,
		     "page %u: %#lx of %#lx", page, access, model->rights[page]);
	if (result == EPT_DONE && access & EPT_WRITE)
		model->written[page] = true;
}

/* Does something to a range that begins and ends at pages that the guest looks at. */
static void random_change(struct random *random, struct ept_rig *rig, struct model *model)
{
	static const uint64_t rights[] = {EPT_READ, EPT_READ | EPT_WRITE, EPT_READ | EPT_EXECUTE,
					  EPT_RWX};
	static const enum ept_memory_type types[] = {EPT_UC, EPT_WC, EPT_WT, EPT_WP, EPT_WB};
	unsigned first = (unsigned)random_below(random, EPT_RIG_PAGES);
	unsigned last = first + (unsigned)random_below(random, 3);
	uint64_t start = ept_rig_gpa(first), size;
	uint64_t given = rights[random_below(random, COUNT(rights))];
	uint64_t on_demand = random_below(random, 8);
	enum ept_memory_type type = types[random_below(random, COUNT(types))];

	if (last >= EPT_RIG_PAGES || ept_rig_gpa(last) - start > (UINT64_C(8) << 20))
		last = first;
	size = ept_rig_gpa(last) + PAGE_SIZE - start;
	switch (random_below(random, 4)) {
	case 0:
		cr_assert_eq(ept_protect(&rig->ept, start, size, given, on_demand), EPT_DONE);
		for (unsigned page = first; page <= last; page++)
			model->rights[page] = given | on_demand;
		break;
	case 1:
		cr_assert_eq(ept_set_type(&rig->ept, start, size, type), EPT_DONE);
		for (unsigned page = first; page <= last; page++)
			model->type[page] = type;
		break;
	case 2:
		memset(model->found, 0, sizeof(model->found));
		cr_assert_eq(
			ept_collect(&rig->ept, start, size, EPT_DIRTY | EPT_ACCESSED, find, model),
			EPT_DONE);
		for (unsigned page = first; page <= last; page++)
			cr_assert(!model->written[page] || model->found[page],
				  "a write to page %u is lost", page);
		/* Those around are told of with the large page that they lie in. */
		for (unsigned page = 0; page < EPT_RIG_PAGES; page++)
			model->written[page] &= !model->found[page];
		break;
	default:
		/* Behind it a touch gives the page what it had at first. */
		cr_assert_eq(ept_unmap(&rig->ept, start, size), EPT_DONE);
		for (unsigned page = first; page <= last; page++) {
			model->rights[page] = EPT_RWX;
			model->type[page] = EPT_WB;
			model->written[page] = false;
		}
	}
}

#define STEPS	     60000 /* with each size of pages */
#define STEPS_A_TIME 60

static void run(uint64_t page_size)
{
	struct random random = {.state = page_size};
	static struct ept_rig rig;

	for (unsigned i = 0; i < STEPS / STEPS_A_TIME; i++) {
		struct ept_config config = ept_rig_config(page_size);
		struct model model = {.rights = {0}};

		config.accessed_dirty = true;
		config.rights = random_once_in(&random, 2) ? EPT_RWX : EPT_READ;
		config.on_demand = EPT_RWX & ~config.rights;
		for (unsigned page = 0; page < EPT_RIG_PAGES; page++) {
			model.rights[page] = EPT_RWX;
			model.type[page] = EPT_WB;
		}
		ept_rig_init(&rig, config);
		for (unsigned j = 0; j < STEPS_A_TIME; j++) {
			if (random_once_in(&random, 4))
				random_change(&random, &rig, &model);
			else
				random_access(&random, &rig, &model);
			ept_rig_check(&rig);
			cr_assert_str_empty(rig.stale);
			check_model(&rig, &model);
		}
		ept_rig_free(&rig);
	}
}

Test(ept_tlb, nothing_stale_is_ever_served_with_4k_pages)
{
	run(PAGE_SIZE);
}

Test(ept_tlb, nothing_stale_is_ever_served_with_2m_pages)
{
	run(PAGE_SIZE_2M);
}

Test(ept_tlb, nothing_stale_is_ever_served_with_1g_pages)
{
	run(PAGE_SIZE_1G);
}

Test(ept_tlb, ranges_that_are_not_are_refused)
{
	static const struct {
		uint64_t gpa, size;
		enum ept_result result;
	} ranges[] = {
		{0, EPT_RIG_MEMORY, EPT_DONE},
		{0, 0, EPT_DONE},
		{EPT_RIG_MEMORY - PAGE_SIZE, PAGE_SIZE, EPT_DONE},
		{EPT_RIG_MEMORY, 0, EPT_DONE},
		{EPT_RIG_MEMORY, PAGE_SIZE, EPT_BAD_RANGE},
		{0, EPT_RIG_MEMORY + PAGE_SIZE, EPT_BAD_RANGE},
		{PAGE_SIZE, UINT64_MAX - PAGE_SIZE + 1, EPT_BAD_RANGE},
		{UINT64_MAX - PAGE_SIZE + 1, PAGE_SIZE, EPT_BAD_RANGE},
		{1, PAGE_SIZE, EPT_BAD_RANGE},
		{0, 1, EPT_BAD_RANGE},
	};
	static struct ept_rig rig;

	ept_rig_init(&rig, ept_rig_config(PAGE_SIZE_1G));
	for (size_t i = 0; i < COUNT(ranges); i++) {
		uint64_t written = rig.ept.table.writes;

		cr_expect_eq(ept_protect(&rig.ept, ranges[i].gpa, ranges[i].size, EPT_RWX, 0),
			     ranges[i].result, "range %zu", i);
		cr_expect_eq(ept_unmap(&rig.ept, ranges[i].gpa, ranges[i].size), ranges[i].result);
		cr_expect(ranges[i].result == EPT_DONE || rig.ept.table.writes == written);
	}
	ept_rig_free(&rig);
}
