/* Interrupts that a processor sends itself. */
#include <stddef.h>

#include "bench/guests/irq/irq.h"
#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/x86.h"

/* ICR: fixed, and NMI, to the one who sends it. */
#define ICR_SELF 0x40000
#define ICR_NMI	 0x400

/* The interrupt comes behind WRMSR: the instruction after it is the one that it interrupts. */
#define SEND(before, after)                                                     \
	for (struct sample *s = run->first; s != run->end; s++)                 \
	__asm__ volatile(SAMPLE_BEGIN before "wrmsr\n" after "nop\n" SAMPLE_END \
			 :                                                      \
			 : "D"(s), "c"(msr), "a"(value), "d"(0)                 \
			 : "r10", SAMPLE_CLOBBERS)

static void send_each(struct run *run, uint32_t msr, uint32_t value)
{
	irq_start(irq_count_entry);
	sti();
	SEND("", "");
	irq_finish(run_samples(run));
}

void bench_selfipi(struct run *run)
{
	send_each(run, MSR_X2APIC_SELF_IPI, VECTOR_IRQ);
}

void bench_selfipi_icr(struct run *run)
{
	send_each(run, MSR_X2APIC_ICR, ICR_SELF | VECTOR_IRQ);
}

void bench_selfipi_latency(struct run *run)
{
	irq_start(irq_stamp_entry);
	sti();
	for (struct sample *s = run->first; s != run->end; s++) {
		sample_begin(s);
		wrmsr(MSR_X2APIC_SELF_IPI, VECTOR_IRQ);
		s->end = irq_stamp;
		s->closed = rdtsc_ordered();
	}
	irq_finish(run_samples(run));
}

/* With interrupts off at first: it waits for the window. */
void bench_selfipi_masked(struct run *run)
{
	const uint32_t msr = MSR_X2APIC_SELF_IPI, value = VECTOR_IRQ;

	irq_start(irq_count_entry);
	SEND("", "sti\nnop\ncli\n");
	irq_finish(run_samples(run));
}

/* With a task priority above it at first. */
void bench_selfipi_tpr(struct run *run)
{
	const uint32_t msr = MSR_X2APIC_SELF_IPI, value = VECTOR_IRQ;

	irq_start(irq_count_entry);
	sti();
	SEND("mov $5, %%r10\nmov %%r10, %%cr8\n", "xor %%r10d, %%r10d\nmov %%r10, %%cr8\n");
	irq_finish(run_samples(run));
}

void bench_nmi(struct run *run)
{
	const uint32_t msr = MSR_X2APIC_ICR, value = ICR_NMI;
	const uint32_t id = (uint32_t)rdmsr(MSR_X2APIC_APICID);

	irq_start(irq_count_entry);
	trap_gate(VECTOR_NMI, irq_nmi_entry);
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "wrmsr\nnop\n" SAMPLE_END
				 :
				 : "D"(s), "c"(msr), "a"(value), "d"(id)
				 : SAMPLE_CLOBBERS);
	trap_gate(VECTOR_NMI, NULL);
	irq_finish(run_samples(run));
}
