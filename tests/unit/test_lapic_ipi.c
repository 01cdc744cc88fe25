/* Interrupts from one local APIC to others: who is meant, and what arrives. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "tests/unit/lapic_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TO(id)	     ((uint64_t)(id) << 32)

#define LOGICAL	     0x800u
#define ALL_BUT_SELF 0xc0000u
#define SELF	     0x40000u
#define ALL	     0x80000u

/* What the APIC under test sends by this ICR; false where it is for nobody else. */
static bool sends(struct lapic_rig *rig, uint64_t icr, struct lapic_ipi *ipi)
{
	unsigned before = rig->sends;

	lapic_put(rig, MSR_X2APIC_ICR, icr);
	*ipi = rig->sent;
	return rig->sends > before;
}

static void start_xapic(struct lapic_rig *rig, uint32_t id, uint32_t ldr, uint32_t dfr)
{
	lapic_power_up(rig, id);
	lapic_write_page(&rig->apic, LAPIC_SVR, 0x1ff);
	lapic_write_page(&rig->apic, LAPIC_LDR, ldr << 24);
	lapic_write_page(&rig->apic, LAPIC_DFR, dfr << 28);
}

Test(lapic_ipi, is_told_to_others_unless_it_is_for_the_sender_alone)
{
	static const struct {
		uint64_t icr;
		bool sent;
		bool everybody;
	} rows[] = {
		{TO(1) | 0x40, true, false},	   {TO(UINT32_MAX) | 0x40, true, true},
		{SELF | 0x40, false, false},	   {ALL | 0x40, true, true},
		{ALL_BUT_SELF | 0x40, true, true}, {TO(0x20400) | LOGICAL | 0x40, true, false},
		{TO(1) | 0x400, true, false},	   {TO(1) | 0x4500, true, false},
		{TO(1) | 0x8500, false, false}, /* INIT level de-assert */
		{TO(1) | 0x609, true, false},	   {TO(1) | 0x100, false, false},
		{TO(1) | 0x200, false, false},	   {TO(1) | 0x300, false, false},
		{TO(1) | 0x700, false, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;
		struct lapic_ipi ipi;

		lapic_start(&rig, 0);
		cr_assert_eq(sends(&rig, rows[i].icr, &ipi), rows[i].sent, "ICR %#lx", rows[i].icr);
		if (rows[i].sent)
			cr_expect_eq(ipi.everybody, rows[i].everybody, "ICR %#lx", rows[i].icr);
	}
}

/* SDM volume 3, 11.6.2.2: the flat model, and clusters of four. */
Test(lapic_ipi, finds_its_logical_destination_in_xapic_mode)
{
	static const struct {
		uint32_t ldr, dfr, destination;
		bool reached;
	} rows[] = {
		{0x01, 0xf, 0x01, true},  {0x01, 0xf, 0x02, false}, {0x80, 0xf, 0xc0, true},
		{0x00, 0xf, 0x7f, false}, {0x21, 0x0, 0x21, true},  {0x21, 0x0, 0x2f, true},
		{0x21, 0x0, 0x2e, false}, {0x21, 0x0, 0x31, false}, {0x21, 0xf, 0x31, true},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_ipi ipi = {.destination = rows[i].destination, .logical = true};
		struct lapic_rig rig;

		start_xapic(&rig, 3, rows[i].ldr, rows[i].dfr);
		cr_expect_eq(lapic_is_destination(&rig.apic, &ipi), rows[i].reached, "row %zu", i);
	}
}

Test(lapic_ipi, from_xapic_mode_has_a_destination_of_eight_bits)
{
	struct lapic_rig rig;

	start_xapic(&rig, 0, 1, 0xf);
	lapic_write_page(&rig.apic, LAPIC_ICR_HIGH, 0x07000000);
	lapic_write_page(&rig.apic, LAPIC_ICR, 0x40);
	cr_expect_eq(rig.sent.destination, 7);
	cr_expect_not(rig.sent.everybody);
	lapic_write_page(&rig.apic, LAPIC_ICR_HIGH, 0xff000000);
	lapic_write_page(&rig.apic, LAPIC_ICR, 0x40);
	cr_expect(rig.sent.everybody);
	cr_expect_eq(lapic_pending(&rig.apic), 0x40, "a broadcast is for the sender too");
}

Test(lapic_ipi, reaches_no_apic_that_is_disabled)
{
	struct lapic_ipi ipi = {.everybody = true, .vector = 0x40};
	struct lapic_rig rig;

	lapic_power_up(&rig, 1);
	cr_expect(lapic_is_destination(&rig.apic, &ipi));
	cr_expect_not(lapic_post(&rig.apic, &ipi), "disabled by software: no vectors");
	ipi.mode = LAPIC_NMI;
	cr_expect(lapic_post(&rig.apic, &ipi), "but NMIs");
	cr_assert_eq(lapic_write_base(&rig.apic, LAPIC_BASE_AT_RESET), LAPIC_OK);
	cr_expect_not(lapic_is_destination(&rig.apic, &ipi));
	/* The pin of other controllers is the processor's then: SDM volume 3, 11.4.3. */
	ipi = (struct lapic_ipi){.mode = LAPIC_EXTINT, .destination = rig.apic.id};
	cr_expect(lapic_is_destination(&rig.apic, &ipi));
	lapic_collect(&rig.apic);
	cr_expect(lapic_post(&rig.apic, &ipi));
	ipi.destination++;
	cr_expect_not(lapic_is_destination(&rig.apic, &ipi));
}

Test(lapic_ipi, waits_in_the_mailbox_and_asks_once_for_attention)
{
	struct lapic_ipi ipi = {.vector = 0x40};
	struct lapic_rig rig;

	lapic_start(&rig, 1);
	cr_expect(lapic_post(&rig.apic, &ipi));
	ipi.vector = 0xfe;
	cr_expect_not(lapic_post(&rig.apic, &ipi), "the owner knows already");
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	lapic_collect(&rig.apic);
	cr_expect_eq(lapic_pending(&rig.apic), 0xfe);
	lapic_accept(&rig.apic, 0xfe);
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect_eq(lapic_pending(&rig.apic), 0x40);
	cr_expect(lapic_post(&rig.apic, &ipi), "and is to be told again");
}

Test(lapic_ipi, of_other_kinds_are_signals)
{
	struct lapic_rig rig;

	lapic_start(&rig, 1);
	lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_NMI});
	lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_INIT});
	lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_STARTUP, .vector = 0xff});
	lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_STARTUP, .vector = 0x08});
	cr_expect_not(lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_SMI}));
	lapic_collect(&rig.apic);
	cr_expect_eq(rig.apic.signals,
		     LAPIC_SIGNAL_NMI | LAPIC_SIGNAL_INIT | LAPIC_SIGNAL_STARTUP | 0x0800);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
}

