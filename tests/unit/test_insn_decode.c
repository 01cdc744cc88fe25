/* The decoder against Zydis, on random bytes and on the code of this program and its libraries. */
#include <Zydis/Zydis.h>
#include <criterion/criterion.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "shadow/insn.h"
#include "tests/unit/random.h"

#define RANDOM_INSNS   1500000
#define COMPILED_INSNS 1500000 /* at most */

struct comparison {
	ZydisDecoder decoder;
	enum insn_mode mode;
	const uint8_t *bytes;
	struct insn ours;
	ZydisDecodedInstruction theirs;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	bool known[ZYDIS_MNEMONIC_MAX_VALUE + 1]; /* mnemonics that ours has too */
	uint64_t seen[INSN_OPERATIONS];
	uint64_t decoded;
};

static const char *hex(const uint8_t *bytes)
{
	static char text[3 * INSN_MAX_LENGTH + 1];

	for (size_t i = 0; i < INSN_MAX_LENGTH; i++)
		sprintf(text + 3 * i, "%02x ", bytes[i]);
	return text;
}

#define expect(c, condition) \
	cr_assert(condition, "%s: mode %d, bytes %s", #condition, (c)->mode, hex((c)->bytes))

static void set_mode(struct comparison *c, enum insn_mode mode)
{
	static const struct {
		ZydisMachineMode machine;
		ZydisStackWidth stack;
	} modes[] = {
		[INSN_16] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16},
		[INSN_32] = {ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32},
		[INSN_64] = {ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64},
	};

	c->mode = mode;
	ZydisDecoderInit(&c->decoder, modes[mode].machine, modes[mode].stack);
}

/* Zydis numbers the byte registers AL to BL, AH to BH, SPL to DIL, R8B to R15B. */
static void compare_register(struct comparison *c, const struct insn_operand *ours,
			     const ZydisDecodedOperand *theirs)
{
	ZyanI8 id = ZydisRegisterGetId(theirs->reg.value);
	bool byte = ZydisRegisterGetClass(theirs->reg.value) == ZYDIS_REGCLASS_GPR8;

	expect(c, theirs->type == ZYDIS_OPERAND_TYPE_REGISTER);
	expect(c, ours->high_byte == (byte && id >= 4 && id < 8));
	expect(c, ours->number == (byte && id >= 4 ? id - 4 : id));
}

static unsigned base_number(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_NONE)
		return INSN_NO_REGISTER;
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return INSN_RIP;
	return (unsigned)ZydisRegisterGetId(reg);
}

/*
 * Some releases of Zydis add R13D where SIB, mod 0 and base 5 say "no base", if the address size is
 * 4 and REX.B is set; REX.B means nothing there (SDM volume 2, table 2-5).
 */
static bool invents_base(const struct comparison *c)
{
	return c->mode == INSN_64 && c->theirs.address_width == 32 &&
	       c->theirs.raw.modrm.mod == 0 && c->theirs.raw.modrm.rm == 4 &&
	       c->theirs.raw.sib.base == 5 && c->theirs.raw.rex.B;
}

static bool same_segment(const struct comparison *c, unsigned ours, ZydisRegister theirs)
{
	unsigned id = (unsigned)ZydisRegisterGetId(theirs);

	if (c->mode == INSN_64 && ours < INSN_FS)
		return id < INSN_FS;
	return ours == id;
}

/*
 * Zydis has MOVSXD read 4 bytes of memory whatever the operand size, as AMD does; the SDM, and an
 * Intel processor, have it read 2 with 66.
 */
static bool same_memory_size(const struct comparison *c, const struct insn_operand *ours,
			     const ZydisDecodedOperand *theirs)
{
	if (c->ours.operation == INSN_MOVSXD && c->ours.operand_size == 2)
		return ours->size == 2 && theirs->size == 32;
	return theirs->size == ours->size * 8;
}

static void compare_memory(struct comparison *c, const struct insn_operand *ours,
			   const ZydisDecodedOperand *theirs)
{
	uint64_t mask = UINT64_MAX >> (64 - c->theirs.address_width);

	expect(c, theirs->type == ZYDIS_OPERAND_TYPE_MEMORY);
	if (invents_base(c)) {
		expect(c, ours->base == INSN_NO_REGISTER);
	} else {
		expect(c, ours->base == base_number(theirs->mem.base));
		expect(c, (((uint64_t)ours->value ^ (uint64_t)theirs->mem.disp.value) & mask) == 0);
	}
	expect(c, ours->index == base_number(theirs->mem.index));
	if (ours->index != INSN_NO_REGISTER && c->ours.address_size > 2)
		expect(c, ours->scale == theirs->mem.scale);
	expect(c, ours->scale != 0);
	expect(c, same_segment(c, ours->segment, theirs->mem.segment));
}

