/* Interrupt handlers that add next to nothing to what is measured: see irq.h. */
#include "l1vmm/arch/msr.h"

	.macro end_of_interrupt
	mov $MSR_X2APIC_EOI, %ecx
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	.endm

	.text
	.balign 16
	.globl irq_count_entry
irq_count_entry:
	push %rax
	push %rcx
	push %rdx
	incq irq_count
	end_of_interrupt
	pop %rdx
	pop %rcx
	pop %rax
	iretq

	.macro stamping_entry name, stamp, count
	.balign 16
	.globl \name
\name:
	push %rax
	push %rdx
	jmp 1f				/* see rdtsc_ordered() in arch/cpu.h */
1:	rdtsc
	mov %eax, \stamp
	mov %edx, \stamp + 4
	push %rcx
	incq \count
	end_of_interrupt
	pop %rcx
	pop %rdx
	pop %rax
	iretq
	.endm

	stamping_entry irq_stamp_entry, irq_stamp, irq_count
	stamping_entry second_stamp_entry, second_stamp, second_count

/* Has read the page anew when it says that it is done. */
	.balign 16
	.globl second_shootdown_entry
second_shootdown_entry:
	push %rax
	push %rcx
	push %rdx
	mov shootdown_page, %rax
	invlpg (%rax)
	mov (%rax), %rax
	mov %rax, shootdown_seen
	incq second_count
	end_of_interrupt
	pop %rdx
	pop %rcx
	pop %rax
	iretq

	.balign 16
	.globl irq_nmi_entry
irq_nmi_entry:
	incq irq_count
	iretq

	.bss
	.balign 8
	.globl irq_count
irq_count:
	.skip 8
	.globl irq_stamp
irq_stamp:
	.skip 8
	.globl second_count
second_count:
	.skip 8
	.globl second_stamp
second_stamp:
	.skip 8
