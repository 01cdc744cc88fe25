/* The opcode maps of shadow/insn_opcodes.def as the decoder looks them up. */
#ifndef SHADOW_INSN_OPCODES_H
#define SHADOW_INSN_OPCODES_H

#include <stdbool.h>
#include <stdint.h>

/* Where an operand comes from, and its size, by the letters of SDM volume 2, A.2. */
enum insn_method {
	METHOD_NONE,
	METHOD_E,
	METHOD_G,
	METHOD_I,
	METHOD_O,
	METHOD_X,
	METHOD_Y,
	METHOD_ACCUMULATOR,
	METHOD_COUNTER,
	METHOD_ONE,
};

enum insn_size {
	SIZE_b,
	SIZE_w,
	SIZE_v,
	SIZE_y,
	SIZE_z,
	SIZE_x,
};

struct insn_operand_form {
	uint8_t method; /* enum insn_method */
	uint8_t size;	/* enum insn_size */
};

enum insn_form_kind {
	FORM_NONE,  /* not in the tables */
	FORM_GROUP, /* ModRM's reg field decides */
	FORM_PLAIN,
};

enum insn_attribute {
	ATTRIBUTE_LOCK = 1 << 0,
	ATTRIBUTE_MEMORY = 1 << 1,
	ATTRIBUTE_ONLY64 = 1 << 2,
	ATTRIBUTE_NOT64 = 1 << 3,
	ATTRIBUTE_NO_REP = 1 << 4,
	ATTRIBUTE_NO_66 = 1 << 5,
};

struct insn_form {
	uint8_t kind;	   /* enum insn_form_kind */
	uint8_t operation; /* enum insn_operation; of FORM_GROUP, the group */
	uint8_t attributes;
	struct insn_operand_form operand[2];
};

enum insn_map {
	MAP_ONE,
	MAP_TWO,
	MAP_THREE,
	MAPS,
};

/* The form of an opcode, never NULL. */
const struct insn_form *insn_form(enum insn_map map, uint8_t opcode);

/* The member that ModRM's reg field (0 to 7) selects in a form of kind FORM_GROUP. */
const struct insn_form *insn_group_member(const struct insn_form *form, unsigned reg);

#endif
