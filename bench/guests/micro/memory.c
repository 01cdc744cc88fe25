/* Memory: first touch, translation and what undoes it, walks. */
#include "bench/guests/rt/memory.h"
#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"

/* Above what a loader or a hypervisor is likely to have touched on its own. */
#define FRESH_FLOOR (UINT64_C(32) << 20)

#define LINE_SIZE 64
#define LINES	  4096 /* 256 KB */

struct line {
	struct line *next;
	uint64_t value;
	uint8_t padding[LINE_SIZE - 16];
};
_Static_assert(sizeof(struct line) == LINE_SIZE, "a cache line");
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

/* Numbers every line; returns their sum. */
static uint64_t number_lines(void)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < LINES; i++) {
		lines[i].value = i + 1;
		sum += i + 1;
	}
	return sum;
}

/* Links all lines to one ring in an order without pattern, but always the same (Sattolo). */
static void link_lines(void)
{
	uint32_t random = 1;

	for (uint32_t i = 0; i < LINES; i++)
		lines[i].next = &lines[i];
	for (uint32_t i = LINES - 1; i > 0; i--) {
		random = random * 1664525 + 1013904223;

		uint32_t other = (random >> 8) % i;
		struct line *next = lines[i].next;

		lines[i].next = lines[other].next;
		lines[other].next = next;
	}
}

void bench_walk_seq(struct run *run)
{
	uint64_t expected = number_lines();

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
	uint64_t expected = number_lines();

	link_lines();
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
