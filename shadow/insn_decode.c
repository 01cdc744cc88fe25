#include "shadow/insn.h"

#include "shadow/insn_opcodes.h"

#define REX_B 1
#define REX_X 2
#define REX_R 4
#define REX_W 8

#define RM_SIB 4 /* with ModRM.mod below 3: a SIB byte follows; its index 4: none */

struct decoder {
	const uint8_t *bytes;
	size_t available;
	size_t at;
	struct insn *insn;
	uint8_t rex;
	bool operand_prefix;
	bool address_prefix;
	uint8_t segment; /* of the prefix; INSN_SEGMENTS without one */
	uint8_t modrm;
	struct insn_operand memory; /* what ModRM says where its mod is below 3 */
};

static bool is_64(const struct decoder *d)
{
	return d->insn->mode == INSN_64;
}

static unsigned modrm_mod(const struct decoder *d)
{
	return d->modrm >> 6;
}

static unsigned modrm_reg(const struct decoder *d)
{
	return d->modrm >> 3 & 7;
}

static unsigned modrm_rm(const struct decoder *d)
{
	return d->modrm & 7;
}

/* Take size bytes (0, 1, 2, 4 or 8) as a little-endian number and sign-extend it. */
static enum insn_decode_status take(struct decoder *d, unsigned size, int64_t *value)
{
	uint64_t bits = 0;

	if (d->at + size > INSN_MAX_LENGTH)
		return INSN_TOO_LONG;
	if (d->at + size > d->available)
		return INSN_TRUNCATED;
	for (unsigned i = 0; i < size; i++)
		bits |= (uint64_t)d->bytes[d->at++] << 8 * i;

	unsigned unused = size == 0 ? 0 : 64 - 8 * size;
	*value = (int64_t)(bits << unused) >> unused;
	return INSN_DECODED;
}

static enum insn_decode_status take_byte(struct decoder *d, uint8_t *byte)
{
	int64_t value = 0;
	enum insn_decode_status status = take(d, 1, &value);

	*byte = (uint8_t)value;
	return status;
}

/* Note a legacy prefix; false if byte is none. */
static bool note_prefix(struct decoder *d, uint8_t byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
		/* 64-bit mode has flat ES, CS, SS and DS and ignores their prefixes. */
		if (!is_64(d))
			d->segment = byte >> 3 & 3;
		return true;
	case 0x64:
	case 0x65:
		d->segment = byte == 0x64 ? INSN_FS : INSN_GS;
		return true;
	case 0x66:
		d->operand_prefix = true;
		return true;
	case 0x67:
		d->address_prefix = true;
		return true;
	case 0xf0:
		d->insn->lock = true;
		return true;
	case 0xf2:
	case 0xf3:
		d->insn->repeat = byte == 0xf2 ? INSN_REPNE : INSN_REPE;
		return true;
	default:
		return false;
	}
}

/* Take prefixes and the opcode's first byte.  REX counts only directly before the opcode. */
static enum insn_decode_status take_prefixes(struct decoder *d, uint8_t *opcode)
{
	for (;;) {
		enum insn_decode_status status = take_byte(d, opcode);
		if (status != INSN_DECODED)
			return status;
		if (is_64(d) && (*opcode & 0xf0) == 0x40) {
			d->rex = *opcode;
			continue;
		}
		if (!note_prefix(d, *opcode))
			return INSN_DECODED;
		d->rex = 0;
	}
}

/* SDM volume 1, tables 3-3 and 3-4. */
static void settle_sizes(struct decoder *d)
{
	struct insn *insn = d->insn;
	bool wide = insn->mode != INSN_16;

	insn->operand_size = wide != d->operand_prefix ? 4 : 2;
	if (d->rex & REX_W)
		insn->operand_size = 8;
	if (is_64(d))
		insn->address_size = d->address_prefix ? 4 : 8;
	else
		insn->address_size = wide != d->address_prefix ? 4 : 2;
}

static enum insn_decode_status take_opcode(struct decoder *d, const struct insn_form **form)
{
	enum insn_map map = MAP_ONE;
	uint8_t opcode = 0;
	enum insn_decode_status status = take_prefixes(d, &opcode);

	if (status == INSN_DECODED && opcode == 0x0f) {
		map = MAP_TWO;
		status = take_byte(d, &opcode);
		if (status == INSN_DECODED && opcode == 0x38) {
			map = MAP_THREE;
			status = take_byte(d, &opcode);
		}
	}
	if (status != INSN_DECODED)
		return status;
	d->insn->condition = opcode & 0xf;
	*form = insn_form(map, opcode);
	return INSN_DECODED;
}

