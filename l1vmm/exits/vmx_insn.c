/* VMX instructions of a guest that is a hypervisor; without VMX they are undefined. */
#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/exits/guest_access.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/ipi.h"
#include "l1vmm/vmx/nested.h"
#include "nesting/link.h"
#include "nesting/operand.h"

/*
 * What the processor leaves to be checked when such an instruction exits: whether there is VMX
 * operation, and the privilege level.  The mode it has checked itself (SDM volume 3, 26.1.1).
 */
static bool permitted(struct vcpu *v)
{
	if (!v->nested || !v->nested->vmx.on)
		event_ud(v);
	else if (vcpu_cpl(v))
		event_gp(v);
	else
		return true;
	return false;
}

static enum exit_action finish(struct vcpu *v, int outcome)
{
	nested_finish(v, outcome);
	return EXIT_ADVANCE;
}

/* The same where L1's current VMCS, or a field of it, may be another now. */
static enum exit_action finish_current(struct vcpu *v, int outcome)
{
	if (v->nested->shadowing)
		nested_shadow_follow(v);
	return finish(v, outcome);
}

/* Outside 64-bit code a register operand has 32 bits. */
static uint64_t register_operand(struct vcpu *v, enum gpr reg)
{
	uint64_t value = vcpu_register(v, reg);

	return value >> 32 && !vcpu_in_64bit_code(v) ? (uint32_t)value : value;
}

static void segment_state(struct vcpu *v, enum operand_segment segment, bool code64,
			  struct operand_segment_state *state)
{
	state->base = vmcs_read(v, VMCS_GUEST_ES_BASE + 2 * segment);
	if (code64)
		return;
	state->limit = (uint32_t)vmcs_read(v, VMCS_GUEST_ES_LIMIT + 2 * segment);
	state->rights = (uint32_t)vmcs_read(v, VMCS_GUEST_ES_AR_BYTES + 2 * segment);
}

/* The linear address of a memory operand; false where the guest has been given a fault. */
static bool find_operand(struct vcpu *v, uint32_t info, unsigned size, bool write, uint64_t *linear)
{
	enum operand_segment segment = OPERAND_SEGMENT(info);
	struct operand_segment_state state = {0};
	bool code64 = vcpu_in_64bit_code(v);

	v->regs[RSP] = vmcs_read(v, VMCS_GUEST_RSP);
	segment_state(v, segment, code64, &state);
	switch (operand_linear(segment, &state, code64, operand_offset(info, v->detail, v->regs),
			       size, write, linear)) {
	case OPERAND_OK:
		return true;
	case OPERAND_GP:
		event_gp(v);
		break;
	case OPERAND_SS_FAULT:
		event_exception(v, VECTOR_SS, 0);
		break;
	}
	return false;
}

static bool read_operand(struct vcpu *v, uint32_t info, void *to, unsigned size)
{
	struct guest_view view;
	uint64_t linear;

	if (!find_operand(v, info, size, false, &linear))
		return false;
	guest_view_init(&view, v);
	return guest_read(&view, linear, 0, to, size);
}

static bool write_operand(struct vcpu *v, uint32_t info, const void *from, unsigned size)
{
	struct guest_view view;
	uint64_t linear;

	if (!find_operand(v, info, size, true, &linear))
		return false;
	guest_view_init(&view, v);
	return guest_write(&view, linear, from, size);
}

static uint32_t instruction_info(struct vcpu *v)
{
	return (uint32_t)vmcs_read(v, VMCS_EXIT_INSTRUCTION_INFO);
}

/* An instruction whose one operand is the address of a region. */
static enum exit_action with_pointer(struct vcpu *v,
				     int (*instruction)(struct nested *n, uint64_t gpa))
{
	uint64_t gpa;

	if (!permitted(v) || !read_operand(v, instruction_info(v), &gpa, sizeof(gpa)))
		return EXIT_RETRY;
	return finish_current(v, instruction(&v->nested->vmx, gpa));
}

/* Outside VMX operation the control registers must be fit for it: SDM volume 3, 24.8. */
static bool may_start(struct vcpu *v)
{
	const struct vmx_capabilities *c = &v->nested->vmx.offered;

	return !vcpu_cpl(v) && !(c->cr0_fixed0 & ~guest_read_cr0(v)) &&
	       !(c->cr4_fixed0 & ~guest_read_cr4(v));
}

enum exit_action exit_vmxon(struct vcpu *v)
{
	uint64_t gpa;

	if (!v->nested || !(guest_read_cr4(v) & CR4_VMXE))
		return event_ud(v);
	if (v->nested->vmx.on)
		return permitted(v)
			       ? finish(v, nested_fail(&v->nested->vmx, NESTED_ERROR_VMXON_IN_ROOT))
			       : EXIT_RETRY;
	if (!may_start(v))
		return event_gp(v);
	if (!read_operand(v, instruction_info(v), &gpa, sizeof(gpa)))
		return EXIT_RETRY;
	return finish(v, nested_vmxon(&v->nested->vmx, gpa));
}

enum exit_action exit_vmxoff(struct vcpu *v)
{
	if (!permitted(v))
		return EXIT_RETRY;
	nested_vmxoff(&v->nested->vmx);
	finish_current(v, NESTED_SUCCEED);
	if (!ipi_has_init(v))
		return EXIT_ADVANCE;
	ipi_take_signals(v);
	return EXIT_RETRY;
}

