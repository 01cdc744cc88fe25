#include "l1vmm/dev/lapic.h"

#include "l1vmm/arch/msr.h"
#include "l1vmm/lib/string.h"

#define APIC_BASE_ADDRESS  0xfee00000u
#define APIC_VERSION	   0x00050014u /* six LVT entries, integrated APIC */
#define SVR_AT_RESET	   0xffu
#define SVR_ENABLE	   (1u << 8)
#define SVR_WRITABLE	   0x1ffu
#define ESR_REDIRECTABLE   (1u << 4)
#define ESR_SEND_ILLEGAL   (1u << 5)
#define ESR_ILLEGAL_VECTOR (1u << 6)
#define FIRST_LEGAL_VECTOR 16

/* Fields of the LVT entries: SDM volume 3, figure 11-8. */
#define LVT_VECTOR	    0xffu
#define LVT_DELIVERY_MODE   0x700u
#define LVT_DELIVERY_STATUS (1u << 12)
#define LVT_ACTIVE_LOW	    (1u << 13)
#define LVT_REMOTE_IRR	    (1u << 14)
#define LVT_LEVEL	    (1u << 15)
#define LVT_MASKED	    (1u << 16)
#define LVT_PERIODIC	    (1u << 17)

#define LVT_ANY	 (LVT_VECTOR | LVT_MASKED)
#define LVT_MODE (LVT_ANY | LVT_DELIVERY_MODE)
#define LVT_PIN	 (LVT_MODE | LVT_ACTIVE_LOW | LVT_LEVEL)

/* Fields of the ICR: SDM volume 3, figure 11-28. */
#define ICR_VECTOR	  0xffu
#define ICR_DELIVERY_MODE 0x700u
#define ICR_FIXED	  0x000u
#define ICR_LOWEST	  0x100u /* lowest priority */
#define ICR_LOGICAL	  (1u << 11)
#define ICR_BUSY	  (1u << 12)
#define ICR_SHORTHAND	  0xc0000u
#define ICR_SELF	  0x40000u
#define ICR_ALL		  0x80000u
#define ICR_ALL_BUT_SELF  0xc0000u
#define ICR_RESERVED	  0xfff32000u
#define ICR_BROADCAST	  0xffffffffu

void lapic_reset(struct lapic *apic, uint32_t id)
{
	memset(apic, 0, sizeof(*apic));
	apic->id = id;
	apic->svr = SVR_AT_RESET;
	for (unsigned i = 0; i < LAPIC_LVT_ENTRIES; i++)
		apic->lvt[i] = LVT_MASKED;
	apic->base = APIC_BASE_ADDRESS | APIC_BASE_ENABLE | (id == 0 ? APIC_BASE_BSP : 0);
}

static int highest(const uint32_t words[LAPIC_VECTOR_WORDS])
{
	for (int i = LAPIC_VECTOR_WORDS - 1; i >= 0; i--)
		if (words[i])
			return i * 32 + 31 - __builtin_clz(words[i]);
	return -1;
}

static void set(uint32_t words[LAPIC_VECTOR_WORDS], uint8_t vector)
{
	words[vector / 32] |= 1u << vector % 32;
}

static void clear(uint32_t words[LAPIC_VECTOR_WORDS], uint8_t vector)
{
	words[vector / 32] &= ~(1u << vector % 32);
}

/* SDM volume 3, 11.8.3.1. */
static uint32_t processor_priority(const struct lapic *apic)
{
	int in_service = highest(apic->isr);
	uint32_t isrv = in_service < 0 ? 0 : (uint32_t)in_service;

	return (apic->tpr & 0xf0) >= (isrv & 0xf0) ? apic->tpr : isrv & 0xf0;
}

int lapic_pending(const struct lapic *apic)
{
	int vector = highest(apic->irr);

	if (vector < 0 || ((uint32_t)vector & 0xf0) <= (processor_priority(apic) & 0xf0))
		return -1;
	return vector;
}

void lapic_accept(struct lapic *apic, uint8_t vector)
{
	clear(apic->irr, vector);
	set(apic->isr, vector);
}

/* Sends `vector` with fixed delivery: there is nobody but this APIC to receive it. */
static void send(struct lapic *apic, uint8_t vector, bool to_self)
{
	if (vector < FIRST_LEGAL_VECTOR)
		apic->esr_pending |= ESR_SEND_ILLEGAL | (to_self ? ESR_ILLEGAL_VECTOR : 0);
	else if (to_self && (apic->svr & SVR_ENABLE))
		set(apic->irr, vector);
}

