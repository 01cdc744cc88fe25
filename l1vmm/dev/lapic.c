#include "l1vmm/dev/lapic.h"

#include "l1vmm/dev/lapic_internal.h"
#include "l1vmm/lib/string.h"

#define APIC_VERSION 0x00050014u /* six LVT entries, integrated APIC */
#define SVR_AT_RESET 0xffu
#define DFR_ONES     0x0fffffffu
#define ALL_ONES     0xffffffffu

/* How registers can be accessed: lapic_registers.def. */
#define XR 1
#define XW 2
#define MR 4
#define MW 8

#define REGISTER_BYTES 16
#define REGISTERS      64

struct register_row {
	uint64_t taken, kept;
	uint8_t access;
};

#define LAPIC_REGISTER(offset, NAME, count, how, takes, keeps) \
	[(offset) / REGISTER_BYTES...(offset) / REGISTER_BYTES + (count) - 1] = {takes, keeps, how},
static const struct register_row registers[REGISTERS] = {
#include "l1vmm/dev/lapic_registers.def"
};
#undef LAPIC_REGISTER

static void set_id(struct lapic *apic)
{
	bool x2apic = lapic_in_x2apic_mode(apic);

	*lapic_word(apic, LAPIC_ID) = x2apic ? apic->id : apic->id << 24;
	/* SDM volume 3, 11.12.10.2. */
	*lapic_word(apic, LAPIC_LDR) = x2apic ? (apic->id >> 4) << 16 | 1u << (apic->id & 0xf) : 0;
}

void lapic_reset(struct lapic *apic)
{
	memset(apic->page, 0, sizeof(*apic->page));
	*lapic_word(apic, LAPIC_VERSION) = APIC_VERSION;
	*lapic_word(apic, LAPIC_SVR) = SVR_AT_RESET;
	*lapic_word(apic, LAPIC_DFR) = ALL_ONES;
	for (uint32_t entry = LAPIC_LVT_TIMER; entry <= LAPIC_LVT_ERROR; entry += REGISTER_BYTES)
		*lapic_word(apic, entry) = LVT_MASKED;
	set_id(apic);
	apic->errors = 0;
	apic->signals &= LAPIC_SIGNAL_EXTINT; /* of others, who are not reset with it */
	apic->irr_words = apic->isr_words = 0;
	lapic_timer_disarm(apic);
	apic->ops->timer_changed(apic->ctx);
}

void lapic_init(struct lapic *apic, uint32_t id, struct lapic_page *page,
		struct lapic_mailbox *mailbox, unsigned physical_bits, const struct lapic_ops *ops,
		void *ctx)
{
	*apic = (struct lapic){
		.page = page,
		.mailbox = mailbox,
		.ops = ops,
		.ctx = ctx,
		.id = id,
		.base = LAPIC_BASE_AT_RESET | APIC_BASE_ENABLE | (id == 0 ? APIC_BASE_BSP : 0),
		.address_mask = ((UINT64_C(1) << physical_bits) - 1) & ~UINT64_C(0xfff),
	};
	lapic_reset(apic);
}

/* The highest vector of registers from `first` on, of which `words` are not 0. */
static int highest(const struct lapic *apic, uint32_t first, uint8_t words)
{
	int index = LAPIC_VECTOR_WORDS - 1;

	if (!apic->by_processor) {
		if (!words)
			return -1;
		index = 31 - __builtin_clz(words);
	}
	for (; index >= 0; index--) {
		uint32_t word = *lapic_word(apic, first + (uint32_t)index * REGISTER_BYTES);

		if (word)
			return index * 32 + 31 - __builtin_clz(word);
	}
	return -1;
}

int lapic_requested(const struct lapic *apic)
{
	return highest(apic, LAPIC_IRR, apic->irr_words);
}

int lapic_in_service(const struct lapic *apic)
{
	return highest(apic, LAPIC_ISR, apic->isr_words);
}

static void set(struct lapic *apic, uint32_t first, uint8_t *words, uint8_t vector)
{
	*lapic_vector_word(apic, first, vector) |= 1u << vector % 32;
	*words |= (uint8_t)(1u << vector / 32);
}

static void clear(struct lapic *apic, uint32_t first, uint8_t *words, uint8_t vector)
{
	uint32_t *word = lapic_vector_word(apic, first, vector);

	*word &= ~(1u << vector % 32);
	if (!*word)
		*words &= (uint8_t)~(1u << vector / 32);
}

/* SDM volume 3, 11.8.3.1. */
static uint32_t processor_priority(const struct lapic *apic)
{
	uint32_t tpr = *lapic_word(apic, LAPIC_TPR);
	int in_service = lapic_in_service(apic);
	uint32_t isrv = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;

	return (tpr & 0xf0) >= isrv ? tpr : isrv;
}

int lapic_pending(const struct lapic *apic)
{
	int vector = lapic_requested(apic);

	if (vector < 0 || ((uint32_t)vector & 0xf0) <= (processor_priority(apic) & 0xf0))
		return -1;
	return vector;
}

