#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/options.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define KIB	 (UINT64_C(1) << 10)
#define MIB	 (UINT64_C(1) << 20)
#define NO_LIMIT UINT64_MAX
#define RING	 (4 * MIB)

static void expect_accepted(const char *cmdline, const struct options *expected)
{
	char why[256] = "nothing";
	struct options o;

	cr_assert(options_parse(&o, cmdline, why, sizeof(why)), "%s: %s", cmdline, why);
	cr_expect_str_eq(why, "nothing", "%s", cmdline);
	cr_expect_eq(o.memory_bytes, expected->memory_bytes, "%s", cmdline);
	cr_expect_eq(o.ring_bytes, expected->ring_bytes, "%s", cmdline);
	cr_expect_eq(o.outbox, expected->outbox, "%s", cmdline);
	cr_expect_eq(o.outbox_lba, expected->outbox_lba, "%s", cmdline);
	cr_expect_eq(o.outbox_sectors, expected->outbox_sectors, "%s", cmdline);
	cr_expect_eq(o.outbox_address, expected->outbox_address, "%s", cmdline);
	cr_expect_arr_eq(&o.switches, &expected->switches, sizeof(o.switches), "%s", cmdline);
}

Test(options, sizes_are_in_mib_and_kib)
{
	static const struct {
		const char *cmdline;
		uint64_t memory_bytes, ring_bytes;
	} rows[] = {
		{"", NO_LIMIT, RING},
		{" \t\n ", NO_LIMIT, RING},
		{"memory=1", MIB, RING},
		{"memory=0x100", 256 * MIB, RING},
		{"memory=17592186044415", ((UINT64_C(1) << 44) - 1) * MIB, RING},
		{"ring=64", NO_LIMIT, 64 * KIB},
		{"ring=4194304", NO_LIMIT, 4194304 * KIB},
		{"  ring=128\tmemory=7 ", 7 * MIB, 128 * KIB},
		/* Where a key stands twice, the first one counts. */
		{"memory=3 memory=4 ring=64 memory=wrong ring=128", 3 * MIB, 64 * KIB},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options expected = {.memory_bytes = rows[i].memory_bytes,
					   .ring_bytes = rows[i].ring_bytes};

		switches_default(&expected.switches);
		expect_accepted(rows[i].cmdline, &expected);
	}
}

Test(options, the_outbox_has_a_first_sector_and_a_count)
{
	static const struct {
		const char *cmdline;
		uint32_t lba, sectors;
	} rows[] = {
		{"outbox=ata:0,1", 0, 1},
		{"outbox=ata:2048,65536", 2048, 65536},
		{"outbox=ata:0x800,0x10", 2048, 16},
		{"outbox=ata:0,268435456", 0, 1u << 28},
		{"outbox=ata:268435455,1", (1u << 28) - 1, 1},
		{"outbox=ata:5,6 outbox=ata:7,8", 5, 6},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options expected = {.memory_bytes = NO_LIMIT,
					   .ring_bytes = RING,
					   .outbox = OUTBOX_ATA,
					   .outbox_lba = rows[i].lba,
					   .outbox_sectors = rows[i].sectors};

		switches_default(&expected.switches);
		expect_accepted(rows[i].cmdline, &expected);
	}
}

Test(options, the_outbox_may_be_memory)
{
	static const char *const rows[] = {
		"outbox=mapped:0xe000000,128",
		/* The ring that is mapped has its own size. */
		"ring=4096 outbox=mapped:234881024,128",
		"outbox=mapped:0xe000000,128 ring=64",
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options expected = {.memory_bytes = NO_LIMIT,
					   .ring_bytes = 128 * KIB,
					   .outbox = OUTBOX_MAPPED,
					   .outbox_address = 0xe000000};

		switches_default(&expected.switches);
		expect_accepted(rows[i], &expected);
	}
}

