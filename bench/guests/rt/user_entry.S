#include "bench/guests/rt/segments.h"
#include "l1vmm/arch/x86.h"

/* void user_enter(address, argument): to ring 3; returns when ring 3 asks for it. */
	.text
	.balign 16
	.globl user_enter
user_enter:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, kernel_stack
	mov %rdi, %rcx           /* SYSRET takes RIP from here */
	mov $RFLAGS_FIXED, %r11d /* and RFLAGS from here */
	mov %rsi, %rdi
	xor %eax, %eax
	xor %esp, %esp
	sysretq

/* The target of SYSCALL: RIP and RFLAGS of ring 3 in RCX and R11, its stack in RSP. */
	.balign 16
	.globl user_syscall
user_syscall:
	test %eax, %eax
	jnz 1f
	sysretq
1:	mov kernel_stack, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.bss
	.balign 8
kernel_stack:
	.skip 8
