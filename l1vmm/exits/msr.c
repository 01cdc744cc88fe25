/* RDMSR and WRMSR, and which of them a guest may do without an exit. */
#include "l1vmm/exits/msr.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/cr.h"
#include "l1vmm/vmx/event.h"
#include "l1vmm/vmx/nested.h"
#include "l1vmm/vmx/shadow.h"
#include "l1vmm/vmx/stop.h"
#include "l1vmm/vmx/timer.h"

/* The quarters of an MSR bitmap, in bytes: SDM volume 3, 25.6.9. */
#define BITMAP_READ_LOW	  0
#define BITMAP_READ_HIGH  1024
#define BITMAP_WRITE_LOW  2048
#define BITMAP_WRITE_HIGH 3072
#define MSR_HIGH_FIRST	  0xc0000000u

static bool is_ANY(uint64_t value)
{
	(void)value;
	return true;
}

static bool is_U32(uint64_t value)
{
	return value >> 32 == 0;
}

static bool is_CANONICAL(uint64_t value)
{
	return (uint64_t)((int64_t)(value << 16) >> 16) == value;
}

static bool read_tsc(struct vcpu *v, uint64_t *value)
{
	*value = tsc_of_guest(&v->tsc, rdtsc());
	return true;
}

uint64_t msr_set_tsc(struct vcpu *v, uint64_t value)
{
	uint64_t by = value - tsc_of_guest(&v->tsc, rdtsc());

	timer_settle(v);
	lapic_timer_shift(&v->lapic, by);
	v->tsc.offset += by;
	apic_changed(v);
	return by;
}

static bool write_tsc(struct vcpu *v, uint64_t value)
{
	msr_set_tsc(v, value);
	vmcs_write(v, VMCS_TSC_OFFSET, v->tsc.offset);
	return true;
}

static bool read_tsc_deadline(struct vcpu *v, uint64_t *value)
{
	*value = lapic_deadline(&v->lapic);
	apic_changed(v); /* it may be over */
	return true;
}

static bool write_tsc_deadline(struct vcpu *v, uint64_t value)
{
	lapic_write_deadline(&v->lapic, value);
	apic_changed(v);
	return true;
}

static bool read_apic_base(struct vcpu *v, uint64_t *value)
{
	*value = v->lapic.base;
	return true;
}

/* Memory below the APIC's page would have to be hidden from the guest. */
static bool write_apic_base(struct vcpu *v, uint64_t value)
{
	uint64_t page = value & v->lapic.address_mask;

	if (lapic_write_base(&v->lapic, value) != LAPIC_OK)
		return false;
	apic_mode_changed(v);
	if (vm_memory(v->vm, page, LAPIC_PAGE_BYTES))
		vcpu_stop(v, STOP_APIC_BASE, "gpa=0x%lx", page);
	return true;
}

static bool read_pat(struct vcpu *v, uint64_t *value)
{
	*value = vmcs_read(v, VMCS_GUEST_IA32_PAT);
	return true;
}

