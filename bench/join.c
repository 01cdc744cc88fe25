#include "bench/join.h"

#include "telemetry/fee.h"

#include <inttypes.h>
#include <stdlib.h>

static int check(const struct exit_record *record, struct vmfee_error *err)
{
	if (record->vcpu < JOIN_VCPUS && record->reason < JOIN_REASONS &&
	    exit_reason_name(record->reason) != NULL)
		return 0;
	return vmfee_fail(err, VMFEE_SYSTEM, "exit %u is of vCPU %u, reason %u", record->seq,
			  record->vcpu, record->reason);
}

int join_above(struct join *join, unsigned window, const struct exit_record *record,
	       struct vmfee_error *err)
{
	if (check(record, err) != 0)
		return -1;
	if (join->exits == join->room) {
		size_t room = join->room == 0 ? 1024 : 2 * join->room;
		struct join_exit *exit = reallocarray(join->exit, room, sizeof(exit[0]));
		if (exit == NULL)
			return vmfee_fail_errno(err, "exits to be joined");
		join->exit = exit;
		join->room = room;
	}
	join->exit[join->exits++] = (struct join_exit){
		.left = record->tsc,
		.entered = record->tsc + record->handled_ticks,
		.window = window,
		.reason = record->reason,
		.vcpu = record->vcpu,
	};
	return 0;
}

static struct join_sum *find_sum(struct join *join, const struct join_sum *key)
{
	struct join_sum *sum = join->sum;

	for (; sum < join->sum + join->sums; sum++)
		if (sum->window == key->window && sum->reason == key->reason)
			return sum;
	sum = reallocarray(join->sum, join->sums + 1, sizeof(sum[0]));
	if (sum == NULL)
		return NULL;
	join->sum = sum;
	sum += join->sums++;
	*sum = (struct join_sum){
		.window = key->window, .reason = key->reason, .shortest = UINT64_MAX};
	return sum;
}

static struct join_part *find_part(struct join *join, const struct join_part *key)
{
	struct join_part *part = join->part;

	for (; part < join->part + join->parts; part++)
		if (part->window == key->window && part->reason == key->reason &&
		    part->beneath == key->beneath)
			return part;
	part = reallocarray(join->part, join->parts + 1, sizeof(part[0]));
	if (part == NULL)
		return NULL;
	join->part = part;
	part += join->parts++;
	*part = *key;
	part->count = 0;
	part->handled_ticks = 0;
	return part;
}

/* Adds an exit that has been handled to the sums. */
static int close_exit(struct join *join, struct join_vcpu *vcpu, struct vmfee_error *err)
{
	struct join_sum *sum = find_sum(join, &vcpu->sum);

	if (sum == NULL)
		return vmfee_fail_errno(err, "joined exits");
	sum->count++;
	sum->stays += vcpu->sum.stays;
	sum->stay_ticks += vcpu->sum.stay_ticks;
	if (vcpu->sum.shortest < sum->shortest)
		sum->shortest = vcpu->sum.shortest;
	for (size_t i = 0; i < vcpu->parts; i++) {
		struct join_part *part = find_part(join, &vcpu->part[i]);
		if (part == NULL)
			return vmfee_fail_errno(err, "joined exits");
		part->count += vcpu->part[i].count;
		part->handled_ticks += vcpu->part[i].handled_ticks;
	}
	vcpu->open = false;
	return 0;
}

/* Takes an exit of the lower level to what the open one takes. */
static void charge(struct join_vcpu *vcpu, const struct exit_record *record)
{
	struct join_part *part = vcpu->part;

	while (part < vcpu->part + vcpu->parts && part->beneath != record->reason)
		part++;
	if (part == vcpu->part + vcpu->parts) {
		vcpu->parts++;
		*part = (struct join_part){.window = vcpu->sum.window,
					   .reason = vcpu->sum.reason,
					   .beneath = record->reason};
	}
	part->count++;
	part->handled_ticks += record->handled_ticks;
}

static void charge_stay(struct join_sum *sum, uint64_t ticks)
{
	sum->stays++;
	sum->stay_ticks += ticks;
	if (ticks < sum->shortest)
		sum->shortest = ticks;
}

