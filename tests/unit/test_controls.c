#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/vmx/controls.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A capability MSR that allows everything and demands nothing. */
#define ANYTHING (UINT64_C(0xffffffff) << 32)

/* The row of controls.def, with `wanted` for the switches at hand and a generous processor. */
struct row {
	enum control_word word;
	unsigned bit;
	int mask; /* the enumerator */
	bool wanted;
	const char *name, *why;
};

#define CONTROL(WORD, bit, NAME, wanted, why) +1
enum {
	ROWS = 0
#include "l1vmm/vmx/controls.def"
};
#undef CONTROL

static void list_rows(const struct switches *sw, struct row rows[ROWS])
{
	const struct row all[] = {
#define CAN(WORD, bit) true
#define CONTROL(WORD, bit, NAME, wanted, why) \
	{CONTROL_##WORD, bit, CONTROL_##WORD##_##NAME, wanted, #NAME, why},
#include "l1vmm/vmx/controls.def"
#undef CONTROL
#undef CAN
	};

	memcpy(rows, all, sizeof(all));
}

/* What the callback was told: the last problem, and how many there were. */
struct told {
	unsigned count;
	enum control_problem problem;
	enum control_word word;
	unsigned bit;
	const char *name, *why;
};

static void tell(void *ctx, enum control_problem problem, enum control_word word, unsigned bit,
		 const char *name, const char *why)
{
	struct told *told = ctx;

	*told = (struct told){told->count + 1, problem, word, bit, name, why};
}

static unsigned build(const struct switches *sw, const struct control_capabilities *caps,
		      struct controls *out, struct told *told)
{
	unsigned problems;

	*told = (struct told){0};
	problems = controls_build(sw, caps, out, tell, told);
	cr_assert_eq(problems, told->count);
	return problems;
}

static struct control_capabilities generous(void)
{
	struct control_capabilities caps;

	for (int i = 0; i < CONTROL_WORDS; i++)
		caps.msr[i] = ANYTHING;
	return caps;
}

static struct switches with(const char *name, const char *value)
{
	struct switches sw;

	switches_default(&sw);
	cr_assert_eq(switches_set(&sw, name, value), SWITCH_OK, "%s=%s", name, value);
	return sw;
}

/* Words for each value of the switches, as the SDM's tables of 25.6 to 25.8 number the bits. */
Test(controls, each_switch_sets_its_bits)
{
	static const struct {
		const char *name, *value;
		uint32_t primary, secondary; /* as they differ from the defaults */
	} rows[] = {
		{"mmu", "ept:2m", 0, 0},
		{"mmu", "ept:4k", 0, 0},
		{"mmu", "shadow:trap", 1u << 9 | 1u << 15 | 1u << 16, 1u << 1 | 1u << 7},
		{"mmu", "shadow:unsync", 1u << 9 | 1u << 15 | 1u << 16, 1u << 1 | 1u << 7},
		{"mmu", "shadow:pv", 1u << 9 | 1u << 15 | 1u << 16, 1u << 1 | 1u << 7},
		{"tlb", "vpid", 0, 0},
		{"tlb", "flush", 0, 1u << 5},
		{"irq", "emulated", 0, 0},
		{"irq", "apicv", 0, 1u << 0 | 1u << 8 | 1u << 9},
		{"timer", "emulated", 0, 0},
		{"timer", "preempt", 0, 0},
		{"timer", "direct", 0, 0},
		{"around", "none", 0, 0},
		{"around", "masked", 0, 0},
		{"cr", "mask", 0, 0},
		{"cr", "trap", 1u << 15 | 1u << 16, 0},
		{"msr", "bitmap", 0, 0},
		{"msr", "trap", 1u << 28, 0},
		{"io", "bitmap", 0, 0},
		{"io", "trap", 1u << 24 | 1u << 25, 0},
		{"tsc", "offset", 0, 0},
		{"tsc", "trap", 1u << 3 | 1u << 12, 0},
		{"telemetry", "off", 0, 0},
		{"observe", "off", 0, 0},
		{"observe", "tlb", 1u << 9 | 1u << 15 | 1u << 16, 0},
		{"observe", "trace", 1u << 9 | 1u << 15 | 1u << 16 | 1u << 27, 0},
		{"fault", "entry", 0, 0},
		{"fault", "unknown-exit", 0, 1u << 2},
	};
	const uint32_t primary = 1u << 3 | 1u << 7 | 1u << 10 | 1u << 11 | 1u << 21 | 1u << 25 |
				 1u << 28 | 1u << 29 | 1u << 31;
	const uint32_t secondary = 1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7;
	const struct control_capabilities caps = generous();

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct switches sw = with(rows[i].name, rows[i].value);
		struct controls c;
		struct told told;

		cr_assert_eq(build(&sw, &caps, &c, &told), 0);
		cr_expect_eq(c.word[CONTROL_PIN], 1u << 0 | 1u << 3 | 1u << 5);
		cr_expect_eq(c.word[CONTROL_PRIMARY], primary ^ rows[i].primary, "%s=%s: %#x",
			     rows[i].name, rows[i].value, c.word[CONTROL_PRIMARY]);
		cr_expect_eq(c.word[CONTROL_SECONDARY], secondary ^ rows[i].secondary, "%s=%s: %#x",
			     rows[i].name, rows[i].value, c.word[CONTROL_SECONDARY]);
		cr_expect_eq(c.word[CONTROL_EXIT],
			     1u << 2 | 1u << 9 | 1u << 15 | 1u << 19 | 1u << 20 | 1u << 21);
		cr_expect_eq(c.word[CONTROL_ENTRY], 1u << 2 | 1u << 14 | 1u << 15);
	}
}