static uint32_t logical_id(const struct lapic *apic)
{
	return (apic->id >> 4) << 16 | 1u << (apic->id & 0xf); /* SDM volume 3, 11.12.10.2 */
}

/* Whether an IPI by this ICR reaches the APIC that sends it. */
static bool reaches_self(const struct lapic *apic, uint64_t icr)
{
	uint32_t destination = (uint32_t)(icr >> 32);

	switch (icr & ICR_SHORTHAND) {
	case ICR_SELF:
	case ICR_ALL:
		return true;
	case ICR_ALL_BUT_SELF:
		return false;
	}
	if (destination == ICR_BROADCAST)
		return true;
	if (!(icr & ICR_LOGICAL))
		return destination == apic->id;
	return destination >> 16 == apic->id >> 4 && (destination & logical_id(apic) & 0xffff);
}

static enum lapic_result write_icr(struct lapic *apic, uint64_t icr)
{
	if (icr & ICR_RESERVED)
		return LAPIC_FAULT;
	apic->icr = icr & ~(uint64_t)ICR_BUSY; /* delivery is over when the write is */
	switch (icr & ICR_DELIVERY_MODE) {
	case ICR_FIXED:
		send(apic, icr & ICR_VECTOR, reaches_self(apic, icr));
		break;
	case ICR_LOWEST: /* not supported, whatever the vector: SDM volume 3, 11.5.3 */
		apic->esr_pending |= ESR_REDIRECTABLE;
		break;
	default: /* SMI, NMI, INIT and start-up, which no processor here receives */
		break;
	}
	return LAPIC_OK;
}

enum lapic_result lapic_read_msr(const struct lapic *apic, uint32_t msr, uint64_t *value)
{
	if (!(apic->base & APIC_BASE_X2APIC))
		return LAPIC_FAULT;
	if (msr >= MSR_X2APIC_ISR0 && msr < MSR_X2APIC_ISR0 + LAPIC_VECTOR_WORDS)
		*value = apic->isr[msr - MSR_X2APIC_ISR0];
	else if (msr >= MSR_X2APIC_TMR0 && msr < MSR_X2APIC_TMR0 + LAPIC_VECTOR_WORDS)
		*value = 0; /* no level-triggered interrupt has been accepted */
	else if (msr >= MSR_X2APIC_IRR0 && msr < MSR_X2APIC_IRR0 + LAPIC_VECTOR_WORDS)
		*value = apic->irr[msr - MSR_X2APIC_IRR0];
	else if (msr >= MSR_X2APIC_LVT_TIMER && msr <= MSR_X2APIC_LVT_ERROR)
		*value = apic->lvt[msr - MSR_X2APIC_LVT_TIMER];
	else
		switch (msr) {
		case MSR_X2APIC_APICID:
			*value = apic->id;
			break;
		case MSR_X2APIC_VERSION:
			*value = APIC_VERSION;
			break;
		case MSR_X2APIC_TPR:
			*value = apic->tpr;
			break;
		case MSR_X2APIC_PPR:
			*value = processor_priority(apic);
			break;
		case MSR_X2APIC_LDR:
			*value = logical_id(apic);
			break;
		case MSR_X2APIC_SIVR:
			*value = apic->svr;
			break;
		case MSR_X2APIC_ESR:
			*value = apic->esr;
			break;
		case MSR_X2APIC_ICR:
			*value = apic->icr;
			break;
		case MSR_X2APIC_INIT_COUNT:
			*value = apic->timer_initial;
			break;
		case MSR_X2APIC_CURRENT_COUNT:
			*value = 0;
			break;
		case MSR_X2APIC_DIV_CONF:
			*value = apic->timer_divide;
			break;
		default:
			return LAPIC_FAULT;
		}
	return LAPIC_OK;
}

static bool reserved(uint64_t value, uint64_t writable)
{
	return value & ~writable;
}

/* Keeps `value` in a register in which only the bits of `writable` may be set. */
static enum lapic_result keep(uint32_t *reg, uint64_t value, uint64_t writable)
{
	if (reserved(value, writable))
		return LAPIC_FAULT;
	*reg = (uint32_t)value;
	return LAPIC_OK;
}

