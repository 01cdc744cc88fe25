/* Registers of the local APIC. */
#include "bench/guests/irq/irq.h"
#include "bench/guests/rt/apic.h"

/* More than one window of ple=on, and less than two. */
#define SPIN_TURNS 2000

void bench_empty(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN SAMPLE_END : : "D"(s) : SAMPLE_CLOBBERS);
}

void bench_apic_read(struct run *run)
{
	apic_enable();
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t low, high;

		__asm__ volatile(SAMPLE_BEGIN "rdmsr\n" SAMPLE_END
				 : "=a"(low), "=d"(high)
				 : "D"(s), "c"(MSR_X2APIC_SIVR)
				 : SAMPLE_CLOBBERS);
	}
}

static void write_each(struct run *run, uint32_t msr, uint32_t value)
{
	apic_enable();
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "wrmsr\n" SAMPLE_END
				 :
				 : "D"(s), "c"(msr), "a"(value), "d"(0)
				 : SAMPLE_CLOBBERS);
}

/* Nothing is in service. */
void bench_eoi(struct run *run)
{
	write_each(run, MSR_X2APIC_EOI, 0);
}

void bench_tpr(struct run *run)
{
	write_each(run, MSR_X2APIC_TPR, 0);
}

void bench_spin(struct run *run)
{
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t turns = SPIN_TURNS;

		__asm__ volatile(SAMPLE_BEGIN "2: pause\n"
					      "dec %0\n"
					      "jnz 2b\n" SAMPLE_END
				 : "+r"(turns)
				 : "D"(s)
				 : SAMPLE_CLOBBERS);
	}
}

void bench_tpr_cr8(struct run *run)
{
	apic_enable();
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "mov %%rcx, %%cr8\n" SAMPLE_END
				 :
				 : "D"(s), "c"(UINT64_C(0))
				 : SAMPLE_CLOBBERS);
}
