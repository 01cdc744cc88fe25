/*
 * How a guest has set up its paging, as the walker and the shadow MMU want to know it.
 */
#ifndef L1VMM_VMX_PAGING_STATE_H
#define L1VMM_VMX_PAGING_STATE_H

#include "l1vmm/vmx/vcpu.h"
#include "shadow/walk.h"

/* @pre v's VMCS is current */
struct paging_state vcpu_paging_state(struct vcpu *v);

/* The guest's tables for walk() and the shadow MMU; `v` is the context. */
struct walk_memory vcpu_walk_memory(struct vcpu *v);

#endif
