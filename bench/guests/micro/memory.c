/* Memory: first touch, translation and what undoes it, walks. */
#include "bench/guests/rt/memory.h"
#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/ring.h"

/* Above what a loader or a hypervisor is likely to have touched on its own. */
#define FRESH_FLOOR (UINT64_C(32) << 20)

#define LINES 4096 /* 256 KB */
_Static_assert(ops_walk_seq == LINES && ops_walk_random == LINES, "one walk is one sample");

static struct line lines[LINES] __attribute__((aligned(PAGE_SIZE)));

void bench_invlpg(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN REPEAT("invlpg (%[page])\n") SAMPLE_END
				 :
				 : "D"(s), [page] "r"(lines), [ops] "i"(ops_invlpg)
				 : SAMPLE_CLOBBERS);
}

/* Each sample writes the first word of a 2 MB page that nobody has touched before. */
void bench_touch_fresh(struct run *run)
{
	struct memory_range fresh = free_memory(run->boot, FRESH_FLOOR, PAGE_SIZE_2M);
	uint64_t pages = fresh.size / PAGE_SIZE_2M;
	volatile uint64_t *page = (volatile uint64_t *)fresh.start;

	if (pages < run_samples(run))
		run->end = run->first + pages;
	for (struct sample *s = run->first; s != run->end; s++) {
		__asm__ volatile(SAMPLE_BEGIN "mov %[page], (%[page])\n" SAMPLE_END
				 :
				 : "D"(s), [page] "r"(page)
				 : SAMPLE_CLOBBERS);
		page += PAGE_SIZE_2M / sizeof(*page);
	}
	while (page > (volatile uint64_t *)fresh.start) {
		page -= PAGE_SIZE_2M / sizeof(*page);
		expect("wrong-value", *page, (uintptr_t)page);
	}
}

void bench_walk_seq(struct run *run)
{
	uint64_t expected = ring_number(lines, LINES);

	for (struct sample *s = run->first; s != run->end; s++) {
		struct line *line = lines;
		uint64_t sum = 0;
		uint32_t count = ops_walk_seq;

		__asm__ volatile(SAMPLE_BEGIN "1: add 8(%[line]), %[sum]\n"
					      "add %[size], %[line]\n"
					      "dec %[count]\n"
					      "jnz 1b\n" SAMPLE_END
				 : [line] "+r"(line), [sum] "+r"(sum), [count] "+r"(count)
				 : "D"(s), [size] "i"(LINE_SIZE)
				 : SAMPLE_CLOBBERS);
		expect("wrong-sum", sum, expected);
	}
}

/* Each step needs the one before it: nothing can be fetched ahead. */
void bench_walk_random(struct run *run)
{
	uint64_t expected = ring_number(lines, LINES);

	ring_link(lines, LINES);
	for (struct sample *s = run->first; s != run->end; s++) {
		struct line *line = lines;
		uint64_t sum = 0;
		uint32_t count = ops_walk_random;

		__asm__ volatile(SAMPLE_BEGIN "1: add 8(%[line]), %[sum]\n"
					      "mov (%[line]), %[line]\n"
					      "dec %[count]\n"
					      "jnz 1b\n" SAMPLE_END
				 : [line] "+r"(line), [sum] "+r"(sum), [count] "+r"(count)
				 : "D"(s)
				 : SAMPLE_CLOBBERS);
		expect("wrong-sum", sum, expected);
	}
}
