/* Runs single instructions on the processor that runs the tests. */
#ifndef TESTS_UNIT_NATIVE_CPU_H
#define TESTS_UNIT_NATIVE_CPU_H

#include <stdint.h>

struct native_cpu {
	uint64_t gprs[16]; /* by hardware encoding; RSP takes no part */
	uint64_t rflags;
	uint64_t code; /* address of an instruction and a RET behind it */
};

extern struct native_cpu native_cpu;

/* Run what lies at native_cpu.code with its registers and flags, and note them again. */
void native_run(void);

#endif