static uint8_t memory_segment(const struct decoder *d, uint8_t base)
{
	if (d->segment != INSN_SEGMENTS)
		return d->segment;
	return base == INSN_RSP || base == INSN_RBP ? INSN_SS : INSN_DS;
}

/* ModRM with 16-bit addresses: SDM volume 2, table 2-1. */
static enum insn_decode_status take_memory_16(struct decoder *d, struct insn_operand *memory)
{
	static const uint8_t registers[8][2] = {
		{INSN_RBX, INSN_RSI},	      {INSN_RBX, INSN_RDI},
		{INSN_RBP, INSN_RSI},	      {INSN_RBP, INSN_RDI},
		{INSN_RSI, INSN_NO_REGISTER}, {INSN_RDI, INSN_NO_REGISTER},
		{INSN_RBP, INSN_NO_REGISTER}, {INSN_RBX, INSN_NO_REGISTER},
	};
	unsigned displacement = modrm_mod(d);

	memory->base = registers[modrm_rm(d)][0];
	memory->index = registers[modrm_rm(d)][1];
	if (modrm_mod(d) == 0 && modrm_rm(d) == 6) {
		memory->base = INSN_NO_REGISTER;
		displacement = 2;
	}
	memory->segment = memory_segment(d, memory->base);
	return take(d, displacement, &memory->value);
}

/* ModRM with 32-bit and 64-bit addresses: SDM volume 2, tables 2-2 and 2-3. */
static enum insn_decode_status take_memory_32(struct decoder *d, struct insn_operand *memory)
{
	static const uint8_t displacements[] = {0, 1, 4};
	unsigned displacement = displacements[modrm_mod(d)];
	bool sib = modrm_rm(d) == RM_SIB;
	unsigned base = modrm_rm(d);

	if (sib) {
		uint8_t byte = 0;
		enum insn_decode_status status = take_byte(d, &byte);
		if (status != INSN_DECODED)
			return status;
		unsigned index = (byte >> 3 & 7) | (d->rex & REX_X ? 8 : 0);
		base = byte & 7;
		if (index != RM_SIB) {
			memory->index = (uint8_t)index;
			memory->scale = (uint8_t)(1 << (byte >> 6));
		}
	}
	memory->base = (uint8_t)(base | (d->rex & REX_B ? 8 : 0));
	if (modrm_mod(d) == 0 && base == INSN_RBP) {
		memory->base = is_64(d) && !sib ? INSN_RIP : INSN_NO_REGISTER;
		displacement = 4;
	}
	memory->segment = memory_segment(d, memory->base);
	return take(d, displacement, &memory->value);
}

/* A memory operand at base, with no index and no displacement. */
static void set_memory(const struct decoder *d, struct insn_operand *operand, uint8_t base)
{
	operand->kind = INSN_OPERAND_MEMORY;
	operand->segment = memory_segment(d, base);
	operand->base = base;
	operand->index = INSN_NO_REGISTER;
	operand->scale = 1;
}

static enum insn_decode_status take_memory(struct decoder *d)
{
	set_memory(d, &d->memory, INSN_NO_REGISTER);
	if (d->insn->address_size == 2)
		return take_memory_16(d, &d->memory);
	return take_memory_32(d, &d->memory);
}

static bool has_modrm(const struct insn_form *form)
{
	return form->kind == FORM_GROUP || form->operand[0].method == METHOD_E ||
	       form->operand[1].method == METHOD_E;
}

/* Whether this form, in this mode and with these prefixes, is the instruction of its row. */
static enum insn_decode_status check_form(const struct decoder *d, const struct insn_form *form)
{
	unsigned attributes = form->attributes;

	if (form->kind != FORM_PLAIN || (attributes & ATTRIBUTE_ONLY64 && !is_64(d)) ||
	    (attributes & ATTRIBUTE_NO_REP && d->insn->repeat != INSN_NO_REPEAT) ||
	    (attributes & ATTRIBUTE_NO_66 && d->operand_prefix))
		return INSN_UNSUPPORTED;
	if (attributes & ATTRIBUTE_NOT64 && is_64(d))
		return INSN_INVALID;
	if (attributes & ATTRIBUTE_MEMORY && modrm_mod(d) == 3)
		return INSN_INVALID;
	return INSN_DECODED;
}

