#include "nesting/vmcs12.h"

#include "l1vmm/vmx/controls.h"

/* Whether a control is among those that may be 1. */
static bool offers(const struct control_capabilities *offered, enum control_word word,
		   uint32_t control)
{
	return offered->msr[word] >> 32 & control;
}

static uint32_t index_of(uint32_t encoding)
{
	return encoding >> 1 & 0x1ff;
}

static void add(struct vmcs12_layout *layout, struct vmcs12_field field, bool exists)
{
	if (exists)
		layout->field[vmcs12_slot(field.encoding)] = field;
}

/* Which fields exist, in terms of `offered`. */
#define ALWAYS		  true
#define NEVER		  false
#define IF(WORD, control) offers(offered, CONTROL_##WORD, (uint32_t)CONTROL_##WORD##_##control)

void vmcs12_layout_init(struct vmcs12_layout *layout, const struct control_capabilities *offered)
{
	*layout = (struct vmcs12_layout){0};
#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow) \
	add(layout, (struct vmcs12_field){encoding, VMCS12_##use, VMCS12_SHADOW_##shadow}, exists);
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
}

uint32_t vmcs12_highest_index(const struct control_capabilities *offered)
{
	uint32_t highest = 0;

#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow) \
	if ((exists) && index_of(encoding) > highest)          \
		highest = index_of(encoding);
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
	return highest;
}

uint64_t vmcs12_merge(uint64_t encoding, uint64_t whole, uint64_t written)
{
	if (encoding & VMCS12_HIGH)
		return (uint32_t)whole | written << 32;
	switch (vmcs_width(encoding)) {
	case VMCS_WIDTH_16:
		return (uint16_t)written;
	case VMCS_WIDTH_32:
		return (uint32_t)written;
	case VMCS_WIDTH_64:
	case VMCS_WIDTH_NATURAL:
		break;
	}
	return written;
}

void vmcs12_fit(struct vmcs12 *v)
{
#define VMCS_FIELD(encoding, NAME, setup, exists, use, shadow)                             \
	if (vmcs_width(encoding) == VMCS_WIDTH_16)                                         \
		v->slot[vmcs12_slot(encoding)] = (uint16_t)v->slot[vmcs12_slot(encoding)]; \
	else if (vmcs_width(encoding) == VMCS_WIDTH_32)                                    \
		v->slot[vmcs12_slot(encoding)] = (uint32_t)v->slot[vmcs12_slot(encoding)];
#include "l1vmm/vmx/vmcs_fields.def"
#undef VMCS_FIELD
}

void vmcs12_clear(struct vmcs12 *v)
{
	*v = (struct vmcs12){.revision = VMCS12_REVISION};
}
