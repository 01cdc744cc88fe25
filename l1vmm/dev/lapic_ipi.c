/* Interrupts between processors: SDM volume 3, 11.6. */
#include "l1vmm/dev/lapic_internal.h"

/* Fields of the ICR: SDM volume 3, figure 11-12. */
#define ICR_VECTOR	 0xffu
#define ICR_MODE(icr)	 ((uint8_t)((icr) >> 8 & 7))
#define ICR_LOGICAL	 (1u << 11)
#define ICR_ASSERT	 (1u << 14)
#define ICR_LEVEL	 (1u << 15)
#define ICR_SHORTHAND	 0xc0000u
#define ICR_SELF	 0x40000u
#define ICR_ALL		 0x80000u
#define ICR_ALL_BUT_SELF 0xc0000u

#define BROADCAST	0xffffffffu
#define XAPIC_BROADCAST 0xffu
#define DFR_FLAT	0xfu

static uint32_t load(const struct lapic *apic, uint32_t offset)
{
	return __atomic_load_n(lapic_word(apic, offset), __ATOMIC_RELAXED);
}

/* SDM volume 3, 11.6.2.2: eight bits each, or four of a cluster. */
static bool matches_xapic(const struct lapic *apic, uint32_t destination)
{
	uint32_t ldr = load(apic, LAPIC_LDR) >> 24;

	if (load(apic, LAPIC_DFR) >> 28 == DFR_FLAT)
		return destination & ldr;
	return (destination & 0xf0) == (ldr & 0xf0) && (destination & ldr & 0xf);
}

/* SDM volume 3, 11.12.10.2: the cluster in the upper half, a bit each in the lower. */
static bool matches_x2apic(const struct lapic *apic, uint32_t destination)
{
	uint32_t ldr = load(apic, LAPIC_LDR);

	return destination >> 16 == ldr >> 16 && (destination & ldr & 0xffff);
}

bool lapic_is_destination(const struct lapic *apic, const struct lapic_ipi *ipi)
{
	uint64_t base = __atomic_load_n(&apic->base, __ATOMIC_RELAXED);

	if (!(base &
	      APIC_BASE_ENABLE)) /* that pin is the processor's then: see lapic_takes_extint() */
		return ipi->mode == LAPIC_EXTINT && ipi->destination == apic->id;
	if (ipi->everybody)
		return true;
	if (!ipi->logical)
		return ipi->destination == apic->id;
	return base & APIC_BASE_X2APIC ? matches_x2apic(apic, ipi->destination)
				       : matches_xapic(apic, ipi->destination);
}

static uint32_t signal_of(const struct lapic_ipi *ipi)
{
	switch (ipi->mode) {
	case LAPIC_FIXED: /* the others are vectors */
		return ipi->level && ipi->vector >= FIRST_LEGAL_VECTOR ? LAPIC_SIGNAL_LEVEL
								       : LAPIC_SIGNAL_ILLEGAL;
	case LAPIC_NMI:
		return LAPIC_SIGNAL_NMI;
	case LAPIC_INIT:
		return LAPIC_SIGNAL_INIT;
	case LAPIC_STARTUP:
		return LAPIC_SIGNAL_STARTUP | (uint32_t)ipi->vector << 8;
	case LAPIC_EXTINT:
		return LAPIC_SIGNAL_EXTINT;
	default: /* system management belongs to the machine, not to a guest */
		return 0;
	}
}

/*
 * The youngest start-up message is the one that counts, and only behind the youngest INIT: one
 * before it is void, or the processor that it has started is to wait again (SDM volume 3, 26.2).
 * Unless that INIT waits itself.
 */
static uint32_t add_signals(const struct lapic *apic, uint32_t before, uint32_t signals)
{
	bool blocked = __atomic_load_n(&apic->init_blocked, __ATOMIC_RELAXED);

	if (signals & (blocked ? LAPIC_SIGNAL_STARTUP : LAPIC_SIGNAL_STARTUP | LAPIC_SIGNAL_INIT))
		before &= ~LAPIC_SIGNAL_MESSAGE;
	return before | signals;
}

