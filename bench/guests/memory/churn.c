/*
 * ptechurn: a storm of edits to page tables, each with an access.  An edit gives a page another
 * frame, or takes its right to be written or its frame away; an access to a page taken at random
 * must find what the entry says: the frame's mark, or a fault.
 *
 * Every frame's mark is its own physical address, which is also all that is ever written to it.
 */
#include <stdbool.h>

#include "bench/guests/harness/suite.h"
#include "bench/guests/memory/memory.h"
#include "bench/guests/memory/probe.h"
#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/space.h"
#include "bench/guests/rt/tables.h"

static struct {
	struct space space;
	uint32_t pages;
	uint64_t random;
	uint64_t frames[PAGES_MAX];
} storm;

/* A number below `limit`, of a fixed sequence. */
static uint32_t draw(uint32_t limit)
{
	storm.random = storm.random * UINT64_C(6364136223846793005) + 1;
	return (uint32_t)((storm.random >> 32) * limit >> 32);
}

/* Returns the page that it edited, whose translation is out of date. */
static uint32_t edit(void)
{
	uint32_t page = draw(storm.pages);
	volatile uint64_t *entry = space_entry(&storm.space, page);

	switch (draw(4)) {
	case 0:
		table_set(entry, 0);
		break;
	case 1:
		table_set(entry, *entry & ~PTE_RW);
		break;
	default:
		table_set(entry, storm.frames[draw(storm.pages)] | PTE_P | PTE_RW);
	}
	return page;
}

static void access(void)
{
	uint32_t page = draw(storm.pages);
	bool write = draw(2);
	volatile uint64_t *entry = space_entry(&storm.space, page);
	uint64_t before = *entry, mark = before & PTE_ADDR_MASK;
	uint64_t error = write ? PF_W : 0, used = PTE_A | (write ? PTE_D : 0);
	uint64_t value = mark, found;

	if (write)
		found = probe_write(space_address(page), mark);
	else
		found = probe_read(space_address(page), &value);
	if (before & PTE_P && (before & PTE_RW || !write)) {
		expect("wrong-fault", found, NO_FAULT);
		expect("wrong-value", value, mark);
		expect("wrong-entry", *entry, before | used);
	} else {
		expect("wrong-fault", found, error | (before & PTE_P ? PF_P : 0));
		expect("wrong-value", value, mark);
	}
}

/* Every edit is followed by its INVLPG. */
static __attribute__((noinline)) void edit_one_by_one(uint32_t count)
{
	while (count-- > 0) {
		table_invalidate(space_address(edit()));
		tables_finish();
		access();
	}
}

/* All edits of a sample are made valid at once. */
static __attribute__((noinline)) void edit_in_batches(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		edit();
	space_enter(&storm.space);
	for (uint32_t i = 0; i < count; i++)
		access();
}

static void begin(uint32_t pages)
{
	storm.pages = pages;
	storm.random = 1;
	space_init(&storm.space);
	for (uint32_t i = 0; i < pages; i++) {
		storm.frames[i] = frame_alloc();
		*(uint64_t *)frame_memory(storm.frames[i]) = storm.frames[i];
		*space_entry(&storm.space, i) = storm.frames[i] | PTE_P | PTE_RW;
	}
	space_enter(&storm.space);
	for (uint32_t i = 0; i < pages; i++)
		expect("wrong-value", *(volatile uint64_t *)space_address(i), storm.frames[i]);
}

/* The frames belong to the storm, not to the entries, several of which may have the same. */
static void end(void)
{
	space_leave();
	for (uint32_t i = 0; i < storm.pages; i++) {
		expect("wrong-value", *(uint64_t *)frame_memory(storm.frames[i]), storm.frames[i]);
		*space_entry(&storm.space, i) = 0;
		frame_release(storm.frames[i]);
	}
	space_destroy(&storm.space);
}

static inline __attribute__((always_inline)) void run_storm(struct run *run,
							    void (*edits)(uint32_t))
{
	begin(run->pages);
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		edits(run->ops);
		sample_end(s);
	}
	end();
}

void bench_ptechurn(struct run *run)
{
	run_storm(run, edit_one_by_one);
}

void bench_ptechurn_batch(struct run *run)
{
	run_storm(run, edit_in_batches);
}
