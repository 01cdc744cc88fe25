/*
 * The control words of the VMCS, computed from the switches and from what the processor allows.
 * Plain C: the capability MSRs come as an argument.
 */
#ifndef L1VMM_VMX_CONTROLS_H
#define L1VMM_VMX_CONTROLS_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/x86.h"
#include "l1vmm/switches.h"

enum control_word {
	CONTROL_PIN,
	CONTROL_PRIMARY,
	CONTROL_SECONDARY,
	CONTROL_EXIT,
	CONTROL_ENTRY,
	CONTROL_WORDS,
};

/* CONTROL_PRIMARY_HLT_EXITING and so on: masks within their word. */
#define CONTROL(WORD, bit, NAME, wanted, why) CONTROL_##WORD##_##NAME = (int)(1u << (bit)),
enum control_bit {
#include "l1vmm/vmx/controls.def"
};
#undef CONTROL

struct controls {
	uint32_t word[CONTROL_WORDS];
};

/*
 * The capability MSRs of the five words, in their order (SDM volume 3, A.3 to A.5: the TRUE
 * variants where IA32_VMX_BASIC bit 55 is set).  Low half: bits that must be 1; high half: bits
 * that may be 1.
 */
struct control_capabilities {
	uint64_t msr[CONTROL_WORDS];
};

enum control_problem {
	CONTROL_LACKING, /* wanted, and the processor cannot set it */
	CONTROL_FORCED,	 /* known, not wanted, and the processor cannot clear it */
};

/* Called for each control that cannot be as it should. */
typedef void (*control_problem_fn)(void *ctx, enum control_problem problem, enum control_word word,
				   unsigned bit, const char *name, const char *why);

/*
 * Fills `out` with the wanted controls, and with those that the processor wants set and that
 * CONTROL rows do not name.  Returns the number of problems; `out` is not to be used unless it is
 * 0.
 */
unsigned controls_build(const struct switches *sw, const struct control_capabilities *caps,
			struct controls *out, control_problem_fn problem, void *ctx);

const char *control_word_name(enum control_word word);

#endif
