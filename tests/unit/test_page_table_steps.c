/*
 * What a processor that walks the tables sees while they change: each store is replayed, and every
 * state in between is judged.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/page_table.h"
#include "l1vmm/vmx/ept.h"
#include "tests/unit/store_log.h"
#include "tests/unit/table_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define K4 UINT64_C(0x1000)
#define M2 UINT64_C(0x200000)
#define G1 UINT64_C(0x40000000)

#define TABLES 8
#define BYTES  (TABLES * K4)
#define STORES 2048
#define PLACES 2048

#define AREA  (UINT64_C(5) << 30) /* where the old page lies, within neighbours */
#define FRAME (UINT64_C(77) << 30)

/* A change of what is mapped at `at`, within the page of `old_size` at AREA; 0: none there. */
struct change {
	uint64_t old_size, at, size;
	bool unmap;
	unsigned tables; /* that it needs */
};

static const struct change changes[] = {
	/* Splitting: the first, a middle and the last piece. */
	{M2, AREA, K4, false, 1},
	{M2, AREA + 137 * K4, K4, false, 1},
	{M2, AREA + M2 - K4, K4, false, 1},
	{M2, AREA, K4, true, 1},
	{M2, AREA + 137 * K4, K4, true, 1},
	{M2, AREA + M2 - K4, K4, true, 1},
	{G1, AREA, M2, false, 1},
	{G1, AREA + 300 * M2, M2, false, 1},
	{G1, AREA + G1 - M2, M2, true, 1},
	{G1, AREA, K4, false, 2},
	{G1, AREA + 300 * M2 + 137 * K4, K4, false, 2},
	{G1, AREA + G1 - K4, K4, true, 2},
	/* Replacing. */
	{K4, AREA, K4, false, 0},
	{M2, AREA, M2, false, 0},
	{G1, AREA, G1, false, 0},
	{K4, AREA, K4, true, 0},
	{M2, AREA, M2, true, 0},
	{G1, AREA, G1, true, 0},
	/* Filling. */
	{0, AREA, K4, false, 3},
	{0, AREA, M2, false, 2},
	{0, AREA, G1, false, 1},
	{K4, AREA + M2, K4, false, 1},
	{K4, AREA + M2, M2, false, 0},
	{K4, AREA + G1, K4, false, 2},
};

static const struct {
	const struct page_table_format *format;
	uint64_t old_bits, new_bits;
} formats[] = {
	{&page_table_host, PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX, PTE_P | PTE_G},
	{&page_table_ept, EPT_RWX | EPT_WB << 3, EPT_READ | EPT_UC << 3},
};

/* The tables before and after a change, and a copy that goes from the one to the other. */
struct replay {
	struct table_rig rig;
	uint64_t *before, *between;
	struct store *stores;
	size_t count;
};

static void replay_start(struct replay *r, size_t f, const struct change *change)
{
	table_rig_init(&r->rig, formats[f].format, TABLES);
	r->before = malloc(BYTES);
	r->between = malloc(BYTES);
	r->stores = calloc(STORES, sizeof(*r->stores));
	cr_assert(r->before && r->between && r->stores);
	if (change->old_size)
		cr_assert_eq(page_table_map(&r->rig.pt, AREA, FRAME, change->old_size,
					    formats[f].old_bits),
			     PAGE_TABLE_OK);
	memcpy(r->before, r->rig.words, BYTES);
	memcpy(r->between, r->rig.words, BYTES);
}

static void replay_end(struct replay *r)
{
	free(r->before);
	free(r->between);
	free(r->stores);
	table_rig_free(&r->rig);
}

/* Makes the change with `tables` tables left, and logs its stores. */
static enum page_table_result make(struct replay *r, size_t f, const struct change *change,
				   size_t tables)
{
	uint64_t written = r->rig.pt.writes;
	enum page_table_result result;

	r->rig.limit = r->rig.used + tables;
	store_log_start(r->rig.words, BYTES, r->stores, STORES);
	result = change->unmap ? page_table_unmap(&r->rig.pt, change->at, change->size)
			       : page_table_map(&r->rig.pt, change->at, 3 * FRAME, change->size,
						formats[f].new_bits);
	r->count = store_log_stop();
	cr_assert_leq(r->count, STORES);
	cr_expect_eq(r->rig.pt.writes - written, r->count, "each store is counted");
	return result;
}

/* An address that is looked at, and the translations that it may have in between. */
struct place {
	uint64_t address;
	struct translation old, new;
};

/*
 * All pieces around the change, the first and last byte of all larger ones, and the neighbours.
 * What lies outside of the change has one translation only.
 */
