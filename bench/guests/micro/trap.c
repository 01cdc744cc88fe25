/* Ways into the guest's own kernel, none of which concerns a hypervisor with the assists on. */
#include <stddef.h>

#include "bench/guests/micro/micro.h"
#include "bench/guests/rt/pages.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/trap.h"
#include "bench/guests/rt/user.h"

#define PAGE_ABSENT PAGE_AREA_FREE /* the page that faults */

static uint8_t frame_of_page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint64_t traps;

/* Goes on where R10 says. */
static void skip(struct trap_frame *frame)
{
	traps++;
	frame->rip = frame->r10;
}

/* Puts a page where there was none, and has the access tried again. */
static void map(struct trap_frame *frame)
{
	(void)frame;
	traps++;
	area_pt[PAGE_ABSENT] = (uintptr_t)frame_of_page | PTE_P | PTE_RW;
}

void bench_pf_guest(struct run *run)
{
	traps = 0;
	page_unmap(PAGE_ABSENT);
	trap_handle(VECTOR_PF, skip);
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile("lea 1f(%%rip), %%r10\n" SAMPLE_BEGIN "movb (%[page]), %%al\n"
				 "1:\n" SAMPLE_END
				 :
				 : "D"(s), [page] "r"(page_address(PAGE_ABSENT))
				 : "rax", "r10", SAMPLE_CLOBBERS);
	trap_handle(VECTOR_PF, NULL);
	expect("wrong-count", traps, run_samples(run));
}

void bench_pf_demand(struct run *run)
{
	traps = 0;
	page_unmap(PAGE_ABSENT);
	trap_handle(VECTOR_PF, map);
	for (struct sample *s = run->first; s != run->end; s++) {
		frame_of_page[0] = 0;
		__asm__ volatile(SAMPLE_BEGIN "movb $1, (%[page])\n"
					      "movq $0, (%[pte])\n"
					      "invlpg (%[page])\n" SAMPLE_END
				 :
				 : "D"(s), [page] "r"(page_address(PAGE_ABSENT)),
				   [pte] "r"(&area_pt[PAGE_ABSENT])
				 : SAMPLE_CLOBBERS);
		expect("wrong-value", frame_of_page[0], 1);
	}
	trap_handle(VECTOR_PF, NULL);
	expect("wrong-count", traps, run_samples(run));
}

void bench_ud_guest(struct run *run)
{
	traps = 0;
	trap_handle(VECTOR_UD, skip);
	for (struct sample *s = run->first; s != run->end; s++)
		__asm__ volatile("lea 1f(%%rip), %%r10\n" SAMPLE_BEGIN "ud2\n"
				 "1:\n" SAMPLE_END
				 :
				 : "D"(s)
				 : "r10", SAMPLE_CLOBBERS);
	trap_handle(VECTOR_UD, NULL);
	expect("wrong-count", traps, run_samples(run));
}
