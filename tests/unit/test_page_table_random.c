/*
 * Page tables against a flat list of what each 4 KB is mapped to: random operations, with memory
 * that runs out, and the same answers.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/page_table.h"
#include "l1vmm/vmx/ept.h"
#include "tests/unit/random.h"
#include "tests/unit/table_rig.h"

#define OPERATIONS 120000 /* for each format */
#define EPISODE	   1500	  /* operations until all is empty again */

#define K4 UINT64_C(0x1000)
#define M2 UINT64_C(0x200000)
#define G1 UINT64_C(0x40000000)

/* Addresses are taken from these gigabytes: two neighbours, and the last one of all. */
static const uint64_t regions[] = {0, G1, (UINT64_C(1) << 48) - G1};

#define REGIONS	 3
#define SLOTS_2M 512
#define SLOTS_4K (512 * 512)

enum slot { EMPTY, PAGE, TABLE };

/* What is in place of each page that there can be. */
struct model {
	enum slot upper[REGIONS]; /* a table for the region's 512 GB */
	enum slot slots_1g[REGIONS];
	enum slot slots_2m[REGIONS][SLOTS_2M];
	uint64_t entry[REGIONS][SLOTS_4K]; /* frame and bits of each 4 KB; 0: not mapped */
	size_t tables;
};

struct world {
	struct table_rig rig;
	struct model *model;
	struct random random;
	uint64_t results[PAGE_TABLE_OCCUPIED + 1];
};

/* Regions 0 and 1 lie under the same entry of the root. */
static unsigned upper_of(unsigned region)
{
	return region == 1 ? 0 : region;
}

/* Puts a table into an empty slot, or into that of a page that it takes the place of. */
static bool model_descend(struct model *m, enum slot *slot, size_t limit)
{
	if (*slot == TABLE)
		return true;
	if (m->tables == limit)
		return false;
	m->tables++;
	*slot = TABLE;
	return true;
}

/* An operation on [at, at + size) within a region; `entry` is 0 to unmap. */
struct operation {
	unsigned region;
	uint64_t at, size, entry;
	size_t limit; /* tables there can be */
};

static enum page_table_result model_finish(struct model *m, const struct operation *op,
					   enum slot *slot)
{
	if (*slot == TABLE)
		return PAGE_TABLE_OCCUPIED;
	*slot = op->entry ? PAGE : EMPTY;
	for (uint64_t i = op->at / K4; i < (op->at + op->size) / K4; i++)
		m->entry[op->region][i] = op->entry ? op->entry + i * K4 - op->at : 0;
	return PAGE_TABLE_OK;
}

static enum page_table_result model_apply(struct model *m, const struct operation *op)
{
	enum slot *upper = &m->upper[upper_of(op->region)];
	enum slot *slot_1g = &m->slots_1g[op->region];
	enum slot *slot_2m = &m->slots_2m[op->region][op->at / M2];
	enum slot split = *slot_1g;
	enum slot leaf = EMPTY;

	if (!op->entry && *upper == EMPTY)
		return PAGE_TABLE_OK;
	if (!model_descend(m, upper, op->limit))
		return PAGE_TABLE_NO_MEMORY;
	if (op->size == G1)
		return model_finish(m, op, slot_1g);
	if (!op->entry && *slot_1g == EMPTY)
		return PAGE_TABLE_OK;
	if (!model_descend(m, slot_1g, op->limit))
		return PAGE_TABLE_NO_MEMORY;
	for (unsigned i = 0; i < SLOTS_2M && split == PAGE; i++)
		m->slots_2m[op->region][i] = PAGE;
	if (op->size == M2)
		return model_finish(m, op, slot_2m);
	if (!op->entry && *slot_2m == EMPTY)
		return PAGE_TABLE_OK;
	if (!model_descend(m, slot_2m, op->limit))
		return PAGE_TABLE_NO_MEMORY;
	return model_finish(m, op, &leaf);
}

static uint64_t model_page_size(const struct model *m, unsigned region, uint64_t at)
{
	if (m->slots_1g[region] == PAGE)
		return G1;
	return m->slots_2m[region][at / M2] == PAGE ? M2 : K4;
}

/* What the entry that maps a page says of the 4 KB at `at` in it. */
static uint64_t piece_of(uint64_t entry, uint64_t size, uint64_t at)
{
	if (size > K4)
		entry &= ~PTE_PS;
	return entry + (at & (size - 1) & -K4);
}

