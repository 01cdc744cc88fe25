/* How the executor goes about memory: order, faults, contention, progress, address arithmetic. */
#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"
#include "shadow/insn.h"

#define MEMORY_SIZE 0x11000
#define RIP	    0x1000UL
#define NEVER	    0
#define FOREVER	    1000

enum access_kind {
	READ,
	WRITE,
	EXCHANGE,
};

/* Memory that starts at linear address 0, notes accesses, and fails when told to. */
struct machine {
	struct insn_cpu cpu;
	struct insn_memory memory;
	struct insn insn;
	uint64_t gprs[INSN_GPRS];
	uint8_t bytes[MEMORY_SIZE];
	unsigned accesses;
	unsigned fault_at;    /* the number, from 1, of the access that faults */
	unsigned contentions; /* how often another vCPU adds 1 before an exchange */
	enum access_kind last_kind;
	struct insn_access first, last;
};

static bool note(struct machine *m, const struct insn_access *access, enum access_kind kind)
{
	cr_assert(access->linear + access->size <= MEMORY_SIZE, "access at %#lx", access->linear);
	if (m->accesses == 0)
		m->first = *access;
	m->last = *access;
	m->last_kind = kind;
	return ++m->accesses != m->fault_at;
}

static enum insn_access_status read_bytes(void *ctx, const struct insn_access *access,
					  uint64_t value[2])
{
	struct machine *m = ctx;

	if (!note(m, access, READ))
		return INSN_ACCESS_FAULT;
	memset(value, 0xee, 2 * sizeof(*value)); /* the executor takes no more than it asked for */
	memcpy(value, m->bytes + access->linear, access->size);
	return INSN_ACCESS_OK;
}

static enum insn_access_status write_bytes(void *ctx, const struct insn_access *access,
					   const uint64_t value[2])
{
	struct machine *m = ctx;

	if (!note(m, access, WRITE))
		return INSN_ACCESS_FAULT;
	memcpy(m->bytes + access->linear, value, access->size);
	return INSN_ACCESS_OK;
}

static enum insn_access_status exchange_bytes(void *ctx, const struct insn_access *access,
					      uint64_t expected[2], const uint64_t desired[2])
{
	struct machine *m = ctx;
	uint8_t *at = m->bytes + access->linear;

	if (!note(m, access, EXCHANGE))
		return INSN_ACCESS_FAULT;
	if (m->contentions > 0) {
		m->contentions--;
		at[0]++;
	}
	if (memcmp(at, expected, access->size) != 0) {
		memset(expected, 0xee, 2 * sizeof(*expected));
		memcpy(expected, at, access->size);
		return INSN_ACCESS_CHANGED;
	}
	memcpy(at, desired, access->size);
	return INSN_ACCESS_OK;
}

static struct machine machine(enum insn_mode mode, const char *bytes, size_t length)
{
	struct machine m = {
		.cpu = {.rip = RIP, .rflags = RFLAGS_FIXED | RFLAGS_RF | RFLAGS_CF},
		.memory = {.read = read_bytes,
			   .write = write_bytes,
			   .compare_exchange = exchange_bytes},
	};

	for (unsigned i = 0; i < MEMORY_SIZE; i++)
		m.bytes[i] = (uint8_t)(i * 7 + i / 256);
	for (unsigned i = 0; i < INSN_GPRS; i++)
		m.gprs[i] = 0x100 * i + 0x400;
	cr_assert(insn_decode((const uint8_t *)bytes, length, mode, &m.insn) == INSN_DECODED);
	cr_assert(m.insn.length == length);
	return m;
}

/* A machine about to execute the bytes of a string literal. */
#define MACHINE(mode, bytes) machine(mode, bytes, sizeof(bytes) - 1)

static enum insn_execute_status run(struct machine *m)
{
	m->cpu.gprs = m->gprs;
	m->cpu.memory = &m->memory;
	m->memory.ctx = m;
	m->accesses = 0;
	return insn_execute(&m->insn, &m->cpu);
}

static bool same_state(const struct machine *a, const struct machine *b)
{
	return memcmp(a->gprs, b->gprs, sizeof(a->gprs)) == 0 &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 && a->cpu.rip == b->cpu.rip &&
	       a->cpu.rflags == b->cpu.rflags;
}

static uint64_t peek(const struct machine *m, uint64_t address)
{
	uint64_t value;

	memcpy(&value, m->bytes + address, sizeof(value));
	return value;
}

