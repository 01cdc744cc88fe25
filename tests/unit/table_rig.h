/*
 * Memory for page tables as tests have it: host-physical addresses that are no pointers, an end
 * that can be set, and a page walk that is written another way than the one under test.
 */
#ifndef TESTS_UNIT_TABLE_RIG_H
#define TESTS_UNIT_TABLE_RIG_H

#include <stddef.h>

#include "l1vmm/lib/page_table.h"

struct table_rig {
	uint64_t *words; /* of all tables, 512 a table */
	size_t capacity; /* tables */
	size_t used;	 /* tables given out */
	size_t limit;	 /* tables given out before memory is used up */
	struct page_table_memory memory;
	struct page_table pt;
	uint64_t rights; /* bits of an entry that every level must grant */
};

/* A page table of the format with room for `capacity` tables; its root is the first of them. */
void table_rig_init(struct table_rig *rig, const struct page_table_format *format, size_t capacity);
void table_rig_free(struct table_rig *rig);

/* Takes all tables back and starts with an empty root. */
void table_rig_restart(struct table_rig *rig);

/* How an address is translated. */
struct translation {
	uint64_t size;	/* of the page; 0: not mapped */
	uint64_t frame; /* of the 4 KB around the address */
	uint64_t bits;	/* the rest of the entry, without the bit that makes a page of it */
};

/* Walks the tables as they stand in `words`, those of the rig or a copy. */
struct translation table_rig_walk(const struct table_rig *rig, const uint64_t *words,
				  uint64_t address);

bool translation_equal(struct translation a, struct translation b);

#endif
