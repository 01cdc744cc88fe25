/*
 * VMCS shadowing by the processor: vmcs02 is vmcs01's shadow VMCS while L1 runs.
 */
#include "l1vmm/boot/memory.h"
#include "l1vmm/vmx/nested.h"
#include "nesting/shadowing.h"

#define NO_VMCS UINT64_MAX

#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow) \
	+(VMCS12_SHADOW_##shadow == VMCS12_SHADOW_WRITE)
enum {
	WRITABLE = 0
#include "l1vmm/vmx/vmcs_fields.def"
};
#undef VMCS_FIELD

/* The callers count these, all at once. */
static uint64_t read_vmcs02(void *ctx, enum vmcs_field field)
{
	(void)ctx;
	return vmread(field);
}

static void write_vmcs02(void *ctx, enum vmcs_field field, uint64_t value)
{
	vmcs_write(ctx, field, value);
}

bool nested_shadow_init(struct vcpu *v)
{
	uint64_t vmread_bitmap = memory_alloc(1);
	uint64_t vmwrite_bitmap = memory_alloc(1);

	if (!vmread_bitmap || !vmwrite_bitmap)
		return false;
	shadowing_init(&v->nested->vmx, (uint8_t *)vmread_bitmap, (uint8_t *)vmwrite_bitmap);
	vmwrite(VMCS_VMREAD_BITMAP, vmread_bitmap);
	vmwrite(VMCS_VMWRITE_BITMAP, vmwrite_bitmap);
	v->nested->link = NO_VMCS;
	v->nested->shadowing = true;
	return true;
}

/* The indicator may change only while the VMCS is not active, so VMCLEAR: SDM volume 3, 25.10. */
static void set_indicator(struct vcpu *v, bool shadow)
{
	struct vcpu_vmcs02 *vmcs02 = nested_vmcs02(v->nested);
	uint32_t *revision = (uint32_t *)vmcs02->vmcs;

	v->cost.vmx_other++;
	vmclear(vmcs02->vmcs);
	*revision = shadow ? *revision | VMCS12_SHADOW : *revision & ~VMCS12_SHADOW;
	vmcs02->is_shadow = shadow;
	vmcs02->launched = false;
}

void nested_shadow_take(struct vcpu *v)
{
	const struct vmcs_ops from = {.read = read_vmcs02, .write = write_vmcs02, .ctx = v};
	struct vcpu_nested *n = v->nested;

	set_indicator(v, false);
	nested_make_current(v, nested_vmcs02(n)->vmcs);
	v->cost.vmreads += WRITABLE;
	shadowing_take(&n->vmx, &from);
}

void nested_shadow_give(struct vcpu *v)
{
	const struct vmcs_ops to = {.read = read_vmcs02, .write = write_vmcs02, .ctx = v};
	struct vcpu_nested *n = v->nested;

	shadowing_put(&n->vmx, &to);
	v->cost.vmreads += WRITABLE;
	shadowing_note(&n->vmx, &to);
	set_indicator(v, true);
}

/* Without a current VMCS, and outside VMX operation, all accesses exit. */
static void link(struct vcpu *v, uint64_t vmcs)
{
	uint32_t *secondary = &v->controls.word[CONTROL_SECONDARY];
	bool on = vmcs != NO_VMCS;

	if (on != v->nested->linked) {
		*secondary ^= CONTROL_SECONDARY_VMCS_SHADOWING;
		vmcs_write(v, VMCS_SECONDARY_CONTROLS, *secondary);
	}
	vmcs_write(v, VMCS_VMCS_LINK_POINTER, vmcs);
	v->nested->linked = on;
	v->nested->link = vmcs;
}

void nested_shadow_follow(struct vcpu *v)
{
	const struct vmcs_ops to = {.read = read_vmcs02, .write = write_vmcs02, .ctx = v};
	struct vcpu_nested *n = v->nested;
	bool on = n->vmx.on && n->vmx.current != VMCS12_NO_ADDRESS;
	uint64_t wanted = on ? nested_vmcs02(n)->vmcs : NO_VMCS;

	if (on && shadowing_pending(&n->vmx)) {
		nested_make_current(v, nested_vmcs02(n)->vmcs);
		shadowing_put(&n->vmx, &to);
		if (!nested_vmcs02(n)->is_shadow)
			set_indicator(v, true);
		nested_make_current(v, v->vmcs);
	}
	if (wanted != n->link)
		link(v, wanted);
}
