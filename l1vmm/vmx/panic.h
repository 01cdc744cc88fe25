/*
 * The hypervisor's own last words.
 */
#ifndef L1VMM_VMX_PANIC_H
#define L1VMM_VMX_PANIC_H

#include <stdint.h>

struct vcpu;
struct trap_frame;

/* Ends the machine after a failure that is the hypervisor's: `@end … status=panic`. */
_Noreturn void panic(const char *text, ...) __attribute__((format(printf, 1, 2)));

/*
 * The same for a failure around a guest: prints its registers and every field of its VMCS first.
 * @pre v's VMCS is current
 */
_Noreturn void panic_guest(struct vcpu *v, const char *text, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints a guest's registers, its exit and every field of its VMCS.  @pre v's VMCS is current */
void dump_guest(const struct vcpu *v);

/* The meaning of a VM-instruction error number. */
const char *vmx_error_text(uint64_t number);

#endif