Test(controls, each_row_names_a_bit_of_its_own_and_why_it_is_wanted)
{
	struct switches sw;
	struct row rows[ROWS];

	switches_default(&sw);
	list_rows(&sw, rows);
	for (size_t i = 0; i < ROWS; i++) {
		cr_expect_lt(rows[i].bit, 32, "%s", rows[i].name);
		cr_expect_eq((uint32_t)rows[i].mask, 1u << rows[i].bit, "%s", rows[i].name);
		cr_expect(!rows[i].wanted || *rows[i].why, "%s", rows[i].name);
		for (size_t j = 0; j < i; j++) {
			cr_expect(rows[i].word != rows[j].word || rows[i].bit != rows[j].bit,
				  "%s and %s", rows[i].name, rows[j].name);
			cr_expect_str_neq(rows[i].name, rows[j].name);
		}
	}
}

/* One bit that the processor cannot set. */
static void take_away(const struct switches *sw, const struct row *row)
{
	struct control_capabilities caps = generous();
	struct controls c;
	struct told told;

	caps.msr[row->word] &= ~(UINT64_C(1) << (32 + row->bit));
	cr_assert_eq(build(sw, &caps, &c, &told), row->wanted ? 1 : 0, "%s", row->name);
	if (!row->wanted) {
		cr_expect_not(c.word[row->word] & (uint32_t)row->mask, "%s", row->name);
		return;
	}
	cr_expect_eq(told.problem, CONTROL_LACKING);
	cr_expect_eq(told.word, row->word);
	cr_expect_eq(told.bit, row->bit);
	cr_expect_str_eq(told.name, row->name);
	cr_expect_str_eq(told.why, row->why);
}

/* One bit that the processor cannot clear. */
static void force(const struct switches *sw, const struct row *row)
{
	struct control_capabilities caps = generous();
	struct controls c;
	struct told told;

	caps.msr[row->word] |= UINT64_C(1) << row->bit;
	cr_assert_eq(build(sw, &caps, &c, &told), row->wanted ? 0 : 1, "%s", row->name);
	cr_expect(c.word[row->word] & (uint32_t)row->mask, "%s", row->name);
	if (row->wanted)
		return;
	cr_expect_eq(told.problem, CONTROL_FORCED);
	cr_expect_eq(told.word, row->word);
	cr_expect_eq(told.bit, row->bit);
	cr_expect_str_eq(told.name, row->name);
}

/* A processor that allows nothing but what is wanted of the bit. */
static void fix(const struct switches *sw, const struct row *row)
{
	struct control_capabilities caps = generous();
	struct controls c;
	struct told told;

	if (row->wanted)
		caps.msr[row->word] |= UINT64_C(1) << row->bit;
	else
		caps.msr[row->word] &= ~(UINT64_C(1) << (32 + row->bit));
	cr_expect_eq(build(sw, &caps, &c, &told), 0, "%s", row->name);
	cr_expect_eq((c.word[row->word] & (uint32_t)row->mask) != 0, row->wanted, "%s", row->name);
}

Test(controls, each_row_is_granted_lacking_or_forced)
{
	static const struct {
		const char *name, *value;
	} runs[] = {{"telemetry", "on"},      {"tlb", "flush"}, {"cr", "trap"},
		    {"msr", "trap"},	      {"io", "trap"},	{"tsc", "trap"},
		    {"fault", "unknown-exit"}};

	for (size_t r = 0; r < COUNT(runs); r++) {
		struct switches sw = with(runs[r].name, runs[r].value);
		struct row rows[ROWS];

		list_rows(&sw, rows);
		for (size_t i = 0; i < ROWS; i++) {
			if (rows[i].mask != CONTROL_PRIMARY_USE_TPR_SHADOW)
				take_away(&sw, &rows[i]);
			force(&sw, &rows[i]);
			fix(&sw, &rows[i]);
		}
	}
}

