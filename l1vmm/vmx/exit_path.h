/*
 * What the exit paths of a guest and of its guest have in common.  Inlined into each.
 */
#ifndef L1VMM_VMX_EXIT_PATH_H
#define L1VMM_VMX_EXIT_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/exit_record.h"

#define unlikely(condition) __builtin_expect(!!(condition), 0)

static inline uint64_t read_detail(struct vcpu *v, const struct exit_row *row)
{
	if (row->detail < 0)
		return vmcs_read(v, VMCS_EXIT_QUALIFICATION);
	return *(const uint32_t *)((const char *)v + row->detail);
}

/* exit.c: RIP where it may have to wrap; saves all registers itself. */
__attribute__((noinline, preserve_most)) void set_rip(struct vcpu *v, uint64_t rip);

/*
 * Puts the guest behind the instruction that exited.  The shadow of an STI or MOV SS before it ends
 * one instruction late, unless an event waits (event.c): to look would be a VMREAD at each exit.
 * What waits with the processor, with irq=apicv, is not known here, and comes late.
 */
static inline void advance_by(struct vcpu *v, uint64_t length)
{
	uint64_t next = v->rip + length;

	vmwrite(VMCS_GUEST_RIP, next);
	if (unlikely((v->rip ^ next) >> 32))
		set_rip(v, next);
}

static inline void advance(struct vcpu *v)
{
	advance_by(v, vmread(VMCS_EXIT_INSTRUCTION_LEN));
}

/* An exit that does not advance takes back what was counted for it in advance. */
static inline void uncount_advance(struct vcpu *v, bool told)
{
	if (!told)
		v->cost.vmreads -= ADVANCE_VMREADS;
	v->cost.vmwrites -= ADVANCE_VMWRITES;
}

#endif
