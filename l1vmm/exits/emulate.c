#include "l1vmm/exits/emulate.h"

#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/guest_access.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/timer.h"

/* The instruction at hand. */
struct emulation {
	struct guest_view view;
	/*
	 * It edits a page table, at `gpa`, of a guest that has one vCPU (mmu=shadow): nobody comes
	 * between a read of memory and the write to it.  Where others could, what is read to be
	 * written is a device; if it is memory by now, because one of them has changed the guest's
	 * tables, the guest tries again.
	 */
	bool edits;
	uint64_t gpa;
};

static bool is_ioapic(uint64_t gpa)
{
	return gpa >= IOAPIC_BASE && gpa < IOAPIC_BASE + IOAPIC_SIZE;
}

/* Most of what is emulated goes to memory, where no device lies. */
static bool is_device(const struct vcpu *v, uint64_t gpa)
{
	return gpa >= v->vm->memory.size && (lapic_at(&v->lapic, gpa) || is_ioapic(gpa));
}

/*
 * Where the two lie at one place, the processor's own comes first.  To read it can interrupt: a
 * count that is over, an error.
 */
static uint32_t read_device(struct vcpu *v, uint64_t gpa)
{
	uint32_t value;

	if (!lapic_at(&v->lapic, gpa))
		return chipset_read_ioapic(v, (uint32_t)(gpa - IOAPIC_BASE));
	value = lapic_read_page(&v->lapic, gpa & (LAPIC_PAGE_BYTES - 1));
	apic_changed(v);
	return value;
}

static void write_device(struct vcpu *v, uint64_t gpa, uint32_t value)
{
	if (lapic_at(&v->lapic, gpa)) {
		timer_settle(v);
		lapic_write_page(&v->lapic, gpa & (LAPIC_PAGE_BYTES - 1), value);
		apic_changed(v);
	} else {
		chipset_write_ioapic(v, (uint32_t)(gpa - IOAPIC_BASE), value);
	}
}

/* Guest-physical address behind an access of the instruction. */
static enum insn_access_status locate(struct guest_view *view, const struct insn_access *access,
				      uint64_t *gpa)
{
	return guest_translate(view, access->linear, access->write ? PF_W : 0, gpa)
		       ? INSN_ACCESS_OK
		       : INSN_ACCESS_FAULT;
}

static enum insn_access_status read_memory(void *ctx, const struct insn_access *access,
					   uint64_t value[2])
{
	struct emulation *emulation = ctx;
	struct guest_view *view = &emulation->view;
	uint64_t gpa;

	if (locate(view, access, &gpa))
		return INSN_ACCESS_FAULT;
	if (is_device(view->v, gpa)) {
		value[0] = read_device(view->v, gpa);
		return INSN_ACCESS_OK;
	}
	return guest_read_at(view, access->linear, gpa, access->write ? PF_W : 0, value,
			     access->size) &&
			       (!access->write || emulation->edits)
		       ? INSN_ACCESS_OK
		       : INSN_ACCESS_FAULT;
}

static enum insn_access_status store(struct emulation *emulation, const struct insn_access *access,
				     const uint64_t value[2], bool to_memory)
{
	struct guest_view *view = &emulation->view;
	uint64_t gpa;

	if (locate(view, access, &gpa))
		return INSN_ACCESS_FAULT;
	if (is_device(view->v, gpa)) {
		write_device(view->v, gpa, (uint32_t)value[0]);
		return INSN_ACCESS_OK;
	}
	return to_memory && guest_write_at(view, access->linear, gpa, value, access->size)
		       ? INSN_ACCESS_OK
		       : INSN_ACCESS_FAULT;
}

static enum insn_access_status write_memory(void *ctx, const struct insn_access *access,
					    const uint64_t value[2])
{
	return store(ctx, access, value, true);
}

static enum insn_access_status exchange_memory(void *ctx, const struct insn_access *access,
					       uint64_t expected[2], const uint64_t desired[2])
{
	struct emulation *emulation = ctx;

	(void)expected;
	return store(emulation, access, desired, emulation->edits);
}

