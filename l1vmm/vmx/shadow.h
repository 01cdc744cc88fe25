/*
 * Shadow paging: the glue between a vCPU and the shadow MMU (shadow/mmu.h), for mmu=shadow:*.
 * @pre for all but shadow_init(): v's VMCS is current
 */
#ifndef L1VMM_VMX_SHADOW_H
#define L1VMM_VMX_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

/* Pages for shadow tables: what a guest's tables can make the hypervisor use, and no more. */
#define SHADOW_POOL_PAGES 2048

/* Bytes that shadow_init() takes from the pool of memory. */
uint64_t shadow_bytes(void);

/* Sets up the vCPU's shadow MMU.  False where memory is short. */
bool shadow_init(struct vcpu *v);

/* The guest's CR0, CR4 or EFER has changed: run it on the tables that go with them. */
void shadow_reload(struct vcpu *v);

/* The guest has loaded CR3, and nothing else has changed. */
void shadow_load_cr3(struct vcpu *v);

/*
 * The same for whoever pages so, the guest or its guest: both have the guest's memory, and their
 * tables are shadowed in one pool.
 */
void shadow_use(struct vcpu *v, const struct paging_state *state);
void shadow_use_cr3(struct vcpu *v, uint64_t cr3, const uint64_t pdpte[4]);

/* What a page fault comes to, with the entries that it makes counted. */
struct mmu_result shadow_resolve(struct vcpu *v, uint64_t gva, uint32_t error_code);

void shadow_invlpg(struct vcpu *v, uint64_t gva);

/* #PF at `gva` with `error_code`: the shadow's, or the guest's own. */
enum exit_action shadow_fault(struct vcpu *v, uint64_t gva, uint32_t error_code);

/* The hypervisor has stored `size` bytes to the guest's memory at `gpa`. */
void shadow_written(struct vcpu *v, uint64_t gpa, uint64_t size);

#endif
