/* The executor against the processor that runs the tests: random instructions, random operands. */
#include <asm/prctl.h>
#include <cpuid.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "l1vmm/arch/x86.h"
#include "shadow/insn.h"
#include "tests/unit/native_cpu.h"
#include "tests/unit/random.h"

#define TRIALS 1000000 /* instructions that run */

#define STATUS_FLAGS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* Low addresses, which 32-bit addressing and absolute displacements reach. */
#define CODE	   0x10000000UL
#define ARENA	   0x10001000UL
#define ARENA_SIZE 0x1000
#define MARGIN	   256 /* no string here is longer */
#define GS_BASE	   0x12345
#define MAX_COUNT  20

struct trial {
	struct random random;
	bool movbe; /* the processor has it */
	uint8_t bytes[INSN_MAX_LENGTH];
	struct insn insn;
	struct insn_cpu cpu;
	uint64_t gprs[INSN_GPRS];
	uint8_t memory[ARENA_SIZE]; /* as before the instruction */
	uint64_t seen[INSN_OPERATIONS];
};

static uint8_t *const arena = (uint8_t *)ARENA;

static bool within(const struct insn_access *access)
{
	return access->linear >= ARENA && access->linear + access->size <= ARENA + ARENA_SIZE;
}

static enum insn_access_status read_arena(void *ctx, const struct insn_access *access,
					  uint64_t value[2])
{
	(void)ctx;
	cr_assert(within(access), "read at %#lx", access->linear);
	memset(value, 0xee, 2 * sizeof(*value)); /* the executor takes no more than it asked for */
	memcpy(value, (void *)access->linear, access->size);
	return INSN_ACCESS_OK;
}

static enum insn_access_status write_arena(void *ctx, const struct insn_access *access,
					   const uint64_t value[2])
{
	(void)ctx;
	cr_assert(within(access), "write at %#lx", access->linear);
	cr_assert(access->write);
	memcpy((void *)access->linear, value, access->size);
	return INSN_ACCESS_OK;
}

static enum insn_access_status exchange_arena(void *ctx, const struct insn_access *access,
					      uint64_t expected[2], const uint64_t desired[2])
{
	cr_assert(within(access), "exchange at %#lx", access->linear);
	cr_assert(memcmp((void *)access->linear, expected, access->size) == 0);
	return write_arena(ctx, access, desired);
}

static const struct insn_memory arena_memory = {
	.read = read_arena,
	.write = write_arena,
	.compare_exchange = exchange_arena,
};

/* Numbers at the edges of every size as often as others. */
static uint64_t random_value(struct random *random)
{
	uint64_t value = random_next(random);
	unsigned bit = (unsigned)random_below(random, 64);

	switch (random_below(random, 4)) {
	case 0:
		return value;
	case 1:
		return (BIT(bit) - 1) + (value & 1);
	case 2:
		return ~(BIT(bit) - 1) - (value & 1);
	default:
		return value >> bit;
	}
}

static void random_bytes(struct trial *t)
{
	struct random *random = &t->random;
	unsigned at = 0;

	for (unsigned i = 0; i < INSN_MAX_LENGTH; i++)
		t->bytes[i] = (uint8_t)random_next(random);
	if (random_once_in(random, 4))
		t->bytes[at++] = random_once_in(random, 2) ? 0xf2 : 0xf3;
	if (random_once_in(random, 4))
		t->bytes[at++] = 0x66;
	if (random_once_in(random, 8))
		t->bytes[at++] = 0x67;
	if (random_once_in(random, 8))
		t->bytes[at++] = 0x65;
	if (random_once_in(random, 4))
		t->bytes[at++] = 0xf0;
	if (random_once_in(random, 2))
		t->bytes[at++] = (uint8_t)(0x40 | random_below(random, 16));
	if (random_once_in(random, 2))
		t->bytes[at++] = 0x0f;
	if (random_once_in(random, 16))
		t->bytes[at++] = 0x38;
}

static bool is_string(const struct insn *insn)
{
	return insn->operation >= INSN_MOVS;
}

static bool is_pair(const struct insn *insn)
{
	return insn->operation == INSN_CMPXCHG8B;
}

/* The harness keeps RSP and FS for itself. */
static bool can_use(const struct insn_operand *operand)
{
	if (operand->kind == INSN_OPERAND_REGISTER)
		return operand->number != INSN_RSP;
	return operand->kind != INSN_OPERAND_MEMORY ||
	       (operand->base != INSN_RSP && operand->segment != INSN_FS);
}

