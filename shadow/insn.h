/*
 * Emulator of the integer instructions that touch memory: what a guest does to an emulated device
 * or to a page table that the hypervisor keeps write-protected.  Decoding is one step, executing
 * another, and both know memory only through the functions that the caller passes in.
 *
 * Not here: the x87, vector, VEX and EVEX instructions, transfers of control, the stack, segment
 * loads.  Segment limits and types are not checked: the processor checked them before it exited.
 */
#ifndef SHADOW_INSN_H
#define SHADOW_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_MAX_LENGTH 15

/* Default operand and address size of the code segment, in bits. */
enum insn_mode {
	INSN_16,
	INSN_32,
	INSN_64,
};

enum insn_operation {
#define OPERATION(NAME, name, compute, flow) INSN_##NAME,
#include "shadow/insn_operations.def"
#undef OPERATION
	INSN_OPERATIONS
};

/* Registers by their hardware encoding; R8 to R15 are 8 to 15. */
enum insn_register {
	INSN_RAX,
	INSN_RCX,
	INSN_RDX,
	INSN_RBX,
	INSN_RSP,
	INSN_RBP,
	INSN_RSI,
	INSN_RDI,
	INSN_GPRS = 16,
	INSN_RIP = 16, /* base only */
	INSN_NO_REGISTER,
};

enum insn_segment {
	INSN_ES,
	INSN_CS,
	INSN_SS,
	INSN_DS,
	INSN_FS,
	INSN_GS,
	INSN_SEGMENTS,
};

enum insn_operand_kind {
	INSN_OPERAND_NONE,
	INSN_OPERAND_REGISTER,
	INSN_OPERAND_MEMORY,
	INSN_OPERAND_IMMEDIATE,
};

struct insn_operand {
	uint8_t kind;	/* enum insn_operand_kind */
	uint8_t size;	/* bytes */
	uint8_t number; /* REGISTER: 0 to 15 */
	bool high_byte; /* REGISTER: AH, CH, DH or BH, numbered like AL, CL, DL and BL */
	uint8_t segment;
	uint8_t base;  /* MEMORY: enum insn_register */
	uint8_t index; /* MEMORY: enum insn_register */
	uint8_t scale; /* MEMORY: 1, 2, 4 or 8 */
	/* MEMORY: displacement; IMMEDIATE: the value, sign-extended from its encoding. */
	int64_t value;
};

enum insn_repeat {
	INSN_NO_REPEAT,
	INSN_REPNE, /* F2 */
	INSN_REPE,  /* F3; also plain REP */
};

#define INSN_MAX_OPERANDS 2

struct insn {
	uint8_t operation;    /* enum insn_operation */
	uint8_t mode;	      /* enum insn_mode */
	uint8_t length;	      /* bytes */
	uint8_t operand_size; /* bytes: 2, 4 or 8; operands of another size say so themselves */
	uint8_t address_size; /* bytes: 2, 4 or 8 */
	uint8_t condition;    /* of SETcc and CMOVcc, as in the opcode's low four bits */
	uint8_t repeat;	      /* enum insn_repeat; means something to string instructions only */
	bool lock;
	struct insn_operand operand[INSN_MAX_OPERANDS]; /* destination first */
};

enum insn_decode_status {
	INSN_DECODED,
	INSN_TRUNCATED,	  /* the instruction goes on behind the bytes that are there */
	INSN_TOO_LONG,	  /* longer than 15 bytes: #GP(0) */
	INSN_INVALID,	  /* #UD */
	INSN_UNSUPPORTED, /* an instruction, or none, that is not in the tables here */
};

/* Decode the instruction that begins at bytes[0].  *out is valid after INSN_DECODED only. */
enum insn_decode_status insn_decode(const uint8_t *bytes, size_t available, enum insn_mode mode,
				    struct insn *out);

/* The operation's mnemonic in lower case, "set" and "cmov" without their condition. */
const char *insn_operation_name(enum insn_operation operation);

enum insn_access_status {
	INSN_ACCESS_OK,
	INSN_ACCESS_CHANGED, /* compare_exchange only: *expected now holds what was found */
	INSN_ACCESS_FAULT,   /* the access faults; ctx knows how */
};

/* One access to memory: size bytes (1, 2, 4, 8 or 16) at a linear address. */
struct insn_access {
	uint64_t linear;
	uint8_t size;
	uint8_t segment; /* enum insn_segment: SS tells #SS from #GP */
	/*
	 * The instruction writes what it accesses.  The processor then faults as for a write, also
	 * where it reads first.
	 */
	bool write;
};

/*
 * How the executor reaches memory.  Each access succeeds or faults as a whole, also where it lies
 * across two pages.  Values are little-endian numbers in value[0], and value[1] for the upper half
 * of 16 bytes.  A value to write has no bits above its size; what reads leave there is ignored.
 *
 * compare_exchange is for locked instructions and XCHG, always after a read of the same bytes.  A
 * device, which has no such operation, writes *desired and reports INSN_ACCESS_OK.
 */
struct insn_memory {
	enum insn_access_status (*read)(void *ctx, const struct insn_access *access,
					uint64_t value[2]);
	enum insn_access_status (*write)(void *ctx, const struct insn_access *access,
					 const uint64_t value[2]);
	enum insn_access_status (*compare_exchange)(void *ctx, const struct insn_access *access,
						    uint64_t expected[2],
						    const uint64_t desired[2]);
	/* Whether a repeated string instruction gives way after this iteration.  NULL: never. */
	bool (*pause)(void *ctx);
	void *ctx;
};

/* The part of a vCPU that an instruction works on. */
struct insn_cpu {
	uint64_t *gprs; /* INSN_GPRS of them, by hardware encoding */
	uint64_t rip;
	uint64_t rflags;
	uint64_t segment_base[INSN_SEGMENTS]; /* in 64-bit mode only FS and GS count */
	const struct insn_memory *memory;
};

enum insn_execute_status {
	INSN_DONE,
	/*
	 * rip still points at the instruction: resume the guest there.  A repeated string
	 * instruction keeps its progress in rCX, rSI and rDI and gives way to interrupts; a locked
	 * one found its memory changed too often.
	 */
	INSN_AGAIN,
	/* A memory function reported a fault. */
	INSN_FAULT,
	/* #GP(0): CMPXCHG16B off its natural alignment. */
	INSN_PROTECTION,
};

/*
 * Execute a decoded instruction: registers, flags and memory change as on the processor, rip moves
 * to the next instruction and RF is cleared.  After INSN_FAULT and INSN_PROTECTION nothing has
 * changed but for the finished iterations of a repeated string instruction.  Flags that the SDM
 * leaves undefined get some value.
 *
 * The caller deals with TF and with the interrupt shadow of STI and MOV SS.
 */
enum insn_execute_status insn_execute(const struct insn *insn, struct insn_cpu *cpu);

/* Linear address of the first byte that a memory operand of insn accesses, before it executes. */
uint64_t insn_linear_address(const struct insn *insn, const struct insn_operand *operand,
			     const struct insn_cpu *cpu);

#endif
