/*
 * The exit table: everything the hypervisor knows of each exit reason, in one place.
 */
#ifndef L1VMM_VMX_EXIT_H
#define L1VMM_VMX_EXIT_H

#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"
#include "telemetry/fee.h"

struct exit_row {
	enum exit_action (*handler)(struct vcpu *v);
	int32_t detail; /* offset in struct vcpu of the 32 bits to record, -1: the qualification */
	enum fee_component component;
	const char *name; /* NULL: there is no such reason */
};

extern const struct exit_row exit_table[EXIT_REASONS];

/*
 * entry.S: handle the exit of `v` that was stamped `tsc`, and return the vCPU to enter.
 * @pre v's VMCS is current
 */
struct vcpu *vmx_handle_exit(struct vcpu *v, uint64_t tsc);
struct vcpu *vmx_handle_exit_quiet(struct vcpu *v);

/* entry.S: the VM entry of `v` failed before it began; `invalid` tells VMfailInvalid from VMfailValid. */
_Noreturn void vmx_entry_failed(struct vcpu *v, bool invalid);

#endif