Test(options, switches_are_set_by_name)
{
	static const struct {
		const char *cmdline;
		int mmu, tlb, fault;
	} rows[] = {
		{"tlb=vpid", SW_MMU_EPT_2M, SW_TLB_VPID, SW_FAULT_NONE},
		{"tlb=flush", SW_MMU_EPT_2M, SW_TLB_FLUSH, SW_FAULT_NONE},
		{"fault=guest-state mmu=ept:4k", SW_MMU_EPT_4K, SW_TLB_VPID, SW_FAULT_GUEST_STATE},
		{"tlb=flush mmu=ept:4k tlb=vpid", SW_MMU_EPT_4K, SW_TLB_FLUSH, SW_FAULT_NONE},
		{"tlb=flush tlb=nothing", SW_MMU_EPT_2M, SW_TLB_FLUSH, SW_FAULT_NONE},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct options expected = {.memory_bytes = NO_LIMIT, .ring_bytes = RING};

		switches_default(&expected.switches);
		expected.switches.mmu = rows[i].mmu;
		expected.switches.tlb = rows[i].tlb;
		expected.switches.fault = rows[i].fault;
		expect_accepted(rows[i].cmdline, &expected);
	}
}

#define BAD_OUTBOX \
	"outbox= takes ata:LBA,SECTORS below 2^28, or mapped:ADDRESS,KIB of pages below 2^32"
#define BAD_MEMORY "memory= takes a number from 1 to 17592186044415"
#define BAD_RING   "ring= takes a number from 1 to 4194304"

#define BAD_RATIO "tsc_multiplier= takes NUM/DEN, each from 1 to 65535"
#define BAD_CPUS  "cpus= takes a number from 1 to 8"

#define BAD_TLB(numbers) \
	"tlb_model=" numbers " is not a TLB: 7 numbers within their limits make one"

Test(options, processors_are_counted_and_one_by_default)
{
	static const struct {
		const char *cmdline;
		uint32_t cpus;
	} rows[] = {
		{"", 1},       {"cpus=1 mmu=shadow:trap dirty=off", 1}, {"cpus=1 nested=on", 1},
		{"cpus=2", 2}, {"irq=posted cpus=8 mmu=ept:4k", 8},	{"cpus=3 cpus=9", 3},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "";
		struct options o;

		cr_assert(options_parse(&o, rows[i].cmdline, why, sizeof(why)), "%s: %s",
			  rows[i].cmdline, why);
		cr_expect_eq(o.cpus, rows[i].cpus, "%s", rows[i].cmdline);
	}
}

Test(options, a_multiplier_is_two_numbers)
{
	static const struct {
		const char *cmdline;
		uint16_t numerator, denominator;
	} rows[] = {
		{"", 1, 1},
		{"tsc=scale", 1, 1},
		{"tsc_multiplier=7/7 nested=on", 7, 7},
		{"tsc=scale tsc_multiplier=3/2", 3, 2},
		{"tsc_multiplier=1/65535 tsc=trap", 1, 65535},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "";
		struct options o;

		cr_assert(options_parse(&o, rows[i].cmdline, why, sizeof(why)), "%s: %s",
			  rows[i].cmdline, why);
		cr_expect_eq(o.tsc_numerator, rows[i].numerator, "%s", rows[i].cmdline);
		cr_expect_eq(o.tsc_denominator, rows[i].denominator, "%s", rows[i].cmdline);
	}
}

