/* From ring 3 to the kernel and back. */
#include <stddef.h>

#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/segments.h"
#include "bench/guests/rt/user.h"

#define PAGE_SHARED PAGE_AREA_FREE /* the page that the code in ring 3 writes to */

/* What ring 3 leaves there. */
struct shared {
	struct sample sample;
	uint32_t cs;
};

static struct shared frame_of_page __attribute__((aligned(PAGE_SIZE)));

/* Stamped in ring 3, so that an operation is nothing but SYSCALL, the kernel's answer and SYSRET.
 */
__attribute__((naked, section(USER_CODE_SECTION))) static void call_repeatedly(void)
{
	__asm__ volatile(SAMPLE_BEGIN REPEAT("syscall\n") SAMPLE_END "mov %%cs, %c[cs](%%rdi)\n"
								     "mov $1, %%eax\n"
								     "syscall\n"
			 :
			 : [ops] "i"(ops_syscall), [cs] "i"(offsetof(struct shared, cs)));
}

void bench_syscall(struct run *run)
{
	volatile struct shared *shared = (volatile struct shared *)page_address(PAGE_SHARED);

	user_init();
	page_map(PAGE_SHARED, (uintptr_t)&frame_of_page, PTE_US | PTE_RW);
	for (struct sample *s = run->first; s != run->end; s++) {
		shared->cs = 0;
		user_run(call_repeatedly, shared);
		*s = shared->sample;
		expect("wrong-ring", shared->cs & RPL_USER, RPL_USER);
	}
	page_unmap(PAGE_SHARED);
}
