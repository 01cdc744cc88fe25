#include "l1vmm/vmx/ept.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"

#define EPTP_FOUR_LEVELS    (UINT64_C(3) << 3) /* page-walk length less one */
#define EPTP_ACCESSED_DIRTY BIT(6)

#define TYPE_SHIFT 3
#define TYPE_MASK  (UINT64_C(7) << TYPE_SHIFT)
#define PAGE_BIT   BIT(7)

/* Bits that the processor ignores: rights that the page is given on demand. */
#define ON_DEMAND_SHIFT 52
#define ON_DEMAND_MASK	(EPT_RWX << ON_DEMAND_SHIFT)

bool ept_init(struct ept *ept, const struct page_table_memory *memory,
	      const struct ept_config *config)
{
	ept->config = *config;
	return page_table_init(&ept->table, &page_table_ept, memory);
}

uint64_t ept_pointer(const struct ept *ept)
{
	return ept->table.root | EPTP_FOUR_LEVELS | EPT_WB |
	       (ept->config.accessed_dirty ? EPTP_ACCESSED_DIRTY : 0);
}

/* Whether the page of this size around gpa lies in [start, end), on a frame of its alignment. */
static bool fits(const struct ept *ept, uint64_t gpa, uint64_t size, uint64_t start, uint64_t end)
{
	uint64_t page = gpa & -size;

	return size <= ept->config.page_size && !(ept->config.base & (size - 1)) && page >= start &&
	       end - page >= size;
}

/* The entry of a page that is touched, but for its address. */
static uint64_t entry_bits(const struct ept *ept, uint64_t rights)
{
	return rights | ept->config.on_demand << ON_DEMAND_SHIFT | EPT_WB << TYPE_SHIFT;
}

/* Maps the page around gpa at the empty entry of `place`, or below it so that it fits. */
static bool fill(struct ept *ept, struct page_table_place *place, uint64_t gpa, uint64_t bits,
		 uint64_t start, uint64_t end)
{
	uint64_t size = page_table_span(place->level);

	for (; place->level > 1 && !fits(ept, gpa, size, start, end);
	     size = page_table_span(place->level))
		if (!page_table_descend(&ept->table, place, gpa))
			return false;
	if (place->level > 1)
		bits |= PAGE_BIT;
	page_table_set(&ept->table, *place, bits | (ept->config.base + (gpa & -size)));
	return true;
}

enum ept_result ept_access(struct ept *ept, uint64_t gpa, uint64_t access)
{
	struct page_table_place place;
	uint64_t entry, missing, rights;

	if (gpa >= ept->config.size)
		return EPT_NOT_MEMORY;
	place = page_table_find(&ept->table, gpa);
	entry = *place.entry;
	if (!(entry & EPT_RWX)) {
		rights = ept->config.rights | (access & ept->config.on_demand);
		return fill(ept, &place, gpa, entry_bits(ept, rights), 0, ept->config.size)
			       ? EPT_DONE
			       : EPT_NO_TABLES;
	}
	missing = access & EPT_RWX & ~entry;
	if (missing & ~(entry >> ON_DEMAND_SHIFT))
		return EPT_DENIED;
	/* Nothing is missing where another mapping of the page has been cached with less. */
	if (missing)
		page_table_set(&ept->table, place, entry | missing);
	if (missing & EPT_WRITE)
		ept->write_grants++;
	return EPT_DONE;
}

bool ept_lend(struct ept *ept, uint64_t gpa, uint64_t hpa)
{
	return gpa >= ept->config.size &&
	       page_table_map(&ept->table, gpa, hpa, PAGE_SIZE,
			      EPT_READ | EPT_WRITE | EPT_WB << TYPE_SHIFT) == PAGE_TABLE_OK;
}

void ept_take_back(struct ept *ept, uint64_t gpa)
{
	page_table_unmap(&ept->table, gpa, PAGE_SIZE);
}

bool ept_watch(struct ept *ept, uint64_t gpa)
{
	const struct ept_config *c = &ept->config;

	return !(c->on_demand & EPT_WRITE) &&
	       ept_protect(ept, gpa, PAGE_SIZE, c->rights & ~EPT_WRITE, c->on_demand | EPT_WRITE) ==
		       EPT_DONE;
}

struct ept_page ept_page(struct ept *ept, uint64_t gpa)
{
	struct page_table_place place = page_table_find(&ept->table, gpa);
	uint64_t size = page_table_span(place.level), entry = *place.entry;
	struct ept_page page = {.hpa = entry & PTE_ADDR_MASK & -size,
				.size = size,
				.rights = entry & EPT_RWX,
				.type = (enum ept_memory_type)((entry & TYPE_MASK) >> TYPE_SHIFT)};

	if (ept->config.accessed_dirty && !(entry & EPT_DIRTY))
		page.rights &= ~EPT_WRITE;
	return page;
}

