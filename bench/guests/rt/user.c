#include "bench/guests/rt/user.h"

#include <stdint.h>

#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/segments.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/msr.h"
#include "l1vmm/arch/x86.h"

extern const char user_text_start[], user_text_end[];
extern const char user_syscall[];
void user_enter(const volatile void *address, volatile void *argument);

void user_init(void)
{
	uint64_t size = (uint64_t)(user_text_end - user_text_start);

	if (size > (PAGE_AREA_FREE - PAGE_AREA_USER_TEXT) * PAGE_SIZE)
		fail("user-text-too-large size=%lu", size);
	for (uint64_t i = 0; i < size / PAGE_SIZE; i++)
		page_map(PAGE_AREA_USER_TEXT + (unsigned int)i,
			 (uintptr_t)user_text_start + i * PAGE_SIZE, PTE_US);

	wrmsr(MSR_IA32_STAR, (uint64_t)(USER_BASE | RPL_USER) << 48 | (uint64_t)KERNEL_CODE << 32);
	wrmsr(MSR_IA32_LSTAR, (uintptr_t)user_syscall);
	wrmsr(MSR_IA32_FMASK, RFLAGS_IF | RFLAGS_TF | RFLAGS_DF);
	wrmsr(MSR_IA32_EFER, rdmsr(MSR_IA32_EFER) | EFER_SCE);
}

void user_run(void (*code)(void), volatile void *argument)
{
	uint64_t offset = (uint64_t)((uintptr_t)code - (uintptr_t)user_text_start);

	user_enter(page_address(PAGE_AREA_USER_TEXT) + offset, argument);
}