/*
 * Under irq=posted the processor takes the vectors and clears their mark, and knows of no signals:
 * the two ask for attention each by itself, and neither is lost with the other.
 */
Test(lapic_ipi, are_told_of_by_kind)
{
	const struct lapic_ipi vector = {.vector = 0x40}, nmi = {.mode = LAPIC_NMI};
	struct lapic_rig rig;

	lapic_start(&rig, 1);
	cr_expect(lapic_is_vector(&vector));
	cr_expect_not(lapic_is_vector(&nmi));
	cr_expect_not(lapic_is_vector(&(struct lapic_ipi){.vector = 15}));
	cr_expect_not(lapic_has_mail(&rig.apic));
	cr_expect(lapic_post(&rig.apic, &vector));
	cr_expect(lapic_has_mail(&rig.apic));
	cr_expect(lapic_post(&rig.apic, &nmi), "a vector before says nothing of a signal");
	cr_expect_not(lapic_post(&rig.apic, &nmi));
	rig.mailbox.control = 0;
	rig.mailbox.requests[1] = 0;
	cr_expect(lapic_has_mail(&rig.apic));
	lapic_collect(&rig.apic);
	cr_expect_eq(rig.apic.signals, LAPIC_SIGNAL_NMI);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	cr_expect_not(lapic_has_mail(&rig.apic));
	cr_expect(lapic_post(&rig.apic, &nmi), "and is to be told again");
}

