#include "l1vmm/arch/wait.h"

/* Known to nobody else: where it halts, and where it goes on. */
extern const char host_wait_halt[], host_wait_end[];

__asm__(".text\n"
	".globl host_wait\n"
	"host_wait:\n"
	"sti\n"
	"host_wait_halt:\n"
	"hlt\n"
	"host_wait_end:\n"
	"cli\n"
	"ret\n");

void host_wait_interrupted(struct trap_frame *frame)
{
	if (frame->rip == (uintptr_t)host_wait_halt)
		frame->rip = (uintptr_t)host_wait_end;
}
