/* The local APIC's interrupts: who gets them, when, and what becomes of those that are wrong. */
#include <criterion/criterion.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/dev/lapic.h"
#include "tests/unit/lapic_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define SVR_ON	   0x1ff
#define SVR_OFF	   0xff
#define LVT_MASKED (1u << 16)

#define ESR_REDIRECTABLE (1u << 4)
#define ESR_SEND	 (1u << 5)
#define ESR_RECEIVE	 (1u << 6)

/* ICR: delivery modes, logical destination, shorthands. */
#define LOWEST	     0x100u
#define SMI	     0x200u
#define NMI	     0x400u
#define INIT	     0x500u
#define STARTUP	     0x600u
#define LOGICAL	     0x800u
#define ASSERT	     0x4000u
#define LEVEL	     0x8000u
#define SELF	     0x40000u
#define ALL	     0x80000u
#define ALL_BUT_SELF 0xc0000u
#define TO(id)	     ((uint64_t)(id) << 32)

static bool is_set(struct lapic_rig *rig, uint32_t first_msr, unsigned vector)
{
	return lapic_get(rig, first_msr + vector / 32) >> vector % 32 & 1;
}

/* Requests `vector` and takes it. */
static void serve(struct lapic_rig *rig, uint8_t vector)
{
	lapic_put(rig, MSR_X2APIC_SELF_IPI, vector);
	cr_assert_eq(lapic_pending(&rig->apic), vector);
	lapic_accept(&rig->apic, vector);
}

/* Every vector against every task priority: its class must be the higher one. */
Test(lapic_delivery, a_vector_must_be_of_a_higher_class_than_the_task)
{
	for (int vector = 16; vector < 256; vector++) {
		struct lapic_rig rig;

		lapic_start(&rig, 0);
		lapic_put(&rig, MSR_X2APIC_SELF_IPI, (uint64_t)vector);
		for (unsigned tpr = 0; tpr < 256; tpr++) {
			lapic_put(&rig, MSR_X2APIC_TPR, tpr);
			cr_expect_eq(lapic_pending(&rig.apic),
				     (unsigned)vector / 16 > tpr / 16 ? vector : -1,
				     "vector %d, TPR %#x", vector, tpr);
		}
	}
}

Test(lapic_delivery, vectors_below_16_are_never_requested_and_the_others_each_in_their_place)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		struct lapic_rig rig;

		lapic_start(&rig, 0);
		lapic_put(&rig, MSR_X2APIC_SELF_IPI, vector);
		for (unsigned other = 0; other < 256; other++)
			cr_expect_eq(is_set(&rig, MSR_X2APIC_IRR0, other),
				     other == vector && vector >= 16, "vector %u, IRR bit %u",
				     vector, other);
		cr_expect_eq(lapic_pending(&rig.apic), vector < 16 ? -1 : (int)vector);
	}
}

/* As level-triggered, and behind what is in service since before. */
Test(lapic_delivery, a_vector_that_is_not_taken_after_all_comes_again)
{
	struct lapic_rig rig;

	lapic_start(&rig, 0);
	serve(&rig, 0x40);
	lapic_request(&rig.apic, 0x61, true);
	lapic_accept(&rig.apic, 0x61);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
	lapic_give_back(&rig.apic, 0x61);
	cr_expect_eq(lapic_in_service(&rig.apic), 0x40);
	cr_expect_eq(lapic_pending(&rig.apic), 0x61);
	cr_expect(is_set(&rig, MSR_X2APIC_IRR0, 0x61));
	cr_expect_not(is_set(&rig, MSR_X2APIC_ISR0, 0x61));
	cr_expect(is_set(&rig, MSR_X2APIC_TMR0, 0x61));
	lapic_accept(&rig.apic, 0x61);
	cr_expect_eq(lapic_in_service(&rig.apic), 0x61);
}

