/*
 * The BPF programs as bpftool has embedded them, behind functions: what bpftool writes is not for
 * this project's checkers.
 */
#ifndef BENCH_LAUNCHER_PROGRAMS_H
#define BENCH_LAUNCHER_PROGRAMS_H

struct kvm_exits;

struct kvm_exits *programs_open(void);
int programs_load(struct kvm_exits *programs);
int programs_attach(struct kvm_exits *programs);

/* The one on kvm_nested_intr_vmexit, which programs_attach() leaves out: a kernel may lack it. */
int programs_attach_interrupts(struct kvm_exits *programs);

void programs_destroy(struct kvm_exits *programs);

#endif
