/*
 * What L0 itself stores to a guest hypervisor's memory: all of it goes by way of those functions
 * that tell of it, and is where the SDM has it.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/msr.h"
#include "nested_rig.h"
#include "nesting/entry.h"
#include "nesting/link.h"
#include "nesting/virtual_apic.h"

#define CURRENT	   2 /* pages */
#define ANOTHER	   3
#define FIRST_MORE 4
#define LINK	   10
#define AREA	   11
#define POSTED	   12
#define APIC_PAGE  13
#define NOWHERE	   RIG_OUTSIDE

static struct nested_rig rig;
static struct nested *const n = &rig.nested;

static void set(enum vmcs_field field, uint64_t value)
{
	cr_assert_eq(nested_vmwrite(n, field, value), NESTED_SUCCEED, "0x%x", field);
}

static void load(unsigned page)
{
	cr_assert_eq(nested_vmptrld(n, RIG_PAGE(page)), NESTED_SUCCEED, "page %u", page);
}

static void clear(unsigned page)
{
	cr_assert_eq(nested_vmclear(n, RIG_PAGE(page)), NESTED_SUCCEED, "page %u", page);
}

static void clear_current(void)
{
	clear(CURRENT);
}

static void clear_active(void)
{
	load(ANOTHER);
	clear(CURRENT);
}

static void clear_inactive(void)
{
	clear(ANOTHER);
}

static void clear_nowhere(void)
{
	cr_assert_eq(nested_vmclear(n, NOWHERE), NESTED_SUCCEED);
}

static void leave(void)
{
	load(ANOTHER);
	nested_vmxoff(n);
}

static void load_many(void)
{
	for (unsigned i = 0; i < NESTED_VMCSS; i++)
		load(FIRST_MORE + i);
}

static void abort_exit(void)
{
	nested_abort(n, 4);
	cr_expect_eq(rig.memory[CURRENT].abort, 4);
}

static void use_link(void)
{
	set(VMCS_PRIMARY_CONTROLS, CONTROL_PRIMARY_ACTIVATE_SECONDARY);
	set(VMCS_SECONDARY_CONTROLS, CONTROL_SECONDARY_VMCS_SHADOWING);
	set(VMCS_VMCS_LINK_POINTER, RIG_PAGE(LINK));
}

static void write_link(void)
{
	uint64_t value = 0;

	use_link();
	cr_assert_eq(link_write(n, VMCS_GUEST_RIP, 7), NESTED_SUCCEED);
	cr_assert_eq(link_read(n, VMCS_GUEST_RIP, &value), NESTED_SUCCEED);
	cr_expect_eq(value, 7);
}

static void enter_with_active_link(void)
{
	load(LINK);
	load(CURRENT);
	use_link();
	link_prepare(n);
}

static bool read_msr(void *ctx, uint32_t msr, uint64_t *value)
{
	(void)ctx;
	*value = msr + 1;
	return msr != MSR_IA32_EFER;
}

/* The second cannot be read: what was stored before it stays. */
static void store_msrs(void)
{
	const struct entry_msr area[2] = {{.index = MSR_IA32_PAT}, {.index = MSR_IA32_EFER}};

	n->ops.read_msr = read_msr;
	memcpy(&rig.memory[AREA], area, sizeof(area));
	set(VMCS_EXIT_MSR_STORE_ADDR, RIG_PAGE(AREA));
	set(VMCS_EXIT_MSR_STORE_COUNT, 2);
	cr_expect_not(nested_exit_store_msrs(n));
	cr_expect_eq(rig.memory[AREA].slot[1], MSR_IA32_PAT + 1);
}

static void store_msrs_nowhere(void)
{
	n->ops.read_msr = read_msr;
	set(VMCS_EXIT_MSR_STORE_ADDR, NOWHERE);
	set(VMCS_EXIT_MSR_STORE_COUNT, 1);
	cr_expect_not(nested_exit_store_msrs(n));
}

static struct posted_descriptor *descriptor(void)
{
	return (struct posted_descriptor *)&rig.memory[POSTED];
}

static void post(uint64_t page)
{
	memset(descriptor(), 0, sizeof(struct posted_descriptor));
	memset(&rig.memory[APIC_PAGE], 0, VMCS12_BYTES);
	descriptor()->control = POSTED_OUTSTANDING;
	descriptor()->requests[1] = 1; /* vector 0x40 */
	set(VMCS_POSTED_INTR_DESC_ADDR, RIG_PAGE(POSTED));
	set(VMCS_VIRTUAL_APIC_PAGE_ADDR, page);
	cr_expect_eq(virtual_apic_take_posted(n, 0), 0x40);
}

static void take_posted(void)
{
	post(RIG_PAGE(APIC_PAGE));
}

static void take_posted_nowhere(void)
{
	post(NOWHERE);
}

#define PAGE(page) RIG_PAGE(page), VMCS12_BYTES

Test(nested_stores, are_all_told_of)
{
	uint64_t rip_at = vmcs12_slot(VMCS_GUEST_RIP) * sizeof(uint64_t);
	const struct {
		const char *name;
		void (*act)(void);
		struct rig_store stores[NESTED_VMCSS];
	} rows[] = {
		{"vmclear-current", clear_current, {{PAGE(CURRENT)}, {RIG_PAGE(CURRENT) + 8, 4}}},
		{"vmclear-active", clear_active, {{PAGE(CURRENT)}, {RIG_PAGE(CURRENT) + 8, 4}}},
		{"vmclear-inactive", clear_inactive, {{RIG_PAGE(ANOTHER) + 8, 4}}},
		{"vmclear-nowhere", clear_nowhere, {{0}}},
		{"vmxoff", leave, {{PAGE(CURRENT)}, {PAGE(ANOTHER)}}},
		{"vmptrld-of-many", load_many, {{PAGE(CURRENT)}}},
		{"abort", abort_exit, {{RIG_PAGE(CURRENT) + 4, 4}}},
		{"vmwrite-of-l2", write_link, {{RIG_PAGE(LINK) + rip_at, 8}}},
		{"link-active", enter_with_active_link, {{PAGE(LINK)}}},
		{"msr-area", store_msrs, {{RIG_PAGE(AREA) + 8, 8}}},
		{"msr-area-nowhere", store_msrs_nowhere, {{0}}},
		{"posted",
		 take_posted,
		 {{RIG_PAGE(POSTED) + 32, 8},
		  {RIG_PAGE(POSTED) + 8, 8},
		  {RIG_PAGE(APIC_PAGE) + 0x220, 8}}},
		{"posted-nowhere",
		 take_posted_nowhere,
		 {{RIG_PAGE(POSTED) + 32, 8}, {RIG_PAGE(POSTED) + 8, 8}}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned expected = 0;

		nested_rig_start(&rig);
		rows[i].act();
		for (; expected < NESTED_VMCSS && rows[i].stores[expected].size; expected++) {
			const struct rig_store *store = &rig.stored[expected];

			cr_expect_eq(store->gpa, rows[i].stores[expected].gpa,
				     "%s: store %u at %lx", rows[i].name, expected, store->gpa);
			cr_expect_eq(store->size, rows[i].stores[expected].size, "%s: store %u",
				     rows[i].name, expected);
		}
		cr_expect_eq(rig.stores, expected, "%s", rows[i].name);
	}
}
