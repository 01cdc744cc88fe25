#include "nested_rig.h"

#include <criterion/criterion.h>
#include <string.h>

#include "nesting/entry.h"

static char *memory(struct nested_rig *rig, uint64_t gpa, uint64_t size)
{
	uint64_t bytes = sizeof(rig->memory);

	return gpa > bytes || size > bytes - gpa ? NULL : (char *)rig->memory + gpa;
}

static const void *read_memory(void *ctx, uint64_t gpa, uint64_t size)
{
	return memory(ctx, gpa, size);
}

static void log_store(struct nested_rig *rig, uint64_t gpa, uint64_t size)
{
	rig->stored[rig->stores++ % RIG_STORES] = (struct rig_store){gpa, size};
}

static void store(void *ctx, uint64_t gpa, const void *from, uint64_t size)
{
	char *at = memory(ctx, gpa, size);

	if (!at)
		return;
	memcpy(at, from, size);
	log_store(ctx, gpa, size);
}

static bool exchange(void *ctx, uint64_t gpa, uint64_t expected, uint64_t desired)
{
	uint64_t *at = (uint64_t *)memory(ctx, gpa, sizeof(*at));

	if (!at || *at != expected)
		return false;
	*at = desired;
	log_store(ctx, gpa, sizeof(*at));
	return true;
}

static uint64_t lend(void *ctx, uint64_t gpa, uint64_t size)
{
	return memory(ctx, gpa, size) ? RIG_LENT + gpa : 0;
}

static uint64_t read_vmcs02(void *ctx, enum vmcs_field field)
{
	struct nested_rig *rig = ctx;

	rig->vmcs02_reads++;
	return vmcs12_get(&rig->vmcs02[rig->nested.at], field);
}

static void write_vmcs02(void *ctx, enum vmcs_field field, uint64_t value)
{
	struct nested_rig *rig = ctx;

	vmcs12_set(&rig->vmcs02[rig->nested.at], field, value);
	rig->written[vmcs12_slot(field)] = true;
}

static bool watch(void *ctx, uint64_t gpa)
{
	struct nested_rig *rig = ctx;

	rig->watched |= UINT64_C(1) << gpa / VMCS12_BYTES;
	return !rig->unwatchable;
}

static void count_invept(void *ctx, uint64_t eptp12)
{
	struct nested_rig *rig = ctx;

	rig->invepts++;
	rig->invept = eptp12;
}

static void count_invvpid(void *ctx, enum invvpid_type type, uint16_t vpid12, uint64_t address)
{
	struct nested_rig *rig = ctx;

	rig->invvpids++;
	rig->invvpid_type = type;
	rig->invvpid = vpid12;
	rig->invvpid_address = address;
}

struct vmx_capabilities nested_rig_hardware(void)
{
	struct vmx_capabilities c = {
		.basic = VMX_BASIC_ANY_ERROR_CODE,
		.misc = UINT64_MAX,
		.cr0_fixed0 = 0x80000021,
		.cr0_fixed1 = 0xffffffff,
		.cr4_fixed0 = 0x2000,
		.cr4_fixed1 = 0x3727ff,
		.ept_vpid = UINT64_MAX,
		.physical_address_bits = RIG_WIDTH,
	};

	for (unsigned w = 0; w < CONTROL_WORDS; w++)
		c.controls.msr[w] = UINT64_C(0xffffffff) << 32;
	return c;
}

void nested_rig_init(struct nested_rig *rig)
{
	const struct nested_ops ops = {
		.memory = read_memory,
		.store = store,
		.exchange = exchange,
		.vmcs02_read = read_vmcs02,
		.lend = lend,
		.watch = watch,
		.invept = count_invept,
		.invvpid = count_invvpid,
		.ctx = rig,
	};
	const struct vmx_capabilities hardware = nested_rig_hardware();

	memset(rig, 0, sizeof(*rig));
	for (unsigned i = 0; i < RIG_PAGES; i++)
		vmcs12_clear(&rig->memory[i]);
	nested_init(&rig->nested, &ops, &hardware, rig->copy);
	nested_entry_init(&rig->nested, ~UINT64_C(0), 0);
}

void nested_rig_start(struct nested_rig *rig)
{
	nested_rig_init(rig);
	cr_assert_eq(nested_vmxon(&rig->nested, RIG_PAGE(1)), NESTED_SUCCEED);
	cr_assert_eq(nested_vmptrld(&rig->nested, RIG_PAGE(2)), NESTED_SUCCEED);
}

struct vmcs_ops nested_rig_vmcs02(struct nested_rig *rig)
{
	return (struct vmcs_ops){.read = read_vmcs02, .write = write_vmcs02, .ctx = rig};
}
