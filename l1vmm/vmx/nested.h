/*
 * A vCPU that is a guest hypervisor: the glue between it, the hardware and nesting/.
 */
#ifndef L1VMM_VMX_NESTED_H
#define L1VMM_VMX_NESTED_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/exit_page.h"
#include "l1vmm/vmx/paging_state.h"
#include "l1vmm/vmx/vcpu.h"
#include "nesting/ept02.h"
#include "nesting/vmcs02.h"
#include "nesting/vmx.h"
#include "nesting/vpid12.h"

/* What there is for each active VMCS of L1's. */
struct vcpu_vmcs02 {
	uint64_t vmcs; /* hpa */
	struct vmcs02_base base;
	struct vmcs02_merged merged;
	uint16_t vpid12;    /* of L1's, that L2 was entered under last; 0: none */
	uint8_t vpid_place; /* in the table of them */
	bool is_shadow;	    /* says its shadow-VMCS indicator */
	bool paged;	    /* is made for an L2 on shadow tables */
	bool launched;	    /* by an entry that succeeded or is under way */
};

/*
 * An access of L2's, carried out by the hypervisor, that ends in an exit of L1's: an EPT violation
 * or misconfiguration, an APIC access.
 */
struct nested_refusal {
	uint32_t reason; /* 0: there is none */
	uint64_t qualification, l2_gpa, linear;
};

struct vcpu_nested {
	struct nested vmx;
	struct vcpu_vmcs02 vmcs02[NESTED_VMCSS];
	struct ept02 ept02;
	struct vpid12_map vpids;
	bool vmcs02_current; /* instead of vmcs01 */
	bool shadowing;	     /* vmcs=shadow */
	bool linked;	     /* vmcs01 has a vmcs02 as its shadow VMCS */
	uint64_t link;	     /* this one */
	bool launching02;    /* the entry under way is a VMLAUNCH of L0's */
	bool launching12;    /* and of L1's */
	uint32_t injected;   /* the event that it injects, if that is not L1's */
	/* L2's latest entry, with an event of L1's or the hypervisor's. */
	struct injection injection;
	bool nmi_blocked;	 /* by L1, when it entered L2 */
	bool by_controllers;	 /* who had the last interrupt that L1 or L2 has taken */
	bool stepped_around;	 /* L2 has had virtual interrupts: vmx/around.h */
	bool tsc_written;	 /* by L2: L1's, which vmcs01 does not have yet */
	struct exit_page *tells; /* what L1 reads of its guest's exits; may be NULL */
	uint64_t told[(ENTRY_CHECKS + 63) / 64]; /* checks that have named themselves */
	uint32_t requests;			 /* of L1's that wait for its next entry */
	struct nested_refusal refused;
	uint64_t linear;    /* that is being translated for L2 */
	bool walking;	    /* an entry of L2's page tables is being looked for */
	uint64_t cr2;	    /* of L2, before the instruction that is carried out for it */
	uint64_t timer_end; /* on L1's clock: of L2's preemption timer */
	uint64_t cr0_fixed, cr4_fixed; /* of L1: bits that are 1 in the processor's registers */
	uint64_t plain_cr0_fixed, plain_cr4_fixed; /* of L2 with EPT */
	/* On shadow tables: L2's registers as L2 and L1 know them, while vmcs02 has others. */
	struct paging_state paging;
	bool paging_on;
	const uint64_t *stores; /* counts those to L1's pages that are watched */
};

/* vmcs02 of L1's current VMCS. */
static inline struct vcpu_vmcs02 *nested_vmcs02(struct vcpu_nested *n)
{
	return n->vmx.vmcs02;
}

/* Bytes that nested_create() takes from the pool of memory. */
uint64_t nested_bytes(void);

/* Gives the vCPU a VMX, with each vmcs02 still empty.  False where memory is short. */
bool nested_create(struct vcpu *v, uint8_t *io_bitmaps, uint8_t *msr_bitmap);

/*
 * Whether VMX operation forbids these values of L1's control registers (SDM volume 3, 24.8).
 * @pre v->nested
 */