static void compare_immediate(struct comparison *c, const struct insn_operand *ours,
			      const ZydisDecodedOperand *theirs)
{
	uint64_t mask = UINT64_MAX >> (64 - 8 * ours->size);

	expect(c, theirs->type == ZYDIS_OPERAND_TYPE_IMMEDIATE);
	if (theirs->imm.is_signed)
		expect(c, ours->value == theirs->imm.value.s);
	else
		expect(c, (((uint64_t)ours->value ^ theirs->imm.value.u) & mask) == 0);
}

static void compare_operands(struct comparison *c)
{
	for (unsigned i = 0; i < INSN_MAX_OPERANDS; i++) {
		const struct insn_operand *ours = &c->ours.operand[i];
		const ZydisDecodedOperand *theirs = &c->operands[i];

		switch (ours->kind) {
		case INSN_OPERAND_REGISTER:
			expect(c, theirs->size == ours->size * 8);
			compare_register(c, ours, theirs);
			break;
		case INSN_OPERAND_MEMORY:
			expect(c, same_memory_size(c, ours, theirs));
			compare_memory(c, ours, theirs);
			break;
		case INSN_OPERAND_IMMEDIATE:
			compare_immediate(c, ours, theirs);
			break;
		default:
			expect(c, i == 1);
			expect(c, i >= c->theirs.operand_count_visible);
			break;
		}
	}
}

/* Condition codes as Zydis spells them. */
static const char *const conditions[] = {
	"o", "no", "b", "nb", "z", "nz", "be", "nbe", "s", "ns", "p", "np", "l", "nl", "le", "nle",
};

static void mnemonic(const struct insn *insn, char text[16])
{
	static const char *const widths[] = {[1] = "b", [2] = "w", [4] = "d", [8] = "q", [16] = ""};
	const char *suffix = "";

	switch (insn->operation) {
	case INSN_SET:
	case INSN_CMOV:
		suffix = conditions[insn->condition];
		break;
	case INSN_MOVS:
	case INSN_STOS:
	case INSN_LODS:
	case INSN_CMPS:
	case INSN_SCAS:
		suffix = widths[insn->operand[0].size];
		break;
	case INSN_CMPXCHG8B:
		if (insn->operand[0].size == 16) {
			strcpy(text, "cmpxchg16b");
			return;
		}
		break;
	default:
		break;
	}
	sprintf(text, "%s%s", insn_operation_name(insn->operation), suffix);
}

static void compare_decoded(struct comparison *c)
{
	char name[16];

	mnemonic(&c->ours, name);
	cr_assert_str_eq(ZydisMnemonicGetString(c->theirs.mnemonic), name, "mode %d, bytes %s",
			 c->mode, hex(c->bytes));
	expect(c, c->ours.length == c->theirs.length);
	expect(c, c->ours.address_size * 8 == c->theirs.address_width);
	expect(c, c->ours.lock == !!(c->theirs.attributes & ZYDIS_ATTRIB_HAS_LOCK));
	compare_operands(c);
	c->seen[c->ours.operation]++;
	c->decoded++;
}

/* A shorter look at the same bytes always asks for more. */
static void compare_truncated(struct comparison *c)
{
	struct insn insn;

	for (size_t available = 0; available < c->ours.length; available++)
		expect(c, insn_decode(c->bytes, available, c->mode, &insn) == INSN_TRUNCATED);
}

/* Note each mnemonic that an operation has by its condition or operand size. */
static void note_known(struct comparison *c)
{
	char name[16];

	for (int i = 0; i < INSN_OPERATIONS * 16; i++) {
		struct insn insn = {.operation = i / 16, .condition = i % 16};
		insn.operand[0].size = (uint8_t)(1 << i % 5);
		mnemonic(&insn, name);
		for (int theirs = 0; theirs <= ZYDIS_MNEMONIC_MAX_VALUE; theirs++)
			c->known[theirs] |= strcmp(name, ZydisMnemonicGetString(theirs)) == 0;
	}
}

