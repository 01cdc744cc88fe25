/* Working sets: what a translation costs once everything is mapped and nothing changes. */
#include "bench/guests/memory/memory.h"
#include "bench/guests/rt/random.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/ring.h"
#include "bench/guests/rt/space.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(uint64_t))
#define LINES_PER_PAGE (PAGE_SIZE / LINE_SIZE)

static struct space space;

static void begin(uint32_t pages)
{
	space_init(&space);
	space_fill(&space, 0, pages, PTE_RW);
	space_enter(&space);
}

static void end(void)
{
	space_leave();
	space_destroy(&space);
}

/* Where the kernel sees what lies at `address` in the space. */
static void *seen_by_kernel(uint64_t address)
{
	uint64_t offset = address - SPACE_START;

	return (uint8_t *)space_memory(&space, (uint32_t)(offset / PAGE_SIZE)) + offset % PAGE_SIZE;
}

/* The same steps without the space's translation: their sum. */
static uint64_t follow(uint64_t steps)
{
	uint64_t address = SPACE_START, sum = 0;

	while (steps-- > 0) {
		const struct line *line = seen_by_kernel(address);

		sum += line->value;
		address = (uintptr_t)line->next;
	}
	return sum;
}

/* Each sample goes on where the one before it ended. */
void bench_chase(struct run *run)
{
	uint32_t lines = run->pages * LINES_PER_PAGE;
	struct line *line = (struct line *)SPACE_START;
	uint64_t sum = 0;

	begin(run->pages);
	ring_number(line, lines);
	ring_link(line, lines);
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t count = run->ops;

		__asm__ volatile(SAMPLE_BEGIN "1: add 8(%[line]), %[sum]\n"
					      "mov (%[line]), %[line]\n"
					      "dec %[count]\n"
					      "jnz 1b\n" SAMPLE_END
				 : [line] "+r"(line), [sum] "+r"(sum), [count] "+r"(count)
				 : "D"(s)
				 : SAMPLE_CLOBBERS);
	}
	expect("wrong-sum", sum, follow(run_samples(run) * run->ops));
	end();
}

/* The same, with an instruction that always exits after every so many steps. */
void bench_chase_exits(struct run *run)
{
	uint32_t lines = run->pages * LINES_PER_PAGE;
	struct line *line = (struct line *)SPACE_START;
	uint64_t sum = 0;

	begin(run->pages);
	ring_number(line, lines);
	ring_link(line, lines);
	for (struct sample *s = run->first; s != run->end; s++) {
		uint64_t rounds = run->ops, every = run->every;

		__asm__ volatile(SAMPLE_BEGIN "1: mov %[every], %%rsi\n"
					      "2: add 8(%[line]), %[sum]\n"
					      "mov (%[line]), %[line]\n"
					      "dec %%rsi\n"
					      "jnz 2b\n"
					      "xor %%eax, %%eax\n"
					      "cpuid\n"
					      "dec %[rounds]\n"
					      "jnz 1b\n" SAMPLE_END
				 : [line] "+r"(line), [sum] "+r"(sum), [rounds] "+r"(rounds)
				 : "D"(s), [every] "r"(every)
				 : "rax", "rbx", "rcx", "rdx", "rsi", SAMPLE_CLOBBERS);
	}
	expect("wrong-sum", sum, follow(run_samples(run) * run->ops * run->every));
	end();
}

/* The word of the table that a number falls on. */
static uint64_t index_of(uint64_t random, uint64_t words)
{
	return (random >> 32) * words >> 32;
}

static __attribute__((noinline)) uint64_t update(volatile uint64_t *table, uint64_t words,
						 uint64_t random, uint32_t count)
{
	while (count-- > 0) {
		random = random_next(random);
		table[index_of(random, words)] ^= random;
	}
	return random;
}

/* Takes every update back, seen from the kernel; the table is then as it was. */
static void undo(uint64_t words, uint64_t count)
{
	uint64_t random = 1;

	while (count-- > 0) {
		random = random_next(random);
		*(uint64_t *)seen_by_kernel(SPACE_START + index_of(random, words) * 8) ^= random;
	}
}

void bench_gups(struct run *run)
{
	volatile uint64_t *table = (volatile uint64_t *)SPACE_START;
	uint64_t words = run->pages * WORDS_PER_PAGE;
	uint64_t random = 1;

	begin(run->pages);
	for (uint64_t i = 0; i < words; i++)
		table[i] = i;
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		random = update(table, words, random, run->ops);
		sample_end(s);
	}
	undo(words, run_samples(run) * run->ops);
	for (uint64_t i = 0; i < words; i++)
		expect("wrong-value", table[i], i);
	end();
}
