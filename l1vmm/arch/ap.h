/*
 * Starting the machine's other processors, application processors: INIT and start-up IPI, real
 * mode, long mode (SDM volume 3, 9.4).  For the hypervisor and for images of workloads.
 */
#ifndef L1VMM_ARCH_AP_H
#define L1VMM_ARCH_AP_H

/* The page that they start in, of low memory, and what they find there. */
#define AP_PAGE	  0x9000
#define AP_GDTR	  0xff0
#define AP_TABLES 0xff8

/* Selectors of the GDT that they are given. */
#define AP_CODE 0x08
#define AP_DATA 0x10

#ifndef __ASSEMBLER__

#include <stdint.h>

struct ap_start {
	uint32_t count;	      /* processors to start */
	uint32_t tables;      /* physical address of the PML4; AP_PAGE can be executed by it */
	const void *gdt;      /* with 64-bit code at AP_CODE, data at AP_DATA */
	uint16_t gdt_limit;   /* its size in bytes, less one */
	const void *stacks;   /* where the stack of processor 0 would begin: its top */
	uint32_t stack_bytes; /* from the stack of one to that of the next */
};

/*
 * Starts the other processors and returns how many came of those with APIC IDs from 1 to `count`;
 * all others halt.  @pre the calling processor has APIC ID 0, in x2APIC mode, and all of the above
 * lies below 4 GiB
 */
uint32_t ap_start(const struct ap_start *start);

/*
 * What they come to, in 64-bit mode with interrupts off, numbered by APIC ID: so a guest's vCPU and
 * the processor of the level below that runs it have the same number.
 */
_Noreturn void ap_main(uint32_t id);

#endif

#endif
