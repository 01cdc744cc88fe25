/*
 * Gates and the task-state segment of 64-bit mode (SDM volume 3, 6.14.1 and 7.7), and the
 * descriptors that point to them.
 */
#ifndef L1VMM_ARCH_DESCRIPTOR_H
#define L1VMM_ARCH_DESCRIPTOR_H

#include <stdint.h>

#include "l1vmm/arch/x86.h"

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};

struct __attribute__((packed)) tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map_base;
};

_Static_assert(sizeof(struct gate) == 16 && sizeof(struct tss) == 104, "SDM layout");

/* A present interrupt gate, DPL 0; `ist` is 0 or the interrupt stack 1 to 7. */
static inline struct gate interrupt_gate(uint64_t code, uint16_t selector, uint8_t ist)
{
	return (struct gate){
		.offset_low = (uint16_t)code,
		.selector = selector,
		.ist = ist,
		.type = 0x80 | DESC_TYPE_INTERRUPT_GATE,
		.offset_middle = (uint16_t)(code >> 16),
		.offset_high = (uint32_t)(code >> 32),
	};
}

/* The two slots of an available TSS: base and limit are scattered, bit 47 is "present". */
static inline void tss_descriptor(uint64_t slots[2], const struct tss *tss)
{
	uint64_t base = (uintptr_t)tss;

	slots[0] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 |
		   (uint64_t)DESC_TYPE_TSS_AVAILABLE << 40 | BIT(47) | (base >> 24 & 0xff) << 56;
	slots[1] = base >> 32;
}

#endif
