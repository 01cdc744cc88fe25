#include "tests/unit/shadow_on_ept_rig.h"

#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"

#define VPID01	1 /* of L0's, for L1 */
#define VPID02	100
#define TABLES	64
#define CROWDED 24

uint64_t soe_probe(unsigned probe)
{
	static const uint64_t probes[SOE_PROBES] = {0, 0x3000, 0x201000, 0x8000000000};

	return probes[probe];
}

uint16_t soe_vpid12(unsigned context)
{
	return context > SOE_UNTAGGED ? (uint16_t)(1000 * context) : 0;
}

uint16_t soe_vpid02(const struct soe_rig *rig)
{
	return rig->running == SOE_L1 ? VPID01 : rig->vpids.slot[rig->slot].vpid02;
}

struct mmu_cache *soe_physical(struct soe_rig *rig, unsigned frame)
{
	return &rig->hardware.lines[frame].cache;
}

struct mmu_cache *soe_combined(struct soe_rig *rig, unsigned probe)
{
	unsigned owner = rig->running == SOE_L1 ? VPID12_SLOTS : rig->slot;

	return &rig->hardware.lines[SOE_FRAMES + owner * SOE_PROBES + probe].cache;
}

struct mmu_cache *soe_lawful(struct soe_rig *rig, unsigned probe)
{
	unsigned owner = rig->running > SOE_UNTAGGED ? rig->running - SOE_UNTAGGED : 0;

	return &rig->lawful.lines[owner * SOE_PROBES + probe].cache;
}

/* One line for each, in the order that the functions above know. */
static void make_lines(struct soe_rig *rig)
{
	uint64_t eptp = ept_pointer(&rig->ept);

	tlb_reset(&rig->hardware);
	for (unsigned frame = 0; frame < SOE_FRAMES; frame++)
		cache_drop(&tlb_line(&rig->hardware, TLB_GUEST_PHYSICAL, 0, eptp,
				     frame * (uint64_t)PAGE_SIZE)
				    ->cache);
	for (unsigned owner = 0; owner <= VPID12_SLOTS; owner++)
		for (unsigned probe = 0; probe < SOE_PROBES; probe++)
			tlb_line(&rig->hardware, TLB_COMBINED,
				 owner == VPID12_SLOTS ? VPID01 : (uint16_t)(VPID02 + owner), eptp,
				 soe_probe(probe));
	tlb_reset(&rig->lawful);
	for (unsigned context = SOE_UNTAGGED; context < SOE_CONTEXTS; context++)
		for (unsigned probe = 0; probe < SOE_PROBES; probe++)
			tlb_line(&rig->lawful, TLB_LINEAR, soe_vpid12(context), 0,
				 soe_probe(probe));
}

static bool is_asked_for(struct soe_rig *rig)
{
	rig->invalidations[rig->reason]++;
	return !rig->dropped[rig->reason];
}

static void invalidate_ept(void *ctx)
{
	struct soe_rig *rig = ctx;

	soe_take_in_ept(rig);
	if (is_asked_for(rig))
		tlb_invept(&rig->hardware, INVEPT_CONTEXT, ept_pointer(&rig->ept));
}

static void invalidate_vpid(void *ctx, enum invvpid_type type, uint16_t of, uint64_t address)
{
	struct soe_rig *rig = ctx;

	cr_assert(of >= VPID02 && of < VPID02 + VPID12_SLOTS);
	if (is_asked_for(rig))
		tlb_invvpid(&rig->hardware, type, of, address);
}

void soe_init(struct soe_rig *rig, struct ept_config config)
{
	*rig = (struct soe_rig){.running = SOE_L1};
	table_rig_init(&rig->tables, &page_table_ept, TABLES);
	config.invalidate = invalidate_ept;
	config.ctx = rig;
	cr_assert(ept_init(&rig->ept, &rig->tables.memory, &config));
	rig->tables.pt = rig->ept.table;
	rig->vpids.invalidate = invalidate_vpid;
	rig->vpids.ctx = rig;
	for (unsigned i = 0; i < VPID12_SLOTS; i++)
		rig->vpids.slot[i].vpid02 = (uint16_t)(VPID02 + i);
	make_lines(rig);
	soe_take_in_ept(rig);
}

