/*
 * The processor's VMX: whether it suffices, and switching it on.
 */
#ifndef L1VMM_VMX_VMX_H
#define L1VMM_VMX_VMX_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/percpu.h"
#include "l1vmm/switches.h"
#include "l1vmm/vmx/controls.h"
#include "nesting/capability.h"

/*
 * Holds the processor against what the hypervisor needs with these switches.  Each thing that it
 * lacks is one line on the console.  On success `controls` are the control words to use.
 */
bool vmx_check(const struct switches *sw, struct controls *controls);

/*
 * Enters VMX root operation on this processor, whose VMXON region is allocated here.  False, after
 * a line on the console, where firmware has locked VMX out or memory is short.
 */
bool vmx_enable(struct cpu *cpu);

/* The processor's capability MSRs; those that it does not have allow nothing. */
void vmx_capabilities_read(struct vmx_capabilities *capabilities);

/* A new VMCS region, cleared, with the processor's revision; 0 where memory is short. */
uint64_t vmcs_alloc(void);

/* Prints the capability MSRs as `@cap` lines for the run's manifest. */
void vmx_print_capabilities(void);

/*
 * A capability MSR (SDM volume 3, appendix A), 0 where the processor does not have it: that is,
 * nothing is allowed.
 */
uint64_t vmx_capability(uint32_t msr);

#endif
