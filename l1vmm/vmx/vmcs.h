/*
 * The VMCS: its fields by name, and the instructions that reach them.
 */
#ifndef L1VMM_VMX_VMCS_H
#define L1VMM_VMX_VMCS_H

#include <stdbool.h>
#include <stdint.h>

#define VMCS_FIELD(encoding, NAME, setup) VMCS_##NAME = encoding,
enum vmcs_field {
#include "l1vmm/vmx/vmcs_fields.def"
};
#undef VMCS_FIELD

/* Outcome of a VMX instruction (SDM volume 3, 31.2). */
enum vmx_outcome {
	VMX_SUCCEED,
	VMX_FAIL_INVALID, /* CF: there is no current VMCS that could hold an error number */
	VMX_FAIL_VALID,	  /* ZF: the number is in VMCS_INSTRUCTION_ERROR */
};

#define VMX_INSTRUCTION(insn, ...)                                                                 \
	({                                                                                         \
		bool carry_, zero_;                                                                \
		__asm__ volatile(insn : "=@ccc"(carry_), "=@ccz"(zero_) : __VA_ARGS__ : "memory"); \
		carry_ ? VMX_FAIL_INVALID : zero_ ? VMX_FAIL_VALID : VMX_SUCCEED;                  \
	})

static inline enum vmx_outcome vmxon(uint64_t region)
{
	return VMX_INSTRUCTION("vmxon %2", "m"(region));
}

static inline enum vmx_outcome vmclear(uint64_t vmcs)
{
	return VMX_INSTRUCTION("vmclear %2", "m"(vmcs));
}

static inline enum vmx_outcome vmptrld(uint64_t vmcs)
{
	return VMX_INSTRUCTION("vmptrld %2", "m"(vmcs));
}

struct __attribute__((aligned(16))) invept_operand {
	uint64_t eptp;
	uint64_t reserved;
};

struct __attribute__((aligned(16))) invvpid_operand {
	uint64_t vpid; /* 16 bits; the others are reserved */
	uint64_t address;
};

/* SDM volume 3, table 31-1 (INVEPT and INVVPID types). */
#define INVEPT_ALL_CONTEXTS    2
#define INVVPID_ADDRESS	       0
#define INVVPID_SINGLE_CONTEXT 1
#define INVVPID_ALL_CONTEXTS   2

static inline enum vmx_outcome invept(uint64_t type, uint64_t eptp)
{
	const struct invept_operand operand = {.eptp = eptp};

	return VMX_INSTRUCTION("invept %2, %3", "m"(operand), "r"(type));
}

static inline enum vmx_outcome invvpid(uint64_t type, uint16_t vpid, uint64_t address)
{
	const struct invvpid_operand operand = {.vpid = vpid, .address = address};

	return VMX_INSTRUCTION("invvpid %2, %3", "m"(operand), "r"(type));
}

/*
 * VMREAD without a look at its outcome: on the exit path the VMCS is current and the field exists,
 * and each instruction counts.
 * @pre the vCPU's VMCS is current
 */
static inline uint64_t vmread(enum vmcs_field field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((uint64_t)field) : "cc");
	return value;
}

/* As vmread(). */
static inline void vmwrite(enum vmcs_field field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"((uint64_t)field), "r"(value) : "cc", "memory");
}

/* VMREAD of a field that the processor may not have. */
static inline enum vmx_outcome vmread_checked(enum vmcs_field field, uint64_t *value)
{
	bool carry, zero;

	__asm__ volatile("vmread %3, %0"
			 : "=r"(*value), "=@ccc"(carry), "=@ccz"(zero)
			 : "r"((uint64_t)field));
	return carry ? VMX_FAIL_INVALID : zero ? VMX_FAIL_VALID : VMX_SUCCEED;
}

static inline enum vmx_outcome vmwrite_checked(enum vmcs_field field, uint64_t value)
{
	return VMX_INSTRUCTION("vmwrite %3, %2", "r"((uint64_t)field), "r"(value));
}

/* Access rights of a segment in the VMCS: SDM volume 3, table 25-2. */
#define AR_CODE32	0xc09b
#define AR_DATA32	0xc093
#define AR_TSS32_BUSY	0x008b
#define AR_UNUSABLE	0x10000
#define AR_TYPE(rights) ((rights) & 0xf)
#define AR_CODE64_BIT	0x2000 /* L */
#define AR_DEFAULT_32	0x4000 /* D/B */

#define ACTIVITY_ACTIVE 0

/* VMCS_GUEST_INTERRUPTIBILITY: SDM volume 3, table 25-3. */
#define BLOCKING_BY_STI	   (1u << 0)
#define BLOCKING_BY_MOV_SS (1u << 1)

/* Interruption information, of exits, entries and IDT vectoring alike: SDM volume 3, 25.8.3. */
#define INTR_INFO_VALID	      (1u << 31)
#define INTR_INFO_ERROR_CODE  (1u << 11)
#define INTR_INFO_VECTOR_MASK 0xffu
#define INTR_INFO_TYPE_MASK   0x700u
#define INTR_TYPE_EXTERNAL    (0u << 8)
#define INTR_TYPE_NMI	      (2u << 8)
#define INTR_TYPE_EXCEPTION   (3u << 8)
#define INTR_TYPE_SOFT_INT    (4u << 8)
#define INTR_TYPE_PRIV_SOFT   (5u << 8)
#define INTR_TYPE_SOFT_EXC    (6u << 8)

/* VMCS_EXIT_REASON: SDM volume 3, 25.9.1. */
#define EXIT_REASON_BASIC_MASK	 0xffffu
#define EXIT_REASON_FAILED_ENTRY (1u << 31)

#endif
