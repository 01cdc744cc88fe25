/*
 * vmcs12: the VMCS that a guest hypervisor keeps for its guest, in a format of our own.
 *
 * A region is a page: 512 quadwords, one for each width, type and index that an encoding can have
 * (SDM volume 3, 25.11.2), so that the way from an encoding to its place is a few shifts.  There
 * are no read-only fields of 16 bits: their places, which come first, hold the header.
 *
 * While a VMCS is current, L0 works on a copy that its owner cannot reach.
 */
#ifndef NESTING_VMCS12_H
#define NESTING_VMCS12_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "l1vmm/vmx/vmcs_field.h"

#define VMCS12_BYTES	     4096
#define VMCS12_SLOTS	     512
#define VMCS12_HEADER_SLOTS  32
#define VMCS12_REVISION	     0x4c317601u /* changes with the format */
#define VMCS12_SHADOW	     (1u << 31)	 /* in the revision: the shadow-VMCS indicator */
#define VMCS12_NO_ADDRESS    UINT64_MAX	 /* a VMCS pointer that points to none */
#define VMCS12_ENCODING_BITS 0x6c3fu	 /* width, type, index below 32, access type */
#define VMCS12_HIGH	     1u		 /* access type: the upper half of a 64-bit field */

struct __attribute__((aligned(4096))) vmcs12 {
	union {
		struct {
			uint32_t revision;
			uint32_t abort; /* VMX-abort indicator: SDM volume 3, 28.7 */
			uint32_t launched;
		};
		uint64_t slot[VMCS12_SLOTS];
	};
};

_Static_assert(sizeof(struct vmcs12) == VMCS12_BYTES, "a page");

/* What vmcs02 makes of a field: vmcs_fields.def says what each means. */
enum vmcs12_use {
	VMCS12_ABSENT,
	VMCS12_GUEST,
	VMCS12_COMPOSED,
	VMCS12_CONTROL,
	VMCS12_COPY,
	VMCS12_HOST,
	VMCS12_INFO,
	VMCS12_USES,
};

/* How L1 reaches a field where VMCS shadowing is on. */
enum vmcs12_shadow {
	VMCS12_SHADOW_NO,
	VMCS12_SHADOW_READ,
	VMCS12_SHADOW_WRITE, /* and reads it, too */
};

struct vmcs12_field {
	uint16_t encoding;
	uint8_t use;	/* enum vmcs12_use */
	uint8_t shadow; /* enum vmcs12_shadow */
};

/* The fields that this guest's VMX has: those of the controls that it is offered. */
struct vmcs12_layout {
	struct vmcs12_field field[VMCS12_SLOTS];
};

struct control_capabilities;

void vmcs12_layout_init(struct vmcs12_layout *layout, const struct control_capabilities *offered);

/* The highest index of a field that exists where these controls are offered: IA32_VMX_VMCS_ENUM. */
uint32_t vmcs12_highest_index(const struct control_capabilities *offered);

/* Where a field stands; both halves of a 64-bit field stand together. */
static inline unsigned vmcs12_slot(uint64_t encoding)
{
	return (unsigned)((encoding >> 6 & 0x180) | (encoding >> 5 & 0x60) |
			  (encoding >> 1 & 0x1f)) ^
	       VMCS12_HEADER_SLOTS;
}

enum vmcs_width { VMCS_WIDTH_16, VMCS_WIDTH_64, VMCS_WIDTH_32, VMCS_WIDTH_NATURAL };

static inline enum vmcs_width vmcs_width(uint64_t encoding)
{
	return encoding >> 13 & 3;
}

/* Whether VMWRITE refuses the field unless IA32_VMX_MISC bit 29 allows all: type 1. */
static inline bool vmcs_read_only(uint64_t encoding)
{
	return (encoding >> 10 & 3) == 1;
}

/* The field that `encoding`, a register operand, names; NULL where it is not supported. */
static inline const struct vmcs12_field *vmcs12_find(const struct vmcs12_layout *layout,
						     uint64_t encoding)
{
	const struct vmcs12_field *field;

	if ((encoding & ~(uint64_t)VMCS12_ENCODING_BITS) ||
	    ((encoding & VMCS12_HIGH) && vmcs_width(encoding) != VMCS_WIDTH_64))
		return NULL;
	field = &layout->field[vmcs12_slot(encoding)];
	return field->use == VMCS12_ABSENT ? NULL : field;
}

/* A field that is known at compile time, whole. */
static inline uint64_t vmcs12_get(const struct vmcs12 *v, enum vmcs_field field)
{
	return v->slot[vmcs12_slot(field)];
}

/* As vmcs12_get(); the value fits the field. */
static inline void vmcs12_set(struct vmcs12 *v, enum vmcs_field field, uint64_t value)
{
	v->slot[vmcs12_slot(field)] = value;
}

/* What an access to `encoding` makes of the whole field's value, and of the field. */
static inline uint64_t vmcs12_part(uint64_t encoding, uint64_t whole)
{
	return encoding & VMCS12_HIGH ? whole >> 32 : whole;
}
uint64_t vmcs12_merge(uint64_t encoding, uint64_t whole, uint64_t written);

/* Cuts each field of a region, where L1 can have put any bits, to its width. */
void vmcs12_fit(struct vmcs12 *v);

/* An empty region: the revision, and not launched. */
void vmcs12_clear(struct vmcs12 *v);

#endif
