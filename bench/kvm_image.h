/*
 * Debian's kernel with KVM as a level in Bochs: an initramfs with KVM's modules, the launcher, and
 * the images that it launches.
 */
#ifndef BENCH_KVM_IMAGE_H
#define BENCH_KVM_IMAGE_H

#include "bench/err.h"
#include "bench/project.h"
#include "bench/stack.h"

/* Of the kernel: the time-stamp counter is its only clock, and nothing of it is left to chance. */
#define KVM_IMAGE_CMDLINE                                                         \
	"console=ttyS0,115200 quiet mitigations=off no_timer_check tsc=reliable " \
	"panic=-1 audit=0 cryptomgr.notests norandmaps nokaslr lpj=4000000 "      \
	"clearcpuid=rdrand,rdseed,fsrm,waitpkg,pku,amx_tile"

/* The path of the kernel, which is a PVH image like any other. */
int kvm_image_kernel(const struct project *project, char *path, struct vmfee_error *err);

/* The name of a file of project->kernel that such a machine runs, by number; NULL behind the last.
 */
const char *kvm_image_part(size_t number);

/*
 * Writes the initramfs of the level of the stack that is KVM, with `memory` MiB for the machine
 * that KVM makes unless the level says how many. Returns 0; or -1 with VMFEE_PLATFORM where
 * Debian's kernel or the launcher are not there, VMFEE_USAGE, VMFEE_IMAGE, VMFEE_DISK or
 * VMFEE_SYSTEM.
 */
int kvm_image_write(const char *path, const struct project *project, const struct stack *stack,
		    unsigned memory, struct vmfee_error *err);

#endif
