/*
 * The checks of VM entry once more, written for comparison: plainly, section by section of the SDM,
 * without the table of nesting/entry_checks.def.
 */
#ifndef TESTS_UNIT_ENTRY_REFERENCE_H
#define TESTS_UNIT_ENTRY_REFERENCE_H

#include "entry_world.h"

/*
 * The outcomes that the processor may choose from: where several checks of one group fail, the SDM
 * leaves the order to it.
 */
#define REFERENCE_PASSES     (1u << 0)
#define REFERENCE_CONTROLS   (1u << 1)		 /* error 7 */
#define REFERENCE_HOST	     (1u << 2)		 /* error 8 */
#define REFERENCE_GUEST(why) (1u << (3 + (why))) /* reason 33 with qualification `why` */

unsigned entry_reference(const struct entry_world *w);

/* The same for what the table found. */
static inline unsigned entry_outcome(enum entry_check check)
{
	const struct entry_failure *failure;

	if (check == ENTRY_PASSED)
		return REFERENCE_PASSES;
	failure = &entry_check_info(check)->failure;
	switch (failure->instruction_error) {
	case 7:
		return REFERENCE_CONTROLS;
	case 8:
		return REFERENCE_HOST;
	default:
		return REFERENCE_GUEST(failure->qualification);
	}
}

#endif
