#include "tests/unit/store_log.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "l1vmm/arch/x86.h"

static struct {
	char *region;
	size_t bytes;
	struct store *stores;
	size_t capacity, count;
	size_t word; /* that the instruction being stepped over stores to */
	struct sigaction old_fault, old_step;
} logged;

/* The region is read-only: lets one instruction write to it, and asks to hear when it has. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;
	size_t offset = (size_t)((char *)info->si_addr - logged.region);

	if ((char *)info->si_addr < logged.region || offset >= logged.bytes) {
		sigaction(signal, &logged.old_fault, NULL);
		return;
	}
	logged.word = offset / sizeof(uint64_t);
	mprotect(logged.region, logged.bytes, PROT_READ | PROT_WRITE);
	interrupted->uc_mcontext.gregs[REG_EFL] |= RFLAGS_TF;
}

static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)signal;
	(void)info;
	if (logged.count < logged.capacity)
		logged.stores[logged.count] =
			(struct store){logged.word, ((const uint64_t *)logged.region)[logged.word]};
	logged.count++;
	mprotect(logged.region, logged.bytes, PROT_READ);
	interrupted->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)RFLAGS_TF;
}

void store_log_start(void *region, size_t bytes, struct store *stores, size_t capacity)
{
	struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	struct sigaction step = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};

	logged.region = region;
	logged.bytes = bytes;
	logged.stores = stores;
	logged.capacity = capacity;
	logged.count = 0;
	cr_assert_eq(sigaction(SIGSEGV, &fault, &logged.old_fault), 0);
	cr_assert_eq(sigaction(SIGTRAP, &step, &logged.old_step), 0);
	cr_assert_eq(mprotect(region, bytes, PROT_READ), 0);
}

size_t store_log_stop(void)
{
	cr_assert_eq(mprotect(logged.region, logged.bytes, PROT_READ | PROT_WRITE), 0);
	cr_assert_eq(sigaction(SIGSEGV, &logged.old_fault, NULL), 0);
	cr_assert_eq(sigaction(SIGTRAP, &logged.old_step, NULL), 0);
	return logged.count;
}