Test(lapic_ipi, start_where_the_latest_says)
{
	struct lapic_rig rig;

	lapic_start(&rig, 1);
	lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_STARTUP, .vector = 0x9f});
	lapic_collect(&rig.apic);
	lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_STARTUP, .vector = 0x08});
	lapic_collect(&rig.apic);
	cr_expect_eq(rig.apic.signals, LAPIC_SIGNAL_STARTUP | 0x0800);
}

/* A start-up message is only for a processor that waits for it, as INIT leaves it. */
Test(lapic_ipi, start_nobody_before_an_init)
{
	static const struct {
		uint8_t sent[4]; /* modes; 0: the owner looks into the mailbox */
		uint32_t signals;
	} rows[] = {
		{{LAPIC_STARTUP, LAPIC_INIT}, LAPIC_SIGNAL_INIT},
		{{LAPIC_STARTUP, 0, LAPIC_INIT}, LAPIC_SIGNAL_INIT},
		{{LAPIC_INIT, LAPIC_STARTUP}, LAPIC_SIGNAL_INIT | LAPIC_SIGNAL_STARTUP | 0x100},
		{{LAPIC_INIT, 0, LAPIC_STARTUP}, LAPIC_SIGNAL_INIT | LAPIC_SIGNAL_STARTUP | 0x200},
		{{LAPIC_INIT, LAPIC_STARTUP, LAPIC_INIT}, LAPIC_SIGNAL_INIT},
		{{LAPIC_INIT, LAPIC_STARTUP, 0, LAPIC_INIT}, LAPIC_SIGNAL_INIT},
		{{LAPIC_STARTUP, LAPIC_INIT, LAPIC_STARTUP},
		 LAPIC_SIGNAL_INIT | LAPIC_SIGNAL_STARTUP | 0x200},
		{{LAPIC_STARTUP, LAPIC_NMI}, LAPIC_SIGNAL_STARTUP | LAPIC_SIGNAL_NMI},
		{{LAPIC_NMI, LAPIC_STARTUP, LAPIC_INIT}, LAPIC_SIGNAL_INIT | LAPIC_SIGNAL_NMI},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		lapic_start(&rig, 1);
		for (unsigned at = 0; at < COUNT(rows[i].sent); at++) {
			struct lapic_ipi ipi = {.mode = rows[i].sent[at], .vector = (uint8_t)at};

			if (ipi.mode)
				lapic_post(&rig.apic, &ipi);
			else
				lapic_collect(&rig.apic);
		}
		lapic_collect(&rig.apic);
		cr_expect_eq(rig.apic.signals, rows[i].signals, "row %zu: %#x", i,
			     rig.apic.signals);
	}
}

/* An INIT that waits itself takes none away. */
Test(lapic_ipi, start_a_guests_guest_whatever_init_is_blocked)
{
	const struct lapic_ipi startup = {.mode = LAPIC_STARTUP, .vector = 8};
	const struct lapic_ipi init = {.mode = LAPIC_INIT};

	for (unsigned collected = 0; collected < 2; collected++) {
		struct lapic_rig rig;

		lapic_start(&rig, 1);
		rig.apic.init_blocked = true;
		lapic_post(&rig.apic, &startup);
		if (collected)
			lapic_collect(&rig.apic);
		lapic_post(&rig.apic, &init);
		lapic_collect(&rig.apic);
		cr_expect_eq(rig.apic.signals, LAPIC_SIGNAL_INIT | LAPIC_SIGNAL_STARTUP | 0x0800);
	}
}