static const struct {
	const char *name;
	const char *bytes;
	size_t length;
	unsigned accesses;
	enum access_kind last;
} accessing[] = {
#define ROW(name, bytes, accesses, last) {name, bytes, sizeof(bytes) - 1, accesses, last}
	ROW("mov [rbx], eax", "\x89\x03", 1, WRITE),
	ROW("mov eax, [rbx]", "\x8b\x03", 1, READ),
	ROW("mov rax, [moffs]", "\x48\xa1\0\x10\0\0\0\0\0\0", 1, READ),
	ROW("mov [rbx], imm32", "\x48\xc7\x03\1\2\3\4", 1, WRITE),
	ROW("movnti [rbx], rax", "\x48\x0f\xc3\x03", 1, WRITE),
	ROW("add [rbx], eax", "\x01\x03", 2, WRITE),
	ROW("add eax, [rbx]", "\x03\x03", 1, READ),
	ROW("cmp [rbx], eax", "\x39\x03", 1, READ),
	ROW("lock or qword [rbx], 2", "\xf0\x48\x83\x0b\x02", 2, EXCHANGE),
	ROW("not byte [rbx]", "\xf6\x13", 2, WRITE),
	ROW("xchg [rbx], rax", "\x48\x87\x03", 2, EXCHANGE),
	ROW("xadd [rbx], eax", "\x0f\xc1\x03", 2, WRITE),
	ROW("lock xadd [rbx], eax", "\xf0\x0f\xc1\x03", 2, EXCHANGE),
	ROW("lock cmpxchg [rbx], rcx", "\xf0\x48\x0f\xb1\x0b", 2, EXCHANGE),
	ROW("cmpxchg8b [rbx], unequal", "\x0f\xc7\x0b", 1, READ),
	ROW("lock bts [rbx], rax", "\xf0\x48\x0f\xab\x03", 2, EXCHANGE),
	ROW("setc [rbx]", "\x0f\x92\x03", 1, WRITE),
	ROW("cmovnc eax, [rbx]", "\x0f\x43\x03", 1, READ),
	ROW("movsq", "\x48\xa5", 2, WRITE),
	ROW("stosd", "\xab", 1, WRITE),
	ROW("cmpsb", "\xa6", 2, READ),
#undef ROW
};

#define EACH_ACCESSING(i) (unsigned i = 0; i < sizeof(accessing) / sizeof(accessing[0]); i++)

Test(insn_execute, accesses_memory_as_the_instruction_does)
{
	for
		EACH_ACCESSING(i)
		{
			struct machine m =
				machine(INSN_64, accessing[i].bytes, accessing[i].length);
			cr_expect(run(&m) == INSN_DONE, "%s", accessing[i].name);
			cr_expect(m.accesses == accessing[i].accesses, "%s", accessing[i].name);
			cr_expect(m.last_kind == accessing[i].last, "%s", accessing[i].name);
		}
}

Test(insn_execute, changes_nothing_when_any_access_faults)
{
	for
		EACH_ACCESSING(i)
	for (unsigned at = 1; at <= accessing[i].accesses; at++) {
		struct machine m = machine(INSN_64, accessing[i].bytes, accessing[i].length);
		m.fault_at = at;
		struct machine before = m;
		cr_expect(run(&m) == INSN_FAULT, "%s", accessing[i].name);
		cr_expect(m.accesses == at, "%s", accessing[i].name);
		cr_expect(same_state(&m, &before), "%s", accessing[i].name);
	}
}

Test(insn_execute, says_that_a_read_will_be_written)
{
	struct machine m = MACHINE(INSN_64, "\x01\x03"); /* add [rbx], eax */
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.first.write && m.last.write);

	m = MACHINE(INSN_64, "\x39\x03"); /* cmp [rbx], eax */
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(!m.first.write);

	m = MACHINE(INSN_64, "\x48\xa5"); /* movsq: only its destination */
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(!m.first.write && m.last.write);

	m = MACHINE(INSN_64, "\x0f\xc7\x0b"); /* cmpxchg8b [rbx], also where unequal */
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.first.write);
}

Test(insn_execute, works_on_what_another_vcpu_left)
{
	struct machine m = MACHINE(INSN_64, "\xf0\x48\x0f\xc1\x03"); /* lock xadd [rbx], rax */
	uint64_t old = peek(&m, m.gprs[INSN_RBX]), addend = m.gprs[INSN_RAX];

	m.contentions = 3;
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.gprs[INSN_RAX] == old + 3);
	cr_expect(peek(&m, m.gprs[INSN_RBX]) == old + 3 + addend);

	m = MACHINE(INSN_64, "\xf0\x0f\xc7\x0b"); /* lock cmpxchg8b [rbx] */
	m.gprs[INSN_RBX] = 0x800;
	old = peek(&m, 0x800);
	m.gprs[INSN_RAX] = (uint32_t)old;
	m.gprs[INSN_RDX] = old >> 32;
	m.contentions = 1;
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(!(m.cpu.rflags & RFLAGS_ZF));
	cr_expect(m.gprs[INSN_RAX] == (uint32_t)(old + 1));
	cr_expect(peek(&m, 0x800) == old + 1);
}

Test(insn_execute, lets_the_guest_try_again_when_memory_never_holds_still)
{
	struct machine m = MACHINE(INSN_64, "\xf0\xfe\x03"); /* lock inc byte [rbx] */
	uint64_t gprs[INSN_GPRS];

	memcpy(gprs, m.gprs, sizeof(gprs));
	m.contentions = FOREVER;
	cr_expect(run(&m) == INSN_AGAIN);
	cr_expect(m.cpu.rip == RIP);
	cr_expect(memcmp(m.gprs, gprs, sizeof(gprs)) == 0);
	cr_expect(m.accesses < 100);
}

