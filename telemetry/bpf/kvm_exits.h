/*
 * What the BPF programs on a KVM L0 and their loader share.
 */
#ifndef TELEMETRY_BPF_KVM_EXITS_H
#define TELEMETRY_BPF_KVM_EXITS_H

#include <stdint.h>

enum {
	KVM_EXITS_MAX_VCPUS = 8,
	KVM_EXITS_REASONS = 128, /* a power of two, above any basic exit reason */
	KVM_EXITS_BUCKETS = 32,	 /* floor(log2(ticks)); the last takes what is longer */
	KVM_EXITS_RING = 1 << 22,
};

/* Of one processor: what records do not carry, or what is left of those that found no room. */
struct kvm_exits_counts {
	uint64_t records, dropped;
	uint64_t delivered[KVM_EXITS_REASONS]; /* exits that KVM delivered to a guest hypervisor */
	uint64_t interrupts;		       /* kvm_nested_intr_vmexit */
};

/* How long exits took to be handled, by reason. */
struct kvm_exits_histogram {
	uint64_t bucket[KVM_EXITS_BUCKETS];
};

#endif
