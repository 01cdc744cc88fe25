/*
 * The exit table: everything the hypervisor knows of each exit reason, in one place.
 */
#ifndef L1VMM_VMX_EXIT_H
#define L1VMM_VMX_EXIT_H

#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"
#include "telemetry/fee.h"

/* The size of a power of two keeps the look-up short. */
struct __attribute__((aligned(32))) exit_row {
	enum exit_action (*handler)(struct vcpu *v);
	int32_t detail; /* offset in struct vcpu of the 32 bits to record, -1: the qualification */
	enum fee_component component;
	const char *name;
};

/*
 * What an exit whose instruction is carried out reads and writes at least: reason, RIP and length;
 * RIP.  Counting it in advance costs nothing, and an exit that does not advance takes its part
 * back.
 */
#define ADVANCE_VMREADS	 1
#define ADVANCE_VMWRITES 1
#define USUAL_VMREADS	 (2 + ADVANCE_VMREADS)
#define USUAL_VMWRITES	 ADVANCE_VMWRITES

extern const struct exit_row exit_table[EXIT_REASONS];

static inline bool exit_has_qualification(uint16_t reason)
{
	return reason < EXIT_REASONS && exit_table[reason].detail < 0;
}

/*
 * Sees to what waits for the next entry of `v`, whose exit has had `action` for an answer.  Returns
 * the one that it has now, which the caller need not keep.  @pre v's VMCS is current
 */
enum exit_action serve_requests(struct vcpu *v, enum exit_action action);

/*
 * entry.S: handle the exit of `v` that was stamped `tsc`, so that it can be entered again.
 * @pre v's VMCS is current
 */
void vmx_handle_exit(struct vcpu *v, uint64_t tsc);
void vmx_handle_exit_quiet(struct vcpu *v);
/* The same where the hypervisor below has told of the exit: v->told. */
void vmx_handle_exit_told(struct vcpu *v, uint64_t tsc);
void vmx_handle_exit_told_quiet(struct vcpu *v);

/* entry.S: the same for exits of the guest's guest.  @pre vmcs02 is current */
void nested_handle_exit(struct vcpu *v, uint64_t tsc);
void nested_handle_exit_quiet(struct vcpu *v);

/* entry.S: the VM entry of `v` failed before it began; `invalid` tells VMfailInvalid from
 * VMfailValid. */
_Noreturn void vmx_entry_failed(struct vcpu *v, bool invalid);

#endif
