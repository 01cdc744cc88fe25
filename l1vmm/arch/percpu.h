/*
 * What each processor has for itself: descriptor tables, stacks, the vCPU that it runs.
 */
#ifndef L1VMM_ARCH_PERCPU_H
#define L1VMM_ARCH_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l1vmm/arch/descriptor.h"
#include "l1vmm/boot/layout.h"
#include "l1vmm/vmx/vpid.h"

/* Interrupt stacks: what must not run on a stack that may be the reason for it. */
#define IST_DOUBLE_FAULT  1
#define IST_NMI		  2
#define IST_MACHINE_CHECK 3
#define IST_PAGE_FAULT	  4
#define IST_COUNT	  HOST_ISTS

struct vcpu;

struct cpu {
	struct cpu *self; /* at GS:0 */
	uint32_t id;	  /* index into cpus[] */
	uint32_t apic_id; /* of its local APIC */
	struct vcpu *vcpu;
	uint64_t vmxon_region; /* hpa */
	struct vpid_pool vpids;
	bool timer_went_off; /* its interrupt has been taken by the hypervisor's gate */
	bool parked;	     /* for good: the run ends */
	uint64_t gdt[GDT_ENTRIES];
	struct tss tss;
};

_Static_assert(offsetof(struct cpu, vcpu) == CPU_VCPU, "entry.S knows it");

/*
 * One processor's stacks, each with an unmapped page below it, so that an overflow is a page fault
 * at a telling address and not another object's corruption.
 */
struct __attribute__((aligned(4096))) cpu_stacks {
	uint8_t guard[4096];
	uint8_t stack[HOST_STACK_BYTES];
	struct {
		uint8_t guard[4096];
		uint8_t stack[HOST_IST_BYTES];
	} ist[IST_COUNT];
};

_Static_assert(sizeof(struct cpu_stacks) == CPU_STACKS_BYTES, "ap_entry.S knows it");

extern struct cpu cpus[MAX_CPUS];
extern struct cpu_stacks cpu_stacks[MAX_CPUS];
extern struct gate host_idt[VECTORS];

/* Descriptor tables, TSS and GS base of processor `id`, which is the one that calls. */
void percpu_init(uint32_t id);

static inline struct cpu *this_cpu(void)
{
	struct cpu *cpu;

	/* Volatile: not to be moved before percpu_init(), which sets the base. */
	__asm__ volatile("mov %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

static inline void *cpu_stack_top(uint32_t id)
{
	return cpu_stacks[id].stack + HOST_STACK_BYTES;
}

#endif
