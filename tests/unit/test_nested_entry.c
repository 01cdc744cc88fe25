/* What an entry takes from L1's memory, where another processor of L1's stores meanwhile. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "nesting/entry.h"
#include "nesting/pdpte.h"

#include "entry_world.h"

#define PDPTE(n)  ((WORLD_PAGE + (uint64_t)(n) * 0x1000) | PTE_P)
#define UNTOUCHED UINT64_C(0x5a5a)

static struct entry_world world;
static struct nested nested;
static struct vmcs12 copies[NESTED_VMCSS];
static uint64_t vmcs02[VMCS12_SLOTS];

static const void *memory(void *ctx, uint64_t gpa, uint64_t size)
{
	(void)ctx;
	return gpa < WORLD_BYTES && size <= WORLD_BYTES - gpa ? world.memory + gpa : NULL;
}

static uint64_t read_vmcs02(void *ctx, enum vmcs_field field)
{
	(void)ctx;
	return vmcs02[vmcs12_slot(field)];
}

static void write_vmcs02(void *ctx, enum vmcs_field field, uint64_t value)
{
	(void)ctx;
	vmcs02[vmcs12_slot(field)] = value;
}

static const struct vmcs_ops to_vmcs02 = {.read = read_vmcs02, .write = write_vmcs02};

static void store_pdpte(unsigned i, uint64_t value)
{
	entry_world_store(&world, WORLD_PDPT + i * sizeof(value), value, sizeof(value));
}

/* A new VMCS of L1's, and four PDPTEs where CR3 points to with PAE paging. */
static void begin(enum entry_base base)
{
	const struct nested_ops ops = {.memory = memory, .vmcs02_read = read_vmcs02};

	entry_world_init(&world, base);
	nested_init(&nested, &ops, &world.vmx, copies);
	nested_entry_init(&nested, ~UINT64_C(0), 0);
	nested.on = true;
	nested.current = WORLD_CURRENT;
	*nested.vmcs12 = world.v;
	memset(nested.held, 0xff, sizeof(nested.held));
	for (unsigned i = 0; i < ENTRY_PDPTES; i++) {
		store_pdpte(i, PDPTE(i));
		write_vmcs02(NULL, VMCS_GUEST_PDPTE0 + 2 * i, UNTOUCHED);
	}
}

static void expect_loaded(unsigned i, uint64_t value)
{
	cr_expect_eq(read_vmcs02(NULL, VMCS_GUEST_PDPTE0 + 2 * i), value, "%u", i);
}

Test(nested_entry, pdptes_that_have_been_checked_are_loaded)
{
	begin(BASE_PAE);
	cr_assert_eq(nested_entry_check(&nested, true), ENTRY_PASSED);
	store_pdpte(0, PDPTE(0) | BIT(1)); /* reserved */
	store_pdpte(1, PDPTE(7));
	store_pdpte(3, 0);
	nested_load_pdptes(&nested, &to_vmcs02);
	for (unsigned i = 0; i < ENTRY_PDPTES; i++)
		expect_loaded(i, PDPTE(i));

	/* Which the next entry finds. */
	cr_expect_eq(nested_entry_check(&nested, true), ENTRY_GUEST_PDPTE);
	store_pdpte(0, 0);
	cr_assert_eq(nested_entry_check(&nested, true), ENTRY_PASSED);
	nested_load_pdptes(&nested, &to_vmcs02);
	expect_loaded(0, 0);
	expect_loaded(1, PDPTE(7));
	expect_loaded(2, PDPTE(2));
	expect_loaded(3, 0);
}

/* L1's fields keep what L1 has written there: SDM volume 3, 28.3.1. */
Test(nested_entry, loaded_pdptes_are_not_l1s_fields)
{
	begin(BASE_PAE);
	cr_assert_eq(nested_entry_check(&nested, true), ENTRY_PASSED);
	nested_load_pdptes(&nested, &to_vmcs02);
	cr_expect_eq(nested_get(&nested, VMCS_GUEST_PDPTE0),
		     vmcs12_get(&world.v, VMCS_GUEST_PDPTE0));
}

Test(nested_entry, other_guests_load_none)
{
	static const enum entry_base bases[] = {BASE_LONG, BASE_PAE_EPT, BASE_COMPATIBLE};

	for (unsigned base = 0; base < sizeof(bases) / sizeof(bases[0]); base++) {
		begin(bases[base]);
		cr_assert_eq(nested_entry_check(&nested, true), ENTRY_PASSED, "%u", base);
		nested_load_pdptes(&nested, &to_vmcs02);
		expect_loaded(0, UNTOUCHED);
	}
}
