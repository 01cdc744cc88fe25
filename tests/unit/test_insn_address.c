/* Addresses that instructions form, mode by mode, and what the decoder refuses. */
#include <criterion/criterion.h>

#include "shadow/insn.h"

#define RIP UINT64_C(0x7ffffff0)

static const struct {
	const char *text;
	enum insn_mode mode;
	const char *bytes;
	size_t length;
	uint64_t linear;
} addresses[] = {
#define ROW(text, mode, bytes, linear) {text, mode, bytes, sizeof(bytes) - 1, linear}
	/* Registers hold 0x11 times their number, in bits 39:32 as well; segments 0x1000 times. */
	ROW("[bx+si]", INSN_16, "\x89\x00", 0x3000 + 0x33 + 0x66),
	ROW("[bp+si], by SS", INSN_16, "\x89\x02", 0x2000 + 0x55 + 0x66),
	ROW("[di]", INSN_16, "\x89\x05", 0x3000 + 0x77),
	ROW("[disp16]", INSN_16, "\x89\x06\x34\x12", 0x3000 + 0x1234),
	ROW("[bp-1], by SS", INSN_16, "\x89\x46\xff", 0x2000 + 0x54),
	ROW("[bx+disp16] wraps at 64 KB", INSN_16, "\x89\x87\xfe\xff", 0x3000 + 0x31),
	ROW("es:[bx]", INSN_16, "\x26\x89\x07", 0x0000 + 0x33),
	ROW("[ebx+ecx*2]", INSN_16, "\x67\x89\x04\x4b", 0x3000 + 0x33 + 0x22),
	ROW("[moffs16]", INSN_16, "\xa3\x34\x12", 0x3000 + 0x1234),
	ROW("bt [bx], cx with a negative bit", INSN_16, "\x0f\xa3\x0f", 0x3000 + 0x33 + 2),

	ROW("[ebx]", INSN_32, "\x89\x03", 0x3000 + 0x33),
	ROW("[ebp+8], by SS", INSN_32, "\x89\x45\x08", 0x2000 + 0x55 + 8),
	ROW("[esp+disp32], by SS", INSN_32, "\x89\x84\x24\x00\x00\x01\x00", 0x12000 + 0x44),
	ROW("[ebp*4+disp32], by DS", INSN_32, "\x89\x04\xad\x10\x00\x00\x00", 0x3000 + 0x164),
	ROW("[ebp+esi*8], by SS", INSN_32, "\x89\x44\xf5\x00", 0x2000 + 0x55 + 0x330),
	ROW("[disp32] wraps at 4 GB", INSN_32, "\x89\x05\x00\xf0\xff\xff", 0x2000),
	ROW("gs:[eax]", INSN_32, "\x65\x89\x00", 0x5000),
	ROW("the last of fs and cs:[eax]", INSN_32, "\x64\x2e\x89\x00", 0x1000),
	ROW("[moffs32]", INSN_32, "\xa3\x78\x56\x34\x12", 0x12345678 + 0x3000),
	ROW("[bp+di], by SS", INSN_32, "\x67\x89\x03", 0x2000 + 0x55 + 0x77),

	ROW("[rbx]", INSN_64, "\x89\x03", 0x300000033),
	ROW("[r12+r13*8]", INSN_64, "\x43\x89\x04\xec", 0x74000007b4),
	ROW("[r13+0]", INSN_64, "\x41\x89\x45\x00", 0xd000000dd),
	ROW("[rbx+r12*1]", INSN_64, "\x42\x89\x04\x23", 0xf000000ff),
	ROW("[rip+disp32]", INSN_64, "\x89\x05\x10\x00\x00\x00", RIP + 6 + 0x10),
	ROW("[rip+disp32] ends with its immediate", INSN_64,
	    "\xc7\x05\x10\x00\x00\x00\x01\x02\x03\x04", RIP + 10 + 0x10),
	ROW("[eip-disp32]", INSN_64, "\x67\x89\x05\x00\x00\x00\x80", 0xfffffff7),
	ROW("[ebx+disp8] wraps at 4 GB", INSN_64, "\x67\x89\x43\x80", 0xffffffb3),
	ROW("[disp32] sign-extends", INSN_64, "\x89\x04\x25\x00\x00\x00\x80", 0xffffffff80000000),
	ROW("[disp32], REX.B means nothing", INSN_64, "\x41\x89\x04\x25\x10\x00\x00\x00", 0x10),
	ROW("the same with 67", INSN_64, "\x67\x41\x89\x04\x25\x10\x00\x00\x00", 0x10),
	ROW("[moffs64]", INSN_64, "\xa3\x88\x77\x66\x55\x44\x33\x22\x11", 0x1122334455667788),
	ROW("[moffs32]", INSN_64, "\x67\xa3\x00\x00\x00\x80", 0x80000000),
	ROW("ds, es, ss, cs are flat", INSN_64, "\x36\x89\x03", 0x300000033),
	ROW("fs:[ebx], base on top of 4 GB", INSN_64, "\x64\x67\x89\x03", 0x4000 + 0x33),
	ROW("gs stays before ds", INSN_64, "\x65\x3e\x89\x03", 0x300005033),
	ROW("bt [rbx], ecx: bits by dwords", INSN_64, "\x0f\xa3\x0b", 0x300000033),
	ROW("bt [rbx], r15: bits by qwords", INSN_64, "\x4c\x0f\xa3\x3b",
	    0x300000033 + 8 * (0xf000000ff / 64)),
	ROW("bt [rbx], imm8: no bits beyond", INSN_64, "\x0f\xba\x23\xff", 0x300000033),
#undef ROW
};

