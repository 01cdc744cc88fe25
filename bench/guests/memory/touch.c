/* First touch: each page comes into being by a fault that the image's own kernel handles. */
#include "bench/guests/memory/memory.h"
#include "bench/guests/memory/vm.h"
#include "bench/guests/rt/frames.h"
#include "bench/guests/rt/report.h"

/* Frames for the tables of the largest space that there is memory for. */
#define TABLES 64

void bench_touch(struct run *run)
{
	uint64_t samples = (frames_free() - TABLES) / run->pages;
	struct space space;

	if (samples < run_samples(run))
		run->end = run->first + samples;

	uint32_t pages = (uint32_t)run_samples(run) * run->pages;
	volatile uint8_t *page = space_address(0);

	space_init(&space);
	vm_begin(&space, pages);
	for (struct sample *s = run->first; s != run->end; s++) {
		uint32_t count = run->pages;

		__asm__ volatile(SAMPLE_BEGIN "1: mov %[page], (%[page])\n"
					      "add %[size], %[page]\n"
					      "dec %[count]\n"
					      "jnz 1b\n" SAMPLE_END
				 : [page] "+r"(page), [count] "+r"(count)
				 : "D"(s), [size] "i"(PAGE_SIZE)
				 : SAMPLE_CLOBBERS);
	}
	expect("wrong-count", vm_end().demand, pages);
	for (uint32_t i = 0; i < pages; i++)
		expect("wrong-value", *(uint64_t *)space_memory(&space, i),
		       (uintptr_t)space_address(i));
	space_destroy(&space);
}