/* SDM volume 3, 11.5.3: it is the receiver that sees the vector. */
Test(lapic_ipi, with_an_illegal_vector_is_an_error_where_it_arrives)
{
	struct lapic_rig rig;

	lapic_start(&rig, 1);
	lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 15});
	lapic_collect(&rig.apic);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	cr_expect_eq(rig.apic.signals, 0);
	lapic_put(&rig, MSR_X2APIC_ESR, 0);
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_ESR), 0x40);
}

#define POSTS 100000

Test(lapic_ipi, tells_nobody_who_waits_for_no_vectors)
{
	const struct lapic_ipi vector = {.vector = 0x40}, nmi = {.mode = LAPIC_NMI};
	struct lapic_rig rig;

	lapic_start(&rig, 0);
	lapic_suppress(&rig.apic);
	cr_expect_not(lapic_post(&rig.apic, &vector));
	cr_expect_not(lapic_has_mail(&rig.apic));
	lapic_collect(&rig.apic);
	cr_expect_eq(lapic_requested(&rig.apic), -1, "it was not looked for");
	cr_expect(lapic_post(&rig.apic, &nmi), "but of an NMI");
	lapic_go_on(&rig.apic);
	cr_expect_eq(lapic_requested(&rig.apic), 0x40, "none is lost");
	cr_expect(lapic_post(&rig.apic, &vector), "and it is told again");
}

/* One was told of before: that stays so. */
Test(lapic_ipi, takes_in_what_came_before_it_waits)
{
	struct lapic_rig rig;

	lapic_start(&rig, 0);
	cr_expect(lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 0x40}));
	lapic_suppress(&rig.apic);
	cr_expect_not(lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 0x50}));
	lapic_collect(&rig.apic);
	cr_expect_eq(lapic_requested(&rig.apic), 0x50);
	cr_expect_not(lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 0x60}), "still");
	lapic_go_on(&rig.apic);
	cr_expect_eq(lapic_requested(&rig.apic), 0x60);
}

Test(lapic_ipi, loses_in_init_what_was_sent_before)
{
	struct lapic_rig rig;

	lapic_start(&rig, 1);
	lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 0x40});
	lapic_suppress(&rig.apic);
	lapic_reset(&rig.apic);
	lapic_go_on(&rig.apic);
	lapic_put(&rig, MSR_X2APIC_SIVR, 0x1ff);
	lapic_collect(&rig.apic);
	cr_expect_eq(lapic_requested(&rig.apic), -1);
}

/* As with vectors by edge. */
Test(lapic_ipi, loses_in_init_what_an_io_apic_sent_before)
{
	struct lapic_rig rig;

	lapic_start(&rig, 1);
	lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 0x40, .level = true});
	lapic_reset(&rig.apic);
	lapic_collect(&rig.apic);
	lapic_put(&rig, MSR_X2APIC_SIVR, 0x1ff);
	lapic_collect(&rig.apic);
	cr_expect_eq(lapic_requested(&rig.apic), -1);
}

static void *post_many(void *arg)
{
	struct lapic_rig *rig = arg;

	for (unsigned i = 0; i < POSTS; i++)
		lapic_post(&rig->apic, &(struct lapic_ipi){.vector = (uint8_t)(16 + i % 240)});
	return NULL;
}

