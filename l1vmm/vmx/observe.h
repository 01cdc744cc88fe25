/*
 * The TLB observatory (observe=tlb, observe=trace; docs/observatory.md): between the guest's
 * translations and the processor stands a view, page tables that map only what a modelled TLB
 * holds.
 *
 * Between exit and entry the VMCS is as the stack has it without the observatory, so that the rest
 * of the hypervisor need not know; for the guest to run, the view takes the place of its page
 * tables.
 */
#ifndef L1VMM_VMX_OBSERVE_H
#define L1VMM_VMX_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/options.h"
#include "l1vmm/vmx/vcpu.h"
#include "shadow/tlb_observatory.h"
#include "shadow/walk.h"

/* Guest-physical address of the view under EPT: above the guest's memory, below its devices. */
#define OBSERVE_VIEW_GPA    UINT64_C(0xd0000000)
#define OBSERVE_MEMORY_MOST UINT64_C(0xc0000000)

/* More pages than one instruction can touch, and the delivery of an event on top of it. */
#define OBSERVE_TOUCHED 64

/* Fields of the VMCS that the view takes for itself, and what the stack has there. */
struct observe_state {
	uint64_t cr0, cr3, cr4, efer;
	uint64_t pdpte[4];
};

/* Several misses of one instruction in a row. */
struct observe_progress {
	uint64_t rip;
	uint64_t
		registers; /* a sum of them all: it changes where an instruction has come further */
	uint32_t misses;
};

/*
 * For the guest the clock stands still while the observatory works: it is set back.  What that
 * itself takes, until the guest runs and from where it stopped, is found out at the start.
 */
struct observe_clock {
	uint64_t set; /* what the clock was set to last, for an exit of the observatory's own; 0 */
	uint64_t own; /* ticks that such an exit still takes */
	uint64_t stack; /* ticks that the observatory adds to an exit of the stack */
	bool calibrated;
	/* What handles exits of the stack's: vmx_handle_exit(), and nothing at the start. */
	void (*handler)(struct vcpu *v, uint64_t tsc);
	/* handled_ticks of the latest record, which knows of the clock that was set back only. */
	uint64_t handled_ticks;
};

struct observe {
	struct tlb_observatory tlb;
	bool trace;		 /* observe=trace: the model holds nothing */
	bool ept;		 /* the stack has EPT */
	bool flushes;		 /* tlb=flush */
	uint64_t flushes_before; /* of the shadow MMU, before the exit at hand */
	bool dirty;		 /* the processor may have cached what the view has no more */
	bool first;		 /* the next access is an instruction's first */
	bool probing;		 /* the page at `probe` is mapped for an EPT violation to come */
	uint64_t probe;
	/* observe=trace: pages that the instruction at hand has touched. */
	uint64_t touched[OBSERVE_TOUCHED];
	uint32_t touched_count;
	uint16_t flushed; /* RECORD_F_FLUSH_*: what the exit at hand has flushed so far */
	struct observe_clock clock;
	struct observe_state stack;
	struct paging_state state; /* with EPT: the guest's own */
	struct observe_progress progress;
};

/* Bytes that observe_init() takes from the pool of memory. */
uint64_t observe_bytes(const struct options *options);

/*
 * Sets up the observatory of a vCPU whose VMCS is, and puts the view in place.  False where memory
 * is short.
 * @pre v's VMCS is current
 */
bool observe_init(struct vcpu *v, const struct options *options);

/* entry.S: as vmx_handle_exit(). */
void vmx_handle_exit_observed(struct vcpu *v, uint64_t tsc);

/* observe_clock.c: finds out what an exit of the stack takes longer with the observatory. */
void observe_clock_init(struct vcpu *v);
/*
 * The exit that was stamped `tsc` has come: sees to what the one before it has left.  Returns the
 * stamp that it would have, were it no exit at all.
 */
uint64_t observe_clock_begin(struct vcpu *v, uint64_t tsc, bool stepped);
/*
 * What to set the clock to, so that for the guest the exit that was stamped `tsc` has taken
 * `ticks`: one where an instruction has been carried out, or has come to its fault.
 */
uint64_t observe_clock_back(struct vcpu *v, uint64_t tsc, bool recorded, unsigned ticks);
/* In the place of vmx_handle_exit() while there is no exit. */
void observe_no_exit(struct vcpu *v, uint64_t tsc);
/* Sets it.  Bochs brings its clock up to date at a jump: the lag is the same wherever this is. */
static inline void observe_clock_set(uint64_t value)
{
	__asm__ volatile("jmp 1f; 1: wrmsr"
			 :
			 : "c"(MSR_IA32_TIME_STAMP_COUNTER), "a"((uint32_t)value),
			   "d"((uint32_t)(value >> 32))
			 : "memory");
}

/* observe_state.c: puts the view in the place of the guest's page tables, and takes it away. */
void observe_enter(struct vcpu *v);
void observe_leave(struct vcpu *v);
/* Has the processor forget what is in the view no more. */
void observe_settle(struct vcpu *v);

/* observe_access.c: #PF at gva.  Whether the exit is the observatory's own, and served. */
bool observe_fault(struct vcpu *v, uint64_t tsc, uint64_t gva, uint32_t error_code);

#endif
