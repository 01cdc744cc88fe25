#include "bench/guests/memory/probe.h"

#include <stddef.h>

#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"

static uint64_t fault_error, fault_address;

/* Goes on where R10 says. */
static void skip(struct trap_frame *frame)
{
	fault_error = frame->error;
	fault_address = read_cr2();
	frame->rip = frame->r10;
}

static void begin(void)
{
	fault_error = NO_FAULT;
	trap_handle(VECTOR_PF, skip);
}

static uint64_t end(const volatile void *address)
{
	trap_handle(VECTOR_PF, NULL);
	if (fault_error != NO_FAULT)
		expect("wrong-fault-address", fault_address, (uintptr_t)address);
	return fault_error;
}

uint64_t probe_read(const volatile void *address, uint64_t *value)
{
	begin();
	__asm__ volatile("lea 1f(%%rip), %%r10\n"
			 "mov (%[address]), %[value]\n"
			 "1:\n"
			 : [value] "+r"(*value)
			 : [address] "r"(address)
			 : "r10", "memory");
	return end(address);
}

uint64_t probe_write(volatile void *address, uint64_t value)
{
	begin();
	__asm__ volatile("lea 1f(%%rip), %%r10\n"
			 "mov %[value], (%[address])\n"
			 "1:\n"
			 :
			 : [value] "r"(value), [address] "r"(address)
			 : "r10", "memory");
	return end(address);
}
