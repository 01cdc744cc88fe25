/*
 * Four-level page tables of 512 entries a level: one walker for the hypervisor's own tables and for
 * EPT, which differ in the bits of an entry only.  Plain C: memory comes from the caller.
 */
#ifndef L1VMM_LIB_PAGE_TABLE_H
#define L1VMM_LIB_PAGE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* What the bits of an entry mean. */
struct page_table_format {
	uint64_t present; /* an entry with any of these bits is in use */
	uint64_t table;	  /* bits of an entry that points to a table */
	uint64_t page;	  /* bit that makes a page of an entry above the lowest level */
};

extern const struct page_table_format page_table_host; /* SDM volume 3, 4.5 */
extern const struct page_table_format page_table_ept;  /* SDM volume 3, 29.3.2 */

struct page_table_memory {
	void *ctx;
	uint64_t (*alloc)(void *ctx);		     /* hpa of a zeroed page, 0: none left */
	uint64_t *(*table)(void *ctx, uint64_t hpa); /* where the table at hpa can be accessed */
};

struct page_table {
	const struct page_table_format *format;
	const struct page_table_memory *memory;
	uint64_t root;	 /* hpa */
	uint64_t writes; /* entries written since page_table_init() */
	/* The table in which the latest page_table_find() ended, and where the next may begin. */
	uint64_t *recent;
	uint64_t recent_address; /* that it translates a part of */
	unsigned recent_level;
};

/* Bytes that an entry of a level translates.  Levels as in the SDM: 1 PT, 2 PD, 3 PDPT, 4 PML4. */
static inline uint64_t page_table_span(unsigned level)
{
	return UINT64_C(1) << (12 + 9 * (level - 1));
}

/* False where there is no memory for the root. */
bool page_table_init(struct page_table *pt, const struct page_table_format *format,
		     const struct page_table_memory *memory);

enum page_table_result {
	PAGE_TABLE_OK,
	PAGE_TABLE_NO_MEMORY,
	PAGE_TABLE_UNALIGNED, /* an address is no multiple of the page size */
	PAGE_TABLE_BAD_SIZE,  /* not 4 KB, 2 MB or 1 GB */
	PAGE_TABLE_TOO_HIGH,  /* the address has more than 48 bits, or the frame more than 52 */
	PAGE_TABLE_OCCUPIED,  /* a table stands where the page should */
};

/*
 * Maps `size` bytes (4 KB, 2 MB or 1 GB) at `address` to `frame`, with `bits` as the rest of the
 * entry.  A page that is there is replaced; a larger page around it is split, its other parts
 * staying as they are.  A page in place of a table is refused.
 */
enum page_table_result page_table_map(struct page_table *pt, uint64_t address, uint64_t frame,
				      uint64_t size, uint64_t bits);

/*
 * Removes the page of `size` bytes at `address`, splitting a larger one; PAGE_TABLE_OK where
 * nothing is mapped.  The caller invalidates.
 */
enum page_table_result page_table_unmap(struct page_table *pt, uint64_t address, uint64_t size);

/*
 * The entry that maps `address`, and the size of its page; false where none does, with `entry` the
 * one that ended the walk.
 */
bool page_table_lookup(const struct page_table *pt, uint64_t address, uint64_t *entry,
		       uint64_t *size);

/* Where the walk for an address ends: at a page, or at an entry that is not in use. */
struct page_table_place {
	uint64_t *entry;
	unsigned level;
};

/* For an address of 48 bits.  Fast where the one before was near: tables are never taken away. */
struct page_table_place page_table_find(struct page_table *pt, uint64_t address);

/*
 * Puts a table in place of the entry, which is empty or a page that it then maps in pieces, and
 * goes on to the table's entry for `address`.  False where no memory is left.
 */
bool page_table_descend(struct page_table *pt, struct page_table_place *place, uint64_t address);

/* Writes the entry, which is no table and becomes none.  The caller invalidates. */
static inline void page_table_set(struct page_table *pt, struct page_table_place place,
				  uint64_t value)
{
	*(volatile uint64_t *)place.entry = value;
	pt->writes++;
}

#endif
