#include "bench/guests/irq/second.h"

#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/rt/apic.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/segments.h"
#include "l1vmm/arch/ap.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"

#define STACK_SIZE 0x4000

_Static_assert(KERNEL_CODE == AP_CODE && KERNEL_DATA == AP_DATA, "one GDT for both");

extern const uint64_t gdt[GDT_SIZE / 8];
extern uint64_t pml4[PTES_PER_PAGE];

static uint8_t stack[STACK_SIZE] __attribute__((aligned(16)));

static struct {
	bool started;
	uint32_t apic_id;
	void (*work)(void); /* NULL: it has none */
	bool begun;
	struct desc_ptr idt; /* the first processor's */
} second;

bool second_is_there(struct run *run)
{
	char cpus[8] = "";
	enum cmdline_result result = cmdline_get(run->boot->cmdline, "cpus", cpus, sizeof(cpus));

	if (result == CMDLINE_ABSENT || strcmp(cpus, "1") == 0) {
		run->skip = "one-processor";
		return false;
	}
	if (result != CMDLINE_FOUND || strcmp(cpus, "2") != 0)
		fail("bad-cpus least=1 most=2");
	return true;
}

void ap_main(uint32_t id)
{
	(void)id;
	lidt(&second.idt); /* it has no TSS: a double fault ends the machine */
	apic_enable();
	second.apic_id = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	for (;;) {
		void (*work)(void) = __atomic_load_n(&second.work, __ATOMIC_ACQUIRE);

		if (!work) {
			pause();
			continue;
		}
		__atomic_store_n(&second.begun, true, __ATOMIC_RELEASE);
		work();
		cli();
		__atomic_store_n(&second.work, NULL, __ATOMIC_RELEASE);
	}
}

static void start(void)
{
	const struct ap_start how = {
		.count = 1,
		.tables = (uint32_t)(uintptr_t)pml4,
		.gdt = gdt,
		.gdt_limit = GDT_SIZE - 1,
		.stacks = stack, /* the top of that of processor 0, which needs none */
		.stack_bytes = STACK_SIZE,
	};

	__asm__ volatile("sidt %0" : "=m"(second.idt));
	if (ap_start(&how) != 1)
		fail("no-second-processor");
	second.started = true;
}

void second_begin(void (*work)(void))
{
	second.begun = false;
	__atomic_store_n(&second.work, work, __ATOMIC_RELEASE);
	if (!second.started)
		start();
	while (!__atomic_load_n(&second.begun, __ATOMIC_ACQUIRE))
		pause();
}

void second_restart(void (*work)(void))
{
	__atomic_store_n(&second.work, work, __ATOMIC_RELEASE);
	start();
}

void second_finish(void)
{
	while (__atomic_load_n(&second.work, __ATOMIC_ACQUIRE))
		pause();
}

uint32_t second_apic_id(void)
{
	return second.apic_id;
}
