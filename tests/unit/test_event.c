/* What is asked for on behalf of an NMI that has to wait. */
#include <criterion/criterion.h>

#include "l1vmm/vmx/event.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/*
 * A processor opens the NMI window whatever STI has shadowed, and refuses the NMI there: SDM volume
 * 3, 26.2 and 27.2.1.3.  A model of one: how many exits until the NMI can be injected.  What MOV SS
 * shadows keeps both windows closed, and an event that is injected ends a shadow.
 */
static unsigned exits_until_injected(uint64_t blocking, bool injects)
{
	unsigned exits = 0;

	while (blocking) {
		uint32_t window = event_nmi_window(blocking, injects);

		if (exits++ == 10)
			break;
		if (injects)
			blocking &= BLOCKING_BY_NMI;
		injects = false;
		if (blocking != BLOCKING_BY_STI ||
		    window == CONTROL_PRIMARY_INTERRUPT_WINDOW_EXITING)
			blocking = 0;
	}
	return exits;
}

Test(event, an_nmi_waits_for_one_window_whatever_blocks_it)
{
	static const uint64_t blocking[] = {BLOCKING_BY_STI, BLOCKING_BY_MOV_SS, BLOCKING_BY_NMI,
					    BLOCKING_BY_STI | BLOCKING_BY_NMI,
					    BLOCKING_BY_MOV_SS | BLOCKING_BY_NMI};

	for (size_t i = 0; i < COUNT(blocking); i++)
		for (unsigned injects = 0; injects < 2; injects++)
			cr_expect_eq(exits_until_injected(blocking[i], injects), 1, "%zu, %u", i,
				     injects);
}

/* Its handler has IF clear, most often: the interrupt window would come late. */
Test(event, behind_an_injected_event_the_nmi_window_opens_first)
{
	cr_expect_eq(event_nmi_window(BLOCKING_BY_STI, true), CONTROL_PRIMARY_NMI_WINDOW_EXITING);
}
