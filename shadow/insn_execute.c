#include "l1vmm/arch/x86.h"
#include "shadow/insn.h"
#include "shadow/insn_alu.h"
#include "shadow/insn_operand.h"

/* Locked instructions find their memory changed this often only where vCPUs fight over it. */
#define MAX_ATTEMPTS 8

/* Iterations of a repeated string instruction before interrupts get their turn. */
#define MAX_ITERATIONS 1024

static struct insn_access memory_access(const struct insn *insn, const struct insn_operand *operand,
					const struct insn_cpu *cpu, bool write)
{
	return (struct insn_access){
		.linear = insn_linear_address(insn, operand, cpu),
		.size = operand->size,
		.segment = operand->segment,
		.write = write,
	};
}

static bool is_memory(const struct insn_operand *operand)
{
	return operand->kind == INSN_OPERAND_MEMORY;
}

/* Read an operand; false if its access faults. */
static bool load(const struct insn *insn, const struct insn_operand *operand,
		 const struct insn_cpu *cpu, bool write, uint64_t *value)
{
	uint64_t read[2] = {0};
	struct insn_access access;

	switch (operand->kind) {
	case INSN_OPERAND_REGISTER:
		*value = cpu->gprs[operand->number] >> (operand->high_byte ? 8 : 0) &
			 insn_size_mask(operand->size);
		return true;
	case INSN_OPERAND_MEMORY:
		access = memory_access(insn, operand, cpu, write);
		if (cpu->memory->read(cpu->memory->ctx, &access, read) != INSN_ACCESS_OK)
			return false;
		*value = read[0] & insn_size_mask(operand->size);
		return true;
	case INSN_OPERAND_IMMEDIATE:
		*value = (uint64_t)operand->value & insn_size_mask(insn->operand[0].size);
		return true;
	default:
		*value = 0;
		return true;
	}
}

static void store_register(const struct insn_operand *operand, struct insn_cpu *cpu, uint64_t value)
{
	if (operand->high_byte) {
		uint64_t kept = cpu->gprs[operand->number] & ~UINT64_C(0xff00);
		cpu->gprs[operand->number] = kept | (value & 0xff) << 8;
	} else {
		insn_write_register(cpu, operand->number, operand->size, value);
	}
}

/* Write desired, atomically if it must be: then only over *expected, which CHANGED brings up to
 * date. */
static enum insn_access_status store_memory(const struct insn *insn, const struct insn_cpu *cpu,
					    uint64_t expected[2], const uint64_t desired[2])
{
	struct insn_access access = memory_access(insn, &insn->operand[0], cpu, true);

	if (insn->lock || insn_flow(insn->operation) & FLOW_ATOMIC)
		return cpu->memory->compare_exchange(cpu->memory->ctx, &access, expected, desired);
	return cpu->memory->write(cpu->memory->ctx, &access, desired);
}

/* Let the registers and flags have what was computed, once memory has its part. */
static void commit(const struct insn *insn, struct insn_cpu *cpu, const struct insn_alu *alu)
{
	unsigned flow = insn_flow(insn->operation);
	const struct insn_operand *destination = &insn->operand[0];
	bool unequal = flow & FLOW_ACCUMULATOR && !(alu->rflags & RFLAGS_ZF);

	if (flow & FLOW_WRITE_SOURCE)
		store_register(&insn->operand[1], cpu, alu->source);
	if (unequal)
		insn_write_register(cpu, INSN_RAX, destination->size, alu->accumulator);
	else if (flow & FLOW_WRITE_DESTINATION && !is_memory(destination))
		store_register(destination, cpu, alu->destination);
	cpu->rflags = alu->rflags;
}

/* Execute an instruction, or one iteration of a string instruction. */
static enum insn_execute_status execute_once(const struct insn *insn, struct insn_cpu *cpu)
{
	const struct insn_operand *destination = &insn->operand[0];
	unsigned flow = insn_flow(insn->operation);
	bool writes = flow & FLOW_WRITE_DESTINATION;
	uint64_t old[2] = {0}, source = 0;

	if (flow & FLOW_READ_DESTINATION && !load(insn, destination, cpu, writes, &old[0]))
		return INSN_FAULT;
	if (!load(insn, &insn->operand[1], cpu, false, &source))
		return INSN_FAULT;

	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		uint64_t mask = insn_size_mask(destination->size);
		struct insn_alu alu = {
			.destination = old[0] & mask,
			.source = source,
			.accumulator = cpu->gprs[INSN_RAX] & mask,
			.rflags = cpu->rflags,
			.size = destination->size,
			.source_size = insn->operand[1].size,
			.condition = insn->condition,
		};
		enum insn_access_status status = INSN_ACCESS_OK;

		insn_compute(insn->operation, &alu);
		if (writes && is_memory(destination))
			status =
				store_memory(insn, cpu, old, (uint64_t[2]){alu.destination & mask});
		if (status == INSN_ACCESS_FAULT)
			return INSN_FAULT;
		if (status == INSN_ACCESS_OK) {
			commit(insn, cpu, &alu);
			return INSN_DONE;
		}
	}
	return INSN_AGAIN;
}

