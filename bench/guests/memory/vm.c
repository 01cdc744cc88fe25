#include "bench/guests/memory/vm.h"

#include <stddef.h>

#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/tables.h"
#include "bench/guests/rt/trap.h"

/* In entries of pages that a write is to have a copy of; the processor ignores bits 9 to 11. */
#define PTE_SHARED BIT(9)

/*
 * What a kernel such as Linux says itself of a page that it maps because somebody writes to it
 * there and then, so that the processor need not come back for these bits.
 */
#define PTE_WRITTEN (PTE_RW | PTE_A | PTE_D)

static struct {
	const struct space *space;
	uint32_t pages;
	struct vm_counts counts;
} vm;

static void copy_page(uint64_t to, uint64_t from)
{
	uint64_t count = PAGE_SIZE / 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

/*
 * An entry that allows more than before needs no INVLPG, as the fault itself has invalidated the
 * page; one with another address does, since it may have been read again since (SDM volume 3,
 * 4.10.4.2 and 4.10.4.3).
 */
static void end_sharing(volatile uint64_t *entry, uint32_t page)
{
	uint64_t frame = *entry & PTE_ADDR_MASK;
	uint64_t flags = (*entry & ~(PTE_ADDR_MASK | PTE_SHARED)) | PTE_WRITTEN;

	if (frame_references(frame) == 1) {
		*entry = frame | flags;
		vm.counts.reused++;
		return;
	}

	uint64_t copy = frame_alloc();

	copy_page(copy, frame);
	table_set(entry, copy | flags);
	table_invalidate(space_address(page));
	tables_finish();
	frame_release(frame);
	vm.counts.copied++;
}

static void handle(struct trap_frame *frame)
{
	uint64_t address = read_cr2();
	uint64_t page = (address - SPACE_START) / PAGE_SIZE;

	if (page >= vm.pages)
		fail("wrong-fault-address address=0x%lx rip=0x%lx", address, frame->rip);

	volatile uint64_t *entry = space_entry(vm.space, (uint32_t)page);

	if (!(frame->error & PF_P) && !(*entry & PTE_P)) {
		*entry = frame_alloc() | PTE_P | (frame->error & PF_W ? PTE_WRITTEN : PTE_RW);
		vm.counts.demand++;
	} else if (frame->error & PF_P && frame->error & PF_W && *entry & PTE_SHARED) {
		end_sharing(entry, (uint32_t)page);
	} else {
		fail("wrong-fault error=0x%lx address=0x%lx entry=0x%lx", frame->error, address,
		     *entry);
	}
}

void vm_begin(const struct space *space, uint32_t pages)
{
	vm.pages = pages;
	vm.counts = (struct vm_counts){0};
	trap_handle(VECTOR_PF, handle);
	vm_switch(space);
}

void vm_switch(const struct space *space)
{
	vm.space = space;
	space_enter(space);
}

struct vm_counts vm_end(void)
{
	trap_handle(VECTOR_PF, NULL);
	space_leave();
	return vm.counts;
}

/*
 * A child starts with no page accessed, but where the hypervisor, which is told, would map at once
 * what is.
 */
void vm_fork(const struct space *parent, struct space *child)
{
	uint64_t forgotten = tables_shared ? PTE_D : PTE_A | PTE_D;

	space_init(child);
	for (uint32_t i = 0; i < vm.pages; i++) {
		volatile uint64_t *entry = space_entry(parent, i);
		uint64_t value = *entry;

		if (!(value & PTE_P))
			continue;
		if (value & PTE_RW) {
			value = (value & ~PTE_RW) | PTE_SHARED;
			table_set(entry, value);
		}
		frame_share(value & PTE_ADDR_MASK);
		*space_entry(child, i) = value & ~forgotten;
	}
	space_enter(parent);
}

/* Nobody may reach a frame any more when it is released. */
void vm_discard(const struct space *space, uint32_t first, uint32_t pages)
{
	for (uint32_t i = first; i < first + pages; i++) {
		volatile uint64_t *entry = space_entry(space, i);

		table_set(entry, *entry & PTE_ADDR_MASK);
		table_invalidate(space_address(i));
	}
	tables_finish();
	for (uint32_t i = first; i < first + pages; i++) {
		volatile uint64_t *entry = space_entry(space, i);

		frame_release(*entry);
		*entry = 0;
	}
}
