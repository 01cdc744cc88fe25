#include "l1vmm/vmx/controls.h"

struct control_row {
	uint8_t word, bit;
	bool wanted;
	const char *name, *why;
};

static bool allowed_1(const struct control_capabilities *caps, const struct control_row *row)
{
	return caps->msr[row->word] & BIT(32 + row->bit);
}

static bool allowed_0(const struct control_capabilities *caps, const struct control_row *row)
{
	return !(caps->msr[row->word] & BIT(row->bit));
}

unsigned controls_build(const struct switches *sw, const struct control_capabilities *caps,
			struct controls *out, control_problem_fn problem, void *ctx)
{
	const struct control_row rows[] = {
#define CAN(WORD, bit)			      ((caps->msr[CONTROL_##WORD] & BIT(32 + (bit))) != 0)
#define CONTROL(WORD, bit, NAME, wanted, why) {CONTROL_##WORD, bit, wanted, #NAME, why},
#include "l1vmm/vmx/controls.def"
#undef CONTROL
#undef CAN
	};
	unsigned problems = 0;

	for (unsigned w = 0; w < CONTROL_WORDS; w++)
		out->word[w] = (uint32_t)caps->msr[w];
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct control_row *row = &rows[i];
		enum control_problem what = row->wanted ? CONTROL_LACKING : CONTROL_FORCED;

		if (row->wanted)
			out->word[row->word] |= 1u << row->bit;
		if (row->wanted ? !allowed_1(caps, row) : !allowed_0(caps, row)) {
			problem(ctx, what, row->word, row->bit, row->name, row->why);
			problems++;
		}
	}
	return problems;
}

const char *control_word_name(enum control_word word)
{
	static const char *const names[CONTROL_WORDS] = {
		[CONTROL_PIN] = "pin-based",	   [CONTROL_PRIMARY] = "primary",
		[CONTROL_SECONDARY] = "secondary", [CONTROL_EXIT] = "exit",
		[CONTROL_ENTRY] = "entry",
	};

	return names[word];
}