static bool pause(void *ctx)
{
	const struct emulation *emulation = ctx;

	return emulation->edits && !mmu_watches(&emulation->view.v->mmu, emulation->gpa);
}

static bool decode(struct guest_view *view, struct insn *insn, enum insn_decode_status *status)
{
	uint8_t code[INSN_MAX_LENGTH];
	size_t size = 0;
	enum insn_mode mode = guest_code_mode(view->v);

	if (!guest_fetch(view, code, &size))
		return false;
	*status = insn_decode(code, size, mode, insn);
	if (*status != INSN_TRUNCATED)
		return true;
	size = INSN_MAX_LENGTH;
	if (!guest_fetch(view, code, &size))
		return false;
	*status = insn_decode(code, size, mode, insn);
	return true;
}

static void execute(struct emulation *emulation, const struct insn *insn)
{
	static const enum vmcs_field bases[INSN_SEGMENTS] = {
		[INSN_ES] = VMCS_GUEST_ES_BASE, [INSN_CS] = VMCS_GUEST_CS_BASE,
		[INSN_SS] = VMCS_GUEST_SS_BASE, [INSN_DS] = VMCS_GUEST_DS_BASE,
		[INSN_FS] = VMCS_GUEST_FS_BASE, [INSN_GS] = VMCS_GUEST_GS_BASE,
	};
	const struct insn_memory memory = {.read = read_memory,
					   .write = write_memory,
					   .compare_exchange = exchange_memory,
					   .pause = pause,
					   .ctx = emulation};
	const struct guest_view *view = &emulation->view;
	struct vcpu *v = view->v;
	uint64_t rsp = vmcs_read(v, VMCS_GUEST_RSP);
	struct insn_cpu cpu = {
		.gprs = v->regs, .rip = v->rip, .rflags = view->paging.rflags, .memory = &memory};

	v->regs[RSP] = rsp;
	for (unsigned i = 0; i < INSN_SEGMENTS; i++)
		cpu.segment_base[i] = vmcs_read(v, bases[i]);
	if (insn_execute(insn, &cpu) == INSN_PROTECTION)
		event_gp(v);
	if (v->regs[RSP] != rsp)
		vmcs_write(v, VMCS_GUEST_RSP, v->regs[RSP]);
	if (cpu.rflags != view->paging.rflags)
		vmcs_write(v, VMCS_GUEST_RFLAGS, cpu.rflags);
	if (cpu.rip != v->rip)
		vmcs_write(v, VMCS_GUEST_RIP, cpu.rip);
}

static enum emulate_result emulate(struct vcpu *v, struct emulation *emulation)
{
	struct insn insn;
	enum insn_decode_status status;

	guest_view_init(&emulation->view, v);
	if (!decode(&emulation->view, &insn, &status))
		return EMULATE_DONE;
	switch (status) {
	case INSN_DECODED:
		execute(emulation, &insn);
		return EMULATE_DONE;
	case INSN_INVALID:
		event_ud(v);
		return EMULATE_DONE;
	case INSN_TOO_LONG:
		event_gp(v);
		return EMULATE_DONE;
	case INSN_TRUNCATED:
	case INSN_UNSUPPORTED:
		break;
	}
	return EMULATE_UNSUPPORTED;
}

enum emulate_result emulate_store(struct vcpu *v, uint64_t gpa)
{
	struct emulation emulation;

	emulation.edits = true;
	emulation.gpa = gpa;
	return emulate(v, &emulation);
}

enum exit_action emulate_device(struct vcpu *v, uint64_t gpa)
{
	struct emulation emulation;

	if (!is_device(v, gpa))
		vcpu_stop(v, STOP_BAD_MEMORY, "gpa=0x%lx", gpa);
	/* No instruction accessed it: a stack or table of event delivery lies there. */
	if (v->event)
		vcpu_stop(v, STOP_BAD_MMIO, "gpa=0x%lx what=event-delivery", gpa);
	v->telemetry.cur->flags |= RECORD_F_DEVICE;
	emulation.edits = false;
	if (emulate(v, &emulation) == EMULATE_UNSUPPORTED)
		vcpu_stop(v, STOP_BAD_MMIO, "gpa=0x%lx", gpa);
	return EXIT_RETRY;
}
