#include "l1vmm/boot/paging.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/layout.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/lib/page_table.h"

#define LIMIT UINT64_C(0x100000000)

/* Maps [start, end) onto itself in the largest pages that fit. */
static bool map(struct page_table *pt, uint64_t start, uint64_t end, uint64_t bits)
{
	while (start < end) {
		uint64_t size = PAGE_SIZE;

		if (start % PAGE_SIZE_2M == 0 && end - start >= PAGE_SIZE_2M)
			size = PAGE_SIZE_2M;
		if (page_table_map(pt, start, start, size, bits | PTE_P) != PAGE_TABLE_OK)
			return false;
		start += size;
	}
	return true;
}

/* Page 0 stays unmapped, so that a null pointer is met. */
static bool map_memory(struct page_table *pt, const struct boot_info *boot)
{
	for (uint32_t i = 0; i < boot->memmap_count; i++) {
		const struct hvm_memmap_table_entry *e = &boot->memmap[i];
		uint64_t end = e->addr + e->size;
		uint64_t start;

		if (e->type != XEN_HVM_MEMMAP_TYPE_RAM || end < e->addr)
			continue;
		start = (e->addr + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
		end = (end < LIMIT ? end : LIMIT) & ~(uint64_t)(PAGE_SIZE - 1);
		if (!map(pt, start ? start : PAGE_SIZE, end, PTE_RW | PTE_NX))
			return false;
	}
	return true;
}

static bool map_image(struct page_table *pt)
{
	return map(pt, (uintptr_t)text_start, (uintptr_t)rodata_start, 0) &&
	       map(pt, (uintptr_t)rodata_start, (uintptr_t)data_start, PTE_NX) &&
	       map(pt, (uintptr_t)data_start, (uintptr_t)image_end, PTE_RW | PTE_NX);
}

static bool remove_guards(struct page_table *pt)
{
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		const struct cpu_stacks *s = &cpu_stacks[i];

		if (page_table_unmap(pt, (uintptr_t)s->guard, PAGE_SIZE) != PAGE_TABLE_OK)
			return false;
		for (unsigned j = 0; j < IST_COUNT; j++)
			if (page_table_unmap(pt, (uintptr_t)s->ist[j].guard, PAGE_SIZE) !=
			    PAGE_TABLE_OK)
				return false;
	}
	return true;
}

bool paging_init(const struct boot_info *boot)
{
	struct page_table pt;

	if (!page_table_init(&pt, &page_table_host, &memory_for_tables) || !map_memory(&pt, boot) ||
	    !map_image(&pt) || !remove_guards(&pt))
		return false;
	wrmsr(MSR_IA32_EFER, rdmsr(MSR_IA32_EFER) | EFER_NXE);
	write_cr0(read_cr0() | CR0_WP);
	write_cr3(pt.root);
	return true;
}
