/* What both halves of the reference (entry_reference.h) see of a VMCS. */
#ifndef TESTS_UNIT_ENTRY_REFERENCE_STATE_H
#define TESTS_UNIT_ENTRY_REFERENCE_STATE_H

#include "entry_reference.h"

struct reference_state {
	const struct entry_world *w;
	uint32_t pin, primary, secondary, exit, entry;
	uint64_t cr0, cr4, flags;
	uint32_t event; /* 0 if none is injected */
};

static inline uint64_t get(const struct reference_state *s, unsigned encoding)
{
	return vmcs12_get(&s->w->v, (enum vmcs_field)encoding);
}

static inline uint64_t memory(const struct reference_state *s, uint64_t gpa, size_t bytes)
{
	uint64_t value = 0;

	s->w->entry.read(s->w->entry.ctx, gpa, &value, bytes);
	return value;
}

static inline uint64_t bits(uint64_t value, unsigned high, unsigned low)
{
	return value << (63 - high) >> (63 - high + low);
}

static inline bool bit(uint64_t value, unsigned n)
{
	return bits(value, n, n);
}

static inline bool in_width(const struct reference_state *s, uint64_t address)
{
	return bits(address, 63, s->w->vmx.physical_address_bits) == 0;
}

static inline bool page(const struct reference_state *s, unsigned encoding)
{
	return bits(get(s, encoding), 11, 0) == 0 && in_width(s, get(s, encoding));
}

static inline bool canonical(const struct reference_state *s, unsigned encoding)
{
	uint64_t address = get(s, encoding);

	return address < UINT64_C(0x0000800000000000) || address >= UINT64_C(0xffff800000000000);
}

static inline bool fixed_bits(uint64_t value, uint64_t fixed0, uint64_t fixed1)
{
	for (unsigned i = 0; i < 64; i++) {
		if ((bit(fixed0, i) && !bit(value, i)) || (!bit(fixed1, i) && bit(value, i)))
			return false;
	}
	return true;
}

static inline bool memory_types(uint64_t pat)
{
	static const bool valid[256] = {
		[0] = true, [1] = true, [4] = true, [5] = true, [6] = true, [7] = true};

	for (unsigned i = 0; i < 8; i++) {
		if (!valid[bits(pat, 8 * i + 7, 8 * i)])
			return false;
	}
	return true;
}

/* The outcomes that checks of the guest state allow; 0 if all hold. */
unsigned entry_reference_guest(const struct reference_state *s);

#endif