bool nested_forbids_cr0(const struct vcpu *v, uint64_t value);
bool nested_forbids_cr4(const struct vcpu *v, uint64_t value);

/* RFLAGS of L1 after an instruction that ended so.  @pre vmcs01 is current */
static inline void nested_finish(struct vcpu *v, int outcome)
{
	uint64_t rflags = vmcs_read(v, VMCS_GUEST_RFLAGS);
	uint64_t changed = nested_rflags(rflags, outcome);

	if (changed != rflags)
		vmcs_write(v, VMCS_GUEST_RFLAGS, changed);
}

/* The clock of L2. */
struct guest_tsc nested_tsc(const struct vcpu *v);

/* As msr_read() and msr_write(), of L1 or L2, whichever is about to run. */
bool nested_read_msr(struct vcpu *v, uint32_t msr, uint64_t *value);
bool nested_write_msr(struct vcpu *v, uint32_t msr, uint64_t value);

/*
 * VMLAUNCH (`launch`) or VMRESUME of L1's: checks vmcs12 and goes on in L2, or in L1 where a check
 * does not hold or an exit comes at once.
 * @pre vmcs01 is current; nested_entry_start() has succeeded
 */
enum exit_action nested_enter(struct vcpu *v, bool launch);

/*
 * What has come up for L1 waits until L1 goes on, as nothing of that may be done to vmcs02; a timer
 * of L1's that L2 has written to, or that goes off again, runs.
 */
void nested_put_off(struct vcpu *v);

/* L2 is to go on behind an exit of the hypervisor's own.  @pre vmcs02 is current */
void nested_go_on(struct vcpu *v);

/*
 * Ends an exit from L2 in L1: vmcs02 tells of the exit, but for what nested_set() has set.
 * @pre vmcs02 is current; afterwards vmcs01 is
 */
void nested_leave(struct vcpu *v);

/* The same for an exit that the hypervisor makes up. */
void nested_leave_with(struct vcpu *v, uint32_t reason, uint64_t qualification, uint32_t intr_info,
		       uint32_t error_code);

/* Makes a VMCS current and counts that. */
static inline void nested_make_current(struct vcpu *v, uint64_t vmcs)
{
	v->cost.vmx_other++;
	vmptrld(vmcs);
}

/* vmcs=shadow: its bitmaps.  False where memory is short.  @pre vmcs01 is current */
bool nested_shadow_init(struct vcpu *v);

/*
 * vmcs=shadow: to be called when L1 may have got another current VMCS, or none, or has written a
 * field that it reads without an exit.  @pre vmcs01 is current
 */
void nested_shadow_follow(struct vcpu *v);

/*
 * Where the two are linked: vmcs02 becomes an ordinary VMCS again, and current; and it becomes the
 * shadow VMCS (@pre it is current; afterwards none is).
 */
void nested_shadow_take(struct vcpu *v);
void nested_shadow_give(struct vcpu *v);

/* `what` the processor has cached under a VPID that L2 runs under goes; 0: it has nothing. */
void nested_flush_vpid(struct vcpu *v, uint16_t vpid02, enum invalidation what, uint64_t gva);

/* Whether L2 is the guest whose VMCS is current. */
static inline bool nested_runs_l2(const struct vcpu *v)
{
	return v->nested && v->nested->vmx.in_l2;
}

/*
 * Memory of L2, for instructions that are carried out for it.
 * @pre nested_runs_l2()
 *
 * nested_translate() gives the address in L1's physical memory, for an access that is a set of
 * rights; false where ept12 does not allow that, which nested_leave_refused() then tells L1.  The
 * walk of nested_walk_memory() ends outside of memory for the same reason.
 */
struct paging_state nested_paging_state(struct vcpu *v);
struct walk_memory nested_walk_memory(struct vcpu *v);
bool nested_translate(struct vcpu *v, uint64_t l2_gpa, uint64_t access, uint64_t *gpa);
bool nested_leave_refused(struct vcpu *v);

/*
 * L2's preemption timer, where L1 has it on: an entry of L1's starts it; and where L2 goes on
 * behind an exit of the hypervisor's own, that has taken time.  @pre vmcs02 is current
 */
