/*
 * The hypervisor's segments and the marks that its linker script sets.  Constants for C and
 * assembly.
 */
#ifndef L1VMM_BOOT_LAYOUT_H
#define L1VMM_BOOT_LAYOUT_H

/* Selectors of the hypervisor's GDT. */
#define HOST_CS	    0x08
#define HOST_DS	    0x10
#define HOST_TSS    0x18 /* two entries */
#define GDT_ENTRIES 5

/* Flat descriptors, accessed: SDM volume 3, 3.4.5. */
#define GDT_CODE64 0x00af9b000000ffff
#define GDT_DATA   0x00cf93000000ffff

#define MAX_CPUS 8

#define HOST_STACK_BYTES 0x4000
#define HOST_IST_BYTES	 0x2000
#define HOST_ISTS	 4
#define BOOT_STACK_TOP	 (0x1000 + HOST_STACK_BYTES) /* within cpu_stacks[0] */
#define CPU_STACKS_BYTES (0x1000 + HOST_STACK_BYTES + HOST_ISTS * (0x1000 + HOST_IST_BYTES))

#define CPU_VCPU 0x10 /* in struct cpu */

#ifndef __ASSEMBLER__
/* Physical and, the image being mapped onto itself, virtual addresses; sections begin on pages. */
extern char image_start[], text_start[], rodata_start[], data_start[];
extern char image_end[];
#endif

#endif