/* SDM volume 3, 11.8.3.1; where both classes are equal, the TPR's low bits may stay. */
Test(lapic_delivery, the_processor_priority_is_the_higher_of_task_and_service)
{
	static const struct {
		uint8_t in_service; /* 0: none */
		uint8_t tpr, ppr;
	} rows[] = {
		{0, 0x00, 0x00},    {0, 0x0f, 0x0f},	{0, 0xff, 0xff},    {0x10, 0x00, 0x10},
		{0x4f, 0x00, 0x40}, {0x4f, 0x3f, 0x40}, {0x4f, 0x40, 0x40}, {0x40, 0x4a, 0x4a},
		{0x4f, 0x50, 0x50}, {0x4f, 0x5c, 0x5c}, {0xff, 0xef, 0xf0}, {0xf0, 0xff, 0xff},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		lapic_start(&rig, 0);
		if (rows[i].in_service)
			serve(&rig, rows[i].in_service);
		lapic_put(&rig, MSR_X2APIC_TPR, rows[i].tpr);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_PPR), rows[i].ppr, "row %zu", i);
		for (unsigned vector = 16; vector < 256; vector++) {
			struct lapic_rig asked;

			lapic_copy(&asked, &rig);
			lapic_put(&asked, MSR_X2APIC_SELF_IPI, vector);
			cr_expect_eq(lapic_pending(&asked.apic),
				     vector / 16 > rows[i].ppr / 16 ? (int)vector : -1,
				     "row %zu, vector %u", i, vector);
		}
	}
}

Test(lapic_delivery, the_highest_vector_goes_first_and_ends_first)
{
	static const uint8_t ascending[] = {0x31, 0x52, 0x73, 0xff};
	struct lapic_rig rig;

	lapic_start(&rig, 0);
	for (size_t i = 0; i < COUNT(ascending); i++)
		lapic_put(&rig, MSR_X2APIC_SELF_IPI, ascending[i]);
	cr_expect_eq(lapic_pending(&rig.apic), 0xff);

	lapic_start(&rig, 0);
	for (size_t i = 0; i < COUNT(ascending); i++)
		serve(&rig, ascending[i]);
	for (size_t i = COUNT(ascending); i-- > 0;) {
		cr_expect(is_set(&rig, MSR_X2APIC_ISR0, ascending[i]));
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_PPR), ascending[i] & 0xf0u);
		lapic_put(&rig, MSR_X2APIC_EOI, 0);
		cr_expect_not(is_set(&rig, MSR_X2APIC_ISR0, ascending[i]));
		for (size_t j = 0; j < i; j++)
			cr_expect(is_set(&rig, MSR_X2APIC_ISR0, ascending[j]));
	}
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_PPR), 0);
	lapic_put(&rig, MSR_X2APIC_EOI, 0); /* nothing is in service: no effect */
	cr_expect_eq(lapic_get(&rig, MSR_X2APIC_PPR), 0);
}

Test(lapic_delivery, a_vector_may_be_requested_again_while_it_is_in_service)
{
	struct lapic_rig rig;

	lapic_start(&rig, 0);
	serve(&rig, 0x40);
	cr_expect_not(is_set(&rig, MSR_X2APIC_IRR0, 0x40));
	lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0x40);
	lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0x40); /* the same request, not a second */
	cr_expect_eq(lapic_pending(&rig.apic), -1, "its own class is not above itself");
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect_eq(lapic_pending(&rig.apic), 0x40);
	lapic_accept(&rig.apic, 0x40);
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect_eq(lapic_pending(&rig.apic), -1);
}

/* APIC 0x2a has the logical ID 0x20400: cluster 2, bit 10. */
Test(lapic_delivery, an_ipi_reaches_its_sender_where_the_destination_says_so)
{
	static const struct {
		uint64_t icr;
		bool reaches;
	} rows[] = {
		{SELF, true},
		{ALL, true},
		{ALL_BUT_SELF, false},
		{TO(0x2a) | ALL_BUT_SELF, false},
		{TO(0x2b) | SELF, true},
		{SELF | ASSERT | LEVEL, true},
		{TO(0x2a), true},
		{TO(0x2a) | ASSERT, true},
		{TO(0x2b), false},
		{TO(0), false},
		{TO(0x12a), false},
		{TO(0xff), false},
		{TO(0xffffffff), true},
		{TO(0xffffffff) | LOGICAL, true},
		{TO(0x20400) | LOGICAL, true},
		{TO(0x2ffff) | LOGICAL, true},
		{TO(0x2fbff) | LOGICAL, false},
		{TO(0x20000) | LOGICAL, false},
		{TO(0x30400) | LOGICAL, false},
		{TO(0x00400) | LOGICAL, false},
		{TO(0x2a) | LOGICAL, false},
		{TO(0x20400), false},
		{SELF | SMI, false},
		{TO(0x2a) | NMI, false},
		{TO(0x2a) | INIT, false},
		{TO(0x2a) | STARTUP, false},
		{TO(0x2a) | LOWEST, false},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		lapic_start(&rig, 0x2a);
		lapic_put(&rig, MSR_X2APIC_ICR, rows[i].icr | 0xe1);
		cr_expect_eq(lapic_pending(&rig.apic), rows[i].reaches ? 0xe1 : -1, "ICR %#lx",
			     rows[i].icr);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_ICR), rows[i].icr | 0xe1);
	}
}

