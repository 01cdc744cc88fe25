/* What the emulated instructions compute, apart from where their operands lie. */
#ifndef SHADOW_INSN_ALU_H
#define SHADOW_INSN_ALU_H

#include <stdint.h>

#include "shadow/insn.h"

/* Operand values, zero-extended from their sizes. */
struct insn_alu {
	uint64_t destination; /* in: the first operand; out: what to write to it */
	uint64_t source;      /* in: the second operand; out: what XCHG and XADD write to it */
	uint64_t accumulator; /* CMPXCHG: in, and out where it was unequal */
	uint64_t rflags;
	uint8_t size;	     /* of destination, in bytes: 1, 2, 4 or 8 */
	uint8_t source_size; /* in bytes */
	uint8_t condition;   /* of SETcc and CMOVcc */
};

/* Bits that a value of size bytes (1, 2, 4 or 8) has. */
static inline uint64_t insn_size_mask(unsigned size)
{
	return UINT64_MAX >> (64 - 8 * size);
}

/* Work on the values; results may have bits set above their size. */
void insn_compute(enum insn_operation operation, struct insn_alu *alu);

#endif
