/*
 * A virtual machine of /dev/kvm: its memory, its one virtual processor, its interrupt controllers.
 */
#ifndef BENCH_LAUNCHER_MACHINE_H
#define BENCH_LAUNCHER_MACHINE_H

#include "bench/err.h"

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MACHINE_MIN_MEMORY = 16,   /* MiB */
	MACHINE_MAX_MEMORY = 2048, /* MiB: all of it lies below what devices are mapped at */
};

struct machine {
	int kvm, vm, vcpu;
	uint8_t *memory; /* guest-physical address 0 */
	uint64_t memory_bytes;
	struct kvm_run *run; /* the vCPU's, shared with the kernel */
	size_t run_bytes;
	bool vmx; /* guests find VMX in their CPUID */
};

#define MACHINE_NONE ((struct machine){.kvm = -1, .vm = -1, .vcpu = -1})

/*
 * Opens KVM and makes a machine with `memory` MiB.  needs_vmx: the stack has a hypervisor in it, so
 * that a KVM that does not nest is refused.  Returns 0; or -1 with VMFEE_PLATFORM and what would
 * help, or VMFEE_SYSTEM; machine_close() is due either way.
 */
int machine_open(struct machine *machine, unsigned memory, bool needs_vmx, struct vmfee_error *err);

/*
 * Puts the vCPU where the PVH protocol begins: 32-bit protected mode without paging at `entry`, EBX
 * the start info.
 */
int machine_enter_at(const struct machine *machine, uint32_t entry, uint32_t start_info,
		     struct vmfee_error *err);

/*
 * Gives the guest the time-stamp counter of the machine beneath, so that who counts there has the
 * guest's times.  Returns 0, or -1 with VMFEE_SYSTEM where KVM cannot.
 */
int machine_share_clock(const struct machine *machine, struct vmfee_error *err);

void machine_close(struct machine *machine);

#endif