/* Whether there was none before. */
static bool post_signal(const struct lapic *apic, uint32_t signal)
{
	struct lapic_mailbox *mailbox = apic->mailbox;
	uint32_t before = __atomic_load_n(&mailbox->signals, __ATOMIC_RELAXED), after;

	do {
		after = add_signals(apic, before, signal);
	} while (!__atomic_compare_exchange_n(&mailbox->signals, &before, after, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return !before;
}

bool lapic_is_vector(const struct lapic_ipi *ipi)
{
	return ipi->mode == LAPIC_FIXED && ipi->vector >= FIRST_LEGAL_VECTOR && !ipi->level;
}

/* Not among the requests: the processor would take it for one whose end nobody need hear of. */
static bool post_level(struct lapic *apic, const struct lapic_ipi *ipi)
{
	if (!(load(apic, LAPIC_SVR) & SVR_ENABLE))
		return false;
	__atomic_fetch_or(&apic->mailbox->levels[ipi->vector / 32], 1u << ipi->vector % 32,
			  __ATOMIC_SEQ_CST);
	return post_signal(apic, LAPIC_SIGNAL_LEVEL);
}

bool lapic_post(struct lapic *apic, const struct lapic_ipi *ipi)
{
	struct lapic_mailbox *mailbox = apic->mailbox;
	uint64_t before;

	if (!lapic_is_vector(ipi)) {
		uint32_t signal = signal_of(ipi);

		if (signal == LAPIC_SIGNAL_LEVEL)
			return post_level(apic, ipi);
		return signal && post_signal(apic, signal);
	}
	if (!(load(apic, LAPIC_SVR) & SVR_ENABLE))
		return false;
	__atomic_fetch_or(&mailbox->requests[ipi->vector / 64], UINT64_C(1) << ipi->vector % 64,
			  __ATOMIC_SEQ_CST);
	before = __atomic_load_n(&mailbox->control, __ATOMIC_SEQ_CST);
	do {
		if (before & (LAPIC_MAILBOX_FULL | LAPIC_MAILBOX_SUPPRESSED))
			return false;
	} while (!__atomic_compare_exchange_n(&mailbox->control, &before,
					      before | LAPIC_MAILBOX_FULL, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
	return true;
}

static void collect_word(struct lapic *apic, unsigned index, uint32_t bits)
{
	if (!bits)
		return;
	*lapic_word(apic, LAPIC_IRR + index * 16) |= bits;
	*lapic_word(apic, LAPIC_TMR + index * 16) &= ~bits;
	apic->irr_words |= (uint8_t)(1u << index);
}

bool lapic_has_mail(const struct lapic *apic)
{
	const struct lapic_mailbox *mailbox = apic->mailbox;

	return (__atomic_load_n(&mailbox->control, __ATOMIC_SEQ_CST) & LAPIC_MAILBOX_FULL) ||
	       __atomic_load_n(&mailbox->signals, __ATOMIC_SEQ_CST);
}

/*
 * The marks go first: what is posted from then on sets them again.  Vectors that were sent to an
 * APIC that has been disabled since, by INIT for example, are void.
 */
static void collect_vectors(struct lapic *apic, uint64_t marks)
{
	struct lapic_mailbox *mailbox = apic->mailbox;
	bool enabled = load(apic, LAPIC_SVR) & SVR_ENABLE;

	__atomic_fetch_and(&mailbox->control, ~marks, __ATOMIC_SEQ_CST);
	for (unsigned i = 0; i < 4; i++) {
		uint64_t bits = __atomic_exchange_n(&mailbox->requests[i], 0, __ATOMIC_SEQ_CST);

		if (!enabled)
			continue;
		collect_word(apic, 2 * i, (uint32_t)bits);
		collect_word(apic, 2 * i + 1, (uint32_t)(bits >> 32));
	}
}

static void collect_levels(struct lapic *apic)
{
	bool enabled = load(apic, LAPIC_SVR) & SVR_ENABLE;

	for (unsigned i = 0; i < LAPIC_VECTOR_WORDS; i++) {
		uint32_t bits = __atomic_exchange_n(&apic->mailbox->levels[i], 0, __ATOMIC_SEQ_CST);

		if (!enabled)
			continue;
		collect_word(apic, i, bits);
		*lapic_word(apic, LAPIC_TMR + i * 16) |= bits;
	}
	apic->levels = true;
}

void lapic_collect(struct lapic *apic)
{
	struct lapic_mailbox *mailbox = apic->mailbox;
	uint32_t signals;

	if (__atomic_load_n(&mailbox->control, __ATOMIC_RELAXED) & LAPIC_MAILBOX_FULL)
		collect_vectors(apic, LAPIC_MAILBOX_FULL);
	if (!__atomic_load_n(&mailbox->signals, __ATOMIC_RELAXED))
		return;
	signals = __atomic_exchange_n(&mailbox->signals, 0, __ATOMIC_SEQ_CST);
	if (signals & LAPIC_SIGNAL_ILLEGAL)
		lapic_error(apic, ESR_ILLEGAL_VECTOR);
	if (signals & LAPIC_SIGNAL_LEVEL)
		collect_levels(apic);
	apic->signals = add_signals(apic, apic->signals,
				    signals & ~(LAPIC_SIGNAL_ILLEGAL | LAPIC_SIGNAL_LEVEL));
}

void lapic_suppress(struct lapic *apic)
{
	__atomic_fetch_or(&apic->mailbox->control, LAPIC_MAILBOX_SUPPRESSED, __ATOMIC_SEQ_CST);
}

void lapic_go_on(struct lapic *apic)
{
	collect_vectors(apic, LAPIC_MAILBOX_SUPPRESSED | LAPIC_MAILBOX_FULL);
}

static void send(struct lapic *apic, const struct lapic_ipi *ipi, bool to_self, bool to_others)
{
	if (to_self && ipi->mode == LAPIC_FIXED)
		lapic_request(apic, ipi->vector, ipi->level);
	else if (to_self && ipi->mode != LAPIC_STARTUP) /* void, as it has started */
		apic->signals |= signal_of(ipi);
	if (to_others)
		apic->ops->send(apic->ctx, ipi);
}

void lapic_send(struct lapic *apic, const struct lapic_ipi *ipi)
{
	send(apic, ipi, lapic_is_destination(apic, ipi), true);
}

/*
 * The delivery mode decides before the destination does.  De-asserting INIT does nothing on any
 * processor with x2APIC (SDM volume 3, 11.6.1); neither do reserved modes.
 */
static bool is_sent(struct lapic *apic, uint64_t icr)
{
	switch (ICR_MODE(icr)) {
	case LAPIC_FIXED:
		if ((icr & ICR_VECTOR) < FIRST_LEGAL_VECTOR)
			lapic_error(apic, ESR_SEND_ILLEGAL);
		return true;
	case LAPIC_LOWEST_PRIORITY:
		lapic_error(apic, ESR_REDIRECTABLE);
		return false;
	case LAPIC_INIT:
		return (icr & ICR_ASSERT) || !(icr & ICR_LEVEL);
	case LAPIC_NMI:
	case LAPIC_STARTUP:
		return true;
	default:
		return false;
	}
}

void lapic_write_icr(struct lapic *apic, uint64_t icr)
{
	uint32_t shorthand = (uint32_t)icr & ICR_SHORTHAND;
	struct lapic_ipi ipi = {
		.destination = (uint32_t)(icr >> 32),
		.vector = icr & ICR_VECTOR,
		.mode = ICR_MODE(icr),
		.logical = icr & ICR_LOGICAL,
	};

	if (!is_sent(apic, icr))
		return;
	if (!lapic_in_x2apic_mode(apic) && ipi.destination >> 24 == XAPIC_BROADCAST)
		ipi.destination = BROADCAST;
	else if (!lapic_in_x2apic_mode(apic))
		ipi.destination >>= 24;
	ipi.everybody = shorthand == ICR_ALL || shorthand == ICR_ALL_BUT_SELF ||
			ipi.destination == BROADCAST;
	switch (shorthand) {
	case ICR_SELF:
		send(apic, &ipi, true, false);
		break;
	case ICR_ALL_BUT_SELF:
		send(apic, &ipi, false, true);
		break;
	default:
		send(apic, &ipi, lapic_is_destination(apic, &ipi), true);
		break;
	}
}