/* Where there is no TPR shadow, what it does is done by exits; with irq=apicv it is missed. */
Test(controls, exits_take_the_place_of_a_tpr_shadow)
{
	const uint32_t exits = 1u << 19 | 1u << 20, shadow = 1u << 21;
	struct control_capabilities caps = generous();
	struct switches sw = with("irq", "emulated");
	struct controls c;
	struct told told;

	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_PRIMARY] & (exits | shadow), shadow);
	caps.msr[CONTROL_PRIMARY] &= ~((uint64_t)shadow << 32);
	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_PRIMARY] & (exits | shadow), exits);
	sw = with("irq", "apicv");
	cr_assert_eq(build(&sw, &caps, &c, &told), 1);
	cr_expect_eq(told.problem, CONTROL_LACKING);
	cr_expect_str_eq(told.name, "USE_TPR_SHADOW");
}

/* What irq=posted has on top of irq=apicv: SDM volume 3, table 25-5. */
Test(controls, posted_interrupts_come_with_virtual_delivery)
{
	const uint32_t posted = 1u << 7, apicv = 1u << 8 | 1u << 9;
	struct control_capabilities caps = generous();
	struct switches sw = with("irq", "apicv");
	struct controls c;
	struct told told;

	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_PIN] & posted, 0);
	sw = with("irq", "posted");
	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_PIN] & posted, posted);
	cr_expect_eq(c.word[CONTROL_SECONDARY] & apicv, apicv);
	caps.msr[CONTROL_PIN] &= ~((uint64_t)posted << 32);
	cr_assert_eq(build(&sw, &caps, &c, &told), 1);
	cr_expect_str_eq(told.name, "POSTED_INTERRUPTS");
}

/* The page of an xAPIC is lent by EPT, which a guest's guest may run on too; and need not be. */
Test(controls, an_xapic_is_left_to_the_processor_where_that_can_be)
{
	const uint32_t accesses = 1u << 0;
	struct control_capabilities caps = generous();
	struct switches sw = with("irq", "apicv");
	struct controls c;
	struct told told;

	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_SECONDARY] & accesses, accesses);
	sw.nested = SW_NESTED_ON;
	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_SECONDARY] & accesses, 0);
	sw.nested = SW_NESTED_OFF;
	sw.mmu = SW_MMU_SHADOW_UNSYNC;
	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_SECONDARY] & accesses, 0);
	sw = with("irq", "apicv");
	caps.msr[CONTROL_SECONDARY] &= ~((uint64_t)accesses << 32);
	cr_assert_eq(build(&sw, &caps, &c, &told), 0);
	cr_expect_eq(c.word[CONTROL_SECONDARY] & accesses, 0);
}

static uint32_t named_bits(enum control_word word)
{
	struct switches sw;
	struct row rows[ROWS];
	uint32_t bits = 0;

	switches_default(&sw);
	list_rows(&sw, rows);
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].word == word)
			bits |= (uint32_t)rows[i].mask;
	return bits;
}

/* Bits that must be 1 and have no row, as those of SDM volume 3, A.2, are set without a word. */
Test(controls, unnamed_bits_follow_the_processor)
{
	struct switches sw;

	switches_default(&sw);
	for (int word = 0; word < CONTROL_WORDS; word++) {
		struct control_capabilities caps = generous();
		uint32_t unnamed = ~named_bits(word);
		struct controls c;
		struct told told;

		cr_assert_eq(build(&sw, &caps, &c, &told), 0);
		cr_expect_eq(c.word[word] & unnamed, 0);
		caps.msr[word] |= unnamed;
		cr_assert_eq(build(&sw, &caps, &c, &told), 0);
		cr_expect_eq(c.word[word] & unnamed, unnamed);
		caps.msr[word] &= ~((uint64_t)unnamed << 32); /* allowed by must-be-1 alone */
		cr_expect_eq(build(&sw, &caps, &c, &told), 0);
		cr_expect_eq(c.word[word] & unnamed, unnamed);
	}
}

Test(controls, all_problems_are_told)
{
	const struct control_capabilities none = {{0}};
	struct control_capabilities all;
	struct switches sw;
	struct row rows[ROWS];
	unsigned wanted = 0;
	struct controls c;
	struct told told;

	switches_default(&sw);
	list_rows(&sw, rows);
	for (size_t i = 0; i < ROWS; i++)
		wanted += rows[i].wanted;
	for (int i = 0; i < CONTROL_WORDS; i++)
		all.msr[i] = UINT64_MAX;
	/* Two kinds of exits are wanted in place of a TPR shadow. */
	cr_expect_eq(build(&sw, &none, &c, &told), wanted - 1 + 2);
	cr_expect_eq(told.problem, CONTROL_LACKING);
	cr_expect_eq(build(&sw, &all, &c, &told), ROWS - wanted);
	cr_expect_eq(told.problem, CONTROL_FORCED);
}

Test(controls, words_have_names)
{
	cr_expect_str_eq(control_word_name(CONTROL_PIN), "pin-based");
	cr_expect_str_eq(control_word_name(CONTROL_PRIMARY), "primary");
	cr_expect_str_eq(control_word_name(CONTROL_SECONDARY), "secondary");
	cr_expect_str_eq(control_word_name(CONTROL_EXIT), "exit");
	cr_expect_str_eq(control_word_name(CONTROL_ENTRY), "entry");
}
