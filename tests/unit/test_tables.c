/* The hypervisor's smaller lists: no row twice, and numbers as the SDM has them. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <string.h>

#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/switches.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A row's number and its name. */
struct row {
	uint64_t number;
	const char *name;
};

/* No number and no name stands twice. */
static void expect_distinct(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++) {
			cr_expect_neq(rows[i].number, rows[j].number, "%s and %s", rows[i].name,
				      rows[j].name);
			cr_expect_str_neq(rows[i].name, rows[j].name);
		}
}

static const struct row *find(const struct row *rows, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* SDM volume 3, 31.4: 1 to 28 without 14, 21 and 27. */
Test(tables, instruction_errors_are_those_of_the_architecture)
{
	static const struct {
		struct row row;
		const char *text;
	} errors[] = {
#define VMX_ERROR(number, NAME, text) {{number, #NAME}, text},
#include "l1vmm/vmx/instruction_errors.def"
#undef VMX_ERROR
	};
	size_t next = 0;

	for (unsigned number = 1; number <= 28; number++) {
		if (number == 14 || number == 21 || number == 27)
			continue;
		cr_assert_lt(next, COUNT(errors));
		cr_expect_eq(errors[next].row.number, number);
		cr_expect_str_not_empty(errors[next].text);
		next++;
	}
	cr_expect_eq(next, COUNT(errors));
}

/* The @stop line is split at blanks and at `=`. */
Test(tables, stop_reasons_are_single_words)
{
	static const char *const reasons[] = {
#define STOP(NAME, name, text) name,
#include "l1vmm/vmx/stop_reasons.def"
#undef STOP
	};

	for (size_t i = 0; i < COUNT(reasons); i++) {
		cr_expect_str_not_empty(reasons[i]);
		for (const char *c = reasons[i]; *c; c++)
			cr_expect(islower((unsigned char)*c) || *c == '-', "%s", reasons[i]);
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(reasons[i], reasons[j]);
	}
}

#define MSR_HARDWARE(number, NAME, check)	  {number, #NAME},
#define MSR_STATE(number, NAME, field, check)	  {number, #NAME},
#define MSR_EMULATED(number, NAME, handler)	  {number, #NAME},
#define MSR_CONSTANT(number, NAME, constant, why) {number, #NAME},
static const struct row msrs[] = {
#include "l1vmm/exits/msrs.def"
};
#undef MSR_HARDWARE
#undef MSR_STATE
#undef MSR_EMULATED
#undef MSR_CONSTANT

/* SDM volume 4, table 2-2. */
Test(tables, msrs_have_their_numbers)
{
	static const struct row known[] = {
		{0x10, "TSC"},
		{0x1b, "APIC_BASE"},
		{0x3a, "FEATURE_CONTROL"},
		{0x8b, "BIOS_SIGN_ID"},
		{0x174, "SYSENTER_CS"},
		{0x175, "SYSENTER_ESP"},
		{0x176, "SYSENTER_EIP"},
		{0x1a0, "MISC_ENABLE"},
		{0x277, "PAT"},
		{0xc0000080, "EFER"},
		{0xc0000081, "STAR"},
		{0xc0000082, "LSTAR"},
		{0xc0000083, "CSTAR"},
		{0xc0000084, "FMASK"},
		{0xc0000100, "FS_BASE"},
		{0xc0000101, "GS_BASE"},
		{0xc0000102, "KERNEL_GS_BASE"},
		{0xc0000103, "TSC_AUX"},
	};

	expect_distinct(msrs, COUNT(msrs));
	for (size_t i = 0; i < COUNT(known); i++) {
		const struct row *row = find(msrs, COUNT(msrs), known[i].name);

		cr_assert_not_null(row, "%s", known[i].name);
		cr_expect_eq(row->number, known[i].number, "%s", known[i].name);
	}
}

/* SDM volume 3, 25.6.9: an MSR bitmap has room for two ranges; the x2APIC has a range of its own.
 */
Test(tables, msrs_lie_where_a_bitmap_reaches)
{
	for (size_t i = 0; i < COUNT(msrs); i++) {
		uint64_t number = msrs[i].number;

		cr_expect(number < 0x2000 || (number >= 0xc0000000 && number < 0xc0002000), "%s",
			  msrs[i].name);
		cr_expect_not(number >= MSR_X2APIC_FIRST && number <= MSR_X2APIC_LAST, "%s",
			      msrs[i].name);
	}
}

/* A row for EAX, say, has the bits of a CPUID leaf that guests do not see; EMPTY: all of all. */
struct cpuid_row {
	uint32_t leaf;
	const char *reg;
	uint64_t bits;
};

static const struct cpuid_row cpuid_rows[] = {
#define CPUID_HIDE(leaf, reg, bits, why) {leaf, #reg, bits},
#define CPUID_EMPTY(leaf, why)		 {leaf, "", UINT32_MAX},
#include "l1vmm/exits/cpuid.def"
#undef CPUID_HIDE
#undef CPUID_EMPTY
};

/* exits/cpuid.c looks for rows from leaf 1 to leaf 0x1f. */
Test(tables, cpuid_rows_hide_each_bit_once)
{
	for (size_t i = 0; i < COUNT(cpuid_rows); i++) {
		const struct cpuid_row *a = &cpuid_rows[i];

		cr_expect(a->leaf >= 1 && a->leaf <= 0x1f, "leaf %#x", a->leaf);
		cr_expect(a->bits != 0 && a->bits <= UINT32_MAX, "leaf %#x", a->leaf);
		for (size_t j = 0; j < i; j++) {
			const struct cpuid_row *b = &cpuid_rows[j];
			bool same_register = !*a->reg || !*b->reg || strcmp(a->reg, b->reg) == 0;

			cr_expect_not(a->leaf == b->leaf && same_register && (a->bits & b->bits),
				      "leaf %#x, %s", a->leaf, a->reg);
		}
	}
}

static uint64_t hidden(uint32_t leaf, const char *reg)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < COUNT(cpuid_rows); i++)
		if (cpuid_rows[i].leaf == leaf &&
		    (!*cpuid_rows[i].reg || strcmp(cpuid_rows[i].reg, reg) == 0))
			bits |= cpuid_rows[i].bits;
	return bits;
}