static size_t choose_places(const struct replay *r, const struct change *change,
			    struct place places[PLACES])
{
	uint64_t around = change->at & -M2;
	size_t count = 0;

	for (uint64_t at = around - K4; at <= around + M2; at += K4)
		places[count++].address = at;
	for (uint64_t at = AREA; at <= AREA + G1; at += M2) {
		places[count++].address = at - 1;
		places[count++].address = at;
	}
	for (size_t i = 0; i < count; i++) {
		struct place *p = &places[i];

		p->old = table_rig_walk(&r->rig, r->before, p->address);
		p->new = table_rig_walk(&r->rig, r->rig.words, p->address);
		cr_assert(translation_equal(p->old, p->new) ||
				  p->address - change->at < change->size,
			  "%#lx is not part of the change", p->address);
	}
	return count;
}

static void judge(const struct replay *r, const struct place *places, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct place *p = &places[i];
		struct translation now = table_rig_walk(&r->rig, r->between, p->address);

		cr_assert(translation_equal(now, p->old) || translation_equal(now, p->new),
			  "%#lx is mapped to %#lx + %#lx in between", p->address, now.frame,
			  now.bits);
	}
}

static void judge_each_state(struct replay *r, const struct change *change)
{
	static struct place places[PLACES];
	size_t count = choose_places(r, change, places);

	judge(r, places, count);
	for (size_t i = 0; i < r->count; i++) {
		r->between[r->stores[i].word] = r->stores[i].value;
		judge(r, places, count);
	}
	cr_expect_arr_eq(r->between, r->rig.words, BYTES, "the log is complete");
}

static void expect_done(const struct replay *r, size_t f, const struct change *change)
{
	struct translation first = table_rig_walk(&r->rig, r->rig.words, change->at);
	struct translation last =
		table_rig_walk(&r->rig, r->rig.words, change->at + change->size - 1);

	if (change->unmap) {
		cr_expect(first.size == 0 && last.size == 0);
		return;
	}
	cr_expect(first.size == change->size && last.size == change->size);
	cr_expect(first.bits == formats[f].new_bits && last.bits == formats[f].new_bits);
	cr_expect_eq(first.frame, 3 * FRAME);
	cr_expect_eq(last.frame, 3 * FRAME + change->size - K4);
}

Test(page_table_steps, every_state_in_between_is_the_old_or_the_new_one)
{
	for (size_t f = 0; f < COUNT(formats); f++)
		for (size_t i = 0; i < COUNT(changes); i++) {
			const struct change *change = &changes[i];
			struct replay r;

			replay_start(&r, f, change);
			cr_assert_eq(make(&r, f, change, change->tables), PAGE_TABLE_OK,
				     "change %zu", i);
			cr_expect_eq(r.rig.used, r.rig.limit, "change %zu", i);
			cr_expect_geq(r.count, 1 + change->tables, "change %zu", i);
			judge_each_state(&r, change);
			expect_done(&r, f, change);
			replay_end(&r);
		}
}

Test(page_table_steps, without_memory_for_a_table_all_stays_as_it_was)
{
	for (size_t f = 0; f < COUNT(formats); f++)
		for (size_t i = 0; i < COUNT(changes); i++)
			for (unsigned tables = 0; tables < changes[i].tables; tables++) {
				const struct change *change = &changes[i];
				/* Nothing may change anywhere. */
				const struct change none = {.at = change->at};
				struct replay r;

				replay_start(&r, f, change);
				cr_assert_eq(make(&r, f, change, tables), PAGE_TABLE_NO_MEMORY,
					     "change %zu", i);
				judge_each_state(&r, &none);
				cr_assert_eq(make(&r, f, change, change->tables - tables),
					     PAGE_TABLE_OK, "change %zu, with memory again", i);
				expect_done(&r, f, change);
				replay_end(&r);
			}
}

/* The order that a split is known to need; it also shows that the log is one. */
Test(page_table_steps, the_log_has_every_store_in_its_order)
{
	const struct change split = {M2, AREA, K4, false, 1};
	struct replay r;

	replay_start(&r, 0, &split);
	cr_assert_eq(make(&r, 0, &split, 1), PAGE_TABLE_OK);
	cr_assert_eq(r.count, 514);
	for (size_t i = 0; i < 512; i++)
		cr_expect_eq(r.stores[i].word, 3 * 512 + i, "store %zu fills the new table", i);
	cr_expect_eq(r.stores[512].word, 2 * 512 + AREA / M2 % 512, "the link comes behind them");
	cr_expect_eq(r.stores[513].word, 3 * 512 + AREA / K4 % 512, "and the new page last");
	replay_end(&r);
}
