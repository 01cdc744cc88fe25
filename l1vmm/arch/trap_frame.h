#ifndef L1VMM_ARCH_TRAP_FRAME_H
#define L1VMM_ARCH_TRAP_FRAME_H

#include <stdint.h>

/* What vectors.S and the processor leave on the stack, lowest address first. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* An entry point for each vector, VECTOR_CODE_SIZE bytes apart. */
#define VECTOR_CODE_SIZE 16
extern const char trap_vectors[];

/*
 * Called by every vector, interrupts off; the image defines it.  What the frame holds on return is
 * what the interrupted code goes on with.
 */
void trap_dispatch(struct trap_frame *frame);

#endif
