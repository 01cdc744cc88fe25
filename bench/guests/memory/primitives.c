/*
 * What an OS does to a single page, one operation a sample, each on a page of its own: the list
 * that was also measured for KVM.  Page i holds the number i + 1.
 */
#include <stddef.h>

#include "bench/guests/memory/memory.h"
#include "bench/guests/memory/probe.h"
#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/space.h"
#include "bench/guests/rt/tables.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"

/* What the processor sets in an entry that it uses. */
#define PTE_USED (PTE_A | PTE_D)

static struct space space;

/* What the handler of a guest's page fault writes to which entry, and what it was told. */
static struct {
	volatile uint64_t *entry;
	uint64_t value;
	uint64_t address;
	uint64_t error;
	uint64_t count;
} repair;

static uint32_t pages_of(const struct run *run)
{
	return (uint32_t)run_samples(run);
}

/* Enters a space with a mapped page for each sample; each has been read. */
static void begin(const struct run *run)
{
	space_init(&space);
	space_fill(&space, 0, pages_of(run), PTE_RW);
	space_enter(&space);
	for (uint32_t i = 0; i < pages_of(run); i++) {
		*(uint64_t *)space_memory(&space, i) = i + 1;
		expect("wrong-value", *(volatile uint64_t *)space_address(i), i + 1);
	}
}

/* Takes `bits` out of the entry of every page. */
static void take_away(const struct run *run, uint64_t bits)
{
	for (uint32_t i = 0; i < pages_of(run); i++) {
		volatile uint64_t *entry = space_entry(&space, i);

		table_set(entry, *entry & ~bits);
		table_invalidate(space_address(i));
	}
	tables_finish();
}

/* Puts PTE_P back, so that the space owns its frames again, and ends it. */
static void end(const struct run *run)
{
	for (uint32_t i = 0; i < pages_of(run); i++)
		*space_entry(&space, i) |= PTE_P;
	space_leave();
	space_destroy(&space);
}

/* Every page is to be read as it was written, or to fault with `error`. */
static void check_reads(const struct run *run, uint64_t error)
{
	for (uint32_t i = 0; i < pages_of(run); i++) {
		uint64_t value = 0;

		expect("wrong-fault", probe_read(space_address(i), &value), error);
		expect("wrong-value", value, error == NO_FAULT ? i + 1 : 0);
	}
}

/* In every entry the processor is to have set `bits` of PTE_USED, and no more. */
static void check_used(const struct run *run, uint64_t bits)
{
	for (uint32_t i = 0; i < pages_of(run); i++)
		expect("wrong-used-bits", *space_entry(&space, i) & PTE_USED, bits);
}

void bench_empty(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN SAMPLE_END : : "D"(s) : SAMPLE_CLOBBERS);
}

void bench_pte_write(struct run *run)
{
	begin(run);
	take_away(run, PTE_P | PTE_USED);
	for (struct sample *s = run->first; s != run->end; s++) {
		volatile uint64_t *entry = space_entry(&space, (uint32_t)(s - run->first));

		__asm__ volatile(SAMPLE_BEGIN "mov %[value], (%[entry])\n" SAMPLE_END
				 :
				 : "D"(s), [entry] "r"(entry), [value] "r"(*entry | PTE_P)
				 : SAMPLE_CLOBBERS);
	}
	check_reads(run, NO_FAULT);
	end(run);
}

void bench_first_access(struct run *run)
{
	uint64_t sum = 0;

	begin(run);
	take_away(run, PTE_P | PTE_USED);
	for (uint32_t i = 0; i < pages_of(run); i++)
		*space_entry(&space, i) |= PTE_P;
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "add (%[page]), %[sum]\n" SAMPLE_END
				 : [sum] "+r"(sum)
				 : "D"(s), [page] "r"(space_address((uint32_t)(s - run->first)))
				 : SAMPLE_CLOBBERS);
	expect("wrong-sum", sum, run_samples(run) * (run_samples(run) + 1) / 2);
	check_used(run, PTE_A);
	end(run);
}

