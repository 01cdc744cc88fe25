#include "nesting/operand.h"

#include "l1vmm/vmx/vmcs_field.h"

/* Type bits of code and data segments: SDM volume 3, table 3-1. */
#define TYPE_CODE	 8u
#define TYPE_EXPAND_DOWN 4u /* of data */
#define TYPE_WRITABLE	 2u /* of data; of code, readable */

uint64_t operand_offset(uint32_t info, uint64_t displacement, const uint64_t gprs[16])
{
	static const uint64_t masks[] = {UINT16_MAX, UINT32_MAX, UINT64_MAX};
	unsigned size = OPERAND_ADDRESS_SIZE(info);
	uint64_t offset = displacement;

	if (!(info & OPERAND_NO_BASE))
		offset += gprs[OPERAND_BASE(info)];
	if (!(info & OPERAND_NO_INDEX))
		offset += gprs[OPERAND_INDEX(info)] << (info & 3);
	return offset & masks[size > 2 ? 2 : size];
}

static bool is_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool allows(uint32_t rights, bool write)
{
	uint32_t type = AR_TYPE(rights);

	if (rights & AR_UNUSABLE)
		return false;
	if (type & TYPE_CODE)
		return !write && (type & TYPE_WRITABLE);
	return !write || (type & TYPE_WRITABLE);
}

/* Whether the last byte lies within the limit; an expand-down segment begins behind it. */
static bool within(const struct operand_segment_state *state, uint64_t offset, unsigned size)
{
	uint64_t last = offset + size - 1;
	uint64_t top = state->rights & AR_DEFAULT_32 ? UINT32_MAX : UINT16_MAX;
	uint32_t type = AR_TYPE(state->rights);

	if (!(type & TYPE_CODE) && (type & TYPE_EXPAND_DOWN))
		return offset > state->limit && last <= top;
	return last <= state->limit;
}

enum operand_fault operand_linear(enum operand_segment segment,
				  const struct operand_segment_state *state, bool code64,
				  uint64_t offset, unsigned size, bool write, uint64_t *linear)
{
	enum operand_fault fault = segment == OPERAND_SS ? OPERAND_SS_FAULT : OPERAND_GP;

	if (code64) {
		*linear = offset + (segment >= OPERAND_FS ? state->base : 0);
		return is_canonical(*linear) && is_canonical(*linear + size - 1) ? OPERAND_OK
										 : fault;
	}
	*linear = (uint32_t)(offset + state->base);
	return allows(state->rights, write) && within(state, offset, size) ? OPERAND_OK : fault;
}
