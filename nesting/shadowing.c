#include "nesting/shadowing.h"

#include "l1vmm/lib/string.h"

static void allow(uint8_t *bitmap, uint16_t encoding)
{
	bitmap[encoding / 8] &= (uint8_t)~(1u << encoding % 8);
	if (vmcs_width(encoding) == VMCS_WIDTH_64)
		bitmap[encoding / 8] &= (uint8_t)~(1u << (encoding | VMCS12_HIGH) % 8);
}

void shadowing_init(struct nested *n, uint8_t *vmread_bitmap, uint8_t *vmwrite_bitmap)
{
	memset(vmread_bitmap, 0xff, SHADOWING_BITMAP_BYTES);
	memset(vmwrite_bitmap, 0xff, SHADOWING_BITMAP_BYTES);
	for (unsigned slot = 0; slot < VMCS12_SLOTS; slot++) {
		const struct vmcs12_field *field = &n->layout.field[slot];

		if (field->use == VMCS12_ABSENT || field->shadow == VMCS12_SHADOW_NO)
			continue;
		n->shadowed[slot / 64] |= UINT64_C(1) << slot % 64;
		allow(vmread_bitmap, field->encoding);
		if (field->shadow == VMCS12_SHADOW_WRITE)
			allow(vmwrite_bitmap, field->encoding);
	}
}

bool shadowing_pending(const struct nested *n)
{
	uint64_t pending = 0;

	for (unsigned word = 0; word < HELD_WORDS; word++)
		pending |= n->held[word] & n->shadowed[word];
	return pending;
}

void shadowing_put(struct nested *n, const struct vmcs_ops *to)
{
	for (unsigned word = 0; word < HELD_WORDS; word++) {
		for (uint64_t bits = n->held[word] & n->shadowed[word]; bits; bits &= bits - 1) {
			unsigned slot = word * 64 + (unsigned)__builtin_ctzll(bits);

			to->write(to->ctx, n->layout.field[slot].encoding, n->vmcs12->slot[slot]);
		}
		n->held[word] &= ~n->shadowed[word];
	}
}

void shadowing_written(struct nested *n, enum vmcs_field field, uint64_t value)
{
	n->changed |= entry_changed(&n->rules, field, vmcs12_get(n->vmcs12, field), value);
	vmcs12_set(n->vmcs12, field, value);
}
