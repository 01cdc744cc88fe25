#include "tests/unit/native_cpu.h"

#include <stddef.h>

struct native_cpu native_cpu;

_Static_assert(offsetof(struct native_cpu, rflags) == 128, "as the assembly below has it");
_Static_assert(offsetof(struct native_cpu, code) == 136, "as the assembly below has it");

/* clang-format off */
#define EACH_GPR(F)                                                                                \
	F(0, rax) F(8, rcx) F(16, rdx) F(24, rbx) F(40, rbp) F(48, rsi) F(56, rdi) F(64, r8)       \
	F(72, r9) F(80, r10) F(88, r11) F(96, r12) F(104, r13) F(112, r14) F(120, r15)
/* clang-format on */

#define LOAD(offset, reg) "mov native_cpu+" #offset "(%rip), %" #reg "\n"
#define SAVE(offset, reg) "mov %" #reg ", native_cpu+" #offset "(%rip)\n"

__asm__(".text\n"
	".globl native_run\n"
	"native_run:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"pushq native_cpu+128(%rip); popfq\n" EACH_GPR(LOAD) "call *native_cpu+136(%rip)\n" EACH_GPR(
		SAVE) "pushfq; popq native_cpu+128(%rip)\n"
		      "cld\n"
		      "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
		      "ret\n"
		      ".previous\n");
