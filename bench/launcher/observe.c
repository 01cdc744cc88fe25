#include "bench/launcher/observe.h"
#include "bench/launcher/programs.h"

#include "telemetry/bpf/kvm_exits.h"
#include "telemetry/bpf/kvm_exits.skel.h"
#include "telemetry/fee.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* PROC_PID_INIT_INO of the kernel. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFCu

struct observe {
	struct kvm_exits *programs;
	struct ring_buffer *ring;
	int processors;
	struct packer *packer;	 /* while the ring is drained */
	struct vmfee_error *err; /* likewise */
	unsigned room;		 /* likewise: for so many records */
	bool behind;		 /* that was not enough */
	bool interrupts;	 /* the kernel has an event for them */
	int counts, histograms;	 /* the maps */
};

/* Has libbpf end its look at the ring, behind this record. */
enum { ENOUGH = -EAGAIN };

static int take_record(void *ctx, void *data, size_t size)
{
	struct observe *observe = ctx;

	/* Records are the programs', of this size. */
	if (size < sizeof(struct exit_record))
		return 0;
	if (packer_add(observe->packer, data, observe->err) != 0)
		return -EIO;
	return --observe->room == 0 ? ENOUGH : 0;
}

/* What libbpf has to say comes back as one line, in `why`. */
static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static void explain(int number, const char *step, char *why, size_t size)
{
	const char *remedy = "";

	if (number == EPERM)
		remedy = ": run as root, or with CAP_BPF and CAP_PERFMON, on a kernel that is not "
			 "locked down";
	else if (number == EACCES)
		remedy = ": this kernel's verifier refuses them";
	else if (access("/sys/kernel/btf/vmlinux", R_OK) != 0)
		remedy = ": the kernel has no BTF (CONFIG_DEBUG_INFO_BTF)";
	else if (number == ENOENT)
		remedy = ": mount tracefs at /sys/kernel/tracing, and load KVM with its "
			 "tracepoints";
	snprintf(why, size, "BPF programs: %s: %s%s", step, strerror(number), remedy);
}

static int load(struct observe *observe, char *why, size_t size)
{
	struct stat namespace;

	observe->programs = programs_open();
	if (observe->programs == NULL) {
		explain(errno, "open", why, size);
		return -1;
	}
	if (stat("/proc/self/ns/pid", &namespace) != 0) {
		explain(errno, "/proc", why, size);
		return -1;
	}
	observe->programs->rodata->process = (uint32_t)getpid();
	if (namespace.st_ino != FIRST_PID_NAMESPACE) {
		observe->programs->rodata->namespace_device = namespace.st_dev;
		observe->programs->rodata->namespace_inode = namespace.st_ino;
	}
	int failed = programs_load(observe->programs);
	if (failed) {
		explain(-failed, "load", why, size);
		return -1;
	}
	failed = programs_attach(observe->programs);
	if (failed) {
		explain(-failed, "attach", why, size);
		return -1;
	}
	observe->interrupts = programs_attach_interrupts(observe->programs) == 0;
	observe->counts = bpf_map__fd(observe->programs->maps.counts);
	observe->histograms = bpf_map__fd(observe->programs->maps.histograms);
	observe->processors = libbpf_num_possible_cpus();
	observe->ring = ring_buffer__new(bpf_map__fd(observe->programs->maps.ring), take_record,
					 observe, NULL);
	if (observe->ring == NULL || observe->processors < 1) {
		explain(errno, "map", why, size);
		return -1;
	}
	return 0;
}

struct observe *observe_open(char *why, size_t size)
{
	struct observe *observe = calloc(1, sizeof(*observe));

	libbpf_set_print(silent);
	if (observe == NULL) {
		snprintf(why, size, "BPF programs: %s", strerror(errno));
		return NULL;
	}
	if (load(observe, why, size) == 0)
		return observe;
	observe_close(observe);
	return NULL;
}

int observe_drain(struct observe *observe, struct packer *packer, struct vmfee_error *err)
{
	observe->packer = packer;
	observe->err = err;
	observe->room = KVM_EXITS_RING / sizeof(struct exit_record);
	int taken = ring_buffer__consume(observe->ring);
	observe->behind = taken == ENOUGH;
	if (taken >= 0 || observe->behind)
		return 0;
	return vmfee_fail(err, VMFEE_SYSTEM, "BPF ring: %s", strerror(-taken));
}

bool observe_is_behind(const struct observe *observe)
{
	return observe->behind;
}

/* Adds up what each processor has of an entry, as so many numbers. */
static int sum(const struct observe *observe, int map, uint32_t key, uint64_t *total,
	       size_t numbers, struct vmfee_error *err)
{
	size_t processors = (size_t)observe->processors;
	uint64_t *each = calloc(processors * numbers, sizeof(each[0]));

	memset(total, 0, numbers * sizeof(total[0]));
	if (each == NULL || bpf_map_lookup_elem(map, &key, each) != 0) {
		free(each);
		return vmfee_fail_errno(err, "a map of the BPF programs");
	}
	for (size_t i = 0; i < processors * numbers; i++)
		total[i % numbers] += each[i];
	free(each);
	return 0;
}

static void print_histogram(const struct ports_output *output, const char *reason,
			    const struct kvm_exits_histogram *histogram)
{
	char line[400] = "";
	size_t used = 0;

	for (int i = 0; i < KVM_EXITS_BUCKETS; i++)
		if (histogram->bucket[i] > 0 && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%dx%" PRIu64,
						 used == 0 ? "" : ",", i, histogram->bucket[i]);
	if (used > 0)
		output_line(output, "@handled reason=%s log2=%s", reason, line);
}

int observe_summarize(struct observe *observe, const struct ports_output *output,
		      struct vmfee_error *err)
{
	struct kvm_exits_counts counts;
	struct kvm_exits_histogram histogram;

	if (sum(observe, observe->counts, 0, (uint64_t *)&counts, sizeof(counts) / 8, err) != 0)
		return -1;
	for (uint32_t i = 0; i < KVM_EXITS_REASONS; i++) {
		const char *name = exit_reason_name((uint16_t)i);
		if (name == NULL)
			continue;
		if (counts.delivered[i] > 0)
			output_line(output, "@delivered reason=%s count=%" PRIu64, name,
				    counts.delivered[i]);
		if (sum(observe, observe->histograms, i, (uint64_t *)&histogram, KVM_EXITS_BUCKETS,
			err) != 0)
			return -1;
		print_histogram(output, name, &histogram);
	}
	if (counts.records + counts.dropped == 0) {
		output_line(output, "l1vmm-launch: BPF programs: this KVM tells of none of its "
				    "exits: take kvm_intel; the run goes on without");
		return 0;
	}
	output_line(output, "@switch name=observe-dropped value=%" PRIu64, counts.dropped);
	if (!observe->interrupts)
		output_line(output, "l1vmm-launch: BPF programs: this kernel has no event "
				    "kvm_nested_intr_vmexit; the run goes on without");
	output_line(output,
		    "@observed records=%" PRIu64 " dropped=%" PRIu64 " packets=%" PRIu64
		    " interrupts=%" PRIu64,
		    counts.records, counts.dropped, observe->packer->packets, counts.interrupts);
	return 0;
}

void observe_close(struct observe *observe)
{
	if (observe == NULL)
		return;
	ring_buffer__free(observe->ring);
	programs_destroy(observe->programs);
	free(observe);
}
