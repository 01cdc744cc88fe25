/*
 * This machine's own KVM, as what the stacks of an experiment are to stand on.
 */
#ifndef BENCH_KVM_HOST_H
#define BENCH_KVM_HOST_H

#include "bench/experiment.h"

/*
 * Makes of an experiment what can be run here: names the processor, and takes out each stack that
 * needs VMX in a guest where there is none; experiment->left_out then says which, and what would
 * help.  Returns 0; or -1 with VMFEE_USAGE for more memory than a guest can have, VMFEE_PLATFORM
 * where there is no KVM to use, where its modules have other parameters than a stack asks for, or
 * where no stack is left.
 */
int kvm_host_settle(struct experiment *experiment, struct vmfee_error *err);

#endif
