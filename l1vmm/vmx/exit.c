#include "l1vmm/vmx/exit.h"

#include <stddef.h>

#include "l1vmm/exits/exits.h"
#include "l1vmm/trace.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/panic.h"

#define unlikely(condition) __builtin_expect(!!(condition), 0)

#define DETAIL_QUAL (-1)
#define DETAIL_ECX  VCPU_RCX
#define DETAIL_EAX  VCPU_RAX
#define DETAIL_NONE (int32_t)offsetof(struct vcpu, none)

const struct exit_row exit_table[EXIT_REASONS] = {
#define EXIT(number, NAME, COMPONENT, DETAIL, handle)     \
	[number] = {                                      \
		.handler = exit_##handle,                 \
		.detail = DETAIL_##DETAIL,                \
		.component = FEE_##COMPONENT,             \
		.name = #NAME,                            \
	},
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
};

static inline uint64_t read_detail(struct vcpu *v, const struct exit_row *row)
{
	if (row->detail < 0)
		return vmcs_read(v, VMCS_EXIT_QUALIFICATION);
	return *(const uint32_t *)((const char *)v + row->detail);
}

/* Work that few entries have to wait for. */
static __attribute__((noinline)) void serve_requests(struct vcpu *v, enum exit_action action)
{
	if (v->requests & REQUEST_DRAIN) {
		v->requests &= ~(uint32_t)REQUEST_DRAIN;
		trace_drain(v);
	}
	if (v->requests & REQUEST_EVENT)
		event_prepare(v, action == EXIT_ADVANCE);
}

/* The first half of the record: what is known before the handler runs. */
static inline void record_begin(struct vcpu *v, struct exit_record *record, uint64_t tsc)
{
	uint64_t ids = v->record_id | (uint64_t)v->reason << 16;

	v->record = record;
	record->tsc = tsc;
	__builtin_memcpy(&record->id, &ids, sizeof(ids));
	record->rip = v->rip;
	record->qualification = v->detail;
	record->guest_ticks = tsc - v->entry_tsc;
}

/* Handles one exit.  A template: `recorded` is a constant in each of its two copies. */
static inline __attribute__((always_inline)) struct vcpu *handle(struct vcpu *v, uint64_t tsc,
								 bool recorded)
{
	struct exit_record *record = recorded ? telemetry_reserve(&v->telemetry) : NULL;
	const struct exit_row *row;
	enum exit_action action;

	v->reason = (uint32_t)vmcs_read(v, VMCS_EXIT_REASON);
	if (unlikely(v->reason >= EXIT_REASONS || !exit_table[v->reason].name))
		exit_without_row(v);
	row = &exit_table[v->reason];
	v->rip = vmcs_read(v, VMCS_GUEST_RIP);
	v->detail = read_detail(v, row);
	if (recorded)
		record_begin(v, record, tsc);

	action = row->handler(v);
	if (action == EXIT_ADVANCE)
		vmcs_write(v, VMCS_GUEST_RIP, v->rip + vmcs_read(v, VMCS_EXIT_INSTRUCTION_LEN));
	if (unlikely(v->requests))
		serve_requests(v, action);

	if (recorded) {
		exit_record_set_cost(record, &v->cost);
		if (unlikely(telemetry_commit(&v->telemetry)))
			v->requests |= REQUEST_DRAIN;
	}
	exit_cost_next(&v->cost);
	return v;
}

struct vcpu *vmx_handle_exit(struct vcpu *v, uint64_t tsc)
{
	return handle(v, tsc, true);
}

struct vcpu *vmx_handle_exit_quiet(struct vcpu *v)
{
	return handle(v, 0, false);
}
