#include "l1vmm/arch/ap.h"

#include <stddef.h>

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/string.h"

/* ICR: to all but the one who sends it, asserted. */
#define ICR_INIT_OTHERS	   0xc4500
#define ICR_STARTUP_OTHERS 0xc4600

/* In ticks.  Processors with x2APIC mode need no long wait behind an INIT. */
#define AFTER_INIT 10000
#define PATIENCE   10000000

extern const char ap_trampoline[], ap_trampoline_end[];

/* Known to ap_entry.S. */
uint32_t ap_arrived, ap_wanted, ap_stacks, ap_stack_bytes;

/* As lgdtl reads it. */
struct __attribute__((packed)) gdtr32 {
	uint16_t limit;
	uint32_t base;
};

static uint32_t arrived(void)
{
	return __atomic_load_n(&ap_arrived, __ATOMIC_ACQUIRE);
}

static void wait(uint64_t ticks)
{
	uint64_t start = rdtsc_ordered();

	while (arrived() < ap_wanted && rdtsc_ordered() - start < ticks)
		pause();
}

uint32_t ap_start(const struct ap_start *start)
{
	char *page = (char *)AP_PAGE;
	const struct gdtr32 gdtr = {.limit = start->gdt_limit,
				    .base = (uint32_t)(uintptr_t)start->gdt};

	memcpy(page, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
	memcpy(page + AP_GDTR, &gdtr, sizeof(gdtr));
	memcpy(page + AP_TABLES, &start->tables, sizeof(start->tables));
	ap_wanted = start->count;
	ap_stacks = (uint32_t)(uintptr_t)start->stacks;
	ap_stack_bytes = start->stack_bytes;
	__atomic_store_n(&ap_arrived, 0, __ATOMIC_SEQ_CST);
	wrmsr(MSR_X2APIC_ICR, ICR_INIT_OTHERS);
	wait(AFTER_INIT);
	/* Twice, as the first may get lost; who has started takes no notice. */
	for (unsigned i = 0; i < 2 && arrived() < ap_wanted; i++) {
		wrmsr(MSR_X2APIC_ICR, ICR_STARTUP_OTHERS | AP_PAGE >> PAGE_SHIFT);
		wait(PATIENCE);
	}
	return arrived();
}
