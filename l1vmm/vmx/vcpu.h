/*
 * A virtual processor: its registers, its VMCS, what its exits cost and what waits for its next
 * entry.
 */
#ifndef L1VMM_VMX_VCPU_H
#define L1VMM_VMX_VCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/dev/lapic.h"
#include "l1vmm/exit_page.h"
#include "l1vmm/switches.h"
#include "l1vmm/vmx/controls.h"
#include "l1vmm/vmx/exit_reason.h"
#include "l1vmm/vmx/invalidation.h"
#include "l1vmm/vmx/tsc.h"
#include "l1vmm/vmx/vcpu_layout.h"
#include "l1vmm/vmx/vmcs.h"
#include "l1vmm/vmx/vpid.h"
#include "shadow/mmu.h"
#include "telemetry/record.h"
#include "telemetry/ring.h"

/* Encodings of registers, as instructions and exit qualifications have them. */
enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPRS };

/* What has to be seen to before the next entry; any bit takes the entry off the fast path. */
enum vcpu_request {
	REQUEST_EVENT = 1 << 0,	 /* an event is to be injected, or an interrupt waits */
	REQUEST_TIMER = 1 << 1,	 /* the local APIC's timer is to run another way */
	REQUEST_AROUND = 1 << 2, /* always, where vmx/around.h says so */
};

/* What waits for a window besides vectors of the local APIC. */
enum vcpu_wait {
	WAITS_EXTINT = 1 << 0, /* the interrupt controllers' interrupt */
	WAITS_NMI_WINDOW = 1 << 1,
	WAITS_NMI_SHADOW = 1 << 2, /* an NMI, for the end of the shadow of an STI */
	WAITS_NMI = WAITS_NMI_WINDOW | WAITS_NMI_SHADOW,
	WAITS_FOR_INTERRUPT_WINDOW = WAITS_EXTINT | WAITS_NMI_SHADOW,
};

/* An entry that injects an event while a virtual interrupt is in service: vmx/around.h. */
struct injection {
	uint32_t status; /* guest interrupt status; 0: it is no such entry */
	uint64_t rsp;
};

struct cpu;
struct observe;
struct vcpu_nested;
struct vm;

struct vcpu {
	/* Known to entry.S. */
	uint64_t regs[GPRS];
	uint64_t entry_tsc;		     /* stamp of the latest entry */
	void *host_stack;		     /* top of the stack that exits are handled on */
	struct telemetry_producer telemetry; /* its `cur` is the record of the exit being handled */

	/* Set for each exit by vmx_handle_exit(). */
	uint64_t rip;
	uint64_t detail; /* what exit_reasons.def says: qualification, ECX, EAX, or 0 */
	uint32_t reason;

	uint32_t none; /* always 0: where the detail of exits without one is read */
	uint32_t requests;
	struct exit_cost cost; /* of the exit being handled */

	/* Event for the next entry, in the format of VMCS_ENTRY_INTR_INFO; 0: none. */
	uint32_t event;
	uint32_t event_error;
	uint32_t event_length; /* of the instruction, for software interrupts and exceptions */

	uint32_t id;
	struct cpu *cpu;
	struct vm *vm;
	uint64_t vmcs; /* hpa */
	struct controls controls;
	uint64_t cr0_mask, cr4_mask;
	uint64_t eptp;
	struct vpid_owner vpid; /* its number is 0 with tlb=flush */
	struct invalidation_types invalidation;
	/* Of CPUID, which would be an exit of its own where the hypervisor is a guest. */
	uint8_t maxphyaddr;
	bool pages_1g;
	struct guest_tsc tsc;
	struct lapic lapic;
	uint32_t tpr_threshold; /* as the VMCS has it */
	bool timer_armed;	/* the processor's own, for the guest's */
	bool timer_direct;	/* the guest has IA32_TSC_DEADLINE to itself */
	uint8_t waits;		/* enum vcpu_wait */
	uint64_t chipset_due;	/* by the processor's TSC: see vmx/chipset.h */
	uint64_t eoi_exits[4];	/* as the VMCS has them: vectors whose end exits, a bit each */
	bool apic_page_lent;	/* vm->apic_access stands where its APIC is */
	bool posted;		/* others leave its interrupts to the processor: irq=posted */
	bool helpless;		/* waits for what only another vCPU can send */
	bool awaits_startup;	/* an INIT has been taken, or it has never begun */
	uint8_t *msr_bitmap;
	/* The latest entry, where the processor delivers. */
	struct injection injection;

