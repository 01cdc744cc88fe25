#include "bench/reference.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

static char *reference;

static void set_up(void)
{
	struct vmfee_error err = {0};
	size_t size;
	FILE *out = open_memstream(&reference, &size);

	cr_assert_eq(reference_write(out, &err), 0, "%s", err.text);
	fclose(out);
}

static void tear_down(void)
{
	free(reference);
}

TestSuite(reference, .init = set_up, .fini = tear_down);

static void expect(const char *part)
{
	cr_expect_not_null(strstr(reference, part), "no %s in:\n%s", part, reference);
}

Test(reference, fields_and_flags_of_the_record)
{
	expect("\n| `tsc` | uint64_t | ticks | when the guest was left |\n");
	expect("\n| `vmreads` | uint16_t | count | VMREADs |\n");
	expect("\n| 2 | `RECORD_F_DEVICE` | the access went to a device, ");
}

Test(reference, exits_with_what_they_are_charged_to)
{
	expect("\n| 10 | CPUID | emulation | EAX of the guest: leaf or hypercall | `exit_cpuid()` |\n");
	expect("\n| 5 | IO_SMI | interrupt | – | never comes |\n");
	expect("\n| CR_ACCESS | – | 0xf | 0x3 | 0x3 | memory |\n");
	cr_expect_null(strstr(reference, "UNUSED"));
}

Test(reference, switches_with_their_values)
{
	expect("\n| `tlb` | `flush`, **`vpid`** | what happens to the TLB at a transition |\n");
	expect("\n| gen2 | EPT and VPID | `mmu=ept:2m tlb=vpid irq=emulated vmcs=trap` |\n");
}

Test(reference, tables_and_views_of_the_database)
{
	expect("\n### sample\n\n\n\n| column | type | what |\n|---|---|---|\n"
	       "| `benchmark` | INTEGER |  |\n"
	       "| `number` | INTEGER | from 0, in the order of measurement |\n"
	       "| `ticks` | INTEGER | of all operations and the harness |\n");
	expect("\n### exit_sum\n\nthe trace, added up\n\n| column | type | what |\n");
	expect("\n| `vmreads` | INTEGER | VMREADs |\n");
	expect("\n### fee\n\nwhat an operation takes more than on the first stack at depth 0 that has "
	       "the same workload on as many processors\n\nColumns: `stack`, `benchmark`, ");
	cr_expect_null(strstr(reference, "PRIMARY KEY ("), "a constraint is no column");
}