/* SDM volume 3, 11.5.3. */
Test(lapic_delivery, wrong_ipis_are_logged_in_the_error_status)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
		uint32_t esr;
	} rows[] = {
		{MSR_X2APIC_SELF_IPI, 0, ESR_SEND | ESR_RECEIVE},
		{MSR_X2APIC_SELF_IPI, 15, ESR_SEND | ESR_RECEIVE},
		{MSR_X2APIC_SELF_IPI, 16, 0},
		{MSR_X2APIC_ICR, SELF | 15, ESR_SEND | ESR_RECEIVE},
		{MSR_X2APIC_ICR, ALL | 0, ESR_SEND | ESR_RECEIVE},
		{MSR_X2APIC_ICR, TO(0x2a) | 15, ESR_SEND | ESR_RECEIVE},
		{MSR_X2APIC_ICR, TO(0x2a) | 16, 0},
		{MSR_X2APIC_ICR, ALL_BUT_SELF | 15, ESR_SEND},
		{MSR_X2APIC_ICR, ALL_BUT_SELF | 16, 0},
		{MSR_X2APIC_ICR, TO(1) | 0, ESR_SEND},
		{MSR_X2APIC_ICR, TO(1) | LOWEST | 16, ESR_REDIRECTABLE},
		{MSR_X2APIC_ICR, TO(0x2a) | LOWEST | 0, ESR_REDIRECTABLE},
		{MSR_X2APIC_ICR, TO(1) | NMI | 0, 0},
		{MSR_X2APIC_ICR, TO(1) | INIT | 0, 0},
		{MSR_X2APIC_ICR, TO(1) | STARTUP | 0, 0},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct lapic_rig rig;

		lapic_start(&rig, 0x2a);
		lapic_put(&rig, rows[i].msr, rows[i].value);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_ESR), 0, "before ESR is written");
		lapic_put(&rig, MSR_X2APIC_ESR, 0);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_ESR), rows[i].esr, "row %zu", i);
		lapic_put(&rig, MSR_X2APIC_ESR, 0);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_ESR), 0, "row %zu", i);
	}
}

/* SDM volume 3, 26.2: who sends one has started. */
Test(lapic_delivery, a_startup_message_to_oneself_is_void)
{
	struct lapic_rig rig;

	lapic_start(&rig, 0x2a);
	lapic_put(&rig, MSR_X2APIC_ICR, TO(0x2a) | STARTUP | 0x9f);
	cr_expect_eq(rig.apic.signals, 0);
}

/* SDM volume 3, 11.4.7.2: no new interrupts, but those requested before still wait. */
Test(lapic_delivery, an_apic_disabled_by_software_takes_nothing_new)
{
	struct lapic_rig rig;

	lapic_start(&rig, 0);
	serve(&rig, 0x30);
	lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0x40);
	lapic_put(&rig, MSR_X2APIC_SIVR, SVR_OFF);
	lapic_put(&rig, MSR_X2APIC_SELF_IPI, 0x50);
	lapic_put(&rig, MSR_X2APIC_ICR, SELF | 0x60);
	cr_expect_eq(lapic_pending(&rig.apic), 0x40);
	lapic_accept(&rig.apic, 0x40);
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	cr_expect(is_set(&rig, MSR_X2APIC_ISR0, 0x30));
	lapic_put(&rig, MSR_X2APIC_EOI, 0);
	lapic_put(&rig, MSR_X2APIC_SIVR, SVR_ON);
	cr_expect_eq(lapic_pending(&rig.apic), -1, "what came meanwhile is lost");
}