	/* The guest's own EFER; the VMCS has what the processor runs it with. */
	uint64_t efer;
	bool paging; /* its CR0.PG */
	/* With shadow paging: the guest's own CR3 and PDPTEs, and what it runs on instead. */
	uint64_t cr3;
	uint64_t pdpte[4];
	struct mmu mmu;
	struct observe *observe; /* NULL with observe=off */

	struct exit_page *told;	    /* pv=exits: by the hypervisor below; otherwise NULL */
	struct vcpu_nested *nested; /* its own VMX; NULL: it is offered none */
};

#define VCPU_AT(member, offset) \
	_Static_assert(offsetof(struct vcpu, member) == (offset), "entry.S knows " #member)
VCPU_AT(regs[RAX], VCPU_RAX);
VCPU_AT(regs[R15], VCPU_R15);
VCPU_AT(entry_tsc, VCPU_ENTRY_TSC);
VCPU_AT(telemetry.cur, VCPU_RECORD);
VCPU_AT(host_stack, VCPU_HOST_STACK);
_Static_assert(offsetof(struct exit_record, tsc) == RECORD_TSC &&
		       offsetof(struct exit_record, handled_ticks) == RECORD_HANDLED_TICKS,
	       "entry.S knows the record");

/* Whether the guest runs on shadow tables, without EPT. */
static inline bool vcpu_is_shadowed(const struct vcpu *v)
{
	return !(v->controls.word[CONTROL_SECONDARY] & CONTROL_SECONDARY_ENABLE_EPT);
}

/* What a handler wants done with the instruction that exited. */
enum exit_action {
	EXIT_ADVANCE, /* it has been carried out: go on behind it */
	EXIT_RETRY,   /* go on at the guest's RIP as the VMCS has it */
};

/*
 * VMREAD that the exit's record counts.
 * @pre the vCPU's VMCS is current
 */
static inline uint64_t vmcs_read(struct vcpu *v, enum vmcs_field field)
{
	v->cost.vmreads++;
	return vmread(field);
}

/* VMWRITE that the exit's record counts.  @pre the vCPU's VMCS is current */
static inline void vmcs_write(struct vcpu *v, enum vmcs_field field, uint64_t value)
{
	v->cost.vmwrites++;
	vmwrite(field, value);
}

/* The value of a general-purpose register, RSP included.  @pre the vCPU's VMCS is current */
static inline uint64_t vcpu_register(struct vcpu *v, enum gpr reg)
{
	return reg == RSP ? vmcs_read(v, VMCS_GUEST_RSP) : v->regs[reg];
}

static inline void vcpu_set_register(struct vcpu *v, enum gpr reg, uint64_t value)
{
	if (reg == RSP)
		vmcs_write(v, VMCS_GUEST_RSP, value);
	else
		v->regs[reg] = value;
}

/* The privilege level that the guest runs at: DPL of SS (SDM volume 3, 25.4.1). */
static inline unsigned vcpu_cpl(struct vcpu *v)
{
	return vmcs_read(v, VMCS_GUEST_SS_AR_BYTES) >> 5 & 3;
}

/* Whether the guest executes 64-bit code: IA-32e mode and CS.L.  @pre v's VMCS is current */
static inline bool vcpu_in_64bit_code(struct vcpu *v)
{
	return (vmcs_read(v, VMCS_GUEST_IA32_EFER) & EFER_LMA) &&
	       (vmcs_read(v, VMCS_GUEST_CS_AR_BYTES) & AR_CODE64_BIT);
}

/* entry.S: enters the guest for the first time; every exit goes to vmx_handle_exit(). */
_Noreturn void vmx_launch(struct vcpu *v);
/* entry.S: enter the current VMCS of a vCPU whose exit record is complete, and without records. */
_Noreturn void vmx_launch_again(struct vcpu *v);
_Noreturn void vmx_launch_again_quiet(struct vcpu *v);
_Noreturn void vmx_resume(struct vcpu *v);
_Noreturn void vmx_resume_quiet(struct vcpu *v);
/* entry.S: where exits arrive, with exit records and without; the same with
 * pv=exits, and for a guest's guest. */
void vmx_exit(void);
void vmx_exit_quiet(void);
void vmx_exit_told(void);
void vmx_exit_told_quiet(void);
void vmx_exit_nested(void);
void vmx_exit_nested_quiet(void);
/* The same through the TLB observatory (vmx/observe.h). */
void vmx_exit_observed(void);

#endif
