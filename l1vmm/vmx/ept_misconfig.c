#include "l1vmm/vmx/ept_misconfig.h"

#include <stddef.h>

#include "l1vmm/arch/x86.h"

#define TOP_LEVEL 4
#define PAGE_BIT  BIT(7)

#define CAPABLE_EXECUTE_ONLY BIT(0)
#define CAPABLE_2M	     BIT(16)
#define CAPABLE_1G	     BIT(17)

static bool maps_page(uint64_t entry, unsigned level)
{
	return level == 1 || (level < TOP_LEVEL && (entry & PAGE_BIT));
}

/* Bits that must be 0, but for those beyond the width of an address. */
static uint64_t reserved_bits(uint64_t entry, unsigned level)
{
	if (maps_page(entry, level))
		return page_table_span(level) - PAGE_SIZE;
	return level == TOP_LEVEL ? 0xf8 : 0x78;
}

static bool lacks_size(unsigned level, uint64_t capabilities)
{
	return (level == 2 && !(capabilities & CAPABLE_2M)) ||
	       (level == 3 && !(capabilities & CAPABLE_1G));
}

const char *ept_misconfiguration(uint64_t entry, unsigned level, const struct ept_processor *cpu)
{
	uint64_t rights = entry & EPT_RWX;
	uint64_t type = entry >> 3 & 7;

	if (!rights)
		return NULL;
	if ((rights & EPT_WRITE) && !(rights & EPT_READ))
		return "grants writing without reading";
	if (rights == EPT_EXECUTE && !(cpu->capabilities & CAPABLE_EXECUTE_ONLY))
		return "grants execution only, which this CPU cannot";
	if (maps_page(entry, level) && lacks_size(level, cpu->capabilities))
		return "maps a page of a size that this CPU lacks";
	if (entry & reserved_bits(entry, level))
		return "has a reserved bit set";
	if (entry & PTE_ADDR_MASK & ~(BIT(cpu->physical_bits) - 1))
		return "has an address beyond what this CPU can form";
	if (maps_page(entry, level) && (type == 2 || type == 3 || type == 7))
		return "has a reserved memory type";
	return NULL;
}

struct ept_fault ept_find_misconfiguration(const struct ept *ept, uint64_t gpa,
					   const struct ept_processor *cpu)
{
	const struct page_table_memory *memory = ept->table.memory;
	struct ept_fault fault = {.level = TOP_LEVEL};
	uint64_t table = ept->table.root;

	for (;; fault.level--) {
		unsigned index = gpa >> (PAGE_SHIFT + 9 * (fault.level - 1)) & (PTES_PER_PAGE - 1);

		fault.entry = memory->table(memory->ctx, table)[index];
		fault.why = ept_misconfiguration(fault.entry, fault.level, cpu);
		if (fault.why || !(fault.entry & EPT_RWX) || maps_page(fault.entry, fault.level))
			return fault;
		table = fault.entry & PTE_ADDR_MASK;
	}
}