static void edit_shared(struct sample *s, volatile uint64_t *entry, uint64_t value, uint32_t page)
{
	sample_begin(s);
	table_set(entry, value);
	table_invalidate(space_address(page));
	tables_finish();
	sample_end(s);
}

/* Writes to the entry of a page that is in use, and invalidates it. */
static void edit(const struct run *run, uint64_t bits)
{
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t page = (uint32_t)(s - run->first);
		volatile uint64_t *entry = space_entry(&space, page);

		if (tables_shared)
			edit_shared(s, entry, *entry & ~bits, page);
		else
			__asm__ volatile(SAMPLE_BEGIN "mov %[value], (%[entry])\n"
						      "invlpg (%[page])\n" SAMPLE_END
					 :
					 : "D"(s), [entry] "r"(entry), [value] "r"(*entry & ~bits),
					   [page] "r"(space_address(page))
					 : SAMPLE_CLOBBERS);
	}
}

void bench_unmap(struct run *run)
{
	begin(run);
	edit(run, PTE_P);
	check_reads(run, 0);
	end(run);
}

void bench_protect(struct run *run)
{
	begin(run);
	edit(run, PTE_RW);
	for (uint32_t i = 0; i < pages_of(run); i++)
		expect("wrong-fault", probe_write(space_address(i), 0), PF_P | PF_W);
	check_reads(run, NO_FAULT);
	end(run);
}

static void repair_entry(struct trap_frame *frame)
{
	repair.address = read_cr2();
	repair.error = frame->error;
	repair.count++;
	*repair.entry = repair.value;
}

/*
 * Takes `bits` out of the entry of each page and writes to it: a fault, with `error`.  The handler
 * puts those of `bits` back that are the kernel's, and the write is tried again.
 */
static void fault(const struct run *run, uint64_t bits, uint64_t error)
{
	begin(run);
	take_away(run, bits);
	repair.count = 0;
	trap_handle(VECTOR_PF, repair_entry);
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t page = (uint32_t)(s - run->first);

		repair.entry = space_entry(&space, page);
		repair.value = *repair.entry | (bits & ~PTE_USED);
		__asm__ volatile(
			SAMPLE_BEGIN "mov %[value], (%[page])\n" SAMPLE_END
			:
			: "D"(s), [page] "r"(space_address(page)), [value] "r"((uint64_t)page + 2)
			: SAMPLE_CLOBBERS);
		expect("wrong-fault-address", repair.address, (uintptr_t)space_address(page));
		expect("wrong-fault", repair.error, error);
	}
	trap_handle(VECTOR_PF, NULL);
	expect("wrong-count", repair.count, run_samples(run));
	for (uint32_t i = 0; i < pages_of(run); i++)
		expect("wrong-value", *(uint64_t *)space_memory(&space, i), i + 2);
	check_used(run, PTE_USED);
	end(run);
}

void bench_demand_fault(struct run *run)
{
	fault(run, PTE_P | PTE_USED, PF_W);
}

void bench_write_fault(struct run *run)
{
	fault(run, PTE_RW, PF_P | PF_W);
}

void bench_invlpg(struct run *run)
{
	begin(run);
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "invlpg (%[page])\n" SAMPLE_END
				 :
				 : "D"(s), [page] "r"(space_address((uint32_t)(s - run->first)))
				 : SAMPLE_CLOBBERS);
	check_reads(run, NO_FAULT);
	end(run);
}

void bench_cr3_reload(struct run *run)
{
	begin(run);
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "mov %[root], %%cr3\n" SAMPLE_END
				 :
				 : "D"(s), [root] "r"(space.root)
				 : SAMPLE_CLOBBERS);
	check_reads(run, NO_FAULT);
	end(run);
}
