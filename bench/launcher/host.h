/*
 * What a host lacks to run stacks on KVM, and what would help: one line each.
 */
#ifndef BENCH_LAUNCHER_HOST_H
#define BENCH_LAUNCHER_HOST_H

#include "bench/err.h"

#define HOST_KVM     "/dev/kvm"
#define HOST_MODULES "/sys/module"

/* Why /dev/kvm could not be opened.  Returns -1 with VMFEE_PLATFORM. */
int host_refuse_kvm(int number, struct vmfee_error *err);

/*
 * Why KVM offers its guests no VMX, where `nested` is kvm_intel's parameter as sysfs shows it, NULL
 * where there is none.  Returns -1 with VMFEE_PLATFORM.
 */
int host_explain_nesting(const char *nested, struct vmfee_error *err);

/*
 * Gives every parameter of KVM's modules that this project knows, and that this host has, to
 * `visit`.
 */
void host_each_parameter(void (*visit)(void *ctx, const char *module, const char *name,
				       const char *value),
			 void *ctx);

/* The same for this host. */
int host_refuse_nesting(struct vmfee_error *err);

#endif