/* The entries differ in their fields; those that only hardware writes ignore what is written. */
static enum lapic_result write_lvt(struct lapic *apic, uint32_t entry, uint64_t value)
{
	static const struct {
		uint32_t writable, read_only;
	} bits[] = {
		{LVT_ANY | LVT_PERIODIC, LVT_DELIVERY_STATUS},	 /* timer, without TSC deadlines */
		{LVT_MODE, LVT_DELIVERY_STATUS},		 /* thermal */
		{LVT_MODE, LVT_DELIVERY_STATUS},		 /* performance */
		{LVT_PIN, LVT_DELIVERY_STATUS | LVT_REMOTE_IRR}, /* LINT0 */
		{LVT_PIN, LVT_DELIVERY_STATUS | LVT_REMOTE_IRR}, /* LINT1 */
		{LVT_ANY, LVT_DELIVERY_STATUS},			 /* error */
	};

	if (reserved(value, bits[entry].writable | bits[entry].read_only))
		return LAPIC_FAULT;
	apic->lvt[entry] = (uint32_t)value & bits[entry].writable;
	if (!(apic->svr & SVR_ENABLE))
		apic->lvt[entry] |= LVT_MASKED;
	return LAPIC_OK;
}

/* Disabling by software masks the LVT; requested interrupts stay (SDM volume 3, 11.4.7.2). */
static enum lapic_result write_svr(struct lapic *apic, uint64_t value)
{
	enum lapic_result result = keep(&apic->svr, value, SVR_WRITABLE);

	if (!(apic->svr & SVR_ENABLE))
		for (unsigned i = 0; i < LAPIC_LVT_ENTRIES; i++)
			apic->lvt[i] |= LVT_MASKED;
	return result;
}

static enum lapic_result end_of_interrupt(struct lapic *apic, uint64_t value)
{
	int vector = highest(apic->isr);

	if (value)
		return LAPIC_FAULT;
	if (vector >= 0)
		clear(apic->isr, (uint8_t)vector);
	return LAPIC_OK;
}

enum lapic_result lapic_write_msr(struct lapic *apic, uint32_t msr, uint64_t value)
{
	if (!(apic->base & APIC_BASE_X2APIC))
		return LAPIC_FAULT;
	if (msr >= MSR_X2APIC_LVT_TIMER && msr <= MSR_X2APIC_LVT_ERROR)
		return write_lvt(apic, msr - MSR_X2APIC_LVT_TIMER, value);
	switch (msr) {
	case MSR_X2APIC_TPR:
		return keep(&apic->tpr, value, 0xff);
	case MSR_X2APIC_EOI:
		return end_of_interrupt(apic, value);
	case MSR_X2APIC_SIVR:
		return write_svr(apic, value);
	case MSR_X2APIC_ESR:
		if (value)
			return LAPIC_FAULT;
		apic->esr = apic->esr_pending;
		apic->esr_pending = 0;
		return LAPIC_OK;
	case MSR_X2APIC_ICR:
		return write_icr(apic, value);
	case MSR_X2APIC_INIT_COUNT:
		return keep(&apic->timer_initial, value, 0xffffffff);
	case MSR_X2APIC_DIV_CONF:
		return keep(&apic->timer_divide, value, 0xb);
	case MSR_X2APIC_SELF_IPI:
		if (reserved(value, ICR_VECTOR))
			return LAPIC_FAULT;
		send(apic, (uint8_t)value, true);
		return LAPIC_OK;
	default:
		return LAPIC_FAULT;
	}
}

enum lapic_result lapic_write_base(struct lapic *apic, uint64_t value)
{
	uint64_t modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	uint64_t from = apic->base & modes, to = value & modes;

	if ((value & ~modes) != (apic->base & ~modes) || to == APIC_BASE_X2APIC)
		return LAPIC_FAULT;
	if (from == modes && to == APIC_BASE_ENABLE) /* only by way of disabled */
		return LAPIC_FAULT;
	if (from == 0 && to == modes) /* only by way of xAPIC mode */
		return LAPIC_FAULT;
	if (to == 0) /* no register but the ID outlives this: SDM volume 3, 11.12.5.1 */
		lapic_reset(apic, apic->id);
	apic->base = value;
	return LAPIC_OK;
}

uint64_t lapic_cr8(const struct lapic *apic)
{
	return apic->tpr >> 4;
}

enum lapic_result lapic_write_cr8(struct lapic *apic, uint64_t value)
{
	if (reserved(value, 0xf))
		return LAPIC_FAULT;
	apic->tpr = (uint32_t)value << 4;
	return LAPIC_OK;
}
