/* The harness itself, and instructions of their own. */
#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/report.h"

#define PAUSES 64 /* a spinning loop's worth */

void bench_empty(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN SAMPLE_END : : "D"(s) : SAMPLE_CLOBBERS);
}

void bench_cpuid(struct run *run)
{
	uint32_t highest = 0;

	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t leaf = 0, subleaf = 0;

		__asm__ volatile(SAMPLE_BEGIN "cpuid\n" SAMPLE_END
				 : "+a"(leaf), "+c"(subleaf)
				 : "D"(s)
				 : "rbx", "rdx", SAMPLE_CLOBBERS);
		if (leaf == 0 || (highest && leaf != highest))
			fail("wrong-leaf highest=%u before=%u", leaf, highest);
		highest = leaf;
	}
}

/* Hypercall 0 does nothing and returns 0. */
void bench_vmcall(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++) {
		uint64_t rax = 0;

		__asm__ volatile(SAMPLE_BEGIN "vmcall\n" SAMPLE_END
				 : "+a"(rax)
				 : "D"(s)
				 : SAMPLE_CLOBBERS);
		expect("wrong-result", rax, 0);
	}
}

void bench_pause(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t count = PAUSES;

		__asm__ volatile(SAMPLE_BEGIN "1: pause\n"
					      "dec %[count]\n"
					      "jnz 1b\n" SAMPLE_END
				 : [count] "+r"(count)
				 : "D"(s)
				 : SAMPLE_CLOBBERS);
	}
}

void bench_rdtsc(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t low, high;

		__asm__ volatile(SAMPLE_BEGIN REPEAT("rdtsc\n") SAMPLE_END
				 : "=a"(low), "=d"(high)
				 : "D"(s), [ops] "i"(ops_rdtsc)
				 : SAMPLE_CLOBBERS);

		uint64_t tsc = (uint64_t)high << 32 | low;

		if (tsc < s->begin || tsc > s->end)
			fail("wrong-time tsc=%lu begin=%lu end=%lu", tsc, s->begin, s->end);
	}
}