/* Two others post while the owner takes: nothing is lost, whatever comes between. */
Test(lapic_ipi, can_be_posted_by_several_at_a_time)
{
	static struct lapic_rig rig;
	pthread_t posters[2];
	unsigned taken[256] = {0};

	lapic_start(&rig, 1);
	for (size_t i = 0; i < COUNT(posters); i++)
		cr_assert_eq(pthread_create(&posters[i], NULL, post_many, &rig), 0);
	for (size_t i = 0; i < COUNT(posters); i++) {
		for (unsigned n = 0; n < POSTS / 10; n++) {
			lapic_collect(&rig.apic);
			for (int v = lapic_pending(&rig.apic); v >= 0;
			     v = lapic_pending(&rig.apic)) {
				taken[v]++;
				lapic_accept(&rig.apic, (uint8_t)v);
				lapic_put(&rig, MSR_X2APIC_EOI, 0);
			}
		}
		pthread_join(posters[i], NULL);
	}
	lapic_collect(&rig.apic);
	cr_expect_eq(rig.mailbox.requests[0] | rig.mailbox.requests[1] | rig.mailbox.requests[2] |
			     rig.mailbox.requests[3],
		     0, "what was posted last was collected");
	for (int v = lapic_pending(&rig.apic); v >= 0; v = lapic_pending(&rig.apic)) {
		taken[v]++;
		lapic_accept(&rig.apic, (uint8_t)v);
		lapic_put(&rig, MSR_X2APIC_EOI, 0);
	}
	for (unsigned v = 16; v < 256; v++)
		cr_expect(taken[v] >= 1 && taken[v] <= 2 * POSTS / 240 + 2, "vector %u: %u", v,
			  taken[v]);
}

/* Not in the part of the mailbox that the processor takes vectors from. */
Test(lapic_ipi, a_level_triggered_vector_is_told_apart)
{
	const struct lapic_ipi level = {.destination = 1, .vector = 0x55, .level = true};
	const struct lapic_ipi edge = {.destination = 1, .vector = 0x66};
	static struct lapic_rig rig;

	lapic_start(&rig, 1);
	cr_expect_not(lapic_is_vector(&level));
	cr_expect(lapic_post(&rig.apic, &level));
	cr_expect_not(lapic_post(&rig.apic, &level));
	cr_expect(lapic_has_mail(&rig.apic));
	cr_expect_eq(rig.mailbox.requests[1], 0);
	cr_expect(lapic_post(&rig.apic, &edge));
	lapic_collect(&rig.apic);
	cr_expect_not(lapic_has_mail(&rig.apic));
	cr_expect_eq(rig.apic.signals, 0);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t vector = i == 0 ? 0x66 : 0x55;

		cr_assert_eq(lapic_pending(&rig.apic), vector);
		lapic_accept(&rig.apic, vector);
		rig.ended = -1;
		lapic_end_of_interrupt(&rig.apic);
		cr_expect_eq(rig.ended, vector == 0x55 ? vector : -1);
	}
	/* The same vector by edge is none of the I/O APIC's any more. */
	lapic_post(&rig.apic, &(struct lapic_ipi){.destination = 1, .vector = 0x55});
	lapic_collect(&rig.apic);
	lapic_accept(&rig.apic, 0x55);
	rig.ended = -1;
	lapic_end_of_interrupt(&rig.apic);
	cr_expect_eq(rig.ended, -1);
}

Test(lapic_ipi, a_level_triggered_vector_may_be_ones_own_or_illegal)
{
	static struct lapic_rig rig;

	lapic_start(&rig, 1);
	lapic_send(&rig.apic, &(struct lapic_ipi){.destination = 1, .vector = 0x55, .level = true});
	cr_expect_eq(lapic_pending(&rig.apic), 0x55);
	lapic_accept(&rig.apic, 0x55);
	rig.ended = -1;
	lapic_end_of_interrupt(&rig.apic);
	cr_expect_eq(rig.ended, 0x55);
	cr_expect(lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 3, .level = true}));
	lapic_collect(&rig.apic);
	lapic_put(&rig, MSR_X2APIC_ESR, 0);
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_ESR), 1u << 6);
	lapic_put(&rig, MSR_X2APIC_SIVR, 0xff); /* off: takes none */
	cr_expect_not(lapic_post(&rig.apic, &(struct lapic_ipi){.vector = 0x55, .level = true}));
}
