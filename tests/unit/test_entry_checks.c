#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/msr.h"

#include "entry_reference.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum entry_check check_all(const struct entry_world *w)
{
	return entry_check_vmcs(&w->rules, &w->entry, ENTRY_CHANGED_ALL);
}

static const char *name(enum entry_check check)
{
	return check == ENTRY_PASSED ? "none" : entry_check_info(check)->name;
}

Test(entry_checks, each_base_is_valid)
{
	static struct entry_world w;

	for (unsigned base = 0; base < BASES; base++) {
		enum entry_check check;
		uint32_t number;

		entry_world_init(&w, base);
		check = check_all(&w);
		cr_expect(check == ENTRY_PASSED, "%s: %s", entry_base_name(base), name(check));
		cr_expect(entry_load_msrs(&w.rules, &w.entry, &number) == ENTRY_PASSED, "%s",
			  entry_base_name(base));
	}
}

struct edges {
	unsigned seen[ENTRY_VMCS_CHECKS][2];
};

static void visit_edge(void *ctx, struct entry_world *w, enum entry_check check, bool valid)
{
	struct edges *edges = ctx;
	unsigned nth = edges->seen[check][valid]++;
	enum entry_check got = check_all(w);

	cr_expect(got == (valid ? ENTRY_PASSED : check), "%s edge %u, %s: %s fails", name(check),
		  nth, valid ? "valid" : "invalid", name(got));
	cr_expect(entry_holds(&w->rules, &w->entry, check) == valid);
	cr_expect(entry_reference(w) & entry_outcome(got), "%s edge %u: the reference says %#x",
		  name(check), nth, entry_reference(w));
}

Test(entry_checks, both_sides_of_each_boundary)
{
	static struct entry_world w;
	struct edges edges = {0};

	entry_edges(&w, visit_edge, &edges);
	for (unsigned check = 0; check < ENTRY_VMCS_CHECKS; check++) {
		cr_expect(edges.seen[check][false] && edges.seen[check][true], "no edge of %s",
			  name(check));
	}
}

/* An exit's reason and an error's number follow from the section. */
Test(entry_checks, outcome_goes_with_section)
{
	for (unsigned check = 0; check < ENTRY_CHECKS; check++) {
		const struct entry_check_info *info = entry_check_info(check);
		bool controls = !strncmp(info->section, "27.2.1.", 7);
		bool host = !controls && !strncmp(info->section, "27.2.", 5);
		bool guest = !strncmp(info->section, "27.3.1.", 7);

		cr_expect(info->failure.instruction_error == (controls ? 7
							      : host   ? 8
								       : 0),
			  "%s", info->name);
		cr_expect(info->failure.exit_reason == (controls || host ? 0
							: guest		 ? 33
									 : 34),
			  "%s", info->name);
	}
	cr_expect(entry_check_info(ENTRY_GUEST_CR0)->failure.qualification == 0);
	cr_expect(entry_check_info(ENTRY_GUEST_PDPTE)->failure.qualification == 2);
	cr_expect(entry_check_info(ENTRY_GUEST_NMI_BLOCKED_BY_STI)->failure.qualification == 3);
	cr_expect(entry_check_info(ENTRY_VMCS_LINK_REVISION)->failure.qualification == 4);
}

/* Controls come before the host, and the host before the guest. */
Test(entry_checks, groups_come_in_order)
{
	static struct entry_world w;

	entry_world_init(&w, BASE_LONG);
	vmcs12_set(&w.v, VMCS_GUEST_RFLAGS, 0);
	cr_expect(check_all(&w) == ENTRY_GUEST_RFLAGS_RESERVED);
	vmcs12_set(&w.v, VMCS_HOST_RIP, UINT64_C(1) << 63);
	cr_expect(check_all(&w) == ENTRY_HOST_RIP);
	vmcs12_set(&w.v, VMCS_CR3_TARGET_COUNT, 5);
	cr_expect(check_all(&w) == ENTRY_CR3_TARGET_COUNT);
}

/* What is not looked at when a group has changed may be out of date. */
Test(entry_checks, only_what_is_read_must_be_up_to_date)
{
	static struct entry_world w;

	for (unsigned base = 0; base < BASES; base++) {
		for (unsigned group = 0; group < ENTRY_GROUPS; group++) {
			entry_world_init(&w, base);
			for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++) {
				if (w.rules.groups[slot] &&
				    !(w.rules.groups[slot] & w.rules.reads[group]))
					w.v.slot[slot] ^= UINT64_C(0x5a5a5a5a5a5a5a5a);
			}
			cr_expect(entry_check_vmcs(&w.rules, &w.entry, 1u << group) == ENTRY_PASSED,
				  "%s, group %u", entry_base_name(base), group);
		}
	}
}

