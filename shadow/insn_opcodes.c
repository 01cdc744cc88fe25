#include "shadow/insn_opcodes.h"

#include "shadow/insn.h"

/* The operands' names in the tables, each {method, size}. */
#define OPERAND_none {METHOD_NONE, SIZE_b}
#define OPERAND_Eb   {METHOD_E, SIZE_b}
#define OPERAND_Ew   {METHOD_E, SIZE_w}
#define OPERAND_Ez   {METHOD_E, SIZE_z}
#define OPERAND_Ev   {METHOD_E, SIZE_v}
#define OPERAND_Ey   {METHOD_E, SIZE_y}
#define OPERAND_Ex   {METHOD_E, SIZE_x}
#define OPERAND_Gb   {METHOD_G, SIZE_b}
#define OPERAND_Gv   {METHOD_G, SIZE_v}
#define OPERAND_Gy   {METHOD_G, SIZE_y}
#define OPERAND_Ib   {METHOD_I, SIZE_b}
#define OPERAND_Iz   {METHOD_I, SIZE_z}
#define OPERAND_Ob   {METHOD_O, SIZE_b}
#define OPERAND_Ov   {METHOD_O, SIZE_v}
#define OPERAND_Xb   {METHOD_X, SIZE_b}
#define OPERAND_Xv   {METHOD_X, SIZE_v}
#define OPERAND_Yb   {METHOD_Y, SIZE_b}
#define OPERAND_Yv   {METHOD_Y, SIZE_v}
#define OPERAND_AL   {METHOD_ACCUMULATOR, SIZE_b}
#define OPERAND_rAX  {METHOD_ACCUMULATOR, SIZE_v}
#define OPERAND_CL   {METHOD_COUNTER, SIZE_b}
#define OPERAND_one  {METHOD_ONE, SIZE_b}

#define LOCK   ATTRIBUTE_LOCK
#define MEMORY ATTRIBUTE_MEMORY
#define ONLY64 ATTRIBUTE_ONLY64
#define NOT64  ATTRIBUTE_NOT64
#define NO_REP ATTRIBUTE_NO_REP
#define NO_66  ATTRIBUTE_NO_66

#define PLAIN(NAME, destination, source, attributes)            \
	{                                                       \
		FORM_PLAIN, INSN_##NAME, attributes,            \
		{                                               \
			OPERAND_##destination, OPERAND_##source \
		}                                               \
	}

enum group {
#define FORM(MAP, first, last, NAME, destination, source, attributes)
#define GROUP(MAP, opcode, NAME) GROUP_##NAME,
#define MEMBER(GROUP, reg, NAME, destination, source, attributes)
#include "shadow/insn_opcodes.def"
#undef FORM
#undef GROUP
#undef MEMBER
	GROUPS
};

static const struct insn_form forms[MAPS][256] = {
#define FORM(MAP, first, last, NAME, destination, source, attributes) \
	[MAP_##MAP][first... last] = PLAIN(NAME, destination, source, attributes),
#define GROUP(MAP, opcode, NAME) \
	[MAP_##MAP][opcode] = {.kind = FORM_GROUP, .operation = GROUP_##NAME},
#define MEMBER(GROUP, reg, NAME, destination, source, attributes)
#include "shadow/insn_opcodes.def"
#undef FORM
#undef GROUP
#undef MEMBER
};

static const struct insn_form members[GROUPS][8] = {
#define FORM(MAP, first, last, NAME, destination, source, attributes)
#define GROUP(MAP, opcode, NAME)
#define MEMBER(GROUP, reg, NAME, destination, source, attributes) \
	[GROUP_##GROUP][reg] = PLAIN(NAME, destination, source, attributes),
#include "shadow/insn_opcodes.def"
#undef FORM
#undef GROUP
#undef MEMBER
};

const struct insn_form *insn_form(enum insn_map map, uint8_t opcode)
{
	return &forms[map][opcode];
}

const struct insn_form *insn_group_member(const struct insn_form *form, unsigned reg)
{
	return &members[form->operation][reg];
}

const char *insn_operation_name(enum insn_operation operation)
{
	static const char *const names[] = {
#define OPERATION(NAME, name, compute, flow) [INSN_##NAME] = #name,
#include "shadow/insn_operations.def"
#undef OPERATION
	};

	return names[operation];
}
