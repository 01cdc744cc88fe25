/* Interrupts that the guest sends itself. */
#include <stddef.h>

#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"

#define VECTOR_IPI 0x40

static uint64_t interrupts;

static void count_interrupt(struct trap_frame *frame)
{
	(void)frame;
	interrupts++;
	apic_eoi();
}

/* The interrupt is pending when HLT is reached: STI lets one more instruction pass before it. */
void bench_hlt_pending(struct run *run)
{
	apic_enable();
	interrupts = 0;
	trap_handle(VECTOR_IPI, count_interrupt);
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "wrmsr\n"
					      "sti\n"
					      "hlt\n"
					      "cli\n" SAMPLE_END
				 :
				 : "D"(s), "c"(MSR_X2APIC_SELF_IPI), "a"(VECTOR_IPI), "d"(0)
				 : SAMPLE_CLOBBERS);
	trap_handle(VECTOR_IPI, NULL);
	expect("wrong-count", interrupts, run_samples(run));
}
