#include "nesting/link.h"

#include <stddef.h>

#include "nesting/vmcs02.h"

#define BITMAP_ENCODINGS 0x8000u /* those that the bitmaps have a bit for */

bool link_access_exits(const struct nested *n, uint64_t encoding, bool write)
{
	uint64_t bitmap = vmcs12_get(n->vmcs12, write ? VMCS_VMWRITE_BITMAP : VMCS_VMREAD_BITMAP);
	const volatile uint8_t *byte;

	if (!(vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_VMCS_SHADOWING) ||
	    encoding >= BITMAP_ENCODINGS)
		return true;
	byte = n->ops.memory(n->ops.ctx, bitmap + encoding / 8, 1);
	/* Where there is no memory, reads float high. */
	return !byte || (*byte >> encoding % 8 & 1);
}

static uint64_t link_of(const struct nested *n)
{
	return vmcs12_get(n->vmcs12, VMCS_VMCS_LINK_POINTER);
}

static const struct vmcs12 *shadow_of(const struct nested *n)
{
	return n->ops.memory(n->ops.ctx, link_of(n), VMCS12_BYTES);
}

int link_read(struct nested *n, uint64_t encoding, uint64_t *value)
{
	const struct vmcs12 *shadow = shadow_of(n);
	const struct vmcs12_field *field = vmcs12_find(&n->layout, encoding);
	uint64_t whole;

	if (!shadow)
		return NESTED_FAIL_INVALID;
	if (!field)
		return nested_fail(n, NESTED_ERROR_UNSUPPORTED_FIELD);
	whole = vmcs12_merge(encoding & ~VMCS12_HIGH, 0, shadow->slot[vmcs12_slot(encoding)]);
	*value = vmcs12_part(encoding, whole);
	return NESTED_SUCCEED;
}

int link_write(struct nested *n, uint64_t encoding, uint64_t value)
{
	const struct vmcs12 *shadow = shadow_of(n);
	const struct vmcs12_field *field = vmcs12_find(&n->layout, encoding);
	unsigned slot = vmcs12_slot(encoding);
	uint64_t whole;

	if (!shadow)
		return NESTED_FAIL_INVALID;
	if (!field)
		return nested_fail(n, NESTED_ERROR_UNSUPPORTED_FIELD);
	if (vmcs_read_only(encoding) && !(n->offered.misc & VMX_MISC_WRITES_ANY_FIELD))
		return nested_fail(n, NESTED_ERROR_VMWRITE_READ_ONLY);
	whole = vmcs12_merge(encoding, shadow->slot[slot], value);
	n->ops.store(n->ops.ctx, link_of(n) + offsetof(struct vmcs12, slot[slot]), &whole,
		     sizeof(whole));
	return NESTED_SUCCEED;
}

void link_prepare(struct nested *n)
{
	uint64_t link = link_of(n);

	/* An entry with a VMCS as its own shadow will be refused. */
	if ((vmcs12_secondary(n->vmcs12) & CONTROL_SECONDARY_VMCS_SHADOWING) && link != n->current)
		nested_release(n, link);
}
