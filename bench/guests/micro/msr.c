/*
 * MSRs.  IA32_PAT is one that a hypervisor has to watch, since it decides memory types;
 * IA32_KERNEL_GS_BASE one that it can leave to the guest, since SWAPGS changes it anyway.
 */
#include "l1vmm/arch/msr.h"
#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"

#define GS_BASE UINT64_C(0x123456789000) /* canonical, and used by nobody */

void bench_rdmsr_trapped(struct run *run)
{
	uint64_t pat = rdmsr(MSR_IA32_PAT);

	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t low, high;

		__asm__ volatile(SAMPLE_BEGIN "rdmsr\n" SAMPLE_END
				 : "=a"(low), "=d"(high)
				 : "D"(s), "c"(MSR_IA32_PAT)
				 : SAMPLE_CLOBBERS);
		expect("wrong-value", (uint64_t)high << 32 | low, pat);
	}
}

void bench_wrmsr_trapped(struct run *run)
{
	uint64_t pat = rdmsr(MSR_IA32_PAT);

	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "wrmsr\n" SAMPLE_END
				 :
				 : "D"(s), "c"(MSR_IA32_PAT), "a"((uint32_t)pat),
				   "d"((uint32_t)(pat >> 32))
				 : SAMPLE_CLOBBERS);
	expect("wrong-value", rdmsr(MSR_IA32_PAT), pat);
}

void bench_rdmsr_direct(struct run *run)
{
	wrmsr(MSR_IA32_KERNEL_GS_BASE, GS_BASE);
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t low, high;

		__asm__ volatile(SAMPLE_BEGIN REPEAT("rdmsr\n") SAMPLE_END
				 : "=a"(low), "=d"(high)
				 : "D"(s), "c"(MSR_IA32_KERNEL_GS_BASE), [ops] "i"(ops_rdmsr_direct)
				 : SAMPLE_CLOBBERS);
		expect("wrong-value", (uint64_t)high << 32 | low, GS_BASE);
	}
}

void bench_wrmsr_direct(struct run *run)
{
	wrmsr(MSR_IA32_KERNEL_GS_BASE, 0);
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN REPEAT("wrmsr\n") SAMPLE_END
				 :
				 : "D"(s), "c"(MSR_IA32_KERNEL_GS_BASE), "a"((uint32_t)GS_BASE),
				   "d"((uint32_t)(GS_BASE >> 32)), [ops] "i"(ops_wrmsr_direct)
				 : SAMPLE_CLOBBERS);
	expect("wrong-value", rdmsr(MSR_IA32_KERNEL_GS_BASE), GS_BASE);
}