void ept_written(struct ept *ept, uint64_t gpa, uint64_t size)
{
	uint64_t end = gpa + size;

	for (uint64_t at = gpa; at < end; at = (at | (PAGE_SIZE - 1)) + 1) {
		struct page_table_place place;

		if (ept_access(ept, at, EPT_WRITE) != EPT_DONE || !ept->config.accessed_dirty)
			continue;
		place = page_table_find(&ept->table, at);
		page_table_set(&ept->table, place, *place.entry | EPT_ACCESSED | EPT_DIRTY);
	}
}

/* Whether a processor that has cached the one must not go by it any more: SDM volume 3, 29.4.3.4.
 */
static bool is_stale(uint64_t before, uint64_t after)
{
	return (before & ~after & (EPT_RWX | EPT_ACCESSED | EPT_DIRTY)) ||
	       ((before ^ after) & (PTE_ADDR_MASK | TYPE_MASK));
}

/* What is to become of the pages of a range. */
struct change {
	uint64_t clear, set; /* bits of their entries */
	bool map;	     /* also of pages that are not mapped */
	bool split;	     /* pages that reach beyond the range */
	/* Of pages with any of these bits, called before; may be NULL. */
	uint64_t bits;
	ept_visit_fn *visit;
	void *ctx;
};

/* Splits the page until what is left of it at gpa lies in [start, end). */
static bool split(struct ept *ept, struct page_table_place *place, uint64_t gpa, uint64_t start,
		  uint64_t end, bool *stale)
{
	for (;;) {
		uint64_t size = page_table_span(place->level);
		uint64_t page = gpa & -size;

		if (page >= start && end - page >= size)
			return true;
		if (!page_table_descend(&ept->table, place, gpa))
			return false;
		*stale = true;
	}
}

static void change_page(struct ept *ept, struct page_table_place place, uint64_t gpa,
			const struct change *change, bool *stale)
{
	uint64_t size = page_table_span(place.level);
	uint64_t before = *place.entry;
	uint64_t after = (before & ~change->clear) | change->set;

	if (change->visit && (before & change->bits))
		change->visit(change->ctx, gpa & -size, size, before & change->bits);
	if (after == before)
		return;
	*stale |= is_stale(before, after);
	page_table_set(&ept->table, place, after);
}

/* Changes the page at gpa, and gives its size. */
static bool change_at(struct ept *ept, uint64_t gpa, uint64_t start, uint64_t end,
		      const struct change *change, uint64_t *size, bool *stale)
{
	struct page_table_place place = page_table_find(&ept->table, gpa);
	uint64_t bits = (entry_bits(ept, ept->config.rights) & ~change->clear) | change->set;
	bool ok = true;

	if (*place.entry & EPT_RWX) {
		ok = !change->split || split(ept, &place, gpa, start, end, stale);
		if (ok)
			change_page(ept, place, gpa, change, stale);
	} else if (change->map) {
		ok = fill(ept, &place, gpa, bits, start, end);
	}
	*size = page_table_span(place.level);
	return ok;
}

static enum ept_result change_range(struct ept *ept, uint64_t start, uint64_t size,
				    const struct change *change)
{
	bool stale = false, ok = true;

	if (start > ept->config.size || size > ept->config.size - start ||
	    ((start | size) & (PAGE_SIZE - 1)))
		return EPT_BAD_RANGE;
	for (uint64_t gpa = start, end = start + size; ok && gpa < end;) {
		uint64_t span = 0;

		ok = change_at(ept, gpa, start, end, change, &span, &stale);
		gpa = (gpa & -span) + span;
	}
	if (stale)
		ept->config.invalidate(ept->config.ctx);
	return ok ? EPT_DONE : EPT_NO_TABLES;
}

enum ept_result ept_protect(struct ept *ept, uint64_t gpa, uint64_t size, uint64_t rights,
			    uint64_t on_demand)
{
	const struct change change = {.clear = EPT_RWX | ON_DEMAND_MASK,
				      .set = rights | on_demand << ON_DEMAND_SHIFT,
				      .map = true,
				      .split = true};

	return change_range(ept, gpa, size, &change);
}

enum ept_result ept_set_type(struct ept *ept, uint64_t gpa, uint64_t size,
			     enum ept_memory_type type)
{
	const struct change change = {.clear = TYPE_MASK,
				      .set = (uint64_t)type << TYPE_SHIFT,
				      .map = true,
				      .split = true};

	return change_range(ept, gpa, size, &change);
}

enum ept_result ept_unmap(struct ept *ept, uint64_t gpa, uint64_t size)
{
	const struct change change = {.clear = UINT64_MAX, .split = true};

	return change_range(ept, gpa, size, &change);
}

enum ept_result ept_collect(struct ept *ept, uint64_t gpa, uint64_t size, uint64_t bits,
			    ept_visit_fn *visit, void *ctx)
{
	const struct change change = {.clear = bits, .bits = bits, .visit = visit, .ctx = ctx};

	return change_range(ept, gpa, size, &change);
}

enum ept_result ept_visit(struct ept *ept, uint64_t gpa, uint64_t size, uint64_t bits,
			  ept_visit_fn *visit, void *ctx)
{
	const struct change change = {.bits = bits, .visit = visit, .ctx = ctx};

	return change_range(ept, gpa, size, &change);
}
