/* Address spaces in turn: each has the same pages at the same addresses and other numbers in them.
 */
#include "bench/guests/harness/suite.h"
#include "bench/guests/memory/memory.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/space.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"

static struct space spaces[SPACES_MAX];

/* What page `page` of space `number` holds. */
static uint64_t value(uint32_t number, uint32_t page)
{
	return ((uint64_t)number << 32) + page;
}

static uint64_t sum_of(uint32_t number, uint32_t pages)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pages; i++)
		sum += value(number, i);
	return sum;
}

static void make_space(uint32_t number, uint32_t pages, uint64_t flags)
{
	space_init(&spaces[number]);
	space_fill(&spaces[number], 0, pages, flags);
	for (uint32_t i = 0; i < pages; i++)
		*(uint64_t *)space_memory(&spaces[number], i) = value(number, i);
}

/* Switches to the space and reads from each page; returns the sum. */
static inline __attribute__((always_inline)) uint64_t visit(struct sample *s, uint64_t root,
							    uint32_t pages)
{
	volatile uint8_t *page = space_address(0);
	uint64_t sum = 0;

	__asm__ volatile(SAMPLE_BEGIN "mov %[root], %%cr3\n"
				      "1: add (%[page]), %[sum]\n"
				      "add %[size], %[page]\n"
				      "dec %[pages]\n"
				      "jnz 1b\n" SAMPLE_END
			 : [page] "+r"(page), [sum] "+r"(sum), [pages] "+r"(pages)
			 : "D"(s), [root] "r"(root), [size] "i"(PAGE_SIZE)
			 : SAMPLE_CLOBBERS);
	return sum;
}

/* The first round of all, which finds every space unknown, is taken outside the window. */
void bench_ctxswitch(struct run *run)
{
	struct sample unused;
	uint32_t number = 0;

	for (uint32_t i = 0; i < run->spaces; i++) {
		make_space(i, run->pages, PTE_RW);
		expect("wrong-sum", visit(&unused, spaces[i].root, run->pages),
		       sum_of(i, run->pages));
	}
	for (struct sample *s = run->first; s != run->end; s++) {
		expect("wrong-sum", visit(s, spaces[number].root, run->pages),
		       sum_of(number, run->pages));
		if (++number == run->spaces)
			number = 0;
	}
	space_leave();
	for (uint32_t i = 0; i < run->spaces; i++)
		space_destroy(&spaces[i]);
}

/* A load of CR3 leaves global pages in a TLB, which so has no misses for them: SDM volume
 * 3, 4.10.2.4. */
void bench_reload_global(struct run *run)
{
	struct sample unused;
	uint64_t cr4 = read_cr4(), sum = sum_of(0, run->pages);

	make_space(0, run->pages, PTE_RW | PTE_G);
	write_cr4(cr4 | CR4_PGE);
	expect("wrong-sum", visit(&unused, spaces[0].root, run->pages), sum);
	for (struct sample *s = run->first; s != run->end; s++)
		expect("wrong-sum", visit(s, spaces[0].root, run->pages), sum);
	space_leave();
	write_cr4(cr4); /* nothing is left of them */
	space_destroy(&spaces[0]);
}
