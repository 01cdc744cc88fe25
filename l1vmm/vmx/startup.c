#include "l1vmm/vmx/startup.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/vmx/cr.h"

/* SDM volume 3, table 10-1. */
#define SEGMENT_LIMIT 0xffff
#define DR6_INIT      0xffff0ff0

/*
 * The same table's access rights, in the format of 25.4.1.  CS too can be written to, which VM
 * entry takes of an unrestricted guest only (27.3.1.2): each with several vCPUs is one.
 */
#define AR_SEGMENT 0x93 /* present, read and write, accessed */
#define AR_LDT	   0x82
#define AR_TSS	   0x8b /* busy */

/* The fields of a segment are as far apart as segments are. */
#define SEGMENT_STEP (VMCS_GUEST_CS_SELECTOR - VMCS_GUEST_ES_SELECTOR)

static void set_segment(struct vcpu *v, unsigned number, uint64_t base, uint32_t rights)
{
	unsigned step = number * SEGMENT_STEP;

	vmcs_write(v, VMCS_GUEST_ES_SELECTOR + step, base >> 4);
	vmcs_write(v, VMCS_GUEST_ES_BASE + step, base);
	vmcs_write(v, VMCS_GUEST_ES_LIMIT + step, SEGMENT_LIMIT);
	vmcs_write(v, VMCS_GUEST_ES_AR_BYTES + step, rights);
}

static void set_segments(struct vcpu *v, uint8_t page)
{
	enum { ES, CS, SS, DS, FS, GS, LDTR, TR, SEGMENTS };
	static const uint8_t rights[SEGMENTS] = {
		[ES] = AR_SEGMENT, [CS] = AR_SEGMENT, [SS] = AR_SEGMENT, [DS] = AR_SEGMENT,
		[FS] = AR_SEGMENT, [GS] = AR_SEGMENT, [LDTR] = AR_LDT,	 [TR] = AR_TSS,
	};

	for (unsigned i = 0; i < SEGMENTS; i++)
		set_segment(v, i, i == CS ? (uint64_t)page << PAGE_SHIFT : 0, rights[i]);
	vmcs_write(v, VMCS_GUEST_GDTR_BASE, 0);
	vmcs_write(v, VMCS_GUEST_GDTR_LIMIT, SEGMENT_LIMIT);
	vmcs_write(v, VMCS_GUEST_IDTR_BASE, 0);
	vmcs_write(v, VMCS_GUEST_IDTR_LIMIT, SEGMENT_LIMIT);
}

/* Those that are no part of the VMCS. */
static void set_debug_registers(void)
{
	__asm__ volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3"
			 :
			 : "r"(UINT64_C(0)));
	__asm__ volatile("mov %0, %%dr6" : : "r"(UINT64_C(DR6_INIT)));
}

void startup_begin(struct vcpu *v, uint8_t page)
{
	for (unsigned i = 0; i < GPRS; i++)
		v->regs[i] = 0;
	v->regs[RDX] = cpuid(1, 0).eax; /* family, model and stepping */
	v->event = 0;
	v->event_length = 0;
	guest_reset_control_registers(v);
	set_segments(v, page);
	set_debug_registers();
	vmcs_write(v, VMCS_GUEST_DR7, DR7_INIT);
	vmcs_write(v, VMCS_GUEST_RIP, 0);
	vmcs_write(v, VMCS_GUEST_RSP, 0);
	vmcs_write(v, VMCS_GUEST_RFLAGS, RFLAGS_FIXED);
	vmcs_write(v, VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(v, VMCS_GUEST_PENDING_DBG_EXCEPTIONS, 0);
	v->requests |= REQUEST_EVENT;
}
