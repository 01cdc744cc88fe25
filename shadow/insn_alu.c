#include "shadow/insn_alu.h"

#include "l1vmm/arch/x86.h"

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

static uint64_t mask(const struct insn_alu *alu)
{
	return insn_size_mask(alu->size);
}

static unsigned width(const struct insn_alu *alu)
{
	return alu->size * 8U;
}

static bool top_bit(const struct insn_alu *alu, uint64_t value)
{
	return value >> (width(alu) - 1) & 1;
}

static void set_flag(struct insn_alu *alu, uint64_t flag, bool on)
{
	alu->rflags = on ? alu->rflags | flag : alu->rflags & ~flag;
}

/* SF, ZF and PF describe the result. */
static void set_result_flags(struct insn_alu *alu, uint64_t result)
{
	set_flag(alu, RFLAGS_SF, top_bit(alu, result));
	set_flag(alu, RFLAGS_ZF, (result & mask(alu)) == 0);
	set_flag(alu, RFLAGS_PF, !__builtin_parity(result & 0xff));
}

/* Flags of a sum or difference; bit n of carries is the carry, or borrow, out of position n. */
static void set_carry_flags(struct insn_alu *alu, uint64_t carries)
{
	set_flag(alu, RFLAGS_CF, top_bit(alu, carries));
	set_flag(alu, RFLAGS_OF, top_bit(alu, carries ^ carries << 1));
	set_flag(alu, RFLAGS_AF, carries & BIT(3));
}

static void move(struct insn_alu *alu)
{
	alu->destination = alu->source;
}

static void swap_bytes(struct insn_alu *alu)
{
	alu->destination = __builtin_bswap64(alu->source) >> (64 - width(alu));
}

static void sign_extend(struct insn_alu *alu)
{
	unsigned unused = 64 - alu->source_size * 8U;

	alu->destination = (uint64_t)((int64_t)(alu->source << unused) >> unused);
}

/* SDM volume 1, appendix B: the lowest bit of a condition negates the one above it. */
static bool condition_holds(const struct insn_alu *alu)
{
	uint64_t flags = alu->rflags;
	bool less = !(flags & RFLAGS_SF) != !(flags & RFLAGS_OF);
	const bool holds[] = {
		flags & RFLAGS_OF,
		flags & RFLAGS_CF,
		flags & RFLAGS_ZF,
		flags & (RFLAGS_CF | RFLAGS_ZF),
		flags & RFLAGS_SF,
		flags & RFLAGS_PF,
		less,
		less || flags & RFLAGS_ZF,
	};

	return holds[alu->condition >> 1] != (alu->condition & 1);
}

static void set(struct insn_alu *alu)
{
	alu->destination = condition_holds(alu);
}

static void cmov(struct insn_alu *alu)
{
	if (condition_holds(alu))
		alu->destination = alu->source;
}

static void add_with(struct insn_alu *alu, unsigned carry)
{
	uint64_t a = alu->destination, b = alu->source;
	uint64_t sum = a + b + carry;

	set_carry_flags(alu, (a & b) | ((a | b) & ~sum));
	set_result_flags(alu, sum);
	alu->destination = sum;
}

static void subtract_with(struct insn_alu *alu, unsigned borrow)
{
	uint64_t a = alu->destination, b = alu->source;
	uint64_t difference = a - b - borrow;

	set_carry_flags(alu, (~a & b) | ((~a | b) & difference));
	set_result_flags(alu, difference);
	alu->destination = difference;
}

static void add(struct insn_alu *alu)
{
	add_with(alu, 0);
}

static void adc(struct insn_alu *alu)
{
	add_with(alu, alu->rflags & RFLAGS_CF ? 1 : 0);
}

static void sub(struct insn_alu *alu)
{
	subtract_with(alu, 0);
}

static void sbb(struct insn_alu *alu)
{
	subtract_with(alu, alu->rflags & RFLAGS_CF ? 1 : 0);
}

static void neg(struct insn_alu *alu)
{
	alu->source = alu->destination;
	alu->destination = 0;
	sub(alu);
}

/* INC and DEC leave CF alone. */
static void step(struct insn_alu *alu, void (*operation)(struct insn_alu *))
{
	uint64_t carry = alu->rflags & RFLAGS_CF;

	alu->source = 1;
	operation(alu);
	alu->rflags = (alu->rflags & ~RFLAGS_CF) | carry;
}

static void inc(struct insn_alu *alu)
{
	step(alu, add);
}

static void dec(struct insn_alu *alu)
{
	step(alu, sub);
}

static void logic(struct insn_alu *alu, uint64_t result)
{
	alu->rflags &= ~STATUS_FLAGS;
	set_result_flags(alu, result);
	alu->destination = result;
}

static void and (struct insn_alu * alu)
{
	logic(alu, alu->destination & alu->source);
}

static void or (struct insn_alu * alu)
{
	logic(alu, alu->destination | alu->source);
}

static void xor (struct insn_alu * alu) { logic(alu, alu->destination ^ alu->source); }

	static void not(struct insn_alu * alu)
{
	alu->destination = ~alu->destination;
}

