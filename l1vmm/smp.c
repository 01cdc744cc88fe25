#include "l1vmm/smp.h"

#include "l1vmm/arch/ap.h"
#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/percpu.h"

/* From one request to stop to the next, in ticks, and how many there are. */
#define STOP_INTERVAL 20000
#define STOP_REQUESTS 500

/* entry.S: map the low 4 GiB onto themselves, AP_PAGE executable. */
extern char early_pml4[];
extern const char early_gdt[];

static struct {
	uint32_t count;
	uint64_t cr3;
	void (*prepare)(uint32_t id);
	void (*run)(uint32_t id);
	uint32_t turn, ready; /* whose it is to prepare, and who has */
	bool go, ending;
} smp = {.count = 1};

void ap_main(uint32_t id)
{
	write_cr3(smp.cr3);
	while (__atomic_load_n(&smp.turn, __ATOMIC_ACQUIRE) != id)
		pause();
	percpu_init(id);
	smp.prepare(id);
	__atomic_store_n(&smp.ready, id, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&smp.go, __ATOMIC_ACQUIRE))
		pause();
	smp.run(id);
	__builtin_unreachable();
}

bool smp_start(uint32_t count, void (*prepare)(uint32_t id), void (*run)(uint32_t id))
{
	const struct ap_start start = {
		.count = count - 1,
		.tables = (uint32_t)(uintptr_t)early_pml4,
		.gdt = early_gdt,
		.gdt_limit = 3 * sizeof(uint64_t) - 1,
		.stacks = (const char *)cpu_stacks + BOOT_STACK_TOP,
		.stack_bytes = CPU_STACKS_BYTES,
	};

	smp.cr3 = read_cr3();
	smp.prepare = prepare;
	smp.run = run;
	smp.count = count;
	if (ap_start(&start) < count - 1)
		return false;
	for (uint32_t id = 1; id < count; id++) {
		__atomic_store_n(&smp.turn, id, __ATOMIC_RELEASE);
		while (__atomic_load_n(&smp.ready, __ATOMIC_ACQUIRE) != id)
			pause();
	}
	__atomic_store_n(&smp.go, true, __ATOMIC_RELEASE);
	return true;
}

static _Noreturn void park(void)
{
	__atomic_store_n(&this_cpu()->parked, true, __ATOMIC_RELEASE);
	for (;;) {
		cli();
		hlt();
	}
}

void smp_park_if_ending(void)
{
	if (__atomic_load_n(&smp.ending, __ATOMIC_ACQUIRE))
		park();
}

/*
 * An NMI takes a processor out of its guest, an interrupt out of a wait, and one that is handling
 * an exit comes to either sooner or later.
 */
static void stop(const struct cpu *cpu)
{
	for (unsigned i = 0; i < STOP_REQUESTS; i++) {
		uint64_t start = rdtsc_ordered();

		host_apic_send_nmi(cpu->apic_id);
		host_apic_send(cpu->apic_id, VECTOR_HOST_KICK);
		while (rdtsc_ordered() - start < STOP_INTERVAL) {
			if (__atomic_load_n(&cpu->parked, __ATOMIC_ACQUIRE))
				return;
			pause();
		}
	}
}

void smp_stop_others(void)
{
	if (__atomic_exchange_n(&smp.ending, true, __ATOMIC_SEQ_CST))
		park();
	for (uint32_t id = 0; id < smp.count; id++)
		if (id != this_cpu()->id)
			stop(&cpus[id]);
}
