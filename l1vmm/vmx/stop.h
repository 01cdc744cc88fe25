/*
 * The ends of a run.  All of them say how on the console, let the trace out, and end the machine
 * with a status of their own.
 */
#ifndef L1VMM_VMX_STOP_H
#define L1VMM_VMX_STOP_H

#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"

enum stop_reason {
#define STOP(NAME, name, text) STOP_##NAME,
#include "l1vmm/vmx/stop_reasons.def"
#undef STOP
};

/*
 * Stops a guest that did what no guest may do; `text` adds `key=value` tokens to the reason.
 * @pre v's VMCS is current, if it has been launched
 */
_Noreturn void vcpu_stop(struct vcpu *v, enum stop_reason reason, const char *text, ...)
	__attribute__((format(printf, 3, 4)));

/* Ends the run of a guest that switched itself off with `status` (port 0xF4). */
_Noreturn void vcpu_poweroff(uint8_t status);

/* Stops before there is a vCPU: the guest cannot be loaded. */
_Noreturn void guest_refused(enum stop_reason reason, const char *text, ...)
	__attribute__((format(printf, 2, 3)));

#endif