static uint64_t select_bit(struct insn_alu *alu)
{
	unsigned bit = alu->source & (width(alu) - 1);

	set_flag(alu, RFLAGS_CF, alu->destination >> bit & 1);
	return BIT(bit);
}

static void bt(struct insn_alu *alu)
{
	select_bit(alu);
}

static void bts(struct insn_alu *alu)
{
	alu->destination |= select_bit(alu);
}

static void btr(struct insn_alu *alu)
{
	alu->destination &= ~select_bit(alu);
}

static void btc(struct insn_alu *alu)
{
	alu->destination ^= select_bit(alu);
}

static void xchg(struct insn_alu *alu)
{
	uint64_t destination = alu->destination;

	alu->destination = alu->source;
	alu->source = destination;
}

static void xadd(struct insn_alu *alu)
{
	uint64_t destination = alu->destination;

	add(alu);
	alu->source = destination;
}

static void cmpxchg(struct insn_alu *alu)
{
	struct insn_alu comparison = *alu;

	comparison.source = alu->destination;
	comparison.destination = alu->accumulator;
	sub(&comparison);
	alu->rflags = comparison.rflags;
	if (alu->rflags & RFLAGS_ZF)
		alu->destination = alu->source;
	else
		alu->accumulator = alu->destination;
}

/* Shift and rotate counts are taken modulo 64 or 32; zero changes neither value nor flags. */
static unsigned shift_count(const struct insn_alu *alu)
{
	return alu->source & (alu->size == 8 ? 63 : 31);
}

static void shl(struct insn_alu *alu)
{
	unsigned count = shift_count(alu);
	uint64_t value = alu->destination;

	if (count == 0)
		return;
	bool carry = count <= width(alu) && value >> (width(alu) - count) & 1;
	alu->destination = value << count;
	set_result_flags(alu, alu->destination);
	set_flag(alu, RFLAGS_CF, carry);
	set_flag(alu, RFLAGS_OF, top_bit(alu, alu->destination) != carry);
}

static void shr(struct insn_alu *alu)
{
	unsigned count = shift_count(alu);
	uint64_t value = alu->destination;

	if (count == 0)
		return;
	alu->destination = value >> count;
	set_result_flags(alu, alu->destination);
	set_flag(alu, RFLAGS_CF, value >> (count - 1) & 1);
	set_flag(alu, RFLAGS_OF, top_bit(alu, value));
}

static void sar(struct insn_alu *alu)
{
	unsigned count = shift_count(alu), unused = 64 - width(alu);
	int64_t value = (int64_t)(alu->destination << unused) >> unused;

	if (count == 0)
		return;
	alu->destination = (uint64_t)(value >> count);
	set_result_flags(alu, alu->destination);
	set_flag(alu, RFLAGS_CF, value >> (count - 1) & 1);
	set_flag(alu, RFLAGS_OF, false);
}

/* Rotates leave SF, ZF, AF and PF alone. */
static void set_left_rotate_flags(struct insn_alu *alu, bool carry)
{
	set_flag(alu, RFLAGS_CF, carry);
	set_flag(alu, RFLAGS_OF, top_bit(alu, alu->destination) != carry);
}

static void set_right_rotate_flags(struct insn_alu *alu, bool carry)
{
	set_flag(alu, RFLAGS_CF, carry);
	set_flag(alu, RFLAGS_OF, top_bit(alu, alu->destination ^ alu->destination << 1));
}

static uint64_t rotate_left(const struct insn_alu *alu, unsigned count)
{
	uint64_t value = alu->destination;

	return count == 0 ? value : value << count | value >> (width(alu) - count);
}

static void rol(struct insn_alu *alu)
{
	unsigned count = shift_count(alu);

	if (count == 0)
		return;
	alu->destination = rotate_left(alu, count % width(alu));
	set_left_rotate_flags(alu, alu->destination & 1);
}

static void ror(struct insn_alu *alu)
{
	unsigned count = shift_count(alu);

	if (count == 0)
		return;
	alu->destination = rotate_left(alu, -count % width(alu));
	set_right_rotate_flags(alu, top_bit(alu, alu->destination));
}

static void rcl(struct insn_alu *alu)
{
	unsigned count = shift_count(alu);
	bool carry = alu->rflags & RFLAGS_CF;

	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		bool out = top_bit(alu, alu->destination);
		alu->destination = alu->destination << 1 | carry;
		carry = out;
	}
	set_left_rotate_flags(alu, carry);
}

static void rcr(struct insn_alu *alu)
{
	unsigned count = shift_count(alu);
	bool carry = alu->rflags & RFLAGS_CF;

	if (count == 0)
		return;
	for (unsigned i = 0; i < count; i++) {
		bool out = alu->destination & 1;
		alu->destination = alu->destination >> 1 | (uint64_t)carry << (width(alu) - 1);
		carry = out;
	}
	set_right_rotate_flags(alu, carry);
}

void insn_compute(enum insn_operation operation, struct insn_alu *alu)
{
	static void (*const computations[])(struct insn_alu *) = {
#define OPERATION(NAME, name, compute, flow) [INSN_##NAME] = compute,
#include "shadow/insn_operations.def"
#undef OPERATION
	};

	computations[operation](alu);
}
