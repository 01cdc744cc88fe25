/*
 * A virtual machine: what its processors share.
 */
#ifndef L1VMM_VM_H
#define L1VMM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l1vmm/boot/memory.h"
#include "l1vmm/switches.h"
#include "l1vmm/vmx/chipset.h"
#include "l1vmm/vmx/ept.h"
#include "l1vmm/vmx/rtc.h"

struct vcpu;

struct vm {
	struct switches switches;
	struct memory_range memory; /* hpa; the guest has it at gpa 0 */
	struct ept ept;
	bool notes_stores; /* of the hypervisor's: `ept` has pages whose writing counts */
	/*
	 * A page of the hypervisor's (hpa) that vCPUs in xAPIC mode have at their APICs', so that
	 * the processor carries their accesses out; and the lock of its being mapped.
	 */
	uint64_t apic_access;
	bool apic_access_busy;
	struct chipset chipset;
	struct rtc rtc;
	uint32_t level;		  /* of this hypervisor: 0 is the lowest */
	uint8_t guest_status;	  /* what the guest wrote to the status port */
	uint8_t poweroff_matched; /* bytes of "Shutdown" seen on the power-off port */
	struct vcpu *vcpus;	  /* the one with number N runs on processor N */
	uint32_t vcpu_count;
	uint64_t tsc_multiplier;
	uint32_t helpless; /* vCPUs that only another one can wake */
};

/* Whether guests may take part in their shadowing: shadow/mmu_batch.h. */
static inline bool vm_takes_shadow_orders(const struct vm *vm)
{
	return vm->switches.mmu == SW_MMU_SHADOW_PV;
}

/* `size` bytes of guest memory at `gpa`, NULL where they are not all memory. */
static inline void *vm_memory(const struct vm *vm, uint64_t gpa, uint64_t size)
{
	if (gpa > vm->memory.size || size > vm->memory.size - gpa)
		return NULL;
	return (void *)(vm->memory.base + gpa);
}

/* The guest-physical address of a place that vm_memory() has given. */
static inline uint64_t vm_gpa(const struct vm *vm, const void *at)
{
	return (uint64_t)at - vm->memory.base;
}

/* The hypervisor has stored `size` bytes to memory at `gpa`, as the guest might have. */
static inline void vm_written(struct vm *vm, uint64_t gpa, uint64_t size)
{
	if (__builtin_expect(vm->notes_stores, 0))
		ept_written(&vm->ept, gpa, size);
}

/* With dirty= or exec=: says on the console what has become of the guest's pages. */
void vm_report_pages(struct vm *vm);

#endif
