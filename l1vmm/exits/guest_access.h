/*
 * A guest's memory through the guest's own page tables, for instructions that are carried out for
 * it.
 * @pre for all: v's VMCS is current
 */
#ifndef L1VMM_EXITS_GUEST_ACCESS_H
#define L1VMM_EXITS_GUEST_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l1vmm/vmx/vcpu.h"
#include "shadow/insn.h"
#include "shadow/walk.h"

/* What one exit needs to know to translate addresses, read from the VMCS once. */
struct guest_view {
	struct vcpu *v;
	struct paging_state paging;
	uint32_t user; /* PF_U where the guest runs at CPL 3 */
	bool l2;       /* the guest is the guest's guest */
};

void guest_view_init(struct guest_view *view, struct vcpu *v);

/*
 * Translates `linear` for `access` (PF_W, PF_I).  False where the guest has been given a fault
 * instead, or its tables lie outside its memory, which stops it.  Of a guest's guest `gpa` is in
 * its hypervisor's memory, and that may have to be told (nested_leave_refused()).
 */
bool guest_translate(struct guest_view *view, uint64_t linear, uint32_t access, uint64_t *gpa);

/*
 * Copies `size` bytes, at most a page, from or to the guest's memory at `linear`, which is `gpa` as
 * guest_translate() has said.  Nothing is copied unless everything can be; false as above, and
 * where a page is no memory, which stops it.
 */
bool guest_read_at(struct guest_view *view, uint64_t linear, uint64_t gpa, uint32_t access,
		   void *to, size_t size);
bool guest_write_at(struct guest_view *view, uint64_t linear, uint64_t gpa, const void *from,
		    size_t size);

/* The same with the translation. */
static inline bool guest_read(struct guest_view *view, uint64_t linear, uint32_t access, void *to,
			      size_t size)
{
	uint64_t gpa;

	return guest_translate(view, linear, access, &gpa) &&
	       guest_read_at(view, linear, gpa, access, to, size);
}

static inline bool guest_write(struct guest_view *view, uint64_t linear, const void *from,
			       size_t size)
{
	uint64_t gpa;

	return guest_translate(view, linear, PF_W, &gpa) &&
	       guest_write_at(view, linear, gpa, from, size);
}

/* Tells whoever follows the guest's stores of one by the hypervisor, to its memory at `gpa`. */
void guest_written(struct vcpu *v, uint64_t gpa, uint64_t size);

/* The code that the guest executes: its mode, and up to INSN_MAX_LENGTH bytes from RIP on. */
enum insn_mode guest_code_mode(struct vcpu *v);
bool guest_fetch(struct guest_view *view, uint8_t code[INSN_MAX_LENGTH], size_t *size);

#endif
