/*
 * forkstorm: a process forks and goes on to write to its stack; the child reads every second page,
 * writes every fourth and exits; the parent writes every eighth.  Page i of the parent always holds
 * i + 1; its stack is the page behind them.
 */
#include "bench/guests/memory/memory.h"
#include "bench/guests/memory/vm.h"
#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/report.h"

#define READ_STRIDE   2
#define WRITE_STRIDE  4
#define PARENT_STRIDE 8

static volatile uint64_t *word(uint32_t page)
{
	return (volatile uint64_t *)space_address(page);
}

/* Forks; the write that follows may not reach the child. */
static void fork(const struct space *parent, struct space *child, uint32_t pages)
{
	vm_fork(parent, child);
	++*word(pages);
}

static uint32_t strides(uint32_t pages, uint32_t stride)
{
	return (pages + stride - 1) / stride;
}

/* Returns the sum of what the child read. */
static uint64_t child_life(uint32_t pages)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < pages; i += READ_STRIDE)
		sum += *word(i);
	for (uint32_t i = 0; i < pages; i += WRITE_STRIDE)
		*word(i) = 0;
	return sum;
}

/* Also sees that the child has its own memory and the parent the old one. */
static void check(const struct space *parent, const struct space *child, uint32_t pages)
{
	for (uint32_t i = 0; i < pages; i++) {
		uint64_t own = i % WRITE_STRIDE == 0 ? 0 : i + 1;

		expect("wrong-child-value", *(uint64_t *)space_memory(child, i), own);
		expect("wrong-parent-value", *(uint64_t *)space_memory(parent, i), i + 1);
	}
	expect("wrong-stack-value", *(uint64_t *)space_memory(child, pages) + 1,
	       *(uint64_t *)space_memory(parent, pages));
}

static __attribute__((noinline)) uint64_t generation(const struct space *parent, uint32_t pages)
{
	struct space child;
	uint64_t sum;

	fork(parent, &child, pages);
	vm_switch(&child);
	sum = child_life(pages);
	vm_switch(parent);
	space_destroy(&child);
	for (uint32_t i = 0; i < pages; i += PARENT_STRIDE)
		*word(i) = i + 1;
	return sum;
}

/* One generation more, which stops before the child's end. */
static void check_sharing(const struct space *parent, uint32_t pages)
{
	struct space child;

	fork(parent, &child, pages);
	vm_switch(&child);
	child_life(pages);
	vm_switch(parent);
	check(parent, &child, pages);
	space_destroy(&child);
}

void bench_forkstorm(struct run *run)
{
	uint32_t before = frames_free(), read = strides(run->pages, READ_STRIDE);
	uint64_t expected = read + (uint64_t)READ_STRIDE * read * (read - 1) / 2;
	struct vm_counts counts;
	struct space parent;

	space_init(&parent);
	space_fill(&parent, 0, run->pages, PTE_RW);
	vm_begin(&parent, run->pages + 1);
	*word(run->pages) = 0;
	for (uint32_t i = 0; i < run->pages; i++)
		*word(i) = i + 1;
	for (struct sample *s = run->first; s != run->end; s++) {
		uint64_t sum;

		sample_begin(s);
		sum = generation(&parent, run->pages);
		sample_end(s);
		expect("wrong-sum", sum, expected);
	}
	check_sharing(&parent, run->pages);
	counts = vm_end();
	expect("wrong-count", counts.demand, 1);
	expect("wrong-count", counts.copied,
	       (run_samples(run) + 1) * (strides(run->pages, WRITE_STRIDE) + 1));
	expect("wrong-count", counts.reused, run_samples(run) * strides(run->pages, PARENT_STRIDE));
	space_destroy(&parent);
	expect("frames-lost", frames_free(), before);
}