static void compare(const struct world *w, unsigned region, uint64_t at)
{
	uint64_t expected = w->model->entry[region][at / K4], entry, size;
	struct translation walked = table_rig_walk(&w->rig, w->rig.words, regions[region] + at);
	bool mapped = page_table_lookup(&w->rig.pt, regions[region] + at, &entry, &size);

	cr_assert_eq(mapped, expected != 0, "%#lx", regions[region] + at);
	cr_assert_eq(walked.size != 0, mapped, "%#lx", regions[region] + at);
	if (!mapped)
		return;
	cr_assert_eq(size, model_page_size(w->model, region, at), "%#lx", regions[region] + at);
	cr_assert_eq(piece_of(entry, size, at), expected, "%#lx", regions[region] + at);
	cr_assert_eq(walked.frame + walked.bits, expected, "%#lx", regions[region] + at);
}

static void compare_all(const struct world *w)
{
	for (unsigned region = 0; region < REGIONS; region++)
		for (uint64_t at = 0; at < G1; at += K4)
			compare(w, region, at);
}

/* The ends of what was touched, their neighbours, and somewhere. */
static void compare_around(struct world *w, const struct operation *op)
{
	const uint64_t places[] = {op->at,     op->at + op->size - 1, op->at + op->size,
				   op->at - 1, op->at + op->size / 2, random_below(&w->random, G1)};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i] < G1)
			compare(w, op->region, places[i]);
}

static uint64_t random_bits(struct world *w)
{
	static const uint64_t host[] = {PTE_P, PTE_P | PTE_RW, PTE_P | PTE_RW | PTE_NX,
					PTE_P | PTE_US | PTE_A | PTE_D | PTE_G};
	static const uint64_t ept[] = {EPT_RWX | EPT_WB << 3, EPT_READ, EPT_EXECUTE | EPT_WT << 3,
				       EPT_READ | EPT_WRITE | BIT(6) | BIT(63)};

	return (w->rig.rights == EPT_RWX ? ept : host)[random_below(&w->random, 4)];
}

/* Most 4 KB and 2 MB operations meet in the first 16 MB, so that tables are found there. */
static struct operation random_operation(struct world *w)
{
	struct random *r = &w->random;
	uint64_t choice = random_below(r, 100);
	uint64_t size = choice < 1 ? G1 : choice < 30 ? M2 : K4;
	uint64_t room = random_once_in(r, 3) ? G1 : size == G1 ? G1 : 8 * M2;
	struct operation op = {
		.region = (unsigned)random_below(r, REGIONS),
		.at = random_below(r, room / size) * size,
		.size = size,
		.limit = w->rig.used + (random_once_in(r, 8) ? random_below(r, 3) : 8),
	};

	if (!random_once_in(r, 3))
		op.entry = random_below(r, (UINT64_C(1) << 52) / size) * size + random_bits(w);
	return op;
}

static void apply_to_both(struct world *w, const struct operation *op)
{
	uint64_t address = regions[op->region] + op->at;
	uint64_t frame = op->entry & PTE_ADDR_MASK;
	enum page_table_result result;

	w->rig.limit = op->limit;
	result = op->entry ? page_table_map(&w->rig.pt, address, frame, op->size, op->entry - frame)
			   : page_table_unmap(&w->rig.pt, address, op->size);
	cr_assert_eq(result, model_apply(w->model, op), "%#lx, %#lx bytes", address, op->size);
	cr_assert_eq(w->rig.used, w->model->tables);
	w->results[result]++;
}

static void run(const struct page_table_format *format)
{
	struct world w = {.model = calloc(1, sizeof(*w.model)), .random = {.state = 4711}};

	cr_assert_not_null(w.model);
	table_rig_init(&w.rig, format, 1 + 2 + REGIONS * (1 + SLOTS_2M));
	for (unsigned i = 0; i < OPERATIONS; i++) {
		struct operation op;

		if (i % EPISODE == 0) {
			table_rig_restart(&w.rig);
			memset(w.model, 0, sizeof(*w.model));
			w.model->tables = 1;
		}
		op = random_operation(&w);
		apply_to_both(&w, &op);
		compare_around(&w, &op);
		if (i % EPISODE == EPISODE - 1 && i / EPISODE % 8 == 0)
			compare_all(&w);
	}
	/* The walk met every answer that legal arguments can have. */
	cr_expect_gt(w.results[PAGE_TABLE_OK], OPERATIONS / 2);
	cr_expect_gt(w.results[PAGE_TABLE_NO_MEMORY], OPERATIONS / 200);
	cr_expect_gt(w.results[PAGE_TABLE_OCCUPIED], OPERATIONS / 200);
	table_rig_free(&w.rig);
	free(w.model);
}

Test(page_table_random, host_tables_map_what_the_list_says)
{
	run(&page_table_host);
}

Test(page_table_random, ept_maps_what_the_list_says)
{
	run(&page_table_ept);
}
