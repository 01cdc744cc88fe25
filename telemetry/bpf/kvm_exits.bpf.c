/*
 * Exits as a KVM L0 takes them: one record from kvm_exit to the next kvm_entry, in the format of
 * every other exit here.  Loaded by bench/launcher/observe.c, for its own process only.
 *
 * The structures name what is read of the kernel's; CO-RE finds it where the running kernel has it.
 */
#include <stdbool.h>

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "telemetry/bpf/kvm_exits.h"
#include "telemetry/record.h"

#define CORE __attribute__((preserve_access_index))

struct trace_event_raw_kvm_exit {
	unsigned int exit_reason;
	unsigned long guest_rip;
	__u64 info1;
	unsigned int vcpu_id;
} CORE;

struct kvm_vcpu_arch {
	__u64 last_guest_tsc;
	__u32 virtual_tsc_khz;
} CORE;

struct kvm_vcpu {
	int vcpu_id;
	struct kvm_vcpu_arch arch;
} CORE;

/*
 * The VMM's process, as its own PID namespace numbers it, and that namespace; 0 is the first one,
 * for which asking is cheap.  Set before the programs are loaded.
 */
const volatile __u32 process = 0;
const volatile __u64 namespace_device = 0, namespace_inode = 0;

struct state {
	struct exit_record record;
	__u64 left, entered; /* of CLOCK_MONOTONIC, in ns */
	bool open;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KVM_EXITS_MAX_VCPUS);
	__type(key, __u32);
	__type(value, struct state);
} states SEC(".maps");

/* The vCPU that a processor runs: not every event tells. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} current_vcpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kvm_exits_counts);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KVM_EXITS_REASONS);
	__type(key, __u32);
	__type(value, struct kvm_exits_histogram);
} histograms SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, KVM_EXITS_RING);
} ring SEC(".maps");

char LICENSE[] SEC("license") = "GPL";

static const __u32 zero = 0;

static bool is_ours(void)
{
	struct bpf_pidns_info info = {0};

	if (namespace_inode == 0)
		return bpf_get_current_pid_tgid() >> 32 == process;
	return bpf_get_ns_current_pid_tgid(namespace_device, namespace_inode, &info,
					   sizeof(info)) == 0 &&
	       info.tgid == process;
}

static struct state *state_of_current(void)
{
	const __u32 *vcpu = is_ours() ? bpf_map_lookup_elem(&current_vcpu, &zero) : NULL;

	return vcpu ? bpf_map_lookup_elem(&states, vcpu) : NULL;
}

static void count_dropped(void)
{
	struct kvm_exits_counts *mine = bpf_map_lookup_elem(&counts, &zero);

	if (mine)
		mine->dropped++;
}

SEC("tp/kvm/kvm_exit")
int on_exit(struct trace_event_raw_kvm_exit *event)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 vcpu = event->vcpu_id;
	struct state *state;

	if (!is_ours())
		return 0;
	state = bpf_map_lookup_elem(&states, &vcpu);
	if (!state)
		return 0;
	bpf_map_update_elem(&current_vcpu, &zero, &vcpu, BPF_ANY);
	/* No entry was seen behind the last one: the kernel skips a program where another one runs.
	 */
	if (state->open)
		count_dropped();
	state->left = now;
	state->open = true;
	state->record.vcpu = (__u8)vcpu;
	/* The upper half says more about a failed entry, and which mode was left. */
	state->record.reason = (__u16)event->exit_reason;
	state->record.flags = 0;
	state->record.nested_entries = 0;
	state->record.rip = event->guest_rip;
	state->record.qualification = event->info1;
	state->record.seq++;
	return 0;
}

/* Raw where nothing is taken of the event but its arguments: perf's copy of it costs more. */
SEC("raw_tp/kvm_nested_vmexit")
int on_nested_vmexit(void *event)
{
	struct state *state = state_of_current();

	(void)event;
	if (state)
		state->record.flags |= RECORD_F_NESTED;
	return 0;
}

static void deliver(__u32 reason)
{
	struct state *state = state_of_current();
	struct kvm_exits_counts *count = bpf_map_lookup_elem(&counts, &zero);

	if (!state || !count)
		return;
	/* The basic reason; the bits above it say how an entry failed. */
	reason &= KVM_EXITS_REASONS - 1;
	state->record.flags |= RECORD_F_DELIVERED;
	state->record.qualification = reason;
	count->delivered[reason]++;
}

SEC("raw_tp/kvm_nested_vmexit_inject")
int on_nested_vmexit_inject(struct bpf_raw_tracepoint_args *event)
{
	deliver((__u32)event->args[0]);
	return 0;
}

/*
 * An interrupt for the guest hypervisor is about to end its guest's turn.  KVM delivers the exit by
 * the event above, too.  Not every kernel has this one, and only KVM for AMD lets it happen.
 */
SEC("raw_tp/kvm_nested_intr_vmexit")
int on_nested_intr_vmexit(void *event)
{
	struct kvm_exits_counts *count = is_ours() ? bpf_map_lookup_elem(&counts, &zero) : NULL;

	(void)event;
	if (count)
		count->interrupts++;
	return 0;
}

SEC("raw_tp/kvm_nested_vmenter")
int on_nested_vmenter(void *event)
{
	struct state *state = state_of_current();

	(void)event;
	if (state)
		state->record.nested_entries++;
	return 0;
}

static __u32 log2_of(__u64 ticks)
{
	__u32 bucket = 0;

	for (__u32 bits = 32; bits; bits /= 2) {
		if (ticks >> bits) {
			ticks >>= bits;
			bucket += bits;
		}
	}
	return bucket < KVM_EXITS_BUCKETS ? bucket : KVM_EXITS_BUCKETS - 1;
}

static void count(const struct exit_record *record, bool kept)
{
	__u32 reason = record->reason;
	__u32 bucket = log2_of(record->handled_ticks);
	struct kvm_exits_counts *mine = bpf_map_lookup_elem(&counts, &zero);
	struct kvm_exits_histogram *histogram = bpf_map_lookup_elem(&histograms, &reason);

	if (mine && kept)
		mine->records++;
	else if (mine)
		mine->dropped++;
	if (histogram && bucket < KVM_EXITS_BUCKETS)
		histogram->bucket[bucket]++;
}

/* Nobody is woken: the launcher looks by itself. */
static bool send(const struct exit_record *record)
{
	struct exit_record *room = bpf_ringbuf_reserve(&ring, sizeof(*room), 0);

	if (!room)
		return false;
	*room = *record;
	bpf_ringbuf_submit(room, BPF_RB_NO_WAKEUP);
	return true;
}

SEC("tp_btf/kvm_entry")
int on_entry(__u64 *event)
{
	const struct kvm_vcpu *vcpu = (void *)event[0];
	struct state *state;
	__u64 khz, now;
	__u32 id;

	if (!is_ours())
		return 0;
	id = (__u32)vcpu->vcpu_id;
	state = bpf_map_lookup_elem(&states, &id);
	if (!state)
		return 0;
	now = bpf_ktime_get_ns();
	if (state->open) {
		khz = vcpu->arch.virtual_tsc_khz;
		/* KVM has read it behind the exit: the guest's own clock. */
		state->record.tsc = vcpu->arch.last_guest_tsc;
		state->record.handled_ticks = (now - state->left) * khz / 1000000;
		state->record.guest_ticks =
			state->entered ? (state->left - state->entered) * khz / 1000000 : 0;
		count(&state->record, send(&state->record));
		state->open = false;
	}
	state->entered = now;
	return 0;
}
