/*
 * mixed: a scheduler that gives each of its tasks one quantum a round.  A quantum is a program in
 * ring 3, which updates its data, calls the kernel and computes, and a few pages of heap that come
 * and go; in each round one task forks a child for one quantum more.
 *
 * Page 0 of a task holds its orders and its result, its data pages follow, then the heap.
 */
#include <stddef.h>

#include "bench/guests/harness/suite.h"
#include "bench/guests/memory/memory.h"
#include "bench/guests/memory/vm.h"
#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/user.h"

#define SYSCALLS   16
#define STEPS	   2000
#define HEAP_PAGES 4
#define HEAP_USES  2

#define FACTOR	  1664525
#define INCREMENT 1013904223

struct orders {
	volatile uint8_t *data; /* its first page */
	uint32_t pages;
	uint32_t syscalls;
	uint64_t steps;
	uint64_t result;
};

/* A task's data page i holds i + 1, and one more for each quantum. */
struct task {
	struct space space;
	uint64_t quanta;
	uint64_t result;
};

static struct task tasks[SPACES_MAX];
static uint64_t child_result;

/* Gets the orders in RDI and EAX = 0; SYSCALL overwrites RCX and R11. */
__attribute__((naked, section(USER_CODE_SECTION))) static void program(void)
{
	__asm__ volatile("mov %c[data](%%rdi), %%rsi\n"
			 "mov %c[pages](%%rdi), %%edx\n"
			 "xor %%r10d, %%r10d\n"
			 "1: incq (%%rsi)\n"
			 "add (%%rsi), %%r10\n"
			 "add %[size], %%rsi\n"
			 "dec %%edx\n"
			 "jnz 1b\n"
			 "mov %c[syscalls](%%rdi), %%edx\n"
			 "2: syscall\n"
			 "dec %%edx\n"
			 "jnz 2b\n"
			 "mov %c[steps](%%rdi), %%rdx\n"
			 "3: imul %[factor], %%r10, %%r10\n"
			 "add %[increment], %%r10\n"
			 "dec %%rdx\n"
			 "jnz 3b\n"
			 "mov %%r10, %c[result](%%rdi)\n"
			 "mov $1, %%eax\n"
			 "syscall\n"
			 :
			 : [data] "i"(offsetof(struct orders, data)),
			   [pages] "i"(offsetof(struct orders, pages)),
			   [syscalls] "i"(offsetof(struct orders, syscalls)),
			   [steps] "i"(offsetof(struct orders, steps)),
			   [result] "i"(offsetof(struct orders, result)), [size] "i"(PAGE_SIZE),
			   [factor] "i"(FACTOR), [increment] "i"(INCREMENT));
}

/* What the program makes of `pages` data pages in its quantum number `quantum`, from 1 on. */
static uint64_t expected_result(uint32_t pages, uint64_t quantum)
{
	uint64_t result = pages * quantum + (uint64_t)pages * (pages + 1) / 2;

	for (uint32_t i = 0; i < STEPS; i++)
		result = result * FACTOR + INCREMENT;
	return result;
}

static void make_task(struct task *task, uint32_t pages)
{
	struct orders *orders;

	space_init(&task->space);
	space_fill(&task->space, 0, 1 + pages, PTE_RW | PTE_US);
	orders = space_memory(&task->space, 0);
	*orders = (struct orders){space_address(1), pages, SYSCALLS, STEPS, 0};
	for (uint32_t i = 0; i < pages; i++)
		*(uint64_t *)space_memory(&task->space, 1 + i) = i + 1;
	task->quanta = 0;
}

/* Runs the program in `space`, which is entered; returns its result. */
static uint64_t run_program(const struct space *space)
{
	volatile struct orders *orders = (volatile struct orders *)space_address(0);

	vm_switch(space);
	user_run(program, orders);
	return orders->result;
}

static void use_heap(const struct space *space, uint32_t first)
{
	for (uint32_t i = first; i < first + HEAP_PAGES; i++)
		*(volatile uint64_t *)space_address(i) = i;
	vm_discard(space, first, HEAP_PAGES);
}

static uint64_t run_child(const struct task *parent)
{
	struct space child;
	uint64_t result;

	vm_fork(&parent->space, &child);
	result = run_program(&child);
	vm_switch(&parent->space);
	space_destroy(&child);
	return result;
}

static __attribute__((noinline)) void round_of_all(const struct run *run, uint32_t forking)
{
	for (uint32_t i = 0; i < run->spaces; i++) {
		struct task *task = &tasks[i];

		task->result = run_program(&task->space);
		task->quanta++;
		for (uint32_t use = 0; use < HEAP_USES; use++)
			use_heap(&task->space, 1 + run->pages);
		if (i == forking)
			child_result = run_child(task);
	}
}

static void check_round(const struct run *run, uint32_t forking)
{
	for (uint32_t i = 0; i < run->spaces; i++)
		expect("wrong-result", tasks[i].result,
		       expected_result(run->pages, tasks[i].quanta));
	expect("wrong-child-result", child_result,
	       expected_result(run->pages, tasks[forking].quanta + 1));
}

static void end_task(struct task *task, uint32_t pages)
{
	for (uint32_t i = 0; i < pages; i++)
		expect("wrong-value", *(uint64_t *)space_memory(&task->space, 1 + i),
		       i + 1 + task->quanta);
	space_destroy(&task->space);
}

void bench_mixed(struct run *run)
{
	uint32_t before = frames_free();
	uint32_t forking = 0;
	struct vm_counts counts;

	user_init();
	for (uint32_t i = 0; i < run->spaces; i++)
		make_task(&tasks[i], run->pages);
	vm_begin(&tasks[0].space, 1 + run->pages + HEAP_PAGES);
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		round_of_all(run, forking);
		sample_end(s);
		check_round(run, forking);
		if (++forking == run->spaces)
			forking = 0;
	}
	counts = vm_end();
	expect("wrong-count", counts.demand,
	       run_samples(run) * run->spaces * HEAP_PAGES * HEAP_USES);
	expect("wrong-count", counts.copied, run_samples(run) * (1 + run->pages));
	for (uint32_t i = 0; i < run->spaces; i++)
		end_task(&tasks[i], run->pages);
	expect("frames-lost", frames_free(), before);
}