struct msr_case {
	enum entry_check check;
	uint32_t index, reserved;
};

static const struct msr_case msr_cases[] = {
	{ENTRY_PASSED, MSR_IA32_CSTAR, 0},
	{ENTRY_MSR_FS_GS_BASE, MSR_IA32_FS_BASE, 0},
	{ENTRY_MSR_FS_GS_BASE, MSR_IA32_GS_BASE, 0},
	{ENTRY_PASSED, MSR_IA32_KERNEL_GS_BASE, 0},
	{ENTRY_PASSED, MSR_X2APIC_FIRST - 1, 0},
	{ENTRY_MSR_X2APIC, MSR_X2APIC_FIRST, 0},
	{ENTRY_MSR_X2APIC, MSR_X2APIC_LAST, 0},
	{ENTRY_PASSED, MSR_X2APIC_LAST + 1, 0},
	{ENTRY_MSR_SMM_MONITOR, MSR_IA32_SMM_MONITOR_CTL, 0},
	{ENTRY_PASSED, MSR_IA32_SMM_MONITOR_CTL + 1, 0},
	{ENTRY_MSR_MICROCODE, MSR_IA32_BIOS_UPDT_TRIG, 0},
	{ENTRY_MSR_MICROCODE, MSR_IA32_BIOS_SIGN_ID, 0},
	{ENTRY_MSR_RESERVED, MSR_IA32_LSTAR, 1},
	{ENTRY_MSR_RESERVED, MSR_IA32_LSTAR, 1u << 31},
	{ENTRY_MSR_VALUE, WORLD_MSR_REFUSED, 0},
	{ENTRY_PASSED, WORLD_MSR_REFUSED + 1, 0},
};

Test(entry_checks, msrs_load_up_to_the_first_bad_one)
{
	static struct entry_world w;
	unsigned seen[ENTRY_CHECKS + 1] = {0};

	entry_world_init(&w, BASE_EVERYTHING);
	vmcs12_set(&w.v, VMCS_ENTRY_MSR_LOAD_COUNT, 4);
	for (unsigned i = 0; i < COUNT(msr_cases); i++) {
		const struct msr_case *c = &msr_cases[i];
		enum entry_check got;
		uint32_t number;

		for (unsigned n = 1; n <= 4; n++)
			entry_world_msr(&w, n, MSR_IA32_STAR, 0, n);
		entry_world_msr(&w, 3, c->index, c->reserved, 0);
		w.msrs_loaded = 0;
		got = entry_load_msrs(&w.rules, &w.entry, &number);
		seen[c->check]++;
		cr_expect(got == c->check, "case %u: %s", i, name(got));
		if (got != ENTRY_PASSED)
			cr_expect(number == 3, "case %u: entry %u", i, number);
		cr_expect(w.msrs_loaded == (got == ENTRY_PASSED	     ? 4
					    : got == ENTRY_MSR_VALUE ? 3
								     : 2));
	}
	for (unsigned check = ENTRY_MSR_COUNT + 1; check < ENTRY_CHECKS; check++)
		cr_expect(seen[check], "no case of %s", name(check));
}

/* However long an area says it is, the work is bounded. */
Test(entry_checks, msr_area_is_bounded)
{
	static struct entry_world w;
	uint32_t number;

	entry_world_init(&w, BASE_EVERYTHING);
	for (uint32_t n = 1; n <= 1025; n++)
		entry_world_msr(&w, n, MSR_IA32_STAR, 0, n);
	vmcs12_set(&w.v, VMCS_ENTRY_MSR_LOAD_COUNT, 512);
	cr_expect(entry_load_msrs(&w.rules, &w.entry, &number) == ENTRY_PASSED);
	vmcs12_set(&w.v, VMCS_ENTRY_MSR_LOAD_COUNT, 0xffffffff);
	cr_expect(entry_load_msrs(&w.rules, &w.entry, &number) == ENTRY_MSR_COUNT);
	cr_expect(number == 513);
	w.vmx.misc |= UINT64_C(1) << 25;
	cr_expect(entry_load_msrs(&w.rules, &w.entry, &number) == ENTRY_MSR_COUNT);
	cr_expect(number == 1025);
}