enum exit_action exit_vmclear(struct vcpu *v)
{
	return with_pointer(v, nested_vmclear);
}

enum exit_action exit_vmptrld(struct vcpu *v)
{
	return with_pointer(v, nested_vmptrld);
}

enum exit_action exit_vmptrst(struct vcpu *v)
{
	if (!permitted(v) || !write_operand(v, instruction_info(v), &v->nested->vmx.current,
					    sizeof(v->nested->vmx.current)))
		return EXIT_RETRY;
	return finish(v, NESTED_SUCCEED);
}

/* Apart, because few hypervisors read to memory and the others need not pay for it. */
static __attribute__((noinline)) enum exit_action vmread_to_memory(struct vcpu *v, uint32_t info,
								   uint64_t value)
{
	if (!write_operand(v, info, &value, vcpu_in_64bit_code(v) ? 8 : 4))
		return EXIT_RETRY;
	return finish(v, NESTED_SUCCEED);
}

/* Which field an access was to is what tells it from others: it stands in the exit's record. */
static uint64_t field_operand(struct vcpu *v, uint32_t info)
{
	uint64_t field = register_operand(v, OPERAND_REGISTER_2(info));

	v->telemetry.cur->qualification = field;
	return field;
}

uint64_t vmcs_access_field(struct vcpu *v)
{
	return field_operand(v, instruction_info(v));
}

/* A template: `of_l2` is a constant in each of its copies, as VMREADs of L1's are what exits most.
 */
static inline __attribute__((always_inline)) enum exit_action read_field(struct vcpu *v, bool of_l2)
{
	uint64_t value = 0, field;
	uint32_t info;
	int outcome;

	if (!permitted(v))
		return EXIT_RETRY;
	info = instruction_info(v);
	field = field_operand(v, info);
	outcome = of_l2 ? link_read(&v->nested->vmx, field, &value)
			: nested_vmread(&v->nested->vmx, field, &value);
	if (outcome != NESTED_SUCCEED)
		return finish(v, outcome);
	if (!(info & OPERAND_IS_REGISTER))
		return vmread_to_memory(v, info, value);
	vcpu_set_register(v, OPERAND_REGISTER_1(info), value);
	return finish(v, NESTED_SUCCEED);
}

enum exit_action exit_vmread(struct vcpu *v)
{
	return read_field(v, false);
}

/* The value that VMWRITE writes; false where the guest has been given a fault. */
static inline __attribute__((always_inline)) bool written_value(struct vcpu *v, uint32_t info,
								uint64_t *value)
{
	if (info & OPERAND_IS_REGISTER) {
		*value = register_operand(v, OPERAND_REGISTER_1(info));
		return true;
	}
	return read_operand(v, info, value, vcpu_in_64bit_code(v) ? 8 : 4);
}

enum exit_action exit_vmwrite(struct vcpu *v)
{
	uint64_t value = 0;
	uint32_t info;

	if (!permitted(v))
		return EXIT_RETRY;
	info = instruction_info(v);
	if (!written_value(v, info, &value))
		return EXIT_RETRY;
	return finish_current(v, nested_vmwrite(&v->nested->vmx, field_operand(v, info), value));
}

enum exit_action vmread_of_l2(struct vcpu *v)
{
	return read_field(v, true);
}

enum exit_action vmwrite_of_l2(struct vcpu *v)
{
	uint64_t value = 0;
	uint32_t info;

	if (!permitted(v))
		return EXIT_RETRY;
	info = instruction_info(v);
	if (!written_value(v, info, &value))
		return EXIT_RETRY;
	return finish(v, link_write(&v->nested->vmx, field_operand(v, info), value));
}

static enum exit_action enter(struct vcpu *v, bool launch)
{
	uint64_t blocking;
	int outcome;

	if (!permitted(v))
		return EXIT_RETRY;
	blocking = vmcs_read(v, VMCS_GUEST_INTERRUPTIBILITY);
	v->nested->nmi_blocked = blocking & BLOCKING_BY_NMI;
	outcome = nested_entry_start(&v->nested->vmx, launch, blocking & BLOCKING_BY_MOV_SS);
	if (outcome != NESTED_SUCCEED)
		return finish(v, outcome);
	return nested_enter(v, launch);
}

enum exit_action exit_vmlaunch(struct vcpu *v)
{
	return enter(v, true);
}

enum exit_action exit_vmresume(struct vcpu *v)
{
	return enter(v, false);
}

static enum exit_action invalidate(struct vcpu *v,
				   int (*instruction)(struct nested *n, uint64_t type,
						      const uint64_t descriptor[2]))
{
	uint64_t descriptor[2];
	uint32_t info;

	if (!permitted(v))
		return EXIT_RETRY;
	info = instruction_info(v);
	if (!read_operand(v, info, descriptor, sizeof(descriptor)))
		return EXIT_RETRY;
	return finish(v, instruction(&v->nested->vmx, register_operand(v, OPERAND_REGISTER_2(info)),
				     descriptor));
}

enum exit_action exit_invept(struct vcpu *v)
{
	return invalidate(v, nested_invept);
}

enum exit_action exit_invvpid(struct vcpu *v)
{
	return invalidate(v, nested_invvpid);
}