/* What no guest may believe it has: there are no MSRs or controls for it. */
Test(tables, cpuid_rows_hide_what_is_not_virtualized)
{
	static const struct {
		uint32_t leaf;
		const char *reg;
		unsigned bit;
		const char *feature;
	} rows[] = {
		{0x1, "ecx", 3, "MONITOR"},
		{0x1, "ecx", 5, "VMX"},
		{0x1, "ecx", 6, "SMX"},
		{0x1, "ecx", 15, "PDCM"},
		{0x1, "edx", 12, "MTRR"},
		{0x1, "edx", 14, "MCA"},
		{0x1, "edx", 21, "DS"},
		{0x7, "ebx", 1, "TSC_ADJUST"},
		{0x7, "ebx", 2, "SGX"},
		{0x7, "ebx", 10, "INVPCID"},
		{0x7, "ebx", 25, "Processor Trace"},
		{0x7, "ecx", 3, "PKU"},
		{0x7, "ecx", 5, "WAITPKG"},
		{0x7, "ecx", 7, "shadow stacks"},
		{0x7, "ecx", 16, "LA57"},
		{0x7, "edx", 20, "branch tracking"},
		{0xa, "eax", 0, "performance counters"},
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		cr_expect(hidden(rows[i].leaf, rows[i].reg) >> rows[i].bit & 1, "%s",
			  rows[i].feature);
	cr_expect_not(hidden(0x1, "ecx") & BIT(21), "guests have an x2APIC");
}

/* SDM volume 3, appendix A. */
Test(tables, capabilities_are_asked_of_the_right_bits)
{
	static const struct {
		const char *name;
		uint32_t msr;
		unsigned bit;
		bool wanted; /* with tlb=flush and mmu=ept:4k */
	} known[] = {
		{"TRUE_CONTROLS", 0x480, 55, true},
		{"STRING_IO_INFO", 0x480, 54, true},
		{"STORES_LMA", 0x485, 5, true},
		{"PREEMPTION_TIMER", 0x48d, 38, false},
		{"VIRTUALIZE_X2APIC", 0x48b, 36, false},
		{"VMCS_SHADOWING", 0x48b, 46, false},
		{"VMWRITE_ANY_FIELD", 0x485, 29, false},
		{"EPT_FOUR_LEVELS", 0x48c, 6, true},
		{"EPT_WRITE_BACK", 0x48c, 14, true},
		{"EPT_2M_PAGES", 0x48c, 16, false},
		{"EPT_1G_PAGES", 0x48c, 17, false},
		{"EPT_ACCESSED_DIRTY", 0x48c, 21, false},
		{"INVEPT", 0x48c, 20, true},
		{"INVEPT_ALL", 0x48c, 26, true},
		{"INVVPID", 0x48c, 32, false},
		{"INVVPID_ALL", 0x48c, 42, false},
	};
	const uint64_t not_by_default = BIT(17) | BIT(21) | BIT(29) | BIT(36) | BIT(38) | BIT(46);
	struct switches plain, least, most;
	const struct switches *sw = &least;

	switches_default(&plain);
	least = plain;
	least.tlb = SW_TLB_FLUSH;
	least.mmu = SW_MMU_EPT_4K;
	most = plain;
	most.mmu = SW_MMU_EPT_1G;
	most.dirty = SW_DIRTY_AD;
	most.timer = SW_TIMER_PREEMPT;
	most.irq = SW_IRQ_APICV;
	most.vmcs = SW_VMCS_SHADOW;

	const struct capability {
		const char *name;
		uint32_t msr;
		uint64_t mask;
		bool wanted;
	} rows[] = {
#define CAPABILITY(MSR, mask, NAME, when, why) {#NAME, MSR_IA32_##MSR, mask, when},
#include "l1vmm/vmx/capability.def"
	};
	sw = &plain;
	const struct capability with_defaults[] = {
#include "l1vmm/vmx/capability.def"
	};
	sw = &most;
	const struct capability with_most[] = {
#include "l1vmm/vmx/capability.def"
#undef CAPABILITY
	};

	cr_assert_eq(COUNT(rows), COUNT(known));
	for (size_t i = 0; i < COUNT(known); i++) {
		cr_expect_str_eq(rows[i].name, known[i].name);
		cr_expect_eq(rows[i].msr, known[i].msr, "%s", known[i].name);
		cr_expect_eq(rows[i].mask, BIT(known[i].bit), "%s", known[i].name);
		cr_expect_eq(rows[i].wanted, known[i].wanted, "%s", known[i].name);
		cr_expect_eq(with_defaults[i].wanted, !(not_by_default & BIT(known[i].bit)), "%s",
			     known[i].name);
		cr_expect(with_most[i].wanted, "%s", known[i].name);
	}
}

Test(tables, ports_do_not_overlap)
{
	static const struct {
		uint32_t first, last;
		const char *name;
	} ports[] = {
#define PORT(first, last, NAME, device) {first, last, #NAME},
#include "l1vmm/dev/ports.def"
#undef PORT
	};

	for (size_t i = 0; i < COUNT(ports); i++) {
		cr_expect_leq(ports[i].first, ports[i].last, "%s", ports[i].name);
		cr_expect_leq(ports[i].last, 0xffff, "%s", ports[i].name);
		for (size_t j = 0; j < i; j++)
			cr_expect(ports[i].first > ports[j].last || ports[j].first > ports[i].last,
				  "%s and %s", ports[i].name, ports[j].name);
	}
}

Test(tables, hypercalls_have_numbers_of_their_own)
{
	static const struct row calls[] = {
#define HYPERCALL(number, NAME, handler) {number, #NAME},
#include "l1vmm/exits/hypercalls.def"
#undef HYPERCALL
	};

	expect_distinct(calls, COUNT(calls));
	cr_expect_eq(calls[0].number, 0, "the null call, which benchmarks make");
}
