/* The list of VMCS fields against the rules of their encodings: SDM volume 3, appendix B. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "l1vmm/vmx/vmcs.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum width { WIDTH_16, WIDTH_64, WIDTH_32, WIDTH_NATURAL };
enum type { TYPE_CONTROL, TYPE_READ_ONLY, TYPE_GUEST, TYPE_HOST };

struct field {
	uint32_t encoding;
	const char *name;
	bool written; /* by set_fields() of vmx/setup.c */
};

static const struct field fields[] = {
#define WRITE(value)			       true
#define WRITE_IF(condition, value)	       true
#define KEEP				       false
#define VMCS_FIELD(encoding, NAME, setup, ...) {encoding, #NAME, setup},
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
#undef WRITE
#undef WRITE_IF
#undef KEEP
};

static enum width width_of(uint32_t encoding)
{
	return encoding >> 13 & 3;
}

static enum type type_of(uint32_t encoding)
{
	return encoding >> 10 & 3;
}

static unsigned index_of(uint32_t encoding)
{
	return encoding >> 1 & 0x1ff;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), end = strlen(suffix);

	return length >= end && strcmp(text + length - end, suffix) == 0;
}

static const struct field *find(const char *name)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	cr_assert_fail("there is no field %s", name);
	return NULL;
}

Test(vmcs_fields, ascend)
{
	for (size_t i = 1; i < COUNT(fields); i++)
		cr_expect_gt(fields[i].encoding, fields[i - 1].encoding, "%s", fields[i].name);
	for (size_t i = 0; i < COUNT(fields); i++)
		for (size_t j = 0; j < i; j++)
			cr_expect_str_neq(fields[i].name, fields[j].name);
}

/* Bit 0 is the upper half of a 64-bit field, bits 12 and 15 to 31 are reserved. */
Test(vmcs_fields, are_accessed_whole_and_have_no_reserved_bits)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		cr_expect_not(fields[i].encoding & ~0x6ffeu, "%s", fields[i].name);
}

/* The highest index of each kind as far as this list goes; -1: there is no such kind. */
Test(vmcs_fields, are_of_the_kinds_that_there_are)
{
	static const int highest[4][4] = {
		[WIDTH_16] = {0x04, -1, 0x12, 0x0c},
		[WIDTH_64] = {0x32, 0x00, 0x12, 0x04},
		[WIDTH_32] = {0x22, 0x0e, 0x2e, 0x00},
		[WIDTH_NATURAL] = {0x0e, 0x0a, 0x26, 0x16},
	};
	int seen[4][4];

	memset(seen, -1, sizeof(seen));
	for (size_t i = 0; i < COUNT(fields); i++) {
		uint32_t e = fields[i].encoding;

		seen[width_of(e)][type_of(e)] = (int)index_of(e) * 2;
	}
	for (unsigned width = 0; width < 4; width++)
		for (unsigned type = 0; type < 4; type++)
			cr_expect_eq(seen[width][type], highest[width][type], "width %u, type %u",
				     width, type);
}

Test(vmcs_fields, have_the_type_that_their_name_tells)
{
	/* What the processor tells of the guest, and guest state by other names. */
	static const char *const told[] = {"GUEST_PHYSICAL_ADDRESS", "GUEST_LINEAR_ADDRESS"};
	static const char *const guest[] = {"VMCS_LINK_POINTER", "PREEMPTION_TIMER_VALUE"};

	for (size_t i = 0; i < COUNT(fields); i++) {
		const char *name = fields[i].name;
		enum type type = type_of(fields[i].encoding);
		bool is_guest =
			(starts_with(name, "GUEST_") && !is_one_of(name, told, COUNT(told))) ||
			is_one_of(name, guest, COUNT(guest));

		cr_expect_eq(type == TYPE_GUEST, is_guest, "%s", name);
		cr_expect_eq(type == TYPE_HOST, starts_with(name, "HOST_"), "%s", name);
	}
}

