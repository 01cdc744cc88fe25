#include "l1vmm/lib/page_table.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"

#define TOP_LEVEL    4
#define ADDRESS_BITS 48

const struct page_table_format page_table_host = {
	.present = PTE_P, .table = PTE_P | PTE_RW, .page = PTE_PS};

/* An EPT entry is present if it grants reading, writing or execution. */
const struct page_table_format page_table_ept = {
	.present = BIT(0) | BIT(1) | BIT(2), .table = BIT(0) | BIT(1) | BIT(2), .page = BIT(7)};

static unsigned size_level(uint64_t size)
{
	for (unsigned level = 1; level < TOP_LEVEL; level++)
		if (size == page_table_span(level))
			return level;
	return 0;
}

static uint64_t *slot(const struct page_table *pt, uint64_t table, uint64_t address, unsigned level)
{
	unsigned index = address >> (PAGE_SHIFT + 9 * (level - 1)) & (PTES_PER_PAGE - 1);

	return &pt->memory->table(pt->memory->ctx, table)[index];
}

static bool present(const struct page_table *pt, uint64_t entry)
{
	return entry & pt->format->present;
}

static bool is_page(const struct page_table *pt, uint64_t entry, unsigned level)
{
	return level == 1 || (entry & pt->format->page);
}

static void write_entry(struct page_table *pt, uint64_t *entry, uint64_t value)
{
	*(volatile uint64_t *)entry = value;
	pt->writes++;
}

bool page_table_init(struct page_table *pt, const struct page_table_format *format,
		     const struct page_table_memory *memory)
{
	pt->format = format;
	pt->memory = memory;
	pt->writes = 0;
	pt->root = memory->alloc(memory->ctx);
	if (!pt->root)
		return false;
	pt->recent = memory->table(memory->ctx, pt->root);
	pt->recent_address = 0;
	pt->recent_level = TOP_LEVEL;
	return true;
}

/* Puts a table in place of `entry`, which is empty or a page that it then maps in pieces. */
static bool insert_table(struct page_table *pt, uint64_t *entry, unsigned level)
{
	uint64_t table = pt->memory->alloc(pt->memory->ctx);

	if (!table)
		return false;
	if (present(pt, *entry)) {
		uint64_t piece = *entry;
		uint64_t *pieces = pt->memory->table(pt->memory->ctx, table);

		if (level - 1 == 1)
			piece &= ~pt->format->page;
		for (unsigned i = 0; i < PTES_PER_PAGE; i++)
			write_entry(pt, &pieces[i], piece + i * page_table_span(level - 1));
	}
	write_entry(pt, entry, table | pt->format->table);
	return true;
}

static enum page_table_result check(uint64_t address, uint64_t frame, uint64_t size)
{
	if (!size_level(size))
		return PAGE_TABLE_BAD_SIZE;
	if ((address | frame) & (size - 1))
		return PAGE_TABLE_UNALIGNED;
	if (address >> ADDRESS_BITS || (frame & ~PTE_ADDR_MASK))
		return PAGE_TABLE_TOO_HIGH;
	return PAGE_TABLE_OK;
}

/* Sets the entry for the page of `size` bytes at `address`; empty entries stay empty for 0. */
static enum page_table_result set_leaf(struct page_table *pt, uint64_t address, uint64_t size,
				       uint64_t value)
{
	unsigned leaf = size_level(size);
	uint64_t table = pt->root;
	uint64_t *entry;

	for (unsigned level = TOP_LEVEL;; level--) {
		entry = slot(pt, table, address, level);
		if (level == leaf)
			break;
		if (!present(pt, *entry) && !value)
			return PAGE_TABLE_OK;
		if ((!present(pt, *entry) || is_page(pt, *entry, level)) &&
		    !insert_table(pt, entry, level))
			return PAGE_TABLE_NO_MEMORY;
		table = *entry & PTE_ADDR_MASK;
	}
	if (present(pt, *entry) && !is_page(pt, *entry, leaf))
		return PAGE_TABLE_OCCUPIED;
	if (value && leaf > 1)
		value |= pt->format->page;
	write_entry(pt, entry, value);
	return PAGE_TABLE_OK;
}

enum page_table_result page_table_map(struct page_table *pt, uint64_t address, uint64_t frame,
				      uint64_t size, uint64_t bits)
{
	enum page_table_result result = check(address, frame, size);

	return result ? result : set_leaf(pt, address, size, frame | bits);
}

enum page_table_result page_table_unmap(struct page_table *pt, uint64_t address, uint64_t size)
{
	enum page_table_result result = check(address, 0, size);

	return result ? result : set_leaf(pt, address, size, 0);
}

bool page_table_lookup(const struct page_table *pt, uint64_t address, uint64_t *entry,
		       uint64_t *size)
{
	uint64_t table = pt->root;

	if (address >> ADDRESS_BITS) {
		*entry = 0;
		return false;
	}
	for (unsigned level = TOP_LEVEL;; level--) {
		*entry = *slot(pt, table, address, level);
		if (!present(pt, *entry))
			return false;
		if (level < TOP_LEVEL && is_page(pt, *entry, level)) {
			*size = page_table_span(level);
			return true;
		}
		table = *entry & PTE_ADDR_MASK;
	}
}

struct page_table_place page_table_find(struct page_table *pt, uint64_t address)
{
	unsigned level = pt->recent_level;
	uint64_t *table = pt->recent;
	uint64_t *entry;

	if ((pt->recent_address ^ address) >> (PAGE_SHIFT + 9 * level)) {
		level = TOP_LEVEL;
		table = pt->memory->table(pt->memory->ctx, pt->root);
	}
	for (;; level--) {
		entry = &table[address >> (PAGE_SHIFT + 9 * (level - 1)) & (PTES_PER_PAGE - 1)];
		if (!present(pt, *entry) || is_page(pt, *entry, level))
			break;
		table = pt->memory->table(pt->memory->ctx, *entry & PTE_ADDR_MASK);
	}
	pt->recent = table;
	pt->recent_address = address;
	pt->recent_level = level;
	return (struct page_table_place){.entry = entry, .level = level};
}

bool page_table_descend(struct page_table *pt, struct page_table_place *place, uint64_t address)
{
	if (!insert_table(pt, place->entry, place->level))
		return false;
	place->level--;
	place->entry = slot(pt, *place->entry & PTE_ADDR_MASK, address, place->level);
	return true;
}