static uint8_t size_in_bytes(const struct decoder *d, uint8_t size)
{
	switch (size) {
	case SIZE_b:
		return 1;
	case SIZE_w:
		return 2;
	case SIZE_v:
		return d->insn->operand_size;
	case SIZE_y:
		return d->rex & REX_W ? 8 : 4;
	case SIZE_x:
		return d->rex & REX_W ? 16 : 8;
	default: /* SIZE_z */
		return d->insn->operand_size == 2 ? 2 : 4;
	}
}

/* Without REX, byte registers 4 to 7 are AH, CH, DH and BH. */
static void set_register(const struct decoder *d, struct insn_operand *operand, unsigned number)
{
	operand->kind = INSN_OPERAND_REGISTER;
	operand->high_byte = operand->size == 1 && !d->rex && number >= 4;
	operand->number = (uint8_t)(operand->high_byte ? number - 4 : number);
}

static enum insn_decode_status take_operand(struct decoder *d, struct insn_operand_form form,
					    struct insn_operand *operand)
{
	uint8_t size = size_in_bytes(d, form.size);

	operand->size = size;
	switch (form.method) {
	case METHOD_E:
		if (modrm_mod(d) == 3) {
			set_register(d, operand, modrm_rm(d) | (d->rex & REX_B ? 8 : 0));
		} else {
			*operand = d->memory;
			operand->size = size;
		}
		return INSN_DECODED;
	case METHOD_G:
		set_register(d, operand, modrm_reg(d) | (d->rex & REX_R ? 8 : 0));
		return INSN_DECODED;
	case METHOD_I:
		operand->kind = INSN_OPERAND_IMMEDIATE;
		return take(d, size, &operand->value);
	case METHOD_O:
		set_memory(d, operand, INSN_NO_REGISTER);
		return take(d, d->insn->address_size, &operand->value);
	case METHOD_X:
		set_memory(d, operand, INSN_RSI);
		return INSN_DECODED;
	case METHOD_Y:
		set_memory(d, operand, INSN_RDI);
		operand->segment = INSN_ES;
		return INSN_DECODED;
	case METHOD_ACCUMULATOR:
		set_register(d, operand, INSN_RAX);
		return INSN_DECODED;
	case METHOD_COUNTER:
		set_register(d, operand, INSN_RCX);
		return INSN_DECODED;
	case METHOD_ONE:
		operand->kind = INSN_OPERAND_IMMEDIATE;
		operand->value = 1;
		return INSN_DECODED;
	default: /* METHOD_NONE */
		operand->size = 0;
		return INSN_DECODED;
	}
}

static enum insn_decode_status take_operands(struct decoder *d, const struct insn_form *form)
{
	for (unsigned i = 0; i < INSN_MAX_OPERANDS; i++) {
		enum insn_decode_status status =
			take_operand(d, form->operand[i], &d->insn->operand[i]);
		if (status != INSN_DECODED)
			return status;
	}
	return INSN_DECODED;
}

static enum insn_decode_status decode(struct decoder *d)
{
	const struct insn_form *form;
	enum insn_decode_status status = take_opcode(d, &form);

	if (status != INSN_DECODED)
		return status;
	settle_sizes(d);
	if (has_modrm(form)) {
		status = take_byte(d, &d->modrm);
		if (status != INSN_DECODED)
			return status;
	}
	if (form->kind == FORM_GROUP)
		form = insn_group_member(form, modrm_reg(d));
	status = check_form(d, form);
	if (status != INSN_DECODED)
		return status;
	if (has_modrm(form) && modrm_mod(d) != 3) {
		status = take_memory(d);
		if (status != INSN_DECODED)
			return status;
	}
	status = take_operands(d, form);
	if (status != INSN_DECODED)
		return status;

	d->insn->operation = form->operation;
	d->insn->length = (uint8_t)d->at;
	if (d->insn->lock &&
	    !(form->attributes & ATTRIBUTE_LOCK && d->insn->operand[0].kind == INSN_OPERAND_MEMORY))
		return INSN_INVALID;
	return INSN_DECODED;
}

enum insn_decode_status insn_decode(const uint8_t *bytes, size_t available, enum insn_mode mode,
				    struct insn *out)
{
	struct decoder d = {
		.bytes = bytes,
		.available = available,
		.insn = out,
		.segment = INSN_SEGMENTS,
	};

	*out = (struct insn){.mode = (uint8_t)mode};
	return decode(&d);
}
