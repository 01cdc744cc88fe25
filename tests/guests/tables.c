/*
 * A guest that is not kind to its page tables.  What the architecture defines it checks itself,
 * case by case, so that it ends in the same way natively and under every hypervisor; `case=NAME`
 * adds, last of all, one of those that leave memory.
 */
#include <stdbool.h>
#include <stddef.h>

#include "bench/guests/memory/probe.h"
#include "bench/guests/rt/memory.h"
#include "bench/guests/rt/report.h"
#include "bench/guests/rt/start.h"
#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/x86.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/string.h"

#define FLAGS (PTE_P | PTE_RW)

#define OUTSIDE 0xbffff000 /* just below the devices, where no machine here has memory */
#define DEVICE	0xfec00000 /* the I/O APIC */

/* A slot of the PML4 for the tables under test, one for the PML4 itself. */
#define SLOT	   64
#define LOOP_SLOT  65
#define WINDOW	   ((uint64_t)SLOT << 39)
#define LATE_EDITS 64
#define SPACES	   600 /* with SPACE_TABLES each: more than a shadow MMU has room for */

typedef volatile uint64_t page_table[PTES_PER_PAGE];

extern page_table pml4;

/* One table of each level below it: the window's first 2 MB are mapped by pt. */
static page_table pdpt __attribute__((aligned(PAGE_SIZE)));
static page_table pd __attribute__((aligned(PAGE_SIZE)));
static page_table pt __attribute__((aligned(PAGE_SIZE)));
static page_table data[2] __attribute__((aligned(PAGE_SIZE)));

/* Where linear addresses are physical ones. */
static uint64_t paddr(const volatile void *at)
{
	return (uintptr_t)at;
}

static volatile uint64_t *window(uint64_t offset)
{
	return (volatile uint64_t *)(WINDOW + offset);
}

static uint64_t read(const volatile uint64_t *address)
{
	uint64_t value = 0;

	expect("fault", probe_read(address, &value), NO_FAULT);
	return value;
}

static void clear(page_table table)
{
	for (unsigned i = 0; i < PTES_PER_PAGE; i++)
		table[i] = 0;
}

static void begin(const char *name)
{
	report_running(name);
	clear(pdpt);
	clear(pd);
	clear(pt);
	pdpt[0] = paddr(pd) | FLAGS;
	pd[0] = paddr(pt) | FLAGS;
	pml4[SLOT] = paddr(pdpt) | FLAGS;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < PTES_PER_PAGE; j++)
			data[i][j] = (i + 1) * 0x1000100 + j;
	write_cr3(paddr(pml4));
}

/* The page at these slots, one a level: what goes through LOOP_SLOT first is a table. */
static volatile uint64_t *by_loop(unsigned first, unsigned second, unsigned third, unsigned fourth)
{
	return (volatile uint64_t *)(((uint64_t)first << 39) + ((uint64_t)second << 30) +
				     ((uint64_t)third << 21) + ((uint64_t)fourth << 12));
}

/* A PML4 that is every table above itself, as some kernels have it. */
static void pml4_loops(void)
{
	volatile uint64_t *leaves = by_loop(LOOP_SLOT, SLOT, 0, 0);

	begin("pml4-loop");
	pml4[LOOP_SLOT] = paddr(pml4) | FLAGS;
	expect("root", by_loop(LOOP_SLOT, LOOP_SLOT, LOOP_SLOT, LOOP_SLOT)[SLOT] & PTE_ADDR_MASK,
	       paddr(pdpt));
	for (unsigned round = 0; round < 4; round++) {
		leaves[5] = paddr(data[round % 2]) | FLAGS;
		invlpg(window(5 * PAGE_SIZE));
		expect("word", read(window(5 * PAGE_SIZE + 8)), data[round % 2][1]);
	}
	leaves[5] = 0;
	invlpg(window(5 * PAGE_SIZE));
	expect("not-present", probe_write(window(5 * PAGE_SIZE), 1), PF_W);
	pml4[LOOP_SLOT] = 0;
	write_cr3(paddr(pml4));
}

