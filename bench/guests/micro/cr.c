/*
 * Control registers.  "Owned" bits are those that the hypervisor keeps for itself in the guest/host
 * mask (SDM volume 3, 25.6.6), because the processor needs them at its value in VMX operation or
 * because they concern it; "free" bits are the guest's own business.
 */
#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"

/* Every second write brings the old value back. */
#define TOGGLE(cr)                          \
	REPEAT("mov %[toggled], %%" cr "\n" \
	       "mov %[usual], %%" cr "\n")

/* Inlined, so that the number of operations is a constant where the assembler needs it. */
static inline __attribute__((always_inline)) void toggle_cr0(struct run *run, uint64_t bit, int ops)
{
	uint64_t usual = read_cr0();

	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(
			SAMPLE_BEGIN TOGGLE("cr0") SAMPLE_END
			:
			: "D"(s), [usual] "r"(usual), [toggled] "r"(usual ^ bit), [ops] "i"(ops / 2)
			: SAMPLE_CLOBBERS);
	expect("wrong-value", read_cr0(), usual);
}

static inline __attribute__((always_inline)) void toggle_cr4(struct run *run, uint64_t bit, int ops)
{
	uint64_t usual = read_cr4();

	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(
			SAMPLE_BEGIN TOGGLE("cr4") SAMPLE_END
			:
			: "D"(s), [usual] "r"(usual), [toggled] "r"(usual ^ bit), [ops] "i"(ops / 2)
			: SAMPLE_CLOBBERS);
	expect("wrong-value", read_cr4(), usual);
}

void bench_cr0_owned(struct run *run)
{
	toggle_cr0(run, CR0_NE, ops_cr0_owned);
}

void bench_cr0_free(struct run *run)
{
	toggle_cr0(run, CR0_TS, ops_cr0_free);
}

void bench_cr4_owned(struct run *run)
{
	toggle_cr4(run, CR4_MCE, ops_cr4_owned);
}

void bench_cr4_free(struct run *run)
{
	toggle_cr4(run, CR4_TSD, ops_cr4_free);
}

void bench_cr3_reload(struct run *run)
{
	uint64_t cr3 = read_cr3();

	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN REPEAT("mov %[cr3], %%cr3\n") SAMPLE_END
				 :
				 : "D"(s), [cr3] "r"(cr3), [ops] "i"(ops_cr3_reload)
				 : SAMPLE_CLOBBERS);
	expect("wrong-value", read_cr3(), cr3);
}

void bench_cr8(struct run *run)
{
	const uint64_t priority = 1;

	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile(SAMPLE_BEGIN "mov %[priority], %%cr8\n" SAMPLE_END
				 :
				 : "D"(s), [priority] "r"(priority)
				 : SAMPLE_CLOBBERS);
	expect("wrong-value", read_cr8(), priority);
	write_cr8(0);
}
