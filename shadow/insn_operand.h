/* Where the operands of an instruction lie: registers and addresses. */
#ifndef SHADOW_INSN_OPERAND_H
#define SHADOW_INSN_OPERAND_H

#include <stdint.h>

#include "shadow/insn.h"

/* How values move, for the flow column of shadow/insn_operations.def. */
enum insn_flow {
	FLOW_READ_DESTINATION = 1 << 0,
	FLOW_WRITE_DESTINATION = 1 << 1,
	FLOW_WRITE_SOURCE = 1 << 2,
	FLOW_ACCUMULATOR = 1 << 3,
	FLOW_PAIR = 1 << 4,
	FLOW_STRING = 1 << 5,
	FLOW_BITS = 1 << 6,
	FLOW_ATOMIC = 1 << 7,
};

/* The enum insn_flow bits of an operation. */
unsigned insn_flow(enum insn_operation operation);

/* A register's low size bytes (1, 2, 4 or 8), zero-extended. */
uint64_t insn_read_register(const struct insn_cpu *cpu, unsigned number, unsigned size);

/* Write a register as an instruction does: 4 bytes clear the upper half, 1 and 2 keep the rest. */
void insn_write_register(struct insn_cpu *cpu, unsigned number, unsigned size, uint64_t value);

#endif