/* A page directory that is its own page table and page, and a page table that maps itself. */
static void lower_tables_loop(void)
{
	uint64_t self = UINT64_C(7) * PAGE_SIZE_2M + UINT64_C(7) * PAGE_SIZE;

	begin("pd-loop");
	pd[7] = paddr(pd) | FLAGS;
	expect("own-entry", read(window(self + 7 * sizeof(pd[0]))) & PTE_ADDR_MASK, paddr(pd));
	/* By itself it maps another table in its own place. */
	*window(self + 8 * sizeof(pd[0])) = paddr(pt) | FLAGS;
	pt[9] = paddr(data[1]) | FLAGS;
	expect("word", read(window(UINT64_C(8) * PAGE_SIZE_2M + UINT64_C(9) * PAGE_SIZE)),
	       data[1][0]);

	begin("pt-loop");
	pt[3] = paddr(pt) | FLAGS;
	expect("own-entry", read(window(3 * PAGE_SIZE + 3 * sizeof(pt[0]))) & PTE_ADDR_MASK,
	       paddr(pt));
	/* And takes away the ground that it stands on. */
	*window(3 * PAGE_SIZE + 3 * sizeof(pt[0])) = 0;
	invlpg(window(3 * PAGE_SIZE));
	expect("not-present", probe_write(window(3 * PAGE_SIZE), 1), PF_W);
}

/* Tables that the guest reaches by a large page only. */
static void tables_in_large_pages(void)
{
	uint64_t through = UINT64_C(11) * PAGE_SIZE_2M;
	uint64_t page = paddr(pt) & ~(uint64_t)(PAGE_SIZE_2M - 1);
	volatile uint64_t *leaves = window(through + (paddr(pt) - page));

	begin("large-page");
	pd[11] = page | FLAGS | PTE_PS;
	for (unsigned i = 0; i < 8; i++) {
		leaves[2] = paddr(data[i % 2]) | FLAGS;
		invlpg(window(2 * PAGE_SIZE));
		expect("word", read(window(2 * PAGE_SIZE)), data[i % 2][0]);
	}
	/* The page that it lies in comes and goes. */
	pd[11] = 0;
	invlpg(window(through));
	expect("not-present", probe_read(leaves, &(uint64_t){0}), 0);
	pt[2] = paddr(data[0]) | FLAGS;
	invlpg(window(2 * PAGE_SIZE));
	expect("word", read(window(2 * PAGE_SIZE)), data[0][0]);
	/* Address bits below 2 MB are reserved but for PAT. */
	pd[11] = page | FLAGS | PTE_PS | BIT(14);
	expect("reserved", probe_read(leaves, &(uint64_t){0}), PF_P | PF_RSVD);
}

static uint64_t noise(unsigned round, unsigned i)
{
	return (uint64_t)(round + 1) * 0x9e3779b97f4a7c15 * (i + 1);
}

static void write_noise(page_table table, unsigned round)
{
	for (unsigned i = 0; i < PTES_PER_PAGE; i++)
		table[i] = noise(round, i);
}

static void check_noise(page_table table, unsigned round)
{
	for (unsigned i = 0; i < PTES_PER_PAGE; i++)
		expect("data-changed", table[i], noise(round, i));
}

/* A page table becomes data while a directory still links to it, then a table of another level. */
static void table_becomes_data(void)
{
	begin("reuse");
	for (unsigned i = 0; i < 16; i++) {
		pt[i] = paddr(data[i % 2]) | FLAGS;
		expect("word", read(window(i * (uint64_t)PAGE_SIZE)), data[i % 2][0]);
	}
	for (unsigned round = 0; round < 6; round++) {
		write_noise(pt, round);
		check_noise(pt, round);
	}
	pd[0] = 0;
	write_cr3(paddr(pml4));
	check_noise(pt, 5);
	expect("not-present", probe_read(window(0), &(uint64_t){0}), 0);
	clear(pt);
	pdpt[2] = paddr(pt) | FLAGS;
	pt[1] = (paddr(data[0]) & ~(uint64_t)(PAGE_SIZE_2M - 1)) | FLAGS | PTE_PS;
	expect("word",
	       read(window(UINT64_C(2) * PAGE_SIZE_1G + PAGE_SIZE_2M +
			   (paddr(data[0]) & (PAGE_SIZE_2M - 1)))),
	       data[0][0]);
}

/* The root in use is half data: entries that nothing walks are the guest's affair. */
static void root_is_data(void)
{
	static page_table root __attribute__((aligned(PAGE_SIZE)));

	begin("root");
	pt[0] = paddr(data[1]) | FLAGS;
	for (unsigned i = 0; i < PTES_PER_PAGE; i++)
		root[i] = i <= SLOT ? pml4[i] : noise(0, i);
	write_cr3(paddr(root));
	expect("word", read(window(0)), data[1][0]);
	for (unsigned round = 1; round < 4; round++)
		for (unsigned i = SLOT + 1; i < PTES_PER_PAGE; i++)
			root[i] = noise(round, i);
	expect("word", read(window(0)), data[1][0]);
	write_cr3(paddr(pml4));
	for (unsigned i = SLOT + 1; i < PTES_PER_PAGE; i++)
		expect("data-changed", root[i], noise(3, i));
}

