#include "l1vmm/vmx/ept.h"

#define EPTP_FOUR_LEVELS (UINT64_C(3) << 3) /* page-walk length less one */
#define EPT_TYPE_SHIFT	 3

bool ept_init(struct ept *ept, const struct page_table_memory *memory, uint64_t base, uint64_t size,
	      uint64_t page_size)
{
	ept->memory_base = base;
	ept->memory_size = size;
	ept->page_size = page_size;
	return page_table_init(&ept->table, &page_table_ept, memory);
}

uint64_t ept_pointer(const struct ept *ept)
{
	return ept->table.root | EPTP_FOUR_LEVELS | EPT_WB;
}

enum ept_result ept_map(struct ept *ept, uint64_t gpa)
{
	uint64_t page = gpa & ~(ept->page_size - 1);

	if (gpa >= ept->memory_size)
		return EPT_NOT_MEMORY;
	if (page_table_map(&ept->table, page, ept->memory_base + page, ept->page_size,
			   EPT_RWX | (uint64_t)EPT_WB << EPT_TYPE_SHIFT) != PAGE_TABLE_OK)
		return EPT_NO_TABLES;
	return EPT_MAPPED;
}
