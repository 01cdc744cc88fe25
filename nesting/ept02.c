#include "nesting/ept02.h"

#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vmx/ept.h"

#define TOP_LEVEL      4
#define EPT_LARGE      BIT(7)
#define EPT_TYPE(e)    ((e) >> 3 & 7)
#define EPT_TYPE_SHIFT 3
#define NON_LEAF_ZERO  UINT64_C(0xf8) /* bits 7:3 of an entry that points to a table */

static uint64_t alloc_table(void *ctx)
{
	struct ept02 *e = ctx;
	uint64_t hpa;

	if (e->pool_used == e->pool_pages)
		return 0;
	hpa = e->pool + e->pool_used++ * PAGE_SIZE;
	memset(e->ops.table(e->ops.ctx, hpa), 0, PAGE_SIZE);
	return hpa;
}

static uint64_t *table_at(void *ctx, uint64_t hpa)
{
	const struct ept02 *e = ctx;

	return e->ops.table(e->ops.ctx, hpa);
}

void ept02_flush(struct ept02 *e)
{
	e->pool_used = 0;
	e->root12 = 0;
	page_table_init(&e->table, &page_table_ept, &e->memory);
}

void ept02_init(struct ept02 *e, const struct ept02_ops *ops, uint64_t pool, uint64_t pages)
{
	*e = (struct ept02){.ops = *ops, .pool = pool, .pool_pages = pages};
	e->memory = (struct page_table_memory){.ctx = e, .alloc = alloc_table, .table = table_at};
	ept02_flush(e);
}

uint64_t ept02_pointer(const struct ept02 *e)
{
	return e->table.root | ((uint64_t)(TOP_LEVEL - 1) << EPT_TYPE_SHIFT) | EPT_WB;
}

bool ept02_switch(struct ept02 *e, uint64_t eptp12)
{
	bool other = e->root12 && e->root12 != eptp12;

	if (other)
		ept02_flush(e);
	e->root12 = eptp12;
	return other;
}

static uint64_t level_size(unsigned level)
{
	return UINT64_C(1) << (PAGE_SHIFT + 9 * (level - 1));
}

/* Writable without readable, executable only where that is not offered: SDM volume 3, 29.3.3.1. */
static bool bad_rights(const struct vmx_capabilities *offered, uint64_t entry)
{
	uint64_t rights = entry & EPT_RWX;

	if ((rights & EPT_WRITE) && !(rights & EPT_READ))
		return true;
	return rights == EPT_EXECUTE && !(offered->ept_vpid & EPT_VPID_EXECUTE_ONLY);
}

static bool bad_leaf(const struct vmx_capabilities *offered, uint64_t entry, unsigned level)
{
	uint64_t type = EPT_TYPE(entry);
	uint64_t low = (level_size(level) - 1) & ~(uint64_t)(PAGE_SIZE - 1);

	if (level == 3 && !(offered->ept_vpid & EPT_VPID_PAGES_1G))
		return true;
	if (level == 2 && !(offered->ept_vpid & EPT_VPID_PAGES_2M))
		return true;
	return type == 2 || type == 3 || type == 7 || (entry & low);
}

static bool is_leaf(uint64_t entry, unsigned level)
{
	return level == 1 || (level < TOP_LEVEL && (entry & EPT_LARGE));
}

static bool misconfigured(const struct vmx_capabilities *offered, uint64_t entry, unsigned level)
{
	uint64_t address = entry & PTE_ADDR_MASK;

	if (bad_rights(offered, entry) || address >> offered->physical_address_bits)
		return true;
	return is_leaf(entry, level) ? bad_leaf(offered, entry, level) : entry & NON_LEAF_ZERO;
}

/* Walks ept12 to the page of L1's memory behind `l2_gpa`. */
static struct ept02_result walk12(const struct ept02 *e, const struct vmx_capabilities *offered,
				  uint64_t eptp12, uint64_t l2_gpa)
{
	struct ept02_result r = {.outcome = EPT02_VIOLATION, .rights = EPT_RWX};
	uint64_t table = eptp12 & PTE_ADDR_MASK;

	if (l2_gpa >> (PAGE_SHIFT + 9 * TOP_LEVEL)) {
		r.rights = 0;
		return r;
	}
	for (unsigned level = TOP_LEVEL;; level--) {
		uint64_t index = l2_gpa >> (PAGE_SHIFT + 9 * (level - 1)) & (PTES_PER_PAGE - 1);
		const volatile uint64_t *at =
			e->ops.memory(e->ops.ctx, table + index * 8, sizeof(*at));
		uint64_t entry = at ? *at : UINT64_MAX; /* without memory, reads float high */

		r.rights &= entry;
		if (!(entry & EPT_RWX))
			return r;
		if (misconfigured(offered, entry, level)) {
			r.outcome = EPT02_MISCONFIG;
			return r;
		}
		if (is_leaf(entry, level)) {
			uint64_t within = l2_gpa & (level_size(level) - 1);

			r.gpa = (entry & PTE_ADDR_MASK & ~(level_size(level) - 1)) | within;
			r.outcome = EPT02_RETRY;
			return r;
		}
		table = entry & PTE_ADDR_MASK;
	}
}

static bool map(struct ept02 *e, uint64_t l2_gpa, uint64_t hpa, uint64_t rights)
{
	return page_table_map(&e->table, l2_gpa & ~(uint64_t)(PAGE_SIZE - 1),
			      hpa & ~(uint64_t)(PAGE_SIZE - 1), PAGE_SIZE,
			      rights | (uint64_t)EPT_WB << EPT_TYPE_SHIFT) == PAGE_TABLE_OK;
}

struct ept02_result ept02_fault(struct ept02 *e, const struct vmx_capabilities *offered,
				uint64_t eptp12, uint64_t l2_gpa, uint64_t access)
{
	struct ept02_result r = walk12(e, offered, eptp12, l2_gpa);
	uint64_t hpa;

	r.rights &= EPT_RWX;
	if (r.outcome != EPT02_RETRY)
		return r;
	if (access & ~r.rights) {
		r.outcome = EPT02_VIOLATION;
	} else if (!e->ops.frame(e->ops.ctx, r.gpa, &hpa)) {
		r.outcome = EPT02_NO_MEMORY;
	} else if (!map(e, l2_gpa, hpa, r.rights)) {
		ept02_flush(e);
		e->root12 = eptp12;
		r.outcome = EPT02_FLUSHED;
		map(e, l2_gpa, hpa, r.rights); /* an empty pool has the tables for one page */
	}
	return r;
}
