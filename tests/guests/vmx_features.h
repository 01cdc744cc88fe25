/* The features of VMX that tests/guests/vmx.c holds against the SDM, a function each. */
#ifndef TESTS_GUESTS_VMX_FEATURES_H
#define TESTS_GUESTS_VMX_FEATURES_H

/* vmx_events.c */
void interrupt_windows(void);
void interrupts(void);
void nmis(void);
void task_priority(void);
void faults_in_delivery(void);

/* vmx_controllers.c; one of the former */
void interrupts_of_controllers(void);

/* vmx_apic.c */
void virtualized_apic(void);

/* vmx_debug.c */
void debugging(void);

/* vmx_functions.c */
void eptp_switching(void);
/* Turns on EPT for the guest, under which it finds the first GB of memory in its place. */
void use_identity_ept(void);
void invvpid_types(void);
void vmcall_in_root(void);

/* vmx_paging.c */
void own_paging(void);

/* vmx_hostile.c */
void hostile_hypervisor(void);

/* vmx_pair.c, vmx_pair_hostile.c: with a second processor */
void two_processors(void);
void hostile_pair(void);
void leave_second_running(void);

/* vmx_shadowing.c */
void vmcs_shadowing(void);

/* vmx_vectoring.c; the second one with several processors */
void told_of_vectoring(void);
void vectoring_interrupted(void);

/* vmx_refused.c: with a second processor */
void refused_entries(void);

/* vmx_memory.c */
void memory_left_alone(void);

#endif