/*
 * Edits that are invalidated late: until then the old translation or the new one, behind it the new
 * one (SDM volume 3, 4.10.4.3).
 */
static void late_invalidation(void)
{
	begin("late");
	pt[0] = paddr(data[0]) | FLAGS;
	for (unsigned i = 0; i < LATE_EDITS; i++) {
		unsigned now = (i + 1) % 2;
		uint64_t seen;

		expect("before", read(window(0)), data[1 - now][0]);
		pt[0] = paddr(data[now]) | FLAGS;
		seen = read(window(0));
		if (seen != data[0][0] && seen != data[1][0])
			fail("neither found=0x%lx", seen);
		invlpg(window(0));
		expect("behind", read(window(0)), data[now][0]);
	}
	/* Writing may go on, until it may not. */
	for (unsigned i = 0; i < LATE_EDITS; i++) {
		uint64_t error;

		pt[0] = paddr(data[0]) | FLAGS;
		expect("writable", probe_write(window(0), i), NO_FAULT);
		pt[0] = paddr(data[0]) | PTE_P;
		error = probe_write(window(0), i);
		if (error != NO_FAULT && error != (PF_P | PF_W))
			fail("neither error=0x%lx", error);
		invlpg(window(0));
		expect("read-only", probe_write(window(0), i), PF_P | PF_W);
		/* More rights need none, but one fault may come first; the handler's INVLPG ends
		 * it. */
		pt[0] = paddr(data[0]) | FLAGS;
		invlpg(window(0));
	}
	/* The same a level up. */
	for (unsigned i = 0; i < LATE_EDITS; i++) {
		pd[0] = 0;
		probe_read(window(0), &(uint64_t){0});
		write_cr3(paddr(pml4));
		expect("unlinked", probe_read(window(0), &(uint64_t){0}), 0);
		pd[0] = paddr(pt) | FLAGS;
		expect("linked", read(window(8)), data[0][1]);
	}
}

#define SPACE_TABLES 4

/* More address spaces than shadow tables have room for, each with tables of its own. */
static void many_spaces(const struct start_info_view *boot)
{
	struct memory_range memory = free_memory(boot, UINT64_C(32) << 20, PAGE_SIZE);
	page_table *tables = (page_table *)memory.start;

	begin("many-spaces");
	if (memory.size < (uint64_t)SPACES * SPACE_TABLES * PAGE_SIZE)
		fail("too-little-memory bytes=%lu", memory.size);
	for (unsigned i = 0; i < SPACES; i++) {
		page_table *own = &tables[(uint64_t)i * SPACE_TABLES];

		for (unsigned j = 0; j < SPACE_TABLES; j++)
			clear(own[j]);
		own[0][0] = pml4[0];
		own[0][1] = pml4[1];
		own[0][SLOT] = paddr(own[1]) | FLAGS;
		own[1][0] = paddr(own[2]) | FLAGS;
		own[2][0] = paddr(own[3]) | FLAGS;
		own[3][i % PTES_PER_PAGE] = paddr(data[i % 2]) | FLAGS;
	}
	for (unsigned i = 0; i < 2 * SPACES; i++) {
		unsigned n = i % SPACES;

		write_cr3(paddr(tables[(uint64_t)n * SPACE_TABLES]));
		expect("word", read(window(n % PTES_PER_PAGE * (uint64_t)PAGE_SIZE)),
		       data[n % 2][0]);
		expect("not-present",
		       probe_read(window((n + 1) % PTES_PER_PAGE * (uint64_t)PAGE_SIZE),
				  &(uint64_t){0}),
		       0);
	}
	write_cr3(paddr(pml4));
}

/* Those that leave memory.  What is read there depends on the machine, so nothing is checked. */
static void leave_memory(const char *name)
{
	begin(name);
	if (strcmp(name, "cr3") == 0)
		write_cr3(OUTSIDE);
	else if (strcmp(name, "table") == 0)
		pd[0] = OUTSIDE | FLAGS;
	else if (strcmp(name, "device-table") == 0)
		pd[0] = DEVICE | FLAGS;
	else if (strcmp(name, "page") == 0)
		pt[0] = OUTSIDE | FLAGS;
	else
		fail("no-such-case");
	probe_read(window(0), &(uint64_t){0});
}

void guest_main(const struct start_info_view *boot)
{
	char name[16];

	report_image("tables");
	pml4_loops();
	lower_tables_loop();
	tables_in_large_pages();
	table_becomes_data();
	root_is_data();
	late_invalidation();
	many_spaces(boot);
	report_running(NULL);
	if (cmdline_get(boot->cmdline, "case", name, sizeof(name)) == CMDLINE_FOUND)
		leave_memory(name);
}