/* One that is off altogether leaves the pin to the processor: SDM volume 3, 11.4.3. */
bool lapic_takes_extint(const struct lapic *apic)
{
	uint32_t lvt = *lapic_word(apic, LAPIC_LVT_LINT0);

	return !(apic->base & APIC_BASE_ENABLE) ||
	       (lvt & (LVT_MASKED | LVT_DELIVERY_MODE)) == LVT_EXTINT;
}

void lapic_error(struct lapic *apic, uint32_t error)
{
	uint32_t lvt = *lapic_word(apic, LAPIC_LVT_ERROR);

	apic->errors |= error;
	if (lvt & LVT_MASKED)
		return;
	if ((lvt & LVT_VECTOR) < FIRST_LEGAL_VECTOR) /* is itself one, and interrupts no more */
		apic->errors |= ESR_ILLEGAL_VECTOR;
	else
		lapic_request(apic, lvt & LVT_VECTOR, false);
}

void lapic_request(struct lapic *apic, uint8_t vector, bool level)
{
	uint32_t *tmr = lapic_vector_word(apic, LAPIC_TMR, vector);
	uint32_t bit = 1u << vector % 32;

	if (vector < FIRST_LEGAL_VECTOR) {
		lapic_error(apic, ESR_ILLEGAL_VECTOR);
		return;
	}
	if (!(*lapic_word(apic, LAPIC_SVR) & SVR_ENABLE))
		return;
	set(apic, LAPIC_IRR, &apic->irr_words, vector);
	*tmr = level ? *tmr | bit : *tmr & ~bit;
	apic->levels |= level;
}

static bool is_timers(struct lapic *apic, uint8_t vector)
{
	return apic->timer.running && (*lapic_word(apic, LAPIC_LVT_TIMER) & LVT_VECTOR) == vector;
}

void lapic_accept(struct lapic *apic, uint8_t vector)
{
	bool timers = is_timers(apic, vector);

	if (timers) /* what is due by now was requested already */
		lapic_timer_poll(apic);
	clear(apic, LAPIC_IRR, &apic->irr_words, vector);
	set(apic, LAPIC_ISR, &apic->isr_words, vector);
	if (timers)
		lapic_timer_accepted(apic);
}

void lapic_give_back(struct lapic *apic, uint8_t vector)
{
	clear(apic, LAPIC_ISR, &apic->isr_words, vector);
	set(apic, LAPIC_IRR, &apic->irr_words, vector);
	if (is_timers(apic, vector)) {
		apic->timer.accepted = 0;
		apic->ops->timer_changed(apic->ctx);
	}
}

void lapic_end_of_interrupt(struct lapic *apic)
{
	int vector = lapic_in_service(apic);

	if (vector < 0)
		return;
	clear(apic, LAPIC_ISR, &apic->isr_words, (uint8_t)vector);
	if (apic->timer.accepted)
		lapic_timer_served(apic, (uint8_t)vector);
	if (lapic_test(apic, LAPIC_TMR, (uint8_t)vector))
		apic->ops->end_of_level(apic->ctx, (uint8_t)vector);
}

static uint64_t read_register(struct lapic *apic, uint32_t offset)
{
	switch (offset) {
	case LAPIC_PPR:
		return processor_priority(apic);
	case LAPIC_CURRENT_COUNT:
		return lapic_timer_current(apic);
	default:
		return *lapic_word(apic, offset);
	}
}

enum lapic_result lapic_read_msr(struct lapic *apic, uint32_t msr, uint64_t *value)
{
	uint32_t index = msr - MSR_X2APIC_FIRST;
	uint32_t offset = index * REGISTER_BYTES;

	if (!lapic_in_x2apic_mode(apic) || index >= REGISTERS || !(registers[index].access & MR))
		return LAPIC_FAULT;
	*value = read_register(apic, offset);
	if (offset == LAPIC_ICR)
		*value |= (uint64_t)*lapic_word(apic, LAPIC_ICR + sizeof(uint32_t)) << 32;
	return LAPIC_OK;
}

/* An APIC disabled by software has its LVT masked; requests stay (SDM volume 3, 11.4.7.2). */
static void mask_if_disabled(struct lapic *apic, uint32_t first, uint32_t last)
{
	if (*lapic_word(apic, LAPIC_SVR) & SVR_ENABLE)
		return;
	for (uint32_t entry = first; entry <= last; entry += REGISTER_BYTES)
		*lapic_word(apic, entry) |= LVT_MASKED;
}

static void send_to_self(struct lapic *apic, uint8_t vector)
{
	if (vector < FIRST_LEGAL_VECTOR)
		lapic_error(apic, ESR_SEND_ILLEGAL);
	lapic_request(apic, vector, false);
}

