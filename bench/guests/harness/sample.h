/*
 * How a benchmark is written: a row in the table of its image and a function, which sets up what it
 * measures, takes samples from run->first to run->end, and checks what came of it:
 *
 *	void bench_cpuid(struct run *run)
 *	{
 *		for (struct sample *s = run->first; s != run->end; s++) {
 *			uint32_t leaf = 0, subleaf = 0;
 *
 *			__asm__ volatile(SAMPLE_BEGIN "cpuid\n" SAMPLE_END
 *					 : "+a"(leaf), "+c"(subleaf)
 *					 : "D"(s)
 *					 : "rbx", "rdx", SAMPLE_CLOBBERS);
 *		}
 *	}
 *
 * Stamps and what is between them stand in one block, so that the compiler has no say in what is
 * measured: operands are in place before the first stamp.  What is too long for a block goes
 *between sample_begin() and sample_end().  The first samples warm caches and the hypervisor's
 *tables; the harness leaves them out of the report, so the loop need not know them.
 */
#ifndef BENCH_GUESTS_HARNESS_SAMPLE_H
#define BENCH_GUESTS_HARNESS_SAMPLE_H

#include <stdint.h>

#include "l1vmm/boot/start_info.h"

/*
 * Stamps before and after the operations of one sample, in ticks of the TSC.  Where what is
 * measured is less than what is done, `opened` and `closed` enclose the rest; 0: there is no rest.
 */
struct sample {
	uint64_t begin;
	uint64_t end;
	uint64_t opened;
	uint64_t closed;
};

struct run {
	struct sample *first;
	struct sample *end; /* behind the last one; may be lowered before the first is taken */
	const char *skip;   /* set by the function: why it took no samples, one word */
	const struct start_info_view *boot;
	uint32_t ops;	 /* operations per sample */
	uint32_t spaces; /* address spaces and pages, of a row that has them */
	uint32_t pages;
	uint32_t every;
	uint32_t ticks; /* a distance in time, of a row that has one */
};

/* How many samples the function is to take. */
static inline uint64_t run_samples(const struct run *run)
{
	return (uint64_t)(run->end - run->first);
}

/*
 * The fences keep the operations between the stamps (SDM volume 2, RDTSC).  Bochs brings its clock
 * up to date only at the end of a run of straight-line code, hence the jumps to the next line:
 * without them a stamp would be as old as the last branch.
 *
 * RAX and RDX, which RDTSC overwrites, are as the operations expect and leave them; R8 and R9
 * belong to the stamps, RDI points to the sample.  Both blocks are the same few instructions for
 * every benchmark: the row `empty` measures them.
 */
#define SAMPLE_BEGIN            \
	"mov %%rax, %%r8\n"     \
	"mov %%rdx, %%r9\n"     \
	"lfence\n"              \
	"jmp 7f\n"              \
	"7: rdtsc\n"            \
	"mov %%eax, 0(%%rdi)\n" \
	"mov %%edx, 4(%%rdi)\n" \
	"mov %%r8, %%rax\n"     \
	"mov %%r9, %%rdx\n"     \
	"lfence\n"
#define SAMPLE_END               \
	"mov %%rax, %%r8\n"      \
	"mov %%rdx, %%r9\n"      \
	"lfence\n"               \
	"jmp 7f\n"               \
	"7: rdtsc\n"             \
	"mov %%eax, 8(%%rdi)\n"  \
	"mov %%edx, 12(%%rdi)\n" \
	"mov %%r8, %%rax\n"      \
	"mov %%r9, %%rdx\n"
#define SAMPLE_CLOBBERS "r8", "r9", "cc", "memory"

/* Inlined, so that nothing but what is measured stands between the stamps. */
static inline __attribute__((always_inline)) void sample_begin(struct sample *s)
{
	__asm__ volatile(SAMPLE_BEGIN : : "D"(s) : SAMPLE_CLOBBERS);
}

static inline __attribute__((always_inline)) void sample_end(struct sample *s)
{
	__asm__ volatile(SAMPLE_END : : "D"(s) : SAMPLE_CLOBBERS);
}

#endif
