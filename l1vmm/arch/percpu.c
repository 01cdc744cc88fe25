#include "l1vmm/arch/percpu.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/trap_frame.h"

struct cpu cpus[MAX_CPUS];
struct cpu_stacks cpu_stacks[MAX_CPUS];
struct gate host_idt[VECTORS];

static uint8_t ist_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DF:
		return IST_DOUBLE_FAULT;
	case VECTOR_NMI:
		return IST_NMI;
	case VECTOR_MC:
		return IST_MACHINE_CHECK;
	case VECTOR_PF:
		return IST_PAGE_FAULT;
	default:
		return 0;
	}
}

static void load_gdt(struct cpu *cpu)
{
	cpu->gdt[HOST_CS / 8] = GDT_CODE64;
	cpu->gdt[HOST_DS / 8] = GDT_DATA;
	tss_descriptor(&cpu->gdt[HOST_TSS / 8], &cpu->tss);
	lgdt(&(struct desc_ptr){.limit = sizeof(cpu->gdt) - 1, .base = (uintptr_t)cpu->gdt});
	ltr(HOST_TSS);
}

static void load_idt(void)
{
	for (unsigned i = 0; i < VECTORS; i++)
		host_idt[i] =
			interrupt_gate((uintptr_t)trap_vectors + (uintptr_t)i * VECTOR_CODE_SIZE,
				       HOST_CS, ist_of(i));
	lidt(&(struct desc_ptr){.limit = sizeof(host_idt) - 1, .base = (uintptr_t)host_idt});
}

void percpu_init(uint32_t id)
{
	struct cpu *cpu = &cpus[id];

	cpu->self = cpu;
	cpu->id = id;
	cpu->tss.io_map_base = sizeof(cpu->tss);
	for (unsigned i = 0; i < IST_COUNT; i++)
		cpu->tss.ist[i] = (uintptr_t)cpu_stacks[id].ist[i].stack + HOST_IST_BYTES;
	load_gdt(cpu);
	load_idt();
	wrmsr(MSR_IA32_GS_BASE, (uintptr_t)cpu);
}