/* `value` has only bits that the register takes. */
static void write_register(struct lapic *apic, uint32_t offset, uint64_t value)
{
	uint32_t *word = lapic_word(apic, offset);
	uint32_t before = *word;

	if (offset == LAPIC_LVT_TIMER)
		lapic_timer_poll(apic); /* what was due under the old entry */
	*word = (uint32_t)(value & registers[offset / REGISTER_BYTES].kept);
	switch (offset) {
	case LAPIC_EOI:
		lapic_end_of_interrupt(apic);
		break;
	case LAPIC_SELF_IPI:
		send_to_self(apic, (uint8_t)value);
		break;
	case LAPIC_DFR:
		*word |= DFR_ONES;
		break;
	case LAPIC_ESR:
		*word = apic->errors;
		apic->errors = 0;
		break;
	case LAPIC_SVR:
		mask_if_disabled(apic, LAPIC_LVT_TIMER, LAPIC_LVT_ERROR);
		apic->ops->timer_changed(apic->ctx);
		break;
	case LAPIC_LVT_TIMER:
		mask_if_disabled(apic, offset, offset);
		lapic_timer_mode_written(apic, before);
		break;
	case LAPIC_LVT_THERMAL:
	case LAPIC_LVT_PMI:
	case LAPIC_LVT_LINT0:
	case LAPIC_LVT_LINT1:
	case LAPIC_LVT_ERROR:
		mask_if_disabled(apic, offset, offset);
		break;
	case LAPIC_INITIAL_COUNT:
		lapic_timer_count_written(apic);
		break;
	case LAPIC_DIVIDE:
		lapic_timer_divide_written(apic, before);
		break;
	}
}

enum lapic_result lapic_write_msr(struct lapic *apic, uint32_t msr, uint64_t value)
{
	uint32_t index = msr - MSR_X2APIC_FIRST;
	uint32_t offset = index * REGISTER_BYTES;

	if (!lapic_in_x2apic_mode(apic) || index >= REGISTERS || !(registers[index].access & MW) ||
	    (value & ~registers[index].taken))
		return LAPIC_FAULT;
	if (offset == LAPIC_EOI) { /* the most frequent one */
		lapic_end_of_interrupt(apic);
		return LAPIC_OK;
	}
	write_register(apic, offset, value);
	if (offset == LAPIC_ICR) {
		*lapic_word(apic, LAPIC_ICR + sizeof(uint32_t)) = (uint32_t)(value >> 32);
		lapic_write_icr(apic, value);
	}
	return LAPIC_OK;
}

bool lapic_at(const struct lapic *apic, uint64_t gpa)
{
	return (gpa & ~UINT64_C(0xfff)) == (apic->base & apic->address_mask);
}

/* The row of what lies at `offset` if it can be accessed so; an error of the guest otherwise. */
static const struct register_row *find_in_page(struct lapic *apic, uint32_t offset, uint8_t access)
{
	const struct register_row *row = &registers[offset / REGISTER_BYTES % REGISTERS];

	if (offset / REGISTER_BYTES < REGISTERS && (row->access & access))
		return row;
	if (offset / REGISTER_BYTES >= REGISTERS || !(row->access & (XR | XW)))
		lapic_error(apic, ESR_ILLEGAL_REGISTER);
	return NULL;
}

static bool in_xapic_mode(const struct lapic *apic)
{
	return (apic->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE;
}

uint32_t lapic_read_page(struct lapic *apic, uint32_t offset)
{
	if (!in_xapic_mode(apic))
		return ALL_ONES;
	if (offset % REGISTER_BYTES || !find_in_page(apic, offset, XR))
		return 0;
	return (uint32_t)read_register(apic, offset);
}

void lapic_write_page(struct lapic *apic, uint32_t offset, uint32_t value)
{
	const struct register_row *row;

	if (!in_xapic_mode(apic) || offset % REGISTER_BYTES)
		return;
	row = find_in_page(apic, offset, XW);
	if (!row)
		return;
	value &= (uint32_t)row->taken;
	write_register(apic, offset, value);
	if (offset == LAPIC_ICR)
		lapic_write_icr(apic, (uint64_t)*lapic_word(apic, LAPIC_ICR_HIGH) << 32 | value);
}

enum lapic_result lapic_write_base(struct lapic *apic, uint64_t value)
{
	uint64_t modes = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
	uint64_t from = apic->base & modes, to = value & modes;

	if (((value ^ apic->base) & ~(modes | apic->address_mask)) || to == APIC_BASE_X2APIC)
		return LAPIC_FAULT;
	if (from == modes && to == APIC_BASE_ENABLE) /* only by way of disabled */
		return LAPIC_FAULT;
	if (from == 0 && to == modes) /* only by way of xAPIC mode */
		return LAPIC_FAULT;
	__atomic_store_n(&apic->base, value, __ATOMIC_RELAXED);
	if (to == 0) /* no register but the ID outlives this: SDM volume 3, 11.12.5.1 */
		lapic_reset(apic);
	else if (to != from)
		set_id(apic);
	return LAPIC_OK;
}

uint64_t lapic_cr8(const struct lapic *apic)
{
	return *lapic_word(apic, LAPIC_TPR) >> 4;
}

enum lapic_result lapic_write_cr8(struct lapic *apic, uint64_t value)
{
	if (value & ~UINT64_C(0xf))
		return LAPIC_FAULT;
	*lapic_word(apic, LAPIC_TPR) = (uint32_t)value << 4;
	return LAPIC_OK;
}
