#include "bench/generation.h"
#include "bench/stack.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "l1vmm/options.h"

static void expect(const char *cmdline, const char *wanted)
{
	struct vmfee_error err = {0};
	char text[STACK_MAX_CMDLINE + 1];

	snprintf(text, sizeof(text), "%s", cmdline);
	cr_expect_eq(generation_expand(text, &err), 0, "%s", err.text);
	cr_expect_str_eq(text, wanted);
}

static void expect_refused(const char *cmdline, const char *why)
{
	struct vmfee_error err = {0};
	char text[STACK_MAX_CMDLINE + 1];

	snprintf(text, sizeof(text), "%s", cmdline);
	cr_expect_eq(generation_expand(text, &err), -1, "%s", text);
	cr_expect_eq(err.status, VMFEE_USAGE);
	cr_expect_not_null(strstr(err.text, why), "%s", err.text);
}

Test(generation, a_name_stands_for_its_switches)
{
	expect("generation=gen1", "mmu=shadow:trap tlb=flush irq=emulated vmcs=trap");
	expect("nested=on generation=gen3 telemetry=off",
	       "nested=on telemetry=off mmu=ept:2m tlb=vpid irq=apicv vmcs=shadow");
}

Test(generation, what_is_said_otherwise_holds)
{
	expect("generation=gen1 mmu=shadow:unsync",
	       "mmu=shadow:unsync tlb=flush irq=emulated vmcs=trap");
	expect("tlb=vpid generation=gen1", "tlb=vpid mmu=shadow:trap irq=emulated vmcs=trap");
}

Test(generation, a_line_without_one_stays_as_it_is)
{
	expect("", "");
	expect("mmu=ept:4k  cr=trap", "mmu=ept:4k  cr=trap");
}

Test(generation, what_is_none_is_refused)
{
	expect_refused("generation=gen9",
		       "no generation 'gen9'; there are: gen1, gen2, gen2a, gen3");
	expect_refused("generation=gen", "no generation 'gen'");
	expect_refused("generation", "no generation ''");
	expect_refused("generation=gen1 generation=gen2", "given twice");
}

Test(generation, a_line_that_becomes_too_long)
{
	char text[STACK_MAX_CMDLINE + 1] = "generation=gen1 ";

	memset(text + strlen(text), 'x', STACK_MAX_CMDLINE - strlen(text));
	text[STACK_MAX_CMDLINE] = '\0';
	expect_refused(text, "with the switches of gen1 the command line is longer than 255");
}

/* The hypervisor itself knows every switch and value of the list. */
Test(generation, the_hypervisor_takes_them_all)
{
#define GENERATION(name, text, switches) switches,
	static const char *const lists[] = {
#include "bench/generation.def"
	};
#undef GENERATION

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct options options;
		char why[256];
		cr_expect(options_parse(&options, lists[i], why, sizeof(why)), "%s: %s", lists[i],
			  why);
	}
}

Test(generation, they_have_an_order_and_say_what_came)
{
	cr_expect_str_eq(generation_text("gen2"), "EPT and VPID");
	cr_expect_null(generation_text("gen2 mmu=ept:4k"));
	cr_expect(generation_follows("gen2a", "gen2"));
	cr_expect_not(generation_follows("gen2", "gen2"));
	cr_expect_not(generation_follows("gen1", "gen2"));
	cr_expect_not(generation_follows("gen9", "gen1"));
}
