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

static uint8_t stacks[PROCESSORS_MOST - 1][STACK_SIZE] __attribute__((aligned(16)));

/* By number; the first is nobody's. */
static struct worker {
	uint32_t apic_id;
	void (*work)(uint32_t number); /* NULL: it has none */
	bool begun;
} workers[PROCESSORS_MOST];

static uint32_t started;
static struct desc_ptr idt; /* the first processor's */
static void (*second_work)(void);

uint32_t processors(struct run *run, uint32_t least)
{
	char cpus[8] = "";
	enum cmdline_result result = cmdline_get(run->boot->cmdline, "cpus", cpus, sizeof(cpus));
	uint64_t count = 1;

	if (result != CMDLINE_ABSENT &&
	    (result != CMDLINE_FOUND || !cmdline_number(cpus, strlen(cpus), &count) || count < 1 ||
	     count > PROCESSORS_MOST))
		fail("bad-cpus least=1 most=%u", PROCESSORS_MOST);
	if (count < least)
		run->skip = count == 1 ? "one-processor" : "too-few-processors";
	return (uint32_t)count;
}

bool second_is_there(struct run *run)
{
	return processors(run, 2) >= 2;
}

void ap_main(uint32_t id)
{
	struct worker *worker = &workers[id];

	lidt(&idt); /* it has no TSS: a double fault ends the machine */
	apic_enable();
	worker->apic_id = (uint32_t)rdmsr(MSR_X2APIC_APICID);
	for (;;) {
		void (*work)(uint32_t) = __atomic_load_n(&worker->work, __ATOMIC_ACQUIRE);

		if (!work) {
			pause();
			continue;
		}
		__atomic_store_n(&worker->begun, true, __ATOMIC_RELEASE);
		work(id);
		cli();
		__atomic_store_n(&worker->work, NULL, __ATOMIC_RELEASE);
	}
}

/* Whatever others there are begin anew. */
static void start(uint32_t count)
{
	const struct ap_start how = {
		.count = count,
		.tables = (uint32_t)(uintptr_t)pml4,
		.gdt = gdt,
		.gdt_limit = GDT_SIZE - 1,
		.stacks = stacks, /* the top of that of processor 0, which needs none */
		.stack_bytes = STACK_SIZE,
	};

	__asm__ volatile("sidt %0" : "=m"(idt));
	if (ap_start(&how) != count)
		fail("no-second-processor");
	started = count;
}

void others_begin(uint32_t count, void (*work)(uint32_t number))
{
	if (started < count - 1)
		start(count - 1);
	for (uint32_t i = 1; i < count; i++) {
		workers[i].begun = false;
		__atomic_store_n(&workers[i].work, work, __ATOMIC_RELEASE);
	}
	for (uint32_t i = 1; i < count; i++)
		while (!__atomic_load_n(&workers[i].begun, __ATOMIC_ACQUIRE))
			pause();
}

void others_finish(uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		while (__atomic_load_n(&workers[i].work, __ATOMIC_ACQUIRE))
			pause();
}

static void run_second(uint32_t number)
{
	(void)number;
	second_work();
}

void second_begin(void (*work)(void))
{
	second_work = work;
	others_begin(2, run_second);
}

void second_restart(void (*work)(void))
{
	second_work = work;
	__atomic_store_n(&workers[1].work, work ? run_second : NULL, __ATOMIC_RELEASE);
	start(1);
}

void second_finish(void)
{
	others_finish(2);
}

uint32_t second_apic_id(void)
{
	return workers[1].apic_id;
}
