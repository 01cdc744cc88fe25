/* The hypervisor's wait, and what comes just before it halts. */
#include <criterion/criterion.h>

#include "l1vmm/arch/wait.h"

#define STI 0xfb
#define HLT 0xf4

static uint64_t where(unsigned instruction)
{
	return (uint64_t)(uintptr_t)host_wait + instruction; /* of one byte each */
}

static uint64_t goes_on(uint64_t rip)
{
	struct trap_frame frame = {.rip = rip};

	host_wait_interrupted(&frame);
	return frame.rip;
}

Test(wait, an_interrupt_before_it_halts_ends_the_wait)
{
	const uint8_t *code = (const uint8_t *)where(0);

	cr_assert_eq(code[0], STI);
	cr_assert_eq(code[1], HLT);
	cr_expect_eq(goes_on(where(1)), where(2));
}

Test(wait, others_go_on_where_they_were)
{
	cr_expect_eq(goes_on(where(0)), where(0));
	cr_expect_eq(goes_on(where(2)), where(2));
	cr_expect_eq(goes_on(0), 0);
}