Test(vmcs_fields, have_the_width_that_their_name_tells)
{
	static const struct {
		const char *suffix;
		enum width width;
	} rows[] = {
		{"_SELECTOR", WIDTH_16},    {"_LIMIT", WIDTH_32},
		{"_AR_BYTES", WIDTH_32},    {"_BASE", WIDTH_NATURAL},
		{"_ADDR", WIDTH_64},	    {"_BITMAP_A", WIDTH_64},
		{"_BITMAP_B", WIDTH_64},    {"_IA32_PAT", WIDTH_64},
		{"_IA32_EFER", WIDTH_64},   {"_COUNT", WIDTH_32},
		{"_INFO", WIDTH_32},	    {"_ERROR_CODE", WIDTH_32},
		{"_LEN", WIDTH_32},	    {"_CR0", WIDTH_NATURAL},
		{"_CR3", WIDTH_NATURAL},    {"_CR4", WIDTH_NATURAL},
		{"_RSP", WIDTH_NATURAL},    {"_RIP", WIDTH_NATURAL},
		{"_MASK", WIDTH_NATURAL},   {"_POINTER", WIDTH_64},
		{"_SYSENTER_CS", WIDTH_32}, {"_READ_SHADOW", WIDTH_NATURAL},
	};
	static const char *const exceptions[] = {"PAGE_FAULT_ERROR_CODE_MASK"};

	for (size_t i = 0; i < COUNT(fields); i++)
		for (size_t j = 0; j < COUNT(rows); j++)
			if (ends_with(fields[i].name, rows[j].suffix) &&
			    !is_one_of(fields[i].name, exceptions, COUNT(exceptions)))
				cr_expect_eq(width_of(fields[i].encoding), rows[j].width, "%s",
					     fields[i].name);
}

/* Each property of the segments counts them in the same order. */
Test(vmcs_fields, segments_are_in_their_order)
{
	static const char *const segments[] = {"ES", "CS",   "SS", "DS",   "FS",
					       "GS", "LDTR", "TR", "GDTR", "IDTR"};
	static const struct {
		const char *property;
		uint32_t first;
		size_t count;
	} rows[] = {{"SELECTOR", 0x0800, 8},
		    {"LIMIT", 0x4800, 10},
		    {"AR_BYTES", 0x4814, 8},
		    {"BASE", 0x6806, 10}};

	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t s = 0; s < rows[i].count; s++) {
			char name[32];

			snprintf(name, sizeof(name), "GUEST_%s_%s", segments[s], rows[i].property);
			cr_expect_eq(find(name)->encoding, rows[i].first + 2 * s, "%s", name);
		}
}

Test(vmcs_fields, that_are_read_only_are_never_written)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (type_of(fields[i].encoding) == TYPE_READ_ONLY)
			cr_expect_not(fields[i].written, "%s", fields[i].name);
}

/* A VMCS that has been cleared may hold anything: what no control switches off must be written. */
Test(vmcs_fields, of_the_guest_and_the_host_are_written_unless_optional)
{
	static const char *const optional[] = {
		"GUEST_PML_INDEX",
		"GUEST_IA32_BNDCFGS",
		"GUEST_IA32_PERF_GLOBAL_CTRL",
		"HOST_IA32_PERF_GLOBAL_CTRL",
		"PREEMPTION_TIMER_VALUE",
		/* Loaded and checked with PAE paging only. */
		"GUEST_PDPTE0",
		"GUEST_PDPTE1",
		"GUEST_PDPTE2",
		"GUEST_PDPTE3",
		/* Of use in SMM only. */
		"GUEST_SMBASE",
	};

	for (size_t i = 0; i < COUNT(fields); i++) {
		enum type type = type_of(fields[i].encoding);

		if (type == TYPE_GUEST || type == TYPE_HOST)
			cr_expect_eq(fields[i].written,
				     !is_one_of(fields[i].name, optional, COUNT(optional)), "%s",
				     fields[i].name);
	}
}

/* Controls that every entry uses, and the counts that say that there is nothing more. */
Test(vmcs_fields, that_steer_every_entry_are_written)
{
	static const char *const always[] = {
		"PIN_BASED_CONTROLS",
		"PRIMARY_CONTROLS",
		"SECONDARY_CONTROLS",
		"EXIT_CONTROLS",
		"ENTRY_CONTROLS",
		"EXCEPTION_BITMAP",
		"CR3_TARGET_COUNT",
		"EXIT_MSR_STORE_COUNT",
		"EXIT_MSR_LOAD_COUNT",
		"ENTRY_MSR_LOAD_COUNT",
		"ENTRY_INTR_INFO",
		"PAGE_FAULT_ERROR_CODE_MASK",
		"CR0_GUEST_HOST_MASK",
		"PAGE_FAULT_ERROR_CODE_MATCH",
		"CR4_GUEST_HOST_MASK",
		"CR0_READ_SHADOW",
		"CR4_READ_SHADOW",
		"EPT_POINTER",
		"VPID",
		"IO_BITMAP_A",
		"IO_BITMAP_B",
		"MSR_BITMAP",
		"TSC_OFFSET",
		"VMCS_LINK_POINTER",
	};

	for (size_t i = 0; i < COUNT(always); i++)
		cr_expect(find(always[i])->written, "%s", always[i]);
}
