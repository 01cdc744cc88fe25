/*
 * The page area: 4 KB pages at addresses of their own, each mapped as a workload likes.  Everything
 * else lies in 2 MB pages at its physical address.
 */
#ifndef BENCH_GUESTS_RT_PAGES_H
#define BENCH_GUESTS_RT_PAGES_H

#include <stdint.h>

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"

#define PAGE_AREA	UINT64_C(0x8000000000) /* slot 1 of the PML4 */
#define PAGE_AREA_PAGES PTES_PER_PAGE

/* Pages of the area that the runtime itself uses are the first ones. */
#define PAGE_AREA_USER_TEXT 0
#define PAGE_AREA_FREE	    16

/* The entry of page `n` of the area, for code that writes it by itself. */
extern volatile uint64_t area_pt[PAGE_AREA_PAGES];

static inline volatile uint8_t *page_address(unsigned int n)
{
	return (volatile uint8_t *)(PAGE_AREA + (uint64_t)n * PAGE_SIZE);
}

/* Maps page `n` of the area to physical address `paddr`; `flags` are PTE_* bits, PTE_P implied. */
static inline void page_map(unsigned int n, uint64_t paddr, uint64_t flags)
{
	area_pt[n] = paddr | flags | PTE_P;
	invlpg(page_address(n));
}

static inline void page_unmap(unsigned int n)
{
	area_pt[n] = 0;
	invlpg(page_address(n));
}

#endif