Test(insn_execute, resumes_a_repeated_move_after_a_fault)
{
	struct machine whole = MACHINE(INSN_64, "\xf3\x48\xa5"); /* rep movsq */
	whole.gprs[INSN_RCX] = 20;
	struct machine m = whole;

	cr_assert(run(&whole) == INSN_DONE);
	cr_assert(whole.gprs[INSN_RCX] == 0 && whole.accesses == 40);
	for (unsigned at = 5; at < 15; at++) {
		struct machine part = m;
		part.fault_at = at;
		cr_assert(run(&part) == INSN_FAULT);
		cr_expect(part.cpu.rip == RIP);
		cr_expect(part.gprs[INSN_RCX] == 20 - (at - 1) / 2);
		part.fault_at = NEVER;
		cr_assert(run(&part) == INSN_DONE);
		cr_expect(same_state(&part, &whole));
	}
}

Test(insn_execute, gives_way_in_a_long_repetition)
{
	struct machine m = MACHINE(INSN_64, "\xf3\xaa"); /* rep stosb */
	unsigned rounds = 1;

	m.gprs[INSN_RCX] = 0x3000;
	m.gprs[INSN_RDI] = 0x800;
	for (; run(&m) == INSN_AGAIN; rounds++) {
		cr_assert(m.cpu.rip == RIP);
		cr_assert(m.gprs[INSN_RCX] + m.gprs[INSN_RDI] == 0x3800);
	}
	cr_expect(rounds > 2);
	cr_expect(m.cpu.rip == RIP + m.insn.length);
	cr_expect(m.gprs[INSN_RCX] == 0 && m.gprs[INSN_RDI] == 0x3800);
	for (unsigned i = 0x800; i < 0x3800; i++)
		cr_assert(m.bytes[i] == (uint8_t)m.gprs[INSN_RAX]);
}

static bool pause_after_three(void *ctx)
{
	const struct machine *m = ctx;

	return m->accesses == 3;
}

Test(insn_execute, gives_way_where_it_is_told_to)
{
	struct machine m = MACHINE(INSN_64, "\xf3\xaa"); /* rep stosb */

	m.memory.pause = pause_after_three;
	m.gprs[INSN_RCX] = 5;
	m.gprs[INSN_RDI] = 0x800;
	cr_assert(run(&m) == INSN_AGAIN);
	cr_expect(m.cpu.rip == RIP);
	cr_expect(m.gprs[INSN_RCX] == 2 && m.gprs[INSN_RDI] == 0x803);
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.gprs[INSN_RCX] == 0 && m.gprs[INSN_RDI] == 0x805);

	m = MACHINE(INSN_64, "\xf3\xaa");
	m.memory.pause = pause_after_three;
	m.gprs[INSN_RCX] = 3; /* nothing is left to give way to */
	cr_expect(run(&m) == INSN_DONE);
}

Test(insn_execute, counts_repetitions_by_the_address_size)
{
	struct machine m = MACHINE(INSN_64, "\x67\xf3\xaa"); /* rep stosb by ECX and EDI */

	m.gprs[INSN_RCX] = 0x1100000002;
	m.gprs[INSN_RDI] = 0x2200000800;
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.accesses == 2);
	cr_expect(m.gprs[INSN_RCX] == 0 && m.gprs[INSN_RDI] == 0x802);

	m = MACHINE(INSN_16, "\xf3\xaa"); /* by CX and DI, which wraps */
	m.gprs[INSN_RCX] = 0x70002;
	m.gprs[INSN_RDI] = 0x5ffff;
	m.cpu.segment_base[INSN_ES] = 0x100;
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.first.linear == 0x100ff && m.last.linear == 0x100);
	cr_expect(m.gprs[INSN_RCX] == 0x70000 && m.gprs[INSN_RDI] == 0x50001);
}

Test(insn_execute, refuses_cmpxchg16b_off_its_alignment)
{
	struct machine m = MACHINE(INSN_64, "\x48\x0f\xc7\x0b"); /* cmpxchg16b [rbx] */
	m.gprs[INSN_RBX] = 0x808;
	struct machine before = m;

	cr_expect(run(&m) == INSN_PROTECTION);
	cr_expect(m.accesses == 0 && same_state(&m, &before));
	m.gprs[INSN_RBX] = 0x810;
	cr_expect(run(&m) == INSN_DONE);
}

Test(insn_execute, clears_resume_and_moves_rip_within_the_mode)
{
	struct machine m = MACHINE(INSN_64, "\x89\x03");
	m.cpu.rip = UINT32_MAX;
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.cpu.rip == UINT64_C(0x100000001));
	cr_expect(m.cpu.rflags == (RFLAGS_FIXED | RFLAGS_CF));

	m = MACHINE(INSN_32, "\x89\x03");
	m.cpu.rip = UINT32_MAX;
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.cpu.rip == 1);

	m = MACHINE(INSN_16, "\x89\x04");
	m.cpu.rip = UINT16_MAX;
	cr_assert(run(&m) == INSN_DONE);
	cr_expect(m.cpu.rip == 1);
}
