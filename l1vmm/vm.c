#include "l1vmm/vm.h"

#include "l1vmm/arch/console.h"
#include "l1vmm/arch/x86.h"

struct page_counts {
	uint64_t written_bit;
	uint64_t touched, written, executable, both;
};

static void count(void *ctx, uint64_t gpa, uint64_t size, uint64_t bits)
{
	struct page_counts *counts = ctx;
	uint64_t pages = size / PAGE_SIZE;
	bool written = bits & counts->written_bit, executable = bits & EPT_EXECUTE;

	(void)gpa;
	counts->touched += pages;
	counts->written += written ? pages : 0;
	counts->executable += executable ? pages : 0;
	counts->both += written && executable ? pages : 0;
}

void vm_report_pages(struct vm *vm)
{
	struct page_counts counts = {.written_bit = vm->switches.dirty == SW_DIRTY_AD ? EPT_DIRTY
										      : EPT_WRITE};

	if (vm->switches.dirty == SW_DIRTY_OFF && vm->switches.exec == SW_EXEC_ALL)
		return;
	ept_visit(&vm->ept, 0, vm->memory.size, EPT_RWX | EPT_DIRTY, count, &counts);
	printk("l1vmm: of %lu KiB that the guest touched, %lu may have been written, %lu executed, "
	       "%lu both\n",
	       counts.touched * (PAGE_SIZE >> 10), counts.written * (PAGE_SIZE >> 10),
	       counts.executable * (PAGE_SIZE >> 10), counts.both * (PAGE_SIZE >> 10));
}
