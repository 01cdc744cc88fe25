/*
 * Where another processor begins: a copy of ap_trampoline in AP_PAGE, in real mode with CS = its
 * page.  It goes to long mode at one stroke (SDM volume 3, 10.8.5), because nothing asks for
 * protected mode without paging in between.
 */
#include "l1vmm/arch/ap.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

	.section .rodata, "a"
	.balign 16
	.globl ap_trampoline
	.globl ap_trampoline_end
	.code16
ap_trampoline:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl AP_GDTR
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov AP_TABLES, %eax
	mov %eax, %cr3
	mov $MSR_IA32_EFER, %ecx
	rdmsr
	or $(EFER_LME | EFER_NXE), %eax
	wrmsr
	mov $(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
	mov %eax, %cr0
	ljmpl $AP_CODE, $ap_entry64
ap_trampoline_end:

	.text
	.code64
ap_entry64:
	mov $AP_DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov $1, %eax
	cpuid
	shr $24, %ebx		/* initial APIC ID */
	lea -1(%rbx), %eax
	cmp ap_wanted, %eax
	jae 1f
	lock incl ap_arrived
	mov %ebx, %edi
	mov %edi, %eax
	imul ap_stack_bytes, %eax
	add ap_stacks, %eax
	mov %eax, %esp
	xor %ebp, %ebp
	call ap_main
	ud2
1:	cli
	hlt
	jmp 1b
