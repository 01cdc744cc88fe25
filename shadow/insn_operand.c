#include "shadow/insn_operand.h"

#include "shadow/insn_alu.h"

unsigned insn_flow(enum insn_operation operation)
{
	enum {
		READ = FLOW_READ_DESTINATION,
		WRITE = FLOW_WRITE_DESTINATION,
		UPDATE = READ | WRITE,
		EXCHANGE = UPDATE | FLOW_WRITE_SOURCE,
		COMPARE = UPDATE | FLOW_ACCUMULATOR,
		PAIR = FLOW_PAIR,
		STRING = FLOW_STRING,
		BITS = FLOW_BITS,
		ATOMIC = FLOW_ATOMIC,
	};
	static const uint8_t flows[] = {
#define OPERATION(NAME, name, compute, flow) [INSN_##NAME] = flow,
#include "shadow/insn_operations.def"
#undef OPERATION
	};

	return flows[operation];
}

uint64_t insn_read_register(const struct insn_cpu *cpu, unsigned number, unsigned size)
{
	return cpu->gprs[number] & insn_size_mask(size);
}

void insn_write_register(struct insn_cpu *cpu, unsigned number, unsigned size, uint64_t value)
{
	uint64_t mask = insn_size_mask(size);
	uint64_t kept = size < 4 ? cpu->gprs[number] & ~mask : 0;

	cpu->gprs[number] = kept | (value & mask);
}

static uint64_t base_value(const struct insn *insn, const struct insn_operand *operand,
			   const struct insn_cpu *cpu)
{
	if (operand->base == INSN_NO_REGISTER)
		return 0;
	if (operand->base == INSN_RIP)
		return cpu->rip + insn->length;
	return cpu->gprs[operand->base];
}

/* How far from the operand the bit lies that BT's register selects: SDM volume 2, 3.1.1.9. */
static uint64_t bit_displacement(const struct insn *insn, const struct insn_cpu *cpu)
{
	const struct insn_operand *source = &insn->operand[1];

	if (!(insn_flow(insn->operation) & FLOW_BITS) || source->kind != INSN_OPERAND_REGISTER)
		return 0;

	unsigned width = source->size * 8U, unused = 64 - width;
	int64_t bit = (int64_t)(cpu->gprs[source->number] << unused) >> unused;
	return (uint64_t)(bit >> __builtin_ctz(width)) * source->size;
}

uint64_t insn_linear_address(const struct insn *insn, const struct insn_operand *operand,
			     const struct insn_cpu *cpu)
{
	uint64_t address = (uint64_t)operand->value + base_value(insn, operand, cpu) +
			   bit_displacement(insn, cpu);

	if (operand->index != INSN_NO_REGISTER)
		address += cpu->gprs[operand->index] * operand->scale;
	address &= insn_size_mask(insn->address_size);
	if (insn->mode == INSN_64)
		return operand->segment < INSN_FS ? address
						  : address + cpu->segment_base[operand->segment];
	return (address + cpu->segment_base[operand->segment]) & UINT32_MAX;
}
