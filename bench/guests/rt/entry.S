/*
 * From the PVH entry (32-bit protected mode, paging off, EBX = start info) to rt_start() in long
 * mode, with the first 4 GiB mapped at their own addresses.
 */
#include "bench/guests/rt/segments.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define STACK_SIZE 0x4000
#define MMIO_START 0xc0000000 /* below 4 GiB, where PCs have devices instead of memory */

	.section .note.pvh, "a", @note
	.balign 4
	.long 4 /* size of the name */
	.long 4 /* size of the description */
	.long XEN_ELFNOTE_PHYS32_ENTRY
	.asciz "Xen"
	.long pvh_start

	.text
	.code32
	.globl pvh_start
pvh_start:
	cld
	mov $stack_top, %esp
	lgdt gdtr

	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $MSR_IA32_EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov $(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
	mov %eax, %cr0
	ljmp $KERNEL_CODE, $long_mode

	.code64
long_mode:
	mov $KERNEL_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov %ebx, %edi
	call rt_start
	ud2

	.data
	.balign 8
	.globl gdt
gdt:
	.quad 0
	.quad 0x00af9b000000ffff /* kernel code, 64-bit */
	.quad 0x00cf93000000ffff /* kernel data */
	.quad 0                  /* USER_BASE: 32-bit user code would go here */
	.quad 0x00cff3000000ffff /* user data */
	.quad 0x00affb000000ffff /* user code, 64-bit */
	.quad 0, 0               /* TSS, filled in by trap_init() */
gdtr:
	.word GDT_SIZE - 1
	.long gdt

	.balign PAGE_SIZE
	.globl pml4
pml4:
	.quad pdpt + PTE_P + PTE_RW
	.quad area_pdpt + PTE_P + PTE_RW + PTE_US
	.fill PTES_PER_PAGE - 2, 8, 0
pdpt:
	.quad page_directories + 0 * PAGE_SIZE + PTE_P + PTE_RW
	.quad page_directories + 1 * PAGE_SIZE + PTE_P + PTE_RW
	.quad page_directories + 2 * PAGE_SIZE + PTE_P + PTE_RW
	.quad page_directories + 3 * PAGE_SIZE + PTE_P + PTE_RW
	.fill PTES_PER_PAGE - 4, 8, 0
page_directories:
	.set address, 0
	.rept 4 * PTES_PER_PAGE
	.if address < MMIO_START
	.quad address + PTE_PS + PTE_P + PTE_RW
	.else
	.quad address + PTE_PS + PTE_P + PTE_RW + PTE_PCD + PTE_PWT
	.endif
	.set address, address + PAGE_SIZE_2M
	.endr

/* The page area of rt/pages.h: 512 pages that are mapped one by one, the entries decide how. */
area_pdpt:
	.quad area_pd + PTE_P + PTE_RW + PTE_US
	.fill PTES_PER_PAGE - 1, 8, 0
area_pd:
	.quad area_pt + PTE_P + PTE_RW + PTE_US
	.fill PTES_PER_PAGE - 1, 8, 0
	.globl area_pt
area_pt:
	.fill PTES_PER_PAGE, 8, 0

	.bss
	.balign 16
	.skip STACK_SIZE
stack_top:
