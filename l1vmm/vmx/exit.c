#include "l1vmm/vmx/exit.h"

#include <stddef.h>

#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/around.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/exit_path.h"
#include "l1vmm/vmx/panic.h"
#include "l1vmm/vmx/timer.h"

#define DETAIL_QUAL (-1)
#define DETAIL_ECX  VCPU_RCX
#define DETAIL_EAX  VCPU_RAX
#define DETAIL_NONE (int32_t)offsetof(struct vcpu, none)

const struct exit_row exit_table[EXIT_REASONS] = {
#define EXIT(number, NAME, COMPONENT, DETAIL, handle) \
	[number] = {                                  \
		.handler = exit_##handle,             \
		.detail = DETAIL_##DETAIL,            \
		.component = FEE_##COMPONENT,         \
		.name = #NAME,                        \
	},
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
};

#define EXIT(number, NAME, COMPONENT, DETAIL, handle) +1
_Static_assert(0
#include "l1vmm/vmx/exit_reasons.def"
		       == EXIT_REASONS,
	       "the table has no holes");
#undef EXIT

__attribute__((noinline)) enum exit_action serve_requests(struct vcpu *v, enum exit_action action)
{
	if ((v->requests & REQUEST_AROUND) && around_take(v))
		action = EXIT_RETRY;
	if (v->requests & REQUEST_EVENT)
		event_prepare(v, action == EXIT_ADVANCE);
	if (v->requests & REQUEST_TIMER)
		timer_prepare(v);
	if (v->requests & REQUEST_AROUND)
		around_prepare(v);
	return action;
}

/*
 * Outside 64-bit code EIP wraps.  This goes off the exit path and saves all registers itself, so
 * that the exit path need not for its sake.
 */
void set_rip(struct vcpu *v, uint64_t rip)
{
	vmcs_write(v, VMCS_GUEST_RIP, vcpu_in_64bit_code(v) ? rip : (uint32_t)rip);
}

/*
 * What is told in memory is not read from the VMCS, nor counted as that.  So where the instruction
 * is carried out, one VMWRITE is all that remains.
 */
static inline __attribute__((always_inline)) uint64_t told_detail(struct vcpu *v,
								  const struct exit_row *row)
{
	v->cost.vmreads -= USUAL_VMREADS;
	return row->detail < 0 ? v->told->qualification : read_detail(v, row);
}

/*
 * Handles one exit.  A template: `recorded` and `told` are constants in each of its copies.
 * What is in local variables too is there so that it need not be read back from memory.
 */
static inline __attribute__((always_inline)) void handle(struct vcpu *v, uint64_t tsc,
							 bool recorded, bool told)
{
	uint32_t reason = (uint32_t)(told ? v->told->reason : vmread(VMCS_EXIT_REASON));
	const struct exit_row *row;
	enum exit_action action;
	uint64_t rip, detail;

	v->reason = reason;
	if (unlikely(reason >= EXIT_REASONS))
		exit_without_row(v);
	row = &exit_table[reason];
	v->rip = rip = told ? v->told->rip : vmread(VMCS_GUEST_RIP);
	v->detail = detail = told ? told_detail(v, row) : read_detail(v, row);
	if (recorded)
		record_begin(v, tsc, reason, rip, detail);

	action = row->handler(v);
	if (unlikely(v->requests))
		action = serve_requests(v, action);
	if (action != EXIT_ADVANCE)
		uncount_advance(v, told);
	else if (told)
		advance_by(v, v->told->length);
	else
		advance(v);
	if (recorded)
		record_end(v);
}

void vmx_handle_exit(struct vcpu *v, uint64_t tsc)
{
	handle(v, tsc, true, false);
}

void vmx_handle_exit_quiet(struct vcpu *v)
{
	handle(v, 0, false, false);
}

void vmx_handle_exit_told(struct vcpu *v, uint64_t tsc)
{
	handle(v, tsc, true, true);
}

void vmx_handle_exit_told_quiet(struct vcpu *v)
{
	handle(v, 0, false, true);
}
