#include "tests/unit/ept02_rig.h"

#include <criterion/criterion.h>
#include <string.h>

#include "l1vmm/arch/x86.h"

#define POOL	  UINT64_C(0x7fff00000000) /* hpa */
#define BASE	  UINT64_C(0x10000000000)  /* hpa of L1's memory */
#define TYPE_BITS UINT64_C(0x78)

uint64_t ept02_rig_probe(unsigned probe)
{
	static const uint64_t probes[EPT02_PROBES] = {
		0,	    0x1000,	0x5000,	      0x200000,	    0x205000,
		0x40001000, 0x40200000, 0x8000000000, 0x8000005000, 0x8040200000,
	};

	return probes[probe];
}

uint64_t ept02_rig_eptp(const struct ept02_rig *rig, unsigned context)
{
	return context * PAGE_SIZE | 0x1e | (rig->flags[context] ? 0x40 : 0);
}

struct ept02_part *ept02_rig_part(struct ept02_rig *rig, uint64_t gpa)
{
	if (gpa >= EPT02_MEMORY)
		return NULL;
	return &rig->parts[gpa < 0x200000 ? 0 : gpa < 0x40000000 ? 1 : 2];
}

uint64_t *ept02_rig_word(struct ept02_rig *rig, uint64_t gpa)
{
	return gpa < sizeof(rig->l1) ? (uint64_t *)rig->l1 + gpa / sizeof(uint64_t) : NULL;
}

static const void *l1_memory(void *ctx, uint64_t gpa, uint64_t size)
{
	cr_assert_eq(size, sizeof(uint64_t));
	cr_assert_eq(gpa % size, 0);
	return ept02_rig_word(ctx, gpa);
}

static bool l1_exchange(void *ctx, uint64_t gpa, uint64_t expected, uint64_t desired)
{
	struct ept02_rig *rig = ctx;

	rig->stores++;
	return __atomic_compare_exchange_n(ept02_rig_word(rig, gpa), &expected, desired, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool l1_page(void *ctx, uint64_t gpa, uint64_t access, struct ept_page *page)
{
	struct ept02_part *part = ept02_rig_part(ctx, gpa);

	if (!part)
		return false;
	part->granted |= access & part->allowed;
	*page = (struct ept_page){.hpa = part->base + (gpa & -part->size),
				  .size = part->size,
				  .rights = part->granted,
				  .type = part->type};
	return true;
}

bool ept02_rig_has(const struct ept02_rig *rig, uint64_t hpa)
{
	return hpa >= POOL && hpa - POOL < sizeof(rig->pool);
}

uint64_t *ept02_rig_table(struct ept02_rig *rig, uint64_t hpa)
{
	cr_assert(ept02_rig_has(rig, hpa) && hpa % PAGE_SIZE == 0);
	return rig->pool[(hpa - POOL) / PAGE_SIZE];
}

static uint64_t *table_at(void *ctx, uint64_t hpa)
{
	return ept02_rig_table(ctx, hpa);
}

static void invalidate(void *ctx, uint64_t eptp02)
{
	struct ept02_rig *rig = ctx;

	rig->invalidations[rig->reason]++;
	if (!rig->dropped[rig->reason])
		tlb_invept(&rig->hardware, INVEPT_CONTEXT, eptp02);
}

void ept02_rig_init(struct ept02_rig *rig, unsigned tables)
{
	const struct ept02_ops ops = {
		.l1 = {.memory = l1_memory, .exchange = l1_exchange, .ctx = rig},
		.page = l1_page,
		.table = table_at,
		.invalidate = invalidate,
		.ctx = rig,
	};

	memset(rig->l1, 0, sizeof(rig->l1));
	memset(rig->flags, 0, sizeof(rig->flags));
	for (unsigned i = 0; i < EPT02_PARTS; i++)
		rig->parts[i] = (struct ept02_part){.base = BASE,
						    .size = page_table_span(i + 1),
						    .granted = EPT_RWX,
						    .allowed = EPT_RWX,
						    .type = EPT_WB};
	rig->offered = (struct vmx_capabilities){.ept_vpid = UINT64_MAX,
						 .physical_address_bits = EPT02_RIG_WIDTH};
	memset(rig->invalidations, 0, sizeof(rig->invalidations));
	memset(rig->dropped, 0, sizeof(rig->dropped));
	rig->stores = 0;
	rig->violations = rig->compositions = 0;
	rig->keeps = false;
	rig->stale[0] = '\0';
	tlb_reset(&rig->hardware);
	tlb_reset(&rig->lawful);
	ept02_init(&rig->ept02, &ops, POOL, tables);
}

/* SDM volume 3, 29.3.3.1. */
bool ept02_rig_malformed(const struct ept02_rig *rig, uint64_t entry, unsigned shift, bool page)
{
	unsigned rights = entry & 7, type = entry >> 3 & 7;

	if (rights == 2 || rights == 6 || (entry & 0xfffffffffffff) >> EPT02_RIG_WIDTH)
		return true;
	if (rights == 4 && !(rig->offered.ept_vpid & 1))
		return true;
	if (!page)
		return (entry & 0x78) || (shift == 39 && (entry & 0x80));
	if (shift == 30 && !(rig->offered.ept_vpid >> 17 & 1))
		return true;
	return type == 2 || type == 3 || type == 7 || (entry & ((1ull << shift) - 1) & ~0xfffull);
}

struct ept02_reference ept02_rig_walk(struct ept02_rig *rig, unsigned context, uint64_t l2_gpa)
{
	struct ept02_reference r = {.outcome = EPT12_VIOLATION, .granted = 7};
	uint64_t table = (uint64_t)context * PAGE_SIZE;

	for (unsigned shift = 39;; shift -= 9) {
		uint64_t *at = ept02_rig_word(rig, table + (l2_gpa >> shift & 511) * 8);
		bool page;

		if (!at) {
			r.outcome = EPT12_MISCONFIG;
			return r;
		}
		memmove(r.way + 1, r.way, 3 * sizeof(r.way[0]));
		r.way[0] = at;
		r.steps++;
		r.granted &= *at;
		if (!(*at & 7))
			return r;
		page = shift == 12 || (shift < 39 && (*at & 0x80));
		if (ept02_rig_malformed(rig, *at, shift, page)) {
			r.outcome = EPT12_MISCONFIG;
			return r;
		}
		table = *at & PTE_ADDR_MASK;
		if (page) {
			r.outcome = EPT12_PAGE;
			r.size = 1ull << shift;
			r.gpa = table | (l2_gpa & (r.size - 1));
			r.type = *at & TYPE_BITS;
			return r;
		}
	}
}

void ept02_rig_invept(struct ept02_rig *rig, unsigned context)
{
	if (context == EPT02_CONTEXTS) {
		tlb_invept(&rig->lawful, INVEPT_ALL, 0);
		rig->reason = EPT02_INVEPT_ALL;
		ept02_invept_all(&rig->ept02);
		return;
	}
	tlb_invept(&rig->lawful, INVEPT_CONTEXT, ept02_rig_eptp(rig, context));
	rig->reason = EPT02_INVEPT;
	ept02_invept(&rig->ept02, ept02_rig_eptp(rig, context));
}

void ept02_rig_changed(struct ept02_rig *rig)
{
	rig->reason = EPT02_CHANGED;
	ept02_invept_all(&rig->ept02);
}

uint64_t ept02_rig_entry(struct ept02_rig *rig, uint64_t l2_gpa, uint64_t *size)
{
	uint64_t entry = 0;

	*size = 0;
	return page_table_lookup(&rig->ept02.current->table, l2_gpa, &entry, size) ? entry : 0;
}
