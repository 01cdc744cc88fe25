#include "tests/unit/table_rig.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>

/* Where the tables lie: high enough that a lost bit shows. */
#define RIG_HPA	   UINT64_C(0x000a5c3b10000000)
#define TABLE_SIZE 4096
#define WORDS	   512

#define FRAME_MASK UINT64_C(0x000ffffffffff000)
#define PAGE_BIT   UINT64_C(0x80)
#define HOST	   UINT64_C(3) /* present, writable */
#define EPT	   UINT64_C(7) /* read, write, execute */
#define HOST_NX	   (UINT64_C(1) << 63)

static uint64_t alloc(void *ctx)
{
	struct table_rig *rig = ctx;

	if (rig->used == rig->limit)
		return 0;
	cr_assert_lt(rig->used, rig->capacity);
	return RIG_HPA + rig->used++ * TABLE_SIZE;
}

static size_t table_index(const struct table_rig *rig, uint64_t hpa)
{
	uint64_t offset = hpa - RIG_HPA;

	cr_assert(hpa >= RIG_HPA && offset / TABLE_SIZE < rig->used && offset % TABLE_SIZE == 0,
		  "there is no table at %#lx", hpa);
	return offset / TABLE_SIZE;
}

static uint64_t *table(void *ctx, uint64_t hpa)
{
	struct table_rig *rig = ctx;

	return rig->words + table_index(rig, hpa) * WORDS;
}

void table_rig_init(struct table_rig *rig, const struct page_table_format *format, size_t capacity)
{
	rig->words = mmap(NULL, capacity * TABLE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(rig->words, MAP_FAILED);
	rig->capacity = capacity;
	rig->used = 0;
	rig->memory = (struct page_table_memory){.ctx = rig, .alloc = alloc, .table = table};
	rig->pt.format = format;
	rig->rights = format == &page_table_host ? HOST : EPT;
	table_rig_restart(rig);
}

void table_rig_free(struct table_rig *rig)
{
	munmap(rig->words, rig->capacity * TABLE_SIZE);
}

void table_rig_restart(struct table_rig *rig)
{
	memset(rig->words, 0, rig->used * TABLE_SIZE);
	rig->used = 0;
	rig->limit = SIZE_MAX;
	cr_assert(page_table_init(&rig->pt, rig->pt.format, &rig->memory));
	cr_assert_eq(rig->used, 1);
}

static bool is_present(const struct table_rig *rig, uint64_t entry)
{
	return entry & (rig->rights == EPT ? EPT : 1);
}

struct translation table_rig_walk(const struct table_rig *rig, const uint64_t *words,
				  uint64_t address)
{
	uint64_t hpa = rig->pt.root, entry = 0, below = 0;

	for (unsigned shift = 39; shift >= 12; shift -= 9) {
		entry = words[table_index(rig, hpa) * WORDS + (address >> shift) % WORDS];
		below = (UINT64_C(1) << shift) - 1;
		if (!is_present(rig, entry))
			return (struct translation){0};
		if (shift == 12 || (entry & PAGE_BIT))
			break;
		cr_assert(shift > 12 && (entry & rig->rights) == rig->rights && !(entry & HOST_NX),
			  "a table takes rights away: %#lx", entry);
		hpa = entry & FRAME_MASK;
	}
	cr_assert_lt(below, UINT64_C(1) << 39, "a page in place of a level-3 table");
	return (struct translation){
		.size = below + 1,
		.frame = (entry & FRAME_MASK) + (address & below & FRAME_MASK),
		.bits = entry & ~FRAME_MASK & (below < TABLE_SIZE ? UINT64_MAX : ~PAGE_BIT),
	};
}

bool translation_equal(struct translation a, struct translation b)
{
	/* The size of the page is no part of what it maps. */
	return !a.size == !b.size && a.frame == b.frame && a.bits == b.bits;
}