void soe_free(struct soe_rig *rig)
{
	table_rig_free(&rig->tables);
}

void soe_enter(struct soe_rig *rig, unsigned context)
{
	tlb_transition(&rig->lawful, soe_vpid12(context));
	rig->reason = soe_vpid12(context) ? SOE_REUSED : SOE_ENTRY;
	rig->slot = vpid12_use(&rig->vpids, soe_vpid12(context));
	rig->running = context;
}

void soe_exit(struct soe_rig *rig)
{
	bool tagged = soe_vpid12(rig->running);

	tlb_transition(&rig->lawful, tagged);
	rig->running = SOE_L1;
	rig->reason = SOE_EXIT;
	if (!tagged && is_asked_for(rig))
		tlb_invvpid(&rig->hardware, INVVPID_SINGLE, VPID01, 0);
}

void soe_invvpid(struct soe_rig *rig, enum invvpid_type type, unsigned context, uint64_t gva)
{
	tlb_invvpid(&rig->lawful, type, soe_vpid12(context), gva);
	rig->reason = SOE_ADDRESS + (unsigned)type;
	vpid12_invalidate(&rig->vpids, type, soe_vpid12(context), gva);
}

/* The processor's own invalidations go by the VPID: the one that it has, and the one L1 gave. */
void soe_load_cr3(struct soe_rig *rig, unsigned frame)
{
	rig->root[rig->running] = frame;
	tlb_load_cr3(&rig->hardware, soe_vpid02(rig));
	tlb_load_cr3(&rig->lawful, soe_vpid12(rig->running));
}

void soe_change_pge(struct soe_rig *rig)
{
	tlb_change_pge(&rig->hardware, soe_vpid02(rig));
	tlb_change_pge(&rig->lawful, soe_vpid12(rig->running));
}

void soe_invlpg(struct soe_rig *rig, uint64_t gva)
{
	tlb_invlpg(&rig->hardware, soe_vpid02(rig), gva);
	tlb_invlpg(&rig->lawful, soe_vpid12(rig->running), gva);
}

static void ignore(void *ctx, uint64_t gpa, uint64_t size, uint64_t bits)
{
	(void)ctx, (void)gpa, (void)size, (void)bits;
}

void soe_change(struct soe_rig *rig, enum soe_reason what, unsigned frame, uint64_t rights)
{
	uint64_t gpa = frame * (uint64_t)PAGE_SIZE, given = EPT_READ | (rights & EPT_RWX);
	enum ept_result result = EPT_DONE;

	rig->reason = what;
	switch ((unsigned)what) {
	case SOE_WATCH:
		cr_assert(ept_watch(&rig->ept, gpa));
		rig->watched[frame] = rig->ept.write_grants + 1;
		break;
	case SOE_PROTECT:
		rig->watched[frame] = 0; /* what is granted again is not counted */
		result = ept_protect(&rig->ept, gpa, PAGE_SIZE, given, EPT_RWX & ~given);
		break;
	case SOE_TYPE:
		result = ept_set_type(&rig->ept, gpa, PAGE_SIZE, rights & 8 ? EPT_UC : EPT_WB);
		break;
	case SOE_COLLECT:
		result = ept_collect(&rig->ept, gpa, PAGE_SIZE, EPT_DIRTY, ignore, NULL);
		break;
	case SOE_UNMAP:
		rig->watched[frame] = 0;
		result = ept_unmap(&rig->ept, gpa, PAGE_SIZE);
		break;
	}
	cr_assert_eq(result, EPT_DONE);
	soe_take_in_ept(rig);
}

bool soe_crowded(struct soe_rig *rig)
{
	for (unsigned probe = 0; probe < SOE_PROBES; probe++) {
		const struct mmu_cache *cache[] = {soe_lawful(rig, probe),
						   soe_combined(rig, probe)};

		for (unsigned i = 0; i < 2; i++) {
			if (cache[i]->page_count > CROWDED)
				return true;
			for (unsigned level = 1; level <= CACHE_LEVELS; level++)
				if (cache[i]->table_count[level] > CROWDED)
					return true;
		}
	}
	return false;
}