Test(lapic_delivery, an_apic_disabled_by_software_keeps_its_lvt_masked)
{
	for (uint32_t msr = MSR_X2APIC_LVT_TIMER; msr <= MSR_X2APIC_LVT_ERROR; msr++) {
		struct lapic_rig rig;

		lapic_start(&rig, 0);
		lapic_put(&rig, msr, 0x31);
		cr_expect_eq(lapic_get(&rig, msr), 0x31);
		lapic_put(&rig, MSR_X2APIC_SIVR, SVR_OFF);
		cr_expect_eq(lapic_get(&rig, msr), LVT_MASKED | 0x31);
		lapic_put(&rig, msr, 0x32);
		cr_expect_eq(lapic_get(&rig, msr), LVT_MASKED | 0x32);
		lapic_put(&rig, MSR_X2APIC_SIVR, SVR_ON);
		cr_expect_eq(lapic_get(&rig, msr), LVT_MASKED | 0x32);
		lapic_put(&rig, msr, 0x32);
		cr_expect_eq(lapic_get(&rig, msr), 0x32);
	}
}

Test(lapic_delivery, cr8_is_the_class_of_the_task_priority)
{
	struct lapic_rig rig;

	lapic_start(&rig, 0);
	for (unsigned tpr = 0; tpr < 256; tpr++) {
		lapic_put(&rig, MSR_X2APIC_TPR, tpr);
		cr_expect_eq(lapic_cr8(&rig.apic), tpr / 16);
	}
	for (unsigned cr8 = 0; cr8 < 16; cr8++) {
		cr_expect_eq(lapic_write_cr8(&rig.apic, cr8), LAPIC_OK);
		cr_expect_eq(lapic_get(&rig, MSR_X2APIC_TPR), cr8 << 4);
	}
	for (unsigned bit = 4; bit < 64; bit++)
		cr_expect_eq(lapic_write_cr8(&rig.apic, UINT64_C(1) << bit), LAPIC_FAULT);
	cr_expect_eq(lapic_cr8(&rig.apic), 15, "a fault leaves the priority as it was");
}

/* What comes in at LINT0 from controllers besides: SDM volume 3, 11.4.3 and 11.5.1. */
Test(lapic_delivery, lint0_takes_the_interrupt_of_other_controllers_where_it_says_so)
{
	static struct lapic_rig rig;

	lapic_power_up(&rig, 0);
	cr_expect_not(lapic_takes_extint(&rig.apic), "masked after power-up");
	lapic_write_page(&rig.apic, LAPIC_LVT_LINT0, 0x700);
	cr_expect_not(lapic_takes_extint(&rig.apic), "masked as long as software has it off");
	lapic_write_page(&rig.apic, LAPIC_SVR, 0x1ff);
	lapic_write_page(&rig.apic, LAPIC_LVT_LINT0, 0x700);
	cr_expect(lapic_takes_extint(&rig.apic));
	lapic_write_page(&rig.apic, LAPIC_LVT_LINT0, 0x10700);
	cr_expect_not(lapic_takes_extint(&rig.apic));
	lapic_write_page(&rig.apic, LAPIC_LVT_LINT0, 0x400);
	cr_expect_not(lapic_takes_extint(&rig.apic), "an NMI");
	lapic_write_base(&rig.apic, rig.apic.base & ~(uint64_t)APIC_BASE_ENABLE);
	cr_expect(lapic_takes_extint(&rig.apic), "the pin is the processor's");
}

/* Another processor changes them: a signal, for the boot processor. */
Test(lapic_delivery, other_controllers_are_told_of_by_a_signal)
{
	static struct lapic_rig rig;

	lapic_start(&rig, 0);
	cr_expect(lapic_post(&rig.apic, &(struct lapic_ipi){.mode = LAPIC_EXTINT}));
	lapic_collect(&rig.apic);
	cr_expect_eq(rig.apic.signals, LAPIC_SIGNAL_EXTINT);
}
