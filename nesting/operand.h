/*
 * The operands of a VMX instruction, from the VM-exit instruction information and the exit
 * qualification (SDM volume 3, 28.2.5).
 */
#ifndef NESTING_OPERAND_H
#define NESTING_OPERAND_H

#include <stdbool.h>
#include <stdint.h>

/* Fields of the instruction information: SDM volume 3, tables 28-13 and 28-14. */
#define OPERAND_REGISTER_1(info)   ((info) >> 3 & 0xf)
#define OPERAND_ADDRESS_SIZE(info) ((info) >> 7 & 7)
#define OPERAND_IS_REGISTER	   (1u << 10)
#define OPERAND_SEGMENT(info)	   ((info) >> 15 & 7)
#define OPERAND_INDEX(info)	   ((info) >> 18 & 0xf)
#define OPERAND_NO_INDEX	   (1u << 22)
#define OPERAND_BASE(info)	   ((info) >> 23 & 0xf)
#define OPERAND_NO_BASE		   (1u << 27)
#define OPERAND_REGISTER_2(info)   ((info) >> 28 & 0xf)

enum operand_segment {
	OPERAND_ES,
	OPERAND_CS,
	OPERAND_SS,
	OPERAND_DS,
	OPERAND_FS,
	OPERAND_GS,
	OPERAND_SEGMENTS,
};

/* A segment register as the VMCS has it. */
struct operand_segment_state {
	uint64_t base;
	uint32_t limit;
	uint32_t rights;
};

/* What the processor raises instead of accessing memory. */
enum operand_fault { OPERAND_OK, OPERAND_GP, OPERAND_SS_FAULT };

/* The offset within the segment: displacement, base and scaled index, cut to the address size. */
uint64_t operand_offset(uint32_t info, uint64_t displacement, const uint64_t gprs[16]);

/*
 * The linear address of `size` bytes at `offset`, after the checks of segmentation: limits and
 * rights outside 64-bit code (SDM volume 3, 5.3 and 5.5), canonical form in it.
 */
enum operand_fault operand_linear(enum operand_segment segment,
				  const struct operand_segment_state *state, bool code64,
				  uint64_t offset, unsigned size, bool write, uint64_t *linear);

#endif
