/*
 * PVH entry of the hypervisor: 32-bit protected mode without paging, EBX = physical address of the
 * start info.  Maps the low 4 GiB onto themselves, switches to 64-bit mode and calls l1vmm_main() on
 * the boot processor's stack.  The page tables made here last until paging_init(), and other processors start on
 * them.
 */
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/boot/layout.h"

#define PAGES_2M_TO_4G 2048

	.section .note.pvh, "a", @note
	.align 4
	.long 4			/* size of the name */
	.long 4			/* size of the entry point */
	.long 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_entry

	.section .text.boot, "ax"
	.code32
	.globl pvh_entry
pvh_entry:
	cli
	cld
	mov $early_pd, %edi		/* 2 MB pages, flat */
	mov $(PTE_P | PTE_RW | PTE_PS), %eax
	xor %edx, %edx
1:	mov %eax, (%edi)
	mov %edx, 4(%edi)
	add $8, %edi
	add $PAGE_SIZE_2M, %eax
	jnc 1b

	mov $early_pdpt, %edi
	mov $(early_pd + PTE_P + PTE_RW), %eax
	mov $4, %ecx
2:	mov %eax, (%edi)
	add $8, %edi
	add $PAGE_SIZE, %eax
	loop 2b
	movl $(early_pdpt + PTE_P + PTE_RW), early_pml4

	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $early_pml4, %eax
	mov %eax, %cr3
	mov $MSR_IA32_EFER, %ecx
	rdmsr
	or $(EFER_LME | EFER_NXE), %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	lgdt early_gdtr
	ljmp $HOST_CS, $entry64

	.code64
entry64:
	mov $HOST_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $(cpu_stacks + BOOT_STACK_TOP), %esp
	mov %ebx, %edi
	xor %ebp, %ebp
	call l1vmm_main
	ud2

	.section .rodata, "a"
	.align 8
	.globl early_gdt
early_gdt:
	.quad 0
	.quad GDT_CODE64
	.quad GDT_DATA
early_gdtr:
	.word . - early_gdt - 1
	.long early_gdt

	.section .bss.boot, "aw", @nobits
	.align PAGE_SIZE
	.globl early_pml4
early_pml4:
	.skip PAGE_SIZE
early_pdpt:
	.skip PAGE_SIZE
early_pd:
	.skip PAGES_2M_TO_4G * 8
