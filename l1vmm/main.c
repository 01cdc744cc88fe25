/*
 * From the PVH entry to the guest's first instruction.
 */
#include "l1vmm/main.h"
#include "l1vmm/arch/apic.h"
#include "l1vmm/arch/below.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/percpu.h"
#include "l1vmm/arch/poweroff.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/boot_info.h"
#include "l1vmm/boot/memory.h"
#include "l1vmm/boot/paging.h"
#include "l1vmm/guest.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/options.h"
#include "l1vmm/smp.h"
#include "l1vmm/status.h"
#include "l1vmm/trace.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/observe.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/setup.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/tlb.h"
#include "l1vmm/vmx/vmx.h"

/* What the hypervisor keeps for itself beside the ring: VMCSs, bitmaps, its own page tables. */
#define POOL_BYTES (UINT64_C(4) << 20)

/* The legacy interrupt controllers' masks. */
#define PORT_PIC1_MASK 0x21
#define PORT_PIC2_MASK 0xa1

static struct vm vm;
static struct vcpu vcpus[MAX_CPUS];

/* What every processor starts from. */
static struct options options;
static struct controls controls;
static struct guest_start start;

/* For what is wrong before there is a guest: not the hypervisor's fault, and no panic. */
static _Noreturn void refuse_to_start(void)
{
	printk("@end image=l1vmm status=refused\n");
	poweroff(STATUS_REFUSED);
}

static void print_switch(void *ctx, const char *name, const char *value)
{
	(void)ctx;
	printk("@switch name=%s value=%s\n", name, value);
}

/* Interrupts reach the hypervisor only from what it sets up itself. */
static void quiet_devices(void)
{
	out8(PORT_PIC1_MASK, 0xff);
	out8(PORT_PIC2_MASK, 0xff);
}

/*
 * The pool: also one EPT table for each 2 MB of the guest's memory, should all of it be 4 KB pages,
 * and what shadow tables are made of.
 */
static uint64_t pool_bytes(void)
{
	bool shadow = switches_shadow(&options.switches);
	bool nesting = options.switches.nested == SW_NESTED_ON;
	uint64_t tables = shadow ? shadow_bytes() : 0;
	uint64_t nested = nesting ? nested_bytes() * options.cpus : 0;

	if (!shadow || nesting)
		tables += memory_total() / (PAGE_SIZE_2M / PAGE_SIZE);

	return POOL_BYTES + tables + nested + observe_bytes(&options) +
	       (options.outbox == OUTBOX_MAPPED ? 0 : options.ring_bytes * options.cpus);
}

/* The observatory's tables need room above the guest's memory. */
static uint64_t most_memory(void)
{
	if (switches_observed(&options.switches) && options.memory_bytes > OBSERVE_MEMORY_MOST)
		return OBSERVE_MEMORY_MOST;
	return options.memory_bytes;
}

/* The largest pages that the guest's memory is mapped in. */
static uint64_t ept_page_size(const struct switches *sw)
{
	switch (sw->mmu) {
	case SW_MMU_EPT_4K:
		return PAGE_SIZE;
	case SW_MMU_EPT_1G:
		return PAGE_SIZE_1G;
	default:
		return PAGE_SIZE_2M;
	}
}

/* What several processors use is mapped in advance: none of them then changes the tables. */
static bool make_ept(const struct switches *sw)
{
	struct ept_config config = {
		.base = vm.memory.base,
		.size = vm.memory.size,
		.page_size = ept_page_size(sw),
		.rights = EPT_RWX,
		.accessed_dirty = sw->dirty == SW_DIRTY_AD,
		.invalidate = tlb_flush_ept,
		.ctx = &vcpus[0],
	};

	if (sw->dirty == SW_DIRTY_PROTECT)
		config.on_demand |= EPT_WRITE;
	if (sw->exec == SW_EXEC_DEMAND)
		config.on_demand |= EPT_EXECUTE;
	config.rights &= ~config.on_demand;
	return ept_init(&vm.ept, &memory_for_tables, &config) &&
	       (options.cpus == 1 ||
		ept_protect(&vm.ept, 0, vm.memory.size, config.rights, 0) == EPT_DONE);
}

static void make_vm(void)
{
	const struct switches *sw = &options.switches;
	bool huge = sw->mmu == SW_MMU_EPT_1G;

	vm.switches = *sw;
	vm.notes_stores = sw->dirty != SW_DIRTY_OFF || sw->nested == SW_NESTED_ON;
	vm.vcpus = vcpus;
	vm.vcpu_count = options.cpus;
	vm.tsc_multiplier = tsc_multiplier(options.tsc_numerator, options.tsc_denominator);
	vm.memory = memory_take_largest(most_memory(), huge ? PAGE_SIZE_1G : PAGE_SIZE_2M);
	if (huge && vm.memory.size < PAGE_SIZE_1G) {
		printk("l1vmm: too little memory: no page of 1 GB is left for mmu=ept:1g\n");
		refuse_to_start();
	}
	if (!vm.memory.size) {
		printk("l1vmm: too little memory: none is left for a guest\n");
		refuse_to_start();
	}
	if (!make_ept(sw))
		panic("no memory for EPT");
	chipset_reset(&vm.chipset);
}

/* The vCPU of the processor that calls. */
static void make_vcpu(uint32_t id)
{
	const struct trace_options trace = {
		.on = options.switches.telemetry == SW_TELEMETRY_ON,
		.ring_bytes = options.ring_bytes,
		.outbox = options.outbox,
		.outbox_lba = options.outbox_lba,
		.outbox_sectors = options.outbox_sectors,
		.outbox_address = options.outbox_address,
	};
	struct vcpu *v = &vcpus[id];

	v->id = id;
	v->vm = &vm;
	v->cpu = this_cpu();
	v->cpu->apic_id = host_apic_id();
	v->controls = controls;
	if (!trace_init(v, vm.level, &trace))
		panic("no memory for %lu KiB of exit records", options.ring_bytes >> 10);
	if (!vcpu_setup(v, &start))
		panic("no memory for a VMCS");
	if (switches_observed(&options.switches) && !observe_init(v, &options))
		panic("no memory for the TLB observatory");
}

static void prepare_processor(uint32_t id)
{
	if (!vmx_enable(this_cpu()))
		refuse_to_start();
	host_apic_enable();
	make_vcpu(id);
}

static void run_processor(uint32_t id)
{
	ipi_wait_for_startup(&vcpus[id]);
	vmx_launch(&vcpus[id]);
}

static void start_processors(void)
{
	if (options.cpus == 1 || smp_start(options.cpus, prepare_processor, run_processor))
		return;
	printk("l1vmm: cpus=%u: so many processors did not start\n", options.cpus);
	refuse_to_start();
}

/* Those values of fault= that are no field of the VMCS. */
static void commit_fault(void)
{
	const struct switches *sw = &options.switches;
	uint64_t page = start.rip & ~(uint64_t)(PAGE_SIZE - 1);

	if (sw->fault == SW_FAULT_EPT_MISCONFIG)
		page_table_map(&vm.ept.table, page, vm.memory.base + page, PAGE_SIZE, EPT_WRITE);
	if (sw->fault == SW_FAULT_EPT_DENIED)
		ept_protect(&vm.ept, 0, vm.memory.size, EPT_READ | EPT_EXECUTE, 0);
	if (sw->fault == SW_FAULT_EXCEPTION)
		__asm__ volatile("ud2");
	if (sw->fault == SW_FAULT_STACK)
		*(volatile uint8_t *)(cpu_stacks[0].stack - 1) = 0;
}

void l1vmm_main(uint64_t start_info)
{
	const struct boot_info *boot;
	char why[256];

	percpu_init(0);
	vm.level = below_find_level();
	boot = boot_info_read(start_info);
	if (!boot)
		refuse_to_start();
	if (!options_parse(&options, boot->cmdline, why, sizeof(why))) {
		printk("l1vmm: command line: %s\n", why);
		refuse_to_start();
	}
	quiet_devices();
	memory_init(boot);
	if (options.outbox == OUTBOX_MAPPED &&
	    !memory_set_aside(options.outbox_address, trace_mapped_bytes(options.ring_bytes))) {
		printk("l1vmm: outbox=mapped: %lu KiB at 0x%lx are not free memory\n",
		       trace_mapped_bytes(options.ring_bytes) >> 10, options.outbox_address);
		refuse_to_start();
	}
	if (!memory_make_pool(pool_bytes()) || !paging_init(boot)) {
		printk("l1vmm: too little memory: of %lu KiB, %lu are to be the hypervisor's\n",
		       memory_total() >> 10, pool_bytes() >> 10);
		refuse_to_start();
	}
	printk("@l1vmm version=1 level=%u cpus=%u memory=%lu\n", vm.level, options.cpus,
	       memory_total());
	switches_each(&options.switches, print_switch, NULL);
	if (options.tsc_numerator != options.tsc_denominator)
		printk("@switch name=tsc_multiplier value=%u/%u\n", options.tsc_numerator,
		       options.tsc_denominator);
	if (!vmx_check(&options.switches, &controls) || !vmx_enable(this_cpu()))
		refuse_to_start();
	if (options.switches.timer == SW_TIMER_DIRECT &&
	    !(cpuid(1, 0).ecx & CPUID_1_ECX_DEADLINE)) {
		printk("l1vmm: this CPU lacks TSC deadlines (CPUID.1:ECX bit 24): timer=direct\n");
		refuse_to_start();
	}
	if (options.switches.pv == SW_PV_EXITS && !below_has_exit_page()) {
		printk("l1vmm: no hypervisor below tells of exits in memory: pv=exits\n");
		refuse_to_start();
	}
	if (!host_apic_init()) {
		printk("l1vmm: this CPU lacks x2APIC (CPUID.1:ECX bit 21): its timer is needed\n");
		refuse_to_start();
	}
	vmx_print_capabilities();
	make_vm();
	start = guest_load(&vm, boot);
	make_vcpu(0);
	commit_fault();
	start_processors();
	vmx_launch(&vcpus[0]);
}
