/* Several active VMCSs of L1's: each keeps its fields, wherever L0 has them. */
#include <criterion/criterion.h>
#include <string.h>

#include "nested_rig.h"
#include "random.h"

#define STEPS 300000
#define FIRST 2 /* page of the first VMCS */
#define MANY  (2 * NESTED_VMCSS)

static struct nested_rig rig;
static struct nested *const n = &rig.nested;

static uint64_t read_field(enum vmcs_field field)
{
	uint64_t value = 0;

	cr_assert_eq(nested_vmread(n, field, &value), NESTED_SUCCEED, "0x%x", field);
	return value;
}

/* L2 has run: vmcs02 has what was held, and the processor has changed a field of its state. */
static void run_l2(enum vmcs_field field, uint64_t value)
{
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++)
		if (nested_holds(n, slot))
			rig.vmcs02[n->at].slot[slot] = n->vmcs12->slot[slot];
	memset(n->held, 0, sizeof(n->held));
	vmcs12_set(&rig.vmcs02[n->at], field, value);
}

static void use(unsigned page)
{
	cr_assert_eq(nested_vmptrld(n, RIG_PAGE(page)), NESTED_SUCCEED, "page %u", page);
	cr_assert_eq(n->current, RIG_PAGE(page));
}

Test(nested_active, nothing_moves_between_as_many_as_there_is_room_for)
{
	nested_rig_start(&rig);
	for (unsigned i = 0; i < NESTED_VMCSS; i++) {
		use(FIRST + i);
		cr_assert_eq(nested_vmwrite(n, VMCS_HOST_RIP, i), NESTED_SUCCEED);
		run_l2(VMCS_GUEST_RIP, 0x1000 + i);
		n->changed = 0;
	}
	rig.vmcs02_reads = 0;
	for (unsigned i = 0; i < NESTED_VMCSS; i++) {
		use(FIRST + i);
		cr_expect_eq(n->changed, 0, "what was checked stays checked");
		cr_expect_not(nested_holds(n, vmcs12_slot(VMCS_GUEST_CR3)), "nor is it written");
		cr_expect_eq(rig.vmcs02_reads, i);
		cr_expect_eq(read_field(VMCS_GUEST_RIP), 0x1000 + i);
		cr_expect_eq(read_field(VMCS_HOST_RIP), i);
	}
}

Test(nested_active, one_too_many_puts_back_the_one_used_least_recently)
{
	nested_rig_start(&rig);
	for (unsigned i = 0; i < NESTED_VMCSS; i++) {
		use(FIRST + i);
		run_l2(VMCS_GUEST_RIP, 0x1000 + i);
	}
	use(FIRST);
	use(FIRST + NESTED_VMCSS);
	for (unsigned i = 0; i < NESTED_VMCSS; i++)
		cr_expect_eq(vmcs12_get(&rig.memory[FIRST + i], VMCS_GUEST_RIP),
			     i == 1 ? 0x1001 : 0, "%u", i);
	use(FIRST + 1);
	cr_expect_eq(read_field(VMCS_GUEST_RIP), 0x1001);
	cr_expect(nested_holds(n, vmcs12_slot(VMCS_GUEST_RIP)), "its vmcs02 was another's");
}

Test(nested_active, vmclear_of_another_leaves_the_current_one)
{
	nested_rig_start(&rig);
	run_l2(VMCS_GUEST_RIP, 0x1000);
	n->vmcs12->launched = 1;
	use(FIRST + 1);
	run_l2(VMCS_GUEST_RIP, 0x2000);
	cr_assert_eq(nested_vmclear(n, RIG_PAGE(FIRST)), NESTED_SUCCEED);
	cr_expect_eq(vmcs12_get(&rig.memory[FIRST], VMCS_GUEST_RIP), 0x1000);
	cr_expect_not(rig.memory[FIRST].launched);
	cr_expect_eq(n->current, RIG_PAGE(FIRST + 1));
	cr_expect_eq(read_field(VMCS_GUEST_RIP), 0x2000);
	/* Clear, it is L1's memory. */
	vmcs12_set(&rig.memory[FIRST], VMCS_GUEST_RIP, 0x3000);
	use(FIRST);
	cr_expect_eq(read_field(VMCS_GUEST_RIP), 0x3000);
}

Test(nested_active, vmxoff_puts_back_all)
{
	nested_rig_start(&rig);
	for (unsigned i = 0; i < NESTED_VMCSS; i++) {
		use(FIRST + i);
		run_l2(VMCS_GUEST_RIP, 0x1000 + i);
	}
	nested_vmxoff(n);
	for (unsigned i = 0; i < NESTED_VMCSS; i++)
		cr_expect_eq(vmcs12_get(&rig.memory[FIRST + i], VMCS_GUEST_RIP), 0x1000 + i);
	cr_assert_eq(nested_vmxon(n, RIG_PAGE(1)), NESTED_SUCCEED);
	use(FIRST);
	cr_expect_eq(read_field(VMCS_GUEST_RIP), 0x1000);
}

static const enum vmcs_field fields[] = {VMCS_GUEST_RIP, VMCS_GUEST_CR3, VMCS_HOST_RIP,
					 VMCS_EXCEPTION_BITMAP, VMCS_GUEST_CS_SELECTOR};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* What each VMCS should hold. */
struct model {
	uint64_t value[MANY][FIELDS];
	bool launched[MANY];
};

static void step(struct model *model, struct random *random)
{
	unsigned which = (unsigned)((n->current >> 12) - FIRST);
	unsigned field = (unsigned)random_below(random, FIELDS);
	uint64_t value = random_next(random) & 0xfff0;

	switch (random_below(random, 6)) {
	case 0:
		use(FIRST + (unsigned)random_below(random, MANY));
		break;
	case 1:
		cr_assert_eq(nested_vmwrite(n, fields[field], value), NESTED_SUCCEED);
		model->value[which][field] = value;
		break;
	case 2:
		run_l2(VMCS_GUEST_RIP, value);
		n->vmcs12->launched = 1;
		model->value[which][0] = value;
		model->launched[which] = true;
		break;
	case 3:
		if (!random_once_in(random, 4))
			break;
		which = (unsigned)random_below(random, MANY);
		cr_assert_eq(nested_vmclear(n, RIG_PAGE(FIRST + which)), NESTED_SUCCEED);
		model->launched[which] = false;
		if (n->current == VMCS12_NO_ADDRESS)
			use(FIRST + (unsigned)random_below(random, MANY));
		break;
	default:
		cr_assert_eq(read_field(fields[field]), model->value[which][field]);
		cr_assert_eq(n->vmcs12->launched, model->launched[which]);
	}
}

Test(nested_active, random_use_of_more_than_there_is_room_for)
{
	struct random random = {.state = 5};
	static struct model model;

	nested_rig_start(&rig);
	for (unsigned i = 0; i < STEPS; i++)
		step(&model, &random);
}
