/*
 * The handlers of exits, one file a family.  Each is called with v->reason, v->rip and v->detail
 * set, and tells what to do with the instruction that exited.
 * @pre for all of them: v's VMCS is current
 */
#ifndef L1VMM_EXITS_EXITS_H
#define L1VMM_EXITS_EXITS_H

#include "l1vmm/vmx/vcpu.h"

enum exit_action exit_cpuid(struct vcpu *v);		  /* cpuid.c */
enum exit_action exit_cr_access(struct vcpu *v);	  /* cr.c */
enum exit_action exit_xsetbv(struct vcpu *v);		  /* cr.c */
enum exit_action exit_rdmsr(struct vcpu *v);		  /* msr.c */
enum exit_action exit_wrmsr(struct vcpu *v);		  /* msr.c */
enum exit_action exit_io(struct vcpu *v);		  /* io.c */
enum exit_action exit_ept_violation(struct vcpu *v);	  /* mem.c */
enum exit_action exit_ept_misconfig(struct vcpu *v);	  /* mem.c */
enum exit_action exit_invlpg(struct vcpu *v);		  /* mem.c */
enum exit_action exit_exception(struct vcpu *v);	  /* irq.c */
enum exit_action exit_external_interrupt(struct vcpu *v); /* irq.c */
enum exit_action exit_interrupt_window(struct vcpu *v);	  /* irq.c: that for NMIs, the TPR's too */
enum exit_action exit_preemption_timer(struct vcpu *v);	  /* time.c */
enum exit_action exit_apic_access(struct vcpu *v);	  /* irq.c */
enum exit_action exit_apic_write(struct vcpu *v);	  /* irq.c */
enum exit_action exit_virtualized_eoi(struct vcpu *v);	  /* irq.c */
enum exit_action exit_hlt(struct vcpu *v);		  /* irq.c */
enum exit_action exit_pause(struct vcpu *v);		  /* irq.c */
enum exit_action exit_rdtsc(struct vcpu *v);		  /* time.c */
enum exit_action exit_rdtscp(struct vcpu *v);		  /* time.c */
enum exit_action exit_vmcall(struct vcpu *v);		  /* hypercall.c */
enum exit_action exit_vmxon(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmxoff(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmclear(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmptrld(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmptrst(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmread(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmwrite(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmlaunch(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_vmresume(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_invept(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_invvpid(struct vcpu *v);		  /* vmx_insn.c */
enum exit_action exit_invd(struct vcpu *v);		  /* misc.c */
enum exit_action exit_wbinvd(struct vcpu *v);		  /* misc.c */
enum exit_action exit_hidden(struct vcpu *v);		  /* misc.c */
enum exit_action exit_rdpmc(struct vcpu *v);		  /* misc.c */
enum exit_action exit_task_switch(struct vcpu *v);	  /* fatal.c */
enum exit_action exit_triple_fault(struct vcpu *v);	  /* fatal.c */
enum exit_action exit_unexpected(struct vcpu *v);	  /* fatal.c */

/* vmx_insn.c: the register operand by which the VMREAD or VMWRITE that exited names a field. */
uint64_t vmcs_access_field(struct vcpu *v);

/* The two as instructions of L2 on L1's shadow VMCS.  @pre vmcs02 is current */
enum exit_action vmread_of_l2(struct vcpu *v);
enum exit_action vmwrite_of_l2(struct vcpu *v);

/* irq.c: waits until an NMI is there for the guest, or with `interrupts` an interrupt. */
void wait_for_event(struct vcpu *v, bool interrupts);

/* fatal.c: a reason above those of the table, or an entry that failed late (bit 31). */
_Noreturn void exit_without_row(struct vcpu *v);

#endif
