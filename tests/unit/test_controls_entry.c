#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/vmx/controls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Checks of VM entry on controls alone (SDM volume 3, 27.2.1.1 to 27.2.1.3), and what would make no
 * sense: where the first control has its value, the second must have its own.
 */
struct implication {
	enum control_word first_word;
	uint32_t first;
	bool first_set;
	enum control_word second_word;
	uint32_t second;
	bool second_set;
};

#define IF(WORD, NAME, set)   CONTROL_##WORD, CONTROL_##WORD##_##NAME, set
#define THEN(WORD, NAME, set) IF(WORD, NAME, set)

static const struct implication implications[] = {
	{IF(PIN, NMI_EXITING, false), THEN(PIN, VIRTUAL_NMIS, false)},
	{IF(PIN, VIRTUAL_NMIS, false), THEN(PRIMARY, NMI_WINDOW_EXITING, false)},
	{IF(PIN, POSTED_INTERRUPTS, true), THEN(SECONDARY, VIRTUAL_INTERRUPT_DELIVERY, true)},
	{IF(PIN, POSTED_INTERRUPTS, true), THEN(EXIT, ACKNOWLEDGE_INTERRUPT, true)},
	{IF(PIN, PREEMPTION_TIMER, false), THEN(EXIT, SAVE_PREEMPTION_TIMER, false)},
	{IF(PRIMARY, USE_TPR_SHADOW, false), THEN(SECONDARY, VIRTUALIZE_X2APIC, false)},
	{IF(PRIMARY, USE_TPR_SHADOW, false), THEN(SECONDARY, APIC_REGISTER_VIRTUALIZATION, false)},
	{IF(PRIMARY, USE_TPR_SHADOW, false), THEN(SECONDARY, VIRTUAL_INTERRUPT_DELIVERY, false)},
	{IF(SECONDARY, VIRTUALIZE_X2APIC, true), THEN(SECONDARY, VIRTUALIZE_APIC_ACCESSES, false)},
	{IF(SECONDARY, VIRTUAL_INTERRUPT_DELIVERY, true),
	 THEN(PIN, EXTERNAL_INTERRUPT_EXITING, true)},
	{IF(SECONDARY, ENABLE_EPT, false), THEN(SECONDARY, UNRESTRICTED_GUEST, false)},
	{IF(SECONDARY, ENABLE_EPT, false), THEN(SECONDARY, ENABLE_PML, false)},
	{IF(SECONDARY, ENABLE_EPT, false), THEN(SECONDARY, EPT_VIOLATION_VE, false)},
	{IF(SECONDARY, ENABLE_EPT, false), THEN(SECONDARY, MODE_BASED_EXECUTE, false)},
	{IF(PRIMARY, ACTIVATE_SECONDARY, true), THEN(ENTRY, ENTRY_TO_SMM, false)},
	{IF(PRIMARY, ACTIVATE_SECONDARY, true), THEN(ENTRY, DEACTIVATE_DUAL_MONITOR, false)},
	{IF(PRIMARY, RDTSC_EXITING, true), THEN(PRIMARY, TSC_OFFSETTING, false)},
	{IF(PRIMARY, RDTSC_EXITING, false), THEN(PRIMARY, TSC_OFFSETTING, true)},
	{IF(PRIMARY, USE_IO_BITMAPS, true), THEN(PRIMARY, UNCONDITIONAL_IO_EXITING, false)},
	{IF(PRIMARY, USE_IO_BITMAPS, false), THEN(PRIMARY, UNCONDITIONAL_IO_EXITING, true)},
};

static void no_problem(void *ctx, enum control_problem problem, enum control_word word,
		       unsigned bit, const char *name, const char *why)
{
	(void)ctx;
	cr_assert_fail("%s: problem %d, word %d, bit %u, %s", name, problem, word, bit, why);
}

static void check_implications(const struct switches *sw)
{
	struct control_capabilities caps;
	struct controls c;

	for (int i = 0; i < CONTROL_WORDS; i++)
		caps.msr[i] = UINT64_C(0xffffffff) << 32; /* all allowed, none demanded */
	cr_assert_eq(controls_build(sw, &caps, &c, no_problem, NULL), 0);
	cr_expect(c.word[CONTROL_PRIMARY] & (uint32_t)CONTROL_PRIMARY_ACTIVATE_SECONDARY);
	for (size_t i = 0; i < COUNT(implications); i++) {
		const struct implication *p = &implications[i];

		if (!(c.word[p->first_word] & p->first) == !p->first_set)
			cr_expect_eq((c.word[p->second_word] & p->second) != 0, p->second_set,
				     "implication %zu", i);
	}
}

/* The switches with their values, and which of them is set: an odometer. */
struct choices {
	size_t count;
	struct choice {
		const char *name, *values[8];
		size_t count, now;
	} of[17];
};

static void add_value(void *ctx, const char *value)
{
	struct choice *choice = ctx;

	cr_assert_lt(choice->count, COUNT(choice->values));
	choice->values[choice->count++] = value;
}

static void add_switch(void *ctx, const char *name, const char *value)
{
	struct choices *choices = ctx;

	(void)value;
	if (strcmp(name, "pv") == 0) /* chooses no control, and takes as long again */
		return;
	cr_assert_lt(choices->count, COUNT(choices->of));
	choices->of[choices->count].name = name;
	switches_values(name, add_value, &choices->of[choices->count++]);
}

static void set(struct switches *sw, const struct choice *choice)
{
	cr_assert_eq(switches_set(sw, choice->name, choice->values[choice->now]), SWITCH_OK);
}

/* Turns to the next combination; false when all have been. */
static bool turn(struct choices *choices, struct switches *sw)
{
	for (size_t i = 0; i < choices->count; i++) {
		struct choice *choice = &choices->of[i];
		bool over = ++choice->now == choice->count;

		if (over)
			choice->now = 0;
		set(sw, choice);
		if (!over)
			return true;
	}
	return false;
}

Test(controls_entry, every_combination_of_switches_makes_sense)
{
	struct choices choices = {0};
	struct switches sw;

	switches_default(&sw);
	switches_each(&sw, add_switch, &choices);
	for (size_t i = 0; i < choices.count; i++)
		set(&sw, &choices.of[i]);
	do {
		check_implications(&sw);
	} while (turn(&choices, &sw));
}
