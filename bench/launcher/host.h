/*
 * What a host lacks to run stacks on KVM, and what would help: one line each.
 */
#ifndef BENCH_LAUNCHER_HOST_H
#define BENCH_LAUNCHER_HOST_H

#include "bench/err.h"

#define HOST_KVM	"/dev/kvm"
#define HOST_PARAMETERS "/sys/module/kvm_intel/parameters"

/* Why /dev/kvm could not be opened.  Returns -1 with VMFEE_PLATFORM. */
int host_refuse_kvm(int number, struct vmfee_error *err);

/*
 * Why KVM offers its guests no VMX, where `nested` is kvm_intel's parameter as sysfs shows it, NULL
 * where there is none.  Returns -1 with VMFEE_PLATFORM.
 */
int host_explain_nesting(const char *nested, struct vmfee_error *err);

/* The same for this host. */
int host_refuse_nesting(struct vmfee_error *err);

#endif