/* A value in two registers, half of size bytes in each, as memory holds it. */
static void join_pair(const struct insn_cpu *cpu, unsigned low, unsigned high, unsigned size,
		      uint64_t value[2])
{
	value[0] = insn_read_register(cpu, low, size / 2);
	value[1] = insn_read_register(cpu, high, size / 2);
	if (size == 8) {
		value[0] |= value[1] << 32;
		value[1] = 0;
	}
}

static void split_pair(struct insn_cpu *cpu, unsigned low, unsigned high, unsigned size,
		       const uint64_t value[2])
{
	insn_write_register(cpu, low, size / 2, value[0]);
	insn_write_register(cpu, high, size / 2, size == 8 ? value[0] >> 32 : value[1]);
}

/* CMPXCHG8B and CMPXCHG16B. */
static enum insn_execute_status compare_exchange_pair(const struct insn *insn, struct insn_cpu *cpu)
{
	const struct insn_operand *destination = &insn->operand[0];
	struct insn_access access = memory_access(insn, destination, cpu, true);
	uint64_t found[2] = {0}, compared[2], desired[2];

	if (access.size == 16 && access.linear % 16 != 0)
		return INSN_PROTECTION;
	if (cpu->memory->read(cpu->memory->ctx, &access, found) != INSN_ACCESS_OK)
		return INSN_FAULT;
	join_pair(cpu, INSN_RAX, INSN_RDX, access.size, compared);
	join_pair(cpu, INSN_RBX, INSN_RCX, access.size, desired);

	for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		bool equal =
			found[0] == compared[0] && (access.size == 8 || found[1] == compared[1]);
		enum insn_access_status status = INSN_ACCESS_OK;

		if (equal)
			status = store_memory(insn, cpu, found, desired);
		if (status == INSN_ACCESS_FAULT)
			return INSN_FAULT;
		if (status == INSN_ACCESS_CHANGED)
			continue;
		if (!equal)
			split_pair(cpu, INSN_RAX, INSN_RDX, access.size, found);
		cpu->rflags = equal ? cpu->rflags | RFLAGS_ZF : cpu->rflags & ~RFLAGS_ZF;
		return INSN_DONE;
	}
	return INSN_AGAIN;
}

/* Move rSI and rDI, whichever the instruction uses, to the next element. */
static void advance_string(const struct insn *insn, struct insn_cpu *cpu)
{
	for (unsigned i = 0; i < INSN_MAX_OPERANDS; i++) {
		const struct insn_operand *operand = &insn->operand[i];
		uint64_t size = operand->size;

		if (!is_memory(operand))
			continue;
		insn_write_register(cpu, operand->base, insn->address_size,
				    cpu->gprs[operand->base] +
					    (cpu->rflags & RFLAGS_DF ? -size : size));
	}
}

/* CMPS and SCAS end early: REPE at the first difference, REPNE at the first match. */
static bool string_ended(const struct insn *insn, const struct insn_cpu *cpu)
{
	if (insn_flow(insn->operation) & FLOW_WRITE_DESTINATION)
		return false;
	return !(cpu->rflags & RFLAGS_ZF) == (insn->repeat == INSN_REPE);
}

static bool is_paused(const struct insn_memory *memory)
{
	return memory->pause && memory->pause(memory->ctx);
}

static enum insn_execute_status execute_string(const struct insn *insn, struct insn_cpu *cpu)
{
	bool repeat = insn->repeat != INSN_NO_REPEAT;
	uint64_t count = repeat ? insn_read_register(cpu, INSN_RCX, insn->address_size) : 1;

	for (unsigned iteration = 0; count > 0; iteration++) {
		if (iteration == MAX_ITERATIONS || (iteration > 0 && is_paused(cpu->memory)))
			return INSN_AGAIN;
		enum insn_execute_status status = execute_once(insn, cpu);
		if (status != INSN_DONE)
			return status;
		advance_string(insn, cpu);
		count--;
		if (repeat) {
			insn_write_register(cpu, INSN_RCX, insn->address_size, count);
			if (string_ended(insn, cpu))
				break;
		}
	}
	return INSN_DONE;
}

static uint64_t next_rip(const struct insn *insn, const struct insn_cpu *cpu)
{
	static const unsigned sizes[] = {[INSN_16] = 2, [INSN_32] = 4, [INSN_64] = 8};

	return (cpu->rip + insn->length) & insn_size_mask(sizes[insn->mode]);
}

enum insn_execute_status insn_execute(const struct insn *insn, struct insn_cpu *cpu)
{
	unsigned flow = insn_flow(insn->operation);
	enum insn_execute_status status;

	if (flow & FLOW_STRING)
		status = execute_string(insn, cpu);
	else if (flow & FLOW_PAIR)
		status = compare_exchange_pair(insn, cpu);
	else
		status = execute_once(insn, cpu);
	if (status == INSN_DONE) {
		cpu->rip = next_rip(insn, cpu);
		cpu->rflags &= ~RFLAGS_RF;
	}
	return status;
}