/* F2 and F3 hint at lock elision before what writes memory. */
static bool can_run(const struct trial *t)
{
	const struct insn *insn = &t->insn;

	return can_use(&insn->operand[0]) && can_use(&insn->operand[1]) &&
	       (insn->repeat == INSN_NO_REPEAT || is_string(insn)) &&
	       (insn->operation != INSN_MOVBE || t->movbe);
}

/* Find the displacement of operand in the instruction's bytes and add delta to it. */
static bool patch_displacement(struct trial *t, unsigned operand, uint64_t delta)
{
	int64_t wanted = (int64_t)((uint64_t)t->insn.operand[operand].value + delta);

	for (unsigned size = 4; size <= 8; size += 4)
		for (unsigned behind = 0; size + behind < t->insn.length; behind++) {
			uint8_t bytes[INSN_MAX_LENGTH];
			struct insn insn;
			memcpy(bytes, t->bytes, sizeof(bytes));
			memcpy(bytes + t->insn.length - behind - size, &wanted, size);
			if (insn_decode(bytes, sizeof(bytes), INSN_64, &insn) != INSN_DECODED ||
			    insn.length != t->insn.length ||
			    insn.operand[operand].kind != INSN_OPERAND_MEMORY ||
			    insn.operand[operand].value != wanted)
				continue;
			memcpy(t->bytes, bytes, sizeof(bytes));
			t->insn = insn;
			return can_run(t);
		}
	return false;
}

/* Have a memory operand lie in the arena, by its registers or its displacement. */
static bool aim(struct trial *t, unsigned which)
{
	const struct insn_operand *operand = &t->insn.operand[which];
	uint64_t offset = MARGIN + random_below(&t->random, ARENA_SIZE - 2 * MARGIN);
	uint64_t target = ARENA + (operand->size == 16 ? offset & ~15UL : offset);
	uint64_t delta = target - insn_linear_address(&t->insn, operand, &t->cpu);

	if (operand->base < INSN_GPRS)
		t->gprs[operand->base] += delta;
	else if (operand->index < INSN_GPRS && operand->scale == 1)
		t->gprs[operand->index] += delta;
	else if (!patch_displacement(t, which, delta))
		return false;
	return insn_linear_address(&t->insn, &t->insn.operand[which], &t->cpu) == target;
}

/* Give the comparing instructions their match, or half of it, more often than not. */
static void prepare_memory(struct trial *t, const struct insn_operand *operand)
{
	uint8_t *at = (uint8_t *)insn_linear_address(&t->insn, operand, &t->cpu);
	uint64_t value[2] = {t->gprs[INSN_RAX], t->gprs[INSN_RDX]};

	if (is_pair(&t->insn) && operand->size == 8)
		value[0] = (uint32_t)value[0] | value[1] << 32;
	for (unsigned i = 0; i < 2; i++)
		if (random_once_in(&t->random, 3))
			value[i] = random_value(&t->random);
	memcpy(at, value, operand->size);
}

/*
 * With ECX zero, processors differ in whether they clear the upper halves of the other registers;
 * such an instruction accesses no memory, so nobody emulates it.
 */
static uint64_t random_count(struct trial *t)
{
	uint64_t count = random_below(&t->random, MAX_COUNT + 1);

	return count == 0 && t->insn.address_size == 4 ? 1 : count;
}

static bool prepare(struct trial *t)
{
	random_bytes(t);
	if (insn_decode(t->bytes, INSN_MAX_LENGTH, INSN_64, &t->insn) != INSN_DECODED ||
	    !can_run(t))
		return false;

	for (unsigned i = 0; i < INSN_GPRS; i++)
		t->gprs[i] = random_value(&t->random);
	if (is_string(&t->insn) && t->insn.repeat != INSN_NO_REPEAT)
		t->gprs[INSN_RCX] = random_count(t);
	t->cpu = (struct insn_cpu){
		.gprs = t->gprs,
		.rip = CODE,
		.rflags = RFLAGS_FIXED | RFLAGS_IF |
			  (random_next(&t->random) & (STATUS_FLAGS | RFLAGS_DF)),
		.segment_base = {[INSN_ES] = 1, [INSN_SS] = 2, [INSN_DS] = 3, [INSN_GS] = GS_BASE},
		.memory = &arena_memory,
	};
	for (unsigned i = 0; i < INSN_MAX_OPERANDS; i++)
		if (t->insn.operand[i].kind == INSN_OPERAND_MEMORY && !aim(t, i))
			return false;
	for (unsigned i = 0; i < INSN_MAX_OPERANDS; i++)
		if (t->insn.operand[i].kind == INSN_OPERAND_MEMORY)
			prepare_memory(t, &t->insn.operand[i]);
	return true;
}