/* Each byte is one of the types 0, 1, 4, 5, 6, 7: SDM volume 3, 12.12.2. */
static bool write_pat(struct vcpu *v, uint64_t value)
{
	for (unsigned i = 0; i < 8; i++) {
		uint8_t type = (uint8_t)(value >> i * 8);

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	vmcs_write(v, VMCS_GUEST_IA32_PAT, value);
	return true;
}

static bool read_debugctl(struct vcpu *v, uint64_t *value)
{
	*value = vmcs_read(v, VMCS_GUEST_IA32_DEBUGCTL);
	return true;
}

static bool write_debugctl(struct vcpu *v, uint64_t value)
{
	if (value & ~DEBUGCTL_OFFERED)
		return false;
	vmcs_write(v, VMCS_GUEST_IA32_DEBUGCTL, value);
	return true;
}

static bool read_efer(struct vcpu *v, uint64_t *value)
{
	*value = v->efer;
	return true;
}

/* LME must not change while paging is on; LMA is the processor's own: SDM volume 3, 4.1.1. */
static bool write_efer(struct vcpu *v, uint64_t value)
{
	uint64_t now = v->efer;

	if (value & ~EFER_OFFERED)
		return false;
	if (((value ^ now) & EFER_LME) && (guest_read_cr0(v) & CR0_PG))
		return false;
	guest_write_efer(v, (value & ~EFER_LMA) | (now & EFER_LMA));
	if (vcpu_is_shadowed(v) && ((value ^ now) & EFER_NXE))
		shadow_reload(v);
	return true;
}

/* Locked, with VMX or without. */
static bool read_feature_control(struct vcpu *v, uint64_t *value)
{
	*value = FEATURE_CONTROL_LOCKED | (v->nested ? FEATURE_CONTROL_VMX_OUTSIDE_SMX : 0);
	return true;
}

static bool write_feature_control(struct vcpu *v, uint64_t value)
{
	(void)v;
	(void)value;
	return false;
}

/* No microcode update.  Whoever asks writes 0 first: SDM volume 3, 10.11.7.1. */
static bool read_bios_sign_id(struct vcpu *v, uint64_t *value)
{
	(void)v;
	*value = 0;
	return true;
}

static bool write_bios_sign_id(struct vcpu *v, uint64_t value)
{
	(void)v;
	return value == 0;
}

static __attribute__((noinline)) bool read_vmx_capability(struct vcpu *v, uint32_t msr,
							  uint64_t *value)
{
	return v->nested && vmx_capability_msr(&v->nested->vmx.offered, msr, value);
}

/* A count that turns out to be over interrupts. */
static bool read_x2apic(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	if (lapic_read_msr(&v->lapic, msr, value) != LAPIC_OK)
		return false;
	if (msr == MSR_X2APIC_CURRENT_COUNT)
		apic_changed(v);
	return true;
}

/* The vCPU's own local APIC may have something for it afterwards. */
static bool write_x2apic(struct vcpu *v, uint32_t msr, uint64_t value)
{
	timer_settle(v);
	if (lapic_write_msr(&v->lapic, msr, value) != LAPIC_OK)
		return false;
	apic_changed(v);
	return true;
}

static bool read_msr(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
		return read_x2apic(v, msr, value);
	switch (msr) {
#define MSR_HARDWARE(number, NAME, check) \
	case number:                      \
		*value = rdmsr(number);   \
		return true;
#define MSR_STATE(number, NAME, field, check) \
	case number:                          \
		*value = vmcs_read(v, field); \
		return true;
#define MSR_EMULATED(number, NAME, handler) \
	case number:                        \
		return read_##handler(v, value);
#define MSR_CONSTANT(number, NAME, constant, why) \
	case number:                              \
		*value = constant;                \
		return true;
#include "l1vmm/exits/msrs.def"
#undef MSR_HARDWARE
#undef MSR_STATE
#undef MSR_EMULATED
#undef MSR_CONSTANT
	default:
		return read_vmx_capability(v, msr, value);
	}
}

static bool write_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
		return write_x2apic(v, msr, value);
	switch (msr) {
#define MSR_HARDWARE(number, NAME, check) \
	case number:                      \
		if (!is_##check(value))   \
			return false;     \
		wrmsr(number, value);     \
		return true;
#define MSR_STATE(number, NAME, field, check) \
	case number:                          \
		if (!is_##check(value))       \
			return false;         \
		vmcs_write(v, field, value);  \
		return true;
#define MSR_EMULATED(number, NAME, handler) \
	case number:                        \
		return write_##handler(v, value);
#define MSR_CONSTANT(number, NAME, constant, why)
#include "l1vmm/exits/msrs.def"
#undef MSR_HARDWARE
#undef MSR_STATE
#undef MSR_EMULATED
#undef MSR_CONSTANT
	default:
		return false;
	}
}

enum exit_action exit_rdmsr(struct vcpu *v)
{
	uint64_t value;

	if (!read_msr(v, (uint32_t)v->detail, &value))
		return event_gp(v);
	v->regs[RAX] = (uint32_t)value;
	v->regs[RDX] = value >> 32;
	return EXIT_ADVANCE;
}

enum exit_action exit_wrmsr(struct vcpu *v)
{
	uint64_t value = (uint32_t)v->regs[RAX] | v->regs[RDX] << 32;

	if (!write_msr(v, (uint32_t)v->detail, value))
		return event_gp(v);
	return EXIT_ADVANCE;
}

bool msr_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
	return read_msr(v, msr, value);
}

bool msr_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return write_msr(v, msr, value);
}

static void set_bit(uint8_t *bitmap, uint32_t bit, bool set)
{
	uint8_t mask = (uint8_t)(1u << bit % 8);

	if (set)
		bitmap[bit / 8] |= mask;
	else
		bitmap[bit / 8] &= (uint8_t)~mask;
}

void msr_bitmap_set(uint8_t bitmap[MSR_BITMAP_BYTES], uint32_t msr, bool read_exits,
		    bool write_exits)
{
	bool high = msr >= MSR_HIGH_FIRST;
	uint32_t bit = high ? msr - MSR_HIGH_FIRST : msr;

	set_bit(bitmap + (high ? BITMAP_READ_HIGH : BITMAP_READ_LOW), bit, read_exits);
	set_bit(bitmap + (high ? BITMAP_WRITE_HIGH : BITMAP_WRITE_LOW), bit, write_exits);
}

static void leave_to_guest(uint8_t *bitmap, uint32_t msr)
{
	msr_bitmap_set(bitmap, msr, false, false);
}

void msr_bitmap_fill(uint8_t bitmap[MSR_BITMAP_BYTES])
{
	for (unsigned i = 0; i < MSR_BITMAP_BYTES; i++)
		bitmap[i] = 0xff;
#define MSR_HARDWARE(number, NAME, check)     leave_to_guest(bitmap, number);
#define MSR_STATE(number, NAME, field, check) leave_to_guest(bitmap, number);
#define MSR_EMULATED(number, NAME, handler)
#define MSR_CONSTANT(number, NAME, constant, why)
#include "l1vmm/exits/msrs.def"
#undef MSR_HARDWARE
#undef MSR_STATE
#undef MSR_EMULATED
#undef MSR_CONSTANT
}
