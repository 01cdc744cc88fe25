/*
 * An entry point for each vector: 16 bytes apart, from trap_vectors on.  All of them build a
 * struct trap_frame and hand it to trap_dispatch().
 */
#include "l1vmm/arch/x86.h"

	.text
	.balign 16
	.globl trap_vectors
trap_vectors:
	.set vector, 0
	.rept VECTORS
	.balign 16
	/* Those that push an error code (SDM volume 3, table 6-1); the others push a zero for it. */
	.if vector != VECTOR_DF && (vector < VECTOR_TS || vector > VECTOR_PF) && \
	    vector != VECTOR_AC && vector != VECTOR_CP
	push $0
	.endif
	push $vector
	jmp trap_common
	.set vector, vector + 1
	.endr

trap_common:
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	cld
	mov %rsp, %rdi
	call trap_dispatch
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp /* vector and error code */
	iretq