Test(insn_address, forms_linear_addresses)
{
	for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		uint64_t gprs[INSN_GPRS];
		struct insn_cpu cpu = {.gprs = gprs, .rip = RIP};
		struct insn insn;

		for (uint64_t n = 0; n < INSN_GPRS; n++)
			gprs[n] = n << 32 | 0x11 * n;
		for (uint64_t n = 0; n < INSN_SEGMENTS; n++)
			cpu.segment_base[n] = 0x1000 * n;
		cr_assert(insn_decode((const uint8_t *)addresses[i].bytes, addresses[i].length,
				      addresses[i].mode, &insn) == INSN_DECODED,
			  "%s", addresses[i].text);
		const struct insn_operand *memory =
			&insn.operand[insn.operand[0].kind == INSN_OPERAND_MEMORY ? 0 : 1];
		uint64_t linear = insn_linear_address(&insn, memory, &cpu);
		cr_expect(linear == addresses[i].linear, "%s: %#lx, not %#lx", addresses[i].text,
			  linear, addresses[i].linear);
	}
}

static const struct {
	const char *text;
	enum insn_mode mode;
	const char *bytes;
	size_t length;
	enum insn_decode_status status;
} refusals[] = {
#define ROW(text, mode, bytes, status) {text, mode, bytes, sizeof(bytes) - 1, status}
	ROW("lock mov", INSN_64, "\xf0\x89\x03", INSN_INVALID),
	ROW("lock add eax, [rbx]", INSN_64, "\xf0\x03\x03", INSN_INVALID),
	ROW("lock add eax, ebx", INSN_64, "\xf0\x01\xc3", INSN_INVALID),
	ROW("lock cmp", INSN_64, "\xf0\x39\x03", INSN_INVALID),
	ROW("lock bt", INSN_64, "\xf0\x0f\xa3\x03", INSN_INVALID),
	ROW("lock shl", INSN_64, "\xf0\xd1\x23", INSN_INVALID),
	ROW("lock stosb", INSN_64, "\xf0\xaa", INSN_INVALID),
	ROW("movnti with registers", INSN_64, "\x0f\xc3\xc0", INSN_INVALID),
	ROW("movbe with registers", INSN_64, "\x0f\x38\xf0\xc0", INSN_INVALID),
	ROW("cmpxchg8b with a register", INSN_64, "\x0f\xc7\xc8", INSN_INVALID),
	ROW("82 in 64-bit mode", INSN_64, "\x82\x03\x01", INSN_INVALID),
	ROW("82 in 32-bit mode", INSN_32, "\x82\x03\x01", INSN_DECODED),
	ROW("arpl, not movsxd", INSN_32, "\x63\x03", INSN_UNSUPPORTED),
	ROW("crc32, not movbe", INSN_64, "\xf2\x0f\x38\xf0\x03", INSN_UNSUPPORTED),
	ROW("mov to a segment register", INSN_64, "\x8e\x03", INSN_UNSUPPORTED),
	ROW("movaps", INSN_64, "\x0f\x29\x03", INSN_UNSUPPORTED),
	ROW("call", INSN_64, "\xff\x13", INSN_UNSUPPORTED),
	ROW("C7 with a reg field", INSN_64, "\xc7\x0b\x01\x02\x03\x04", INSN_UNSUPPORTED),
	ROW("no bytes", INSN_64, "", INSN_TRUNCATED),
	ROW("prefixes only", INSN_64, "\x66\x66\xf0", INSN_TRUNCATED),
	ROW("half a displacement", INSN_64, "\x89\x83\x01\x02", INSN_TRUNCATED),
	ROW("fifteen bytes", INSN_64,
	    "\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x89\x03", INSN_DECODED),
	ROW("sixteen bytes", INSN_64,
	    "\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x89\x43\x01", INSN_TOO_LONG),
	ROW("an endless row of prefixes", INSN_64,
	    "\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e\x2e", INSN_TOO_LONG),
#undef ROW
};

Test(insn_decode, refuses_by_name)
{
	for (unsigned i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct insn insn;
		enum insn_decode_status status =
			insn_decode((const uint8_t *)refusals[i].bytes, refusals[i].length,
				    refusals[i].mode, &insn);
		cr_expect(status == refusals[i].status, "%s: %d", refusals[i].text, status);
	}
}