Test(options, a_tlb_is_seven_numbers)
{
	static const struct {
		const char *cmdline;
		struct tlb_parameters tlb;
	} rows[] = {
		{"", {0}},
		{"tlb_model=1,4,0,0,0,0,0", {1, 4, 0, 0, 0, 0, 0}},
		{"tlb_model=128,12,0,0,32,4,0", {128, 12, 0, 0, 32, 4, 0}},
		{"tlb_model=0x10,64,2,4,64,64,64 observe=tlb", {16, 64, 2, 4, 64, 64, 64}},
		{"tlb_model=1024,4,1024,4,0,0,0", {1024, 4, 1024, 4, 0, 0, 0}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[256] = "";
		struct options o;

		cr_assert(options_parse(&o, rows[i].cmdline, why, sizeof(why)), "%s: %s",
			  rows[i].cmdline, why);
		cr_expect_eq(memcmp(&o.tlb, &rows[i].tlb, sizeof(o.tlb)), 0, "%s", rows[i].cmdline);
	}
}

Test(options, what_is_wrong_is_told_by_name)
{
	static const struct {
		const char *cmdline, *why;
	} rows[] = {
		{"memory", BAD_MEMORY},
		{"memory=", BAD_MEMORY},
		{"memory=0", BAD_MEMORY},
		{"memory=1M", BAD_MEMORY},
		{"memory=-1", BAD_MEMORY},
		{"memory=17592186044416", BAD_MEMORY},
		{"memory=18446744073709551616", BAD_MEMORY},
		{"ring=0", BAD_RING},
		{"ring=4194305", BAD_RING},
		{"ring=18446744073709551616", BAD_RING},
		{"ring=1", "ring= takes a multiple of 64"},
		{"ring=63", "ring= takes a multiple of 64"},
		{"ring=65", "ring= takes a multiple of 64"},
		{"outbox", BAD_OUTBOX},
		{"outbox=", BAD_OUTBOX},
		{"outbox=ata", BAD_OUTBOX},
		{"outbox=ata:", BAD_OUTBOX},
		{"outbox=ata:1", BAD_OUTBOX},
		{"outbox=ata:1,", BAD_OUTBOX},
		{"outbox=ata:,1", BAD_OUTBOX},
		{"outbox=ata:1,2,3", BAD_OUTBOX},
		{"outbox=ata:1;2", BAD_OUTBOX},
		{"outbox=1,2", BAD_OUTBOX},
		{"outbox=sata:1,2", BAD_OUTBOX},
		{"outbox=ATA:1,2", BAD_OUTBOX},
		{"outbox=ata:1,0", BAD_OUTBOX},
		{"outbox=ata:268435456,1", BAD_OUTBOX},
		{"outbox=ata:268435455,2", BAD_OUTBOX},
		{"outbox=ata:0,268435457", BAD_OUTBOX},
		{"outbox=mapped:", BAD_OUTBOX},
		{"outbox=mapped:4096", BAD_OUTBOX},
		{"outbox=mapped:4096,", BAD_OUTBOX},
		{"outbox=mapped:4096,0", BAD_OUTBOX},
		{"outbox=mapped:4097,64", BAD_OUTBOX},
		{"outbox=mapped:0x100000000,64", BAD_OUTBOX},
		{"outbox=mapped:4096,4194305", BAD_OUTBOX},
		{"outbox=mapped:4096,65", "outbox=mapped: takes a multiple of 64"},
		{"outbox=ata:18446744073709551615,1", BAD_OUTBOX},
		{"outbox=ata:1,18446744073709551615", BAD_OUTBOX},
		{"tlb", "tlb= is not one of flush vpid"},
		{"tlb=shadow", "tlb=shadow is not one of flush vpid"},
		{"irq=post", "irq=post is not one of emulated apicv posted"},
		{"mmu=shadow:trap dirty=ad", "dirty= and exec= need mmu=ept"},
		{"exec=demand mmu=shadow:unsync", "dirty= and exec= need mmu=ept"},
		{"fault=all", "fault=all is not one of none entry guest-state exception stack "
			      "unknown-exit ept-misconfig ept-denied"},
		{"tlbs=vpid", "there is no switch or option tlbs"},
		{"Memory=1", "there is no switch or option Memory"},
		{"=x", "there is no switch or option "},
		{"tlb_model=", BAD_TLB("")},
		{"tlb_model=16", BAD_TLB("16")},
		{"tlb_model=16,4,0,0,0,0", BAD_TLB("16,4,0,0,0,0")},
		{"tlb_model=16,4,0,0,0,0,0,0", BAD_TLB("16,4,0,0,0,0,0,0")},
		{"tlb_model=16,4,0,0,0,0,", BAD_TLB("16,4,0,0,0,0,")},
		{"tlb_model=16,4,0,0,0,0,0,", BAD_TLB("16,4,0,0,0,0,0,")},
		{"tlb_model=16,4,0,0,0,0,x", BAD_TLB("16,4,0,0,0,0,x")},
		{"tlb_model=4294967312,4,0,0,0,0,0", BAD_TLB("4294967312,4,0,0,0,0,0")},
		{"tlb_model=0,4,0,0,0,0,0", BAD_TLB("0,4,0,0,0,0,0")},
		{"tlb_model=4097,4,0,0,0,0,0", BAD_TLB("4097,4,0,0,0,0,0")},
		{"tlb_model=16,3,0,0,0,0,0", BAD_TLB("16,3,0,0,0,0,0")},
		{"tlb_model=16,65,0,0,0,0,0", BAD_TLB("16,65,0,0,0,0,0")},
		{"tlb_model=16,4,1,3,0,0,0", BAD_TLB("16,4,1,3,0,0,0")},
		{"tlb_model=16,4,0,0,65,0,0", BAD_TLB("16,4,0,0,65,0,0")},
		/* Each is within its limits, and all together are too many. */
		{"tlb_model=4096,4,0,0,0,0,0", BAD_TLB("4096,4,0,0,0,0,0")},
		{"tlb_model=1024,4,1025,4,0,0,0", BAD_TLB("1024,4,1025,4,0,0,0")},
		{"observe=tlb", "observe=tlb needs tlb_model="},
		{"observe=tlb tlb_model=16,4,0,0,0,0,0 telemetry=off",
		 "observe= needs telemetry=on"},
		{"observe=trace telemetry=off", "observe= needs telemetry=on"},
		{"observe=tlb tlb_model=16,4,0,0,0,0,0 nested=on", "observe= needs nested=off"},
		{"nested=on observe=trace", "observe= needs nested=off"},
		{"nested=on mmu=shadow:pv",
		 "nested=on needs mmu=ept, shadow:trap or shadow:unsync"},
		{"tsc_multiplier=2", BAD_RATIO},
		{"tsc_multiplier=0/1", BAD_RATIO},
		{"tsc_multiplier=1/0", BAD_RATIO},
		{"tsc_multiplier=65536/1", BAD_RATIO},
		{"tsc_multiplier=1/65536", BAD_RATIO},
		{"tsc_multiplier=1/2/3", BAD_RATIO},
		{"tsc_multiplier=-1/2", BAD_RATIO},
		{"tsc_multiplier=1/2", "tsc_multiplier= needs tsc=scale or tsc=trap"},
		{"tsc=scale tsc_multiplier=1/2 nested=on", "tsc_multiplier= needs nested=off"},
		{"cpus", BAD_CPUS},
		{"cpus=0", BAD_CPUS},
		{"cpus=9", BAD_CPUS},
		{"cpus=4294967297", BAD_CPUS},
		{"cpus=2 mmu=shadow:pv", "cpus= needs mmu=ept"},
		{"cpus=2 dirty=ad", "cpus= needs dirty=off and exec=all"},
		{"exec=demand cpus=8", "cpus= needs dirty=off and exec=all"},
		{"cpus=2 nested=on mmu=shadow:unsync", "cpus= needs mmu=ept"},
		{"cpus=2 nested=on dirty=ad", "cpus= needs dirty=off and exec=all"},
		{"cpus=2 observe=trace", "cpus= needs observe=off"},
		{"cpus=2 outbox=mapped:4096,64", "cpus= needs an outbox that is a disk"},
		{"observe=all", "observe=all is not one of off tlb trace"},
		/* The first mistake counts. */
		{"tlb=flush cache=off memory=0", "there is no switch or option cache"},
		{"memory=0 cache=off", BAD_MEMORY},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		char why[256] = "nothing";
		struct options o;

		cr_expect_not(options_parse(&o, rows[i].cmdline, why, sizeof(why)), "%s",
			      rows[i].cmdline);
		cr_expect_str_eq(why, rows[i].why, "%s", rows[i].cmdline);
	}
}

/* A name or value of any length is told as far as it fits, and is never taken for a shorter one. */
Test(options, long_tokens_are_cut_in_the_message_only)
{
	char cmdline[1024], why[256], *end;
	struct options o;

	memset(cmdline, 'x', sizeof(cmdline));
	cmdline[sizeof(cmdline) - 1] = '\0';
	cr_expect_not(options_parse(&o, cmdline, why, sizeof(why)));
	end = why + strlen(why);
	cr_expect_eq(strncmp(why, "there is no switch or option xxx", 32), 0);
	cr_expect_lt(end - why, 128);

	memcpy(cmdline, "tlb=", 4);
	cr_expect_not(options_parse(&o, cmdline, why, sizeof(why)));
	cr_expect_eq(strncmp(why, "tlb=xxx", 7), 0);
	cr_expect_not_null(strstr(why, " is not one of flush vpid"));
}

Test(options, the_message_stays_within_its_bytes)
{
	for (size_t size = 1; size < 64; size++) {
		char why[64];
		struct options o;

		memset(why, '#', sizeof(why));
		cr_expect_not(options_parse(&o, "tlb=shadow", why, size));
		cr_expect_lt(strnlen(why, size), size);
		for (size_t i = size; i < sizeof(why); i++)
			cr_expect_eq(why[i], '#', "byte %zu of %zu", i, size);
	}
}