/* Status flags that the SDM leaves undefined after the instruction, by its page of volume 2. */
static uint64_t undefined_flags(const struct trial *t)
{
	const struct insn *insn = &t->insn;
	const struct insn_operand *source = &insn->operand[1];
	unsigned width = insn->operand[0].size * 8U;
	uint64_t value =
		source->kind == INSN_OPERAND_REGISTER ? t->gprs[INSN_RCX] : (uint64_t)source->value;
	unsigned count = value & (width == 64 ? 63 : 31);
	uint64_t overflow = count > 1 ? RFLAGS_OF : 0;

	switch (insn->operation) {
	case INSN_AND:
	case INSN_OR:
	case INSN_XOR:
	case INSN_TEST:
		return RFLAGS_AF;
	case INSN_BT:
	case INSN_BTS:
	case INSN_BTR:
	case INSN_BTC:
		return RFLAGS_OF | RFLAGS_SF | RFLAGS_AF | RFLAGS_PF;
	case INSN_ROL:
	case INSN_ROR:
	case INSN_RCL:
	case INSN_RCR:
		return overflow;
	case INSN_SHL:
	case INSN_SHR:
		overflow |= count >= width ? RFLAGS_CF : 0;
		return overflow | (count > 0 ? RFLAGS_AF : 0);
	case INSN_SAR:
		return overflow | (count > 0 ? RFLAGS_AF : 0);
	default:
		return 0;
	}
}

static const char *describe(const struct trial *t)
{
	static char text[128];
	int at = snprintf(text, sizeof(text), "%s:", insn_operation_name(t->insn.operation));

	for (unsigned i = 0; i < t->insn.length; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, " %02x", t->bytes[i]);
	return text;
}

static void run_natively(const struct trial *t)
{
	memcpy((void *)CODE, t->bytes, t->insn.length);
	*(uint8_t *)(CODE + t->insn.length) = 0xc3; /* RET */
	memcpy(native_cpu.gprs, t->gprs, sizeof(t->gprs));
	native_cpu.rflags = t->cpu.rflags;
	native_cpu.code = CODE;
	native_run();
}

static void compare(struct trial *t)
{
	static uint8_t natively[ARENA_SIZE];
	uint64_t undefined = undefined_flags(t);

	memcpy(t->memory, arena, ARENA_SIZE);
	run_natively(t);
	memcpy(natively, arena, ARENA_SIZE);
	memcpy(arena, t->memory, ARENA_SIZE);

	cr_assert(insn_execute(&t->insn, &t->cpu) == INSN_DONE, "%s", describe(t));
	cr_assert(t->cpu.rip == CODE + t->insn.length, "%s", describe(t));
	cr_assert(((t->cpu.rflags ^ native_cpu.rflags) & ~undefined) == 0,
		  "%s: flags %lx, the processor %lx", describe(t), t->cpu.rflags,
		  native_cpu.rflags);
	for (unsigned i = 0; i < INSN_GPRS; i++)
		cr_assert(i == INSN_RSP || t->gprs[i] == native_cpu.gprs[i],
			  "%s: register %u is %lx, on the processor %lx", describe(t), i,
			  t->gprs[i], native_cpu.gprs[i]);
	cr_assert(memcmp(arena, natively, ARENA_SIZE) == 0, "%s: memory differs", describe(t));
}

static bool has_movbe(void)
{
	unsigned eax, ebx, ecx = 0, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_MOVBE;
}

Test(insn_native, agrees_with_the_processor)
{
	static struct trial t = {.random.state = 2};
	uint64_t gs_base;

	t.movbe = has_movbe();
	syscall(SYS_arch_prctl, ARCH_GET_GS, &gs_base);
	syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE);
	void *mapping = mmap((void *)CODE, 0x1000 + ARENA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	cr_assert(mapping == (void *)CODE, "no executable memory at %#lx", CODE);

	for (unsigned ran = 0; ran < TRIALS;) {
		if (!prepare(&t))
			continue;
		compare(&t);
		t.seen[t.insn.operation]++;
		ran++;
	}
	syscall(SYS_arch_prctl, ARCH_SET_GS, gs_base);
	for (int i = 0; i < INSN_OPERATIONS; i++)
		cr_expect(t.seen[i] >= 20 || (i == INSN_MOVBE && !t.movbe), "%s ran %lu times",
			  insn_operation_name(i), t.seen[i]);
}
