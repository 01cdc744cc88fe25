/*
 * The instructions that reach the VMCS, and the VMX instructions beside them.
 */
#ifndef L1VMM_VMX_VMCS_H
#define L1VMM_VMX_VMCS_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/vmx/vmcs_field.h"

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

/* The current VMCS; UINT64_MAX: none. */
static inline uint64_t vmptrst(void)
{
	uint64_t vmcs;

	__asm__ volatile("vmptrst %0" : "=m"(vmcs) : : "cc");
	return vmcs;
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

/* The types are in invalidation.def. */
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

#endif
