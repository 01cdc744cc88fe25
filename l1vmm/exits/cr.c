/* Control registers, and XCR0. */
#include "l1vmm/vmx/cr.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/exits/exits.h"
#include "l1vmm/vmx/apic.h"
#include "l1vmm/vmx/event.h"

/* The exit qualification of control-register accesses: SDM volume 3, table 28-3. */
#define CR_NUMBER(qualification)   ((qualification) & 0xf)
#define CR_ACCESS_TYPE(q)	   ((q) >> 4 & 3)
#define CR_REGISTER(qualification) ((enum gpr)((qualification) >> 8 & 0xf))
#define LMSW_SOURCE(qualification) ((qualification) >> 16 & 0xffff)

enum { MOV_TO_CR, MOV_FROM_CR, CLTS, LMSW };

#define LMSW_WRITES (CR0_PE | CR0_MP | CR0_EM | CR0_TS)

static bool write_cr(struct vcpu *v, unsigned number, uint64_t value)
{
	switch (number) {
	case 0:
		return guest_write_cr0(v, value);
	case 3:
		return guest_write_cr3(v, value);
	case 4:
		return guest_write_cr4(v, value);
	case 8:
		if (lapic_write_cr8(&v->lapic, value) != LAPIC_OK)
			return false;
		apic_changed(v);
		return true;
	default:
		return false;
	}
}

static uint64_t read_cr(struct vcpu *v, unsigned number)
{
	return number == 8 ? lapic_cr8(&v->lapic) : guest_read_cr3(v);
}

/* Outside 64-bit code the operand has 32 bits, whatever is left in the upper half. */
static uint64_t operand(struct vcpu *v, enum gpr reg)
{
	uint64_t value = vcpu_register(v, reg);

	return value >> 32 && !vcpu_in_64bit_code(v) ? (uint32_t)value : value;
}

/* LMSW can set PE but not clear it. */
static uint64_t lmsw(uint64_t cr0, uint64_t source)
{
	return (cr0 & ~(LMSW_WRITES & ~CR0_PE)) | (source & LMSW_WRITES);
}

enum exit_action exit_cr_access(struct vcpu *v)
{
	unsigned number = CR_NUMBER(v->detail);
	enum gpr reg = CR_REGISTER(v->detail);
	bool ok = true;

	switch (CR_ACCESS_TYPE(v->detail)) {
	case MOV_TO_CR:
		ok = write_cr(v, number, operand(v, reg));
		break;
	case MOV_FROM_CR:
		vcpu_set_register(v, reg, read_cr(v, number));
		break;
	case CLTS:
		ok = guest_write_cr0(v, guest_read_cr0(v) & ~CR0_TS);
		break;
	case LMSW:
		ok = guest_write_cr0(v, lmsw(guest_read_cr0(v), LMSW_SOURCE(v->detail)));
		break;
	}
	return ok ? EXIT_ADVANCE : event_gp(v);
}

/* SDM volume 2, XSETBV: x87 always, AVX only with SSE, nothing that CPUID does not offer. */
static bool xcr0_valid(uint64_t value)
{
	if (value & ~(uint64_t)(XCR0_OFFERED & cpuid(0xd, 0).eax))
		return false;
	return (value & XCR0_X87) && (!(value & XCR0_AVX) || (value & XCR0_SSE));
}

enum exit_action exit_xsetbv(struct vcpu *v)
{
	uint64_t value = (uint32_t)v->regs[RAX] | v->regs[RDX] << 32;

	if ((uint32_t)v->regs[RCX] != 0 || !xcr0_valid(value))
		return event_gp(v);
	xsetbv(0, value);
	return EXIT_ADVANCE;
}