/* Whether Zydis found one of our mnemonics, on memory and no register that is not general. */
static bool ought_to_be_known(const struct comparison *c)
{
	bool memory = false;

	for (unsigned i = 0; i < c->theirs.operand_count_visible; i++) {
		const ZydisDecodedOperand *operand = &c->operands[i];
		ZydisRegisterClass class = ZydisRegisterGetClass(operand->reg.value);
		memory |= operand->type == ZYDIS_OPERAND_TYPE_MEMORY;
		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    (class < ZYDIS_REGCLASS_GPR8 || class > ZYDIS_REGCLASS_GPR64))
			return false;
	}
	return memory && c->known[c->theirs.mnemonic];
}

/* Compare the instruction at bytes, of which INSN_MAX_LENGTH can be read; its length in Zydis. */
static unsigned compare(struct comparison *c, const uint8_t *bytes)
{
	ZyanStatus status = ZydisDecoderDecodeFull(&c->decoder, bytes, INSN_MAX_LENGTH, &c->theirs,
						   c->operands);

	c->bytes = bytes;
	switch (insn_decode(bytes, INSN_MAX_LENGTH, c->mode, &c->ours)) {
	case INSN_DECODED:
		expect(c, ZYAN_SUCCESS(status));
		compare_decoded(c);
		compare_truncated(c);
		break;
	case INSN_UNSUPPORTED:
		expect(c, ZYAN_FAILED(status) || !ought_to_be_known(c));
		break;
	default:
		expect(c, ZYAN_FAILED(status));
		break;
	}
	return ZYAN_SUCCESS(status) ? c->theirs.length : 0;
}

/* Random bytes that begin like an instruction more often than chance would have it. */
static void make_bytes(struct random *random, uint8_t bytes[INSN_MAX_LENGTH])
{
	static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
					   0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x48};
	unsigned at = 0;

	for (unsigned i = 0; i < INSN_MAX_LENGTH; i++)
		bytes[i] = (uint8_t)random_next(random);
	while (at < INSN_MAX_LENGTH && random_once_in(random, 3))
		bytes[at++] = prefixes[random_below(random, sizeof(prefixes))];
	if (at < INSN_MAX_LENGTH && random_once_in(random, 4))
		bytes[at++] = (uint8_t)(0x40 | random_below(random, 16));
	if (at < INSN_MAX_LENGTH && random_once_in(random, 3))
		bytes[at++] = 0x0f;
	if (at < INSN_MAX_LENGTH && random_once_in(random, 16))
		bytes[at++] = 0x38;
}

Test(insn_decode, agrees_with_zydis_on_random_bytes)
{
	static struct comparison c;
	struct random random = {.state = 1};

	note_known(&c);
	for (unsigned i = 0; i < RANDOM_INSNS; i++) {
		uint8_t bytes[INSN_MAX_LENGTH];
		if (i % 4096 == 0)
			set_mode(&c, (enum insn_mode)(i / 4096 % 3));
		make_bytes(&random, bytes);
		compare(&c, bytes);
	}
	for (int i = 0; i < INSN_OPERATIONS; i++)
		cr_expect(c.seen[i] >= 5, "%s was decoded %lu times", insn_operation_name(i),
			  c.seen[i]);
	cr_expect(c.decoded > RANDOM_INSNS / 8, "only %lu decoded", c.decoded);
}

static int compare_object(struct dl_phdr_info *object, size_t size, void *context)
{
	struct comparison *c = context;

	(void)size;
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &object->dlpi_phdr[i];
		if (phdr->p_type != PT_LOAD || !(phdr->p_flags & PF_X))
			continue;
		const uint8_t *at = (const uint8_t *)(object->dlpi_addr + phdr->p_vaddr);
		const uint8_t *end = at + phdr->p_memsz - INSN_MAX_LENGTH;
		for (unsigned n = 0; at < end && n < COMPILED_INSNS; n++) {
			unsigned length = compare(c, at);
			at += length == 0 ? 1 : length;
		}
	}
	return 0;
}

Test(insn_decode, agrees_with_zydis_on_compiled_code)
{
	static struct comparison c;

	note_known(&c);
	set_mode(&c, INSN_64);
	dl_iterate_phdr(compare_object, &c);
	cr_expect(c.decoded > 100000, "only %lu decoded", c.decoded);
}