void nested_timer_start(struct vcpu *v);
void nested_timer_go_on(struct vcpu *v);

/*
 * Interrupts and NMIs for L1 while L2 runs.
 * @pre vmcs02 is current
 *
 * nested_interrupted() ends L2 if L1 wants that, and returns whether it has; otherwise L2 is to be
 * given the interrupt, as v->event, as soon as it can take it.  nested_interrupt_later() does the
 * same behind the event that the next entry injects.
 */
bool nested_interrupted(struct vcpu *v);
void nested_interrupt_later(struct vcpu *v);

/*
 * Takes the interrupts of L1's that tell of posted ones for L2, as long as no other is in front;
 * whether there was one.
 */
bool nested_take_posted(struct vcpu *v);

/* Whether the processor delivers virtual interrupts to L2. */
static inline bool nested_delivers(const struct vcpu *v)
{
	return vmcs12_secondary(v->nested->vmx.vmcs12) &
	       CONTROL_SECONDARY_VIRTUAL_INTERRUPT_DELIVERY;
}

/* L2 is halted, until nested_wake() or the processor wakes it. */
void nested_halt(struct vcpu *v);

/* Wakes L2, which is halted, where it can take a virtual interrupt; whether that is so. */
bool nested_wake(struct vcpu *v);

/* The entry that comes injects v->event, of which L1 does not know.  @pre there is one */
void nested_inject(struct vcpu *v);

/* An exit of one of the windows that the two above have opened. */
void nested_close_windows(struct vcpu *v);

/*
 * around=masked: a kick does not interrupt L2 while its IF is clear.  So when all is ready for L2,
 * nested_look_again() has what other processors have sent meanwhile make an exit behind its next
 * instruction; nested_exit_soon() does that from the handler of an NMI, whatever was going on, for
 * what comes later still.
 */
void nested_look_again(struct vcpu *v);
void nested_exit_soon(struct vcpu *v);

/* What is the hypervisor's of L2's registers, unless that is on shadow tables. */
#define NESTED_CR0_OWNED (CR0_CD | CR0_NW)
#define NESTED_CR4_OWNED CR4_MCE

/*
 * L2 where L1 runs on shadow tables (vcpu_is_shadowed): on such, too, unless L1 has EPT for it.
 *
 * nested_paging_choose() makes vmcs02 ready for the one or the other, before it is brought up to
 * date, and returns whether it is for shadow tables.  Then nested_paging_enter() runs L2 on these:
 * vmcs02 is up to date but for that, and what nested_paging_pdptes() has had written are its
 * PDPTEs. nested_paging_leave() ends that, before anything is read of vmcs02 for L1, and
 * nested_paging_resume_l1() goes back to L1's tables.
 * @pre vmcs02 is current, for the last one vmcs01
 */
bool nested_paging_choose(struct vcpu *v);
struct vmcs_ops nested_paging_pdptes(struct vcpu *v);
void nested_paging_enter(struct vcpu *v);
void nested_paging_leave(struct vcpu *v);
void nested_paging_resume_l1(struct vcpu *v, uint64_t cr0, uint64_t cr4);

/* What has become of a #PF of L2, at v->detail. */
struct mmu_result nested_paging_fault(struct vcpu *v, uint32_t error_code);

/* What L2 loads into its registers, unless that raises #GP(0), and EFER, which has been checked. */
bool nested_paging_write_cr0(struct vcpu *v, uint64_t value);
bool nested_paging_write_cr3(struct vcpu *v, uint64_t value);
bool nested_paging_write_cr4(struct vcpu *v, uint64_t value);
void nested_paging_write_efer(struct vcpu *v, uint64_t value);

/* ept01 has changed. */
void nested_forget_ept02(struct vcpu *v);

/* The processor has refused to enter vmcs02: VMfailValid for L1. */
_Noreturn void nested_entry_refused(struct vcpu *v);

/* An entry of vmcs02 that failed late (bit 31 of the exit reason): L1's exit. */
void nested_entry_failed(struct vcpu *v);

#endif