/* The next exit that the upper level recorded on this vCPU, or NULL. */
static const struct join_exit *next_exit(struct join *join, uint8_t number)
{
	struct join_vcpu *vcpu = &join->vcpu[number];

	while (vcpu->next < join->exits && join->exit[vcpu->next].vcpu != number)
		vcpu->next++;
	return vcpu->next < join->exits ? &join->exit[vcpu->next] : NULL;
}

/* The one before has been entered from where the lower level goes back into the guest's guest. */
static int end_exit(struct join *join, struct join_vcpu *vcpu, const struct exit_record *record,
		    struct vmfee_error *err)
{
	const struct join_exit *exit = &join->exit[vcpu->next - 1];

	if (record->tsc < exit->entered)
		return vmfee_fail(err, VMFEE_SYSTEM,
				  "exit %u beneath enters at %" PRIu64
				  ", the level above only at %" PRIu64,
				  record->seq, record->tsc, exit->entered);
	return close_exit(join, vcpu, err);
}

static int begin_exit(struct join *join, struct join_vcpu *vcpu, const struct exit_record *record,
		      struct vmfee_error *err)
{
	const struct join_exit *exit = next_exit(join, record->vcpu);

	if (vcpu->open)
		return vmfee_fail(err, VMFEE_SYSTEM,
				  "exit %u beneath is delivered before the one before it is "
				  "entered from",
				  record->seq);
	if (exit == NULL || exit->reason != record->qualification || exit->left < record->tsc)
		return vmfee_fail(err, VMFEE_SYSTEM,
				  "exit %u beneath, at %" PRIu64 ", delivers reason %" PRIu64
				  ": the level above has no such exit behind it",
				  record->seq, record->tsc, record->qualification);
	vcpu->next++;
	vcpu->open = true;
	vcpu->parts = 0;
	vcpu->sum = (struct join_sum){
		.window = exit->window, .reason = exit->reason, .shortest = UINT64_MAX};
	return 0;
}

int join_beneath(struct join *join, const struct exit_record *record, struct vmfee_error *err)
{
	struct join_vcpu *vcpu;
	bool charged = false;

	if (check(record, err) != 0)
		return -1;
	vcpu = &join->vcpu[record->vcpu];
	if (vcpu->open) {
		charge(vcpu, record);
		charge_stay(&vcpu->sum, record->guest_ticks);
		charged = true;
		if (record->nested_entries > 0 && end_exit(join, vcpu, record, err) != 0)
			return -1;
	}
	if (!(record->flags & RECORD_F_DELIVERED))
		return 0;
	if (begin_exit(join, vcpu, record, err) != 0)
		return -1;
	/* What an entry delivers at once has been charged to the exit before. */
	if (!charged)
		charge(vcpu, record);
	return 0;
}

static int compare_sums(const void *a, const void *b)
{
	const struct join_sum *left = a;
	const struct join_sum *right = b;

	if (left->window != right->window)
		return left->window < right->window ? -1 : 1;
	return (left->reason > right->reason) - (left->reason < right->reason);
}

static int compare_parts(const void *a, const void *b)
{
	const struct join_part *left = a;
	const struct join_part *right = b;

	if (left->window != right->window)
		return left->window < right->window ? -1 : 1;
	if (left->reason != right->reason)
		return left->reason < right->reason ? -1 : 1;
	return (left->beneath > right->beneath) - (left->beneath < right->beneath);
}

int join_end(struct join *join, struct vmfee_error *err)
{
	for (unsigned i = 0; i < JOIN_VCPUS; i++) {
		const struct join_exit *exit = next_exit(join, (uint8_t)i);
		if (exit != NULL)
			return vmfee_fail(err, VMFEE_SYSTEM,
					  "nothing beneath delivered the exit at %" PRIu64
					  ", reason %u",
					  exit->left, exit->reason);
	}
	if (join->sums > 0)
		qsort(join->sum, join->sums, sizeof(join->sum[0]), compare_sums);
	if (join->parts > 0)
		qsort(join->part, join->parts, sizeof(join->part[0]), compare_parts);
	return 0;
}

void join_free(struct join *join)
{
	free(join->exit);
	free(join->sum);
	free(join->part);
	*join = (struct join){0};
}
