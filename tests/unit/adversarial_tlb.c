#include "tests/unit/adversarial_tlb.h"

#include <criterion/criterion.h>

#include "l1vmm/arch/x86.h"

void tlb_reset(struct adversarial_tlb *tlb)
{
	tlb->count = 0;
}

/* SDM volume 3, 29.4.1: EP4TA is bits 51:12 of the EPT pointer. */
static uint64_t ep4ta(uint64_t eptp)
{
	return eptp & PTE_ADDR_MASK;
}

static bool has_vpid(const struct tlb_line *line)
{
	return line->kind != TLB_GUEST_PHYSICAL;
}

static bool has_ep4ta(const struct tlb_line *line)
{
	return line->kind != TLB_LINEAR;
}

struct tlb_line *tlb_line(struct adversarial_tlb *tlb, enum tlb_kind kind, uint16_t vpid,
			  uint64_t eptp, uint64_t address)
{
	struct tlb_line wanted = {.kind = kind, .address = address};
	struct tlb_line *line = tlb->lines;

	wanted.vpid = has_vpid(&wanted) ? vpid : 0;
	wanted.ep4ta = has_ep4ta(&wanted) ? ep4ta(eptp) : 0;
	for (; line < tlb->lines + tlb->count; line++)
		if (line->kind == kind && line->vpid == wanted.vpid &&
		    line->ep4ta == wanted.ep4ta && line->address / PAGE_SIZE == address / PAGE_SIZE)
			return line;
	cr_assert(tlb->count < TLB_LINES);
	tlb->count++;
	*line = wanted;
	return line;
}

/* What must go with the translation of an address: pages around it, and tables on its way. */
static void drop_address(struct tlb_line *line, uint64_t address)
{
	struct mmu_cache *cache = &line->cache;
	uint64_t difference = line->address ^ address;
	unsigned kept = 0;

	for (unsigned level = 1; level <= CACHE_LEVELS; level++)
		if (!(difference >> (PAGE_SHIFT + 9 * level)))
			cache->table_count[level] = 0;
	for (unsigned i = 0; i < cache->page_count; i++)
		if (difference & ~(cache->pages[i].size - 1))
			cache->pages[kept++] = cache->pages[i];
	cache->page_count = kept;
}

static void drop_non_global(struct tlb_line *line)
{
	struct mmu_cache *cache = &line->cache;
	unsigned kept = 0;

	for (unsigned level = 1; level <= CACHE_LEVELS; level++)
		cache->table_count[level] = 0;
	for (unsigned i = 0; i < cache->page_count; i++)
		if (cache->pages[i].rights & TLB_GLOBAL)
			cache->pages[kept++] = cache->pages[i];
	cache->page_count = kept;
}

void tlb_invvpid(struct adversarial_tlb *tlb, enum invvpid_type type, uint16_t vpid, uint64_t gva)
{
	cr_assert(type == INVVPID_ALL || vpid != 0, "INVVPID fails for VPID 0");
	for (struct tlb_line *line = tlb->lines; line < tlb->lines + tlb->count; line++) {
		if (!has_vpid(line) || line->vpid == 0 ||
		    (type != INVVPID_ALL && line->vpid != vpid))
			continue;
		if (type == INVVPID_ONE_ADDRESS)
			drop_address(line, gva);
		else if (type == INVVPID_SINGLE_NON_GLOBAL)
			drop_non_global(line);
		else
			cache_drop(&line->cache);
	}
}

void tlb_invept(struct adversarial_tlb *tlb, unsigned type, uint64_t eptp)
{
	cr_assert(type == INVEPT_CONTEXT || type == INVEPT_ALL);
	for (struct tlb_line *line = tlb->lines; line < tlb->lines + tlb->count; line++)
		if (has_ep4ta(line) && (type == INVEPT_ALL || line->ep4ta == ep4ta(eptp)))
			cache_drop(&line->cache);
}

/* Combined mappings of the VPID go for every EP4TA. */
void tlb_invlpg(struct adversarial_tlb *tlb, uint16_t vpid, uint64_t gva)
{
	for (struct tlb_line *line = tlb->lines; line < tlb->lines + tlb->count; line++)
		if (has_vpid(line) && line->vpid == vpid)
			drop_address(line, gva);
}

void tlb_load_cr3(struct adversarial_tlb *tlb, uint16_t vpid)
{
	for (struct tlb_line *line = tlb->lines; line < tlb->lines + tlb->count; line++)
		if (has_vpid(line) && line->vpid == vpid)
			drop_non_global(line);
}

void tlb_change_pge(struct adversarial_tlb *tlb, uint16_t vpid)
{
	for (struct tlb_line *line = tlb->lines; line < tlb->lines + tlb->count; line++)
		if (has_vpid(line) && line->vpid == vpid)
			cache_drop(&line->cache);
}

void tlb_transition(struct adversarial_tlb *tlb, bool vpid_enabled)
{
	for (struct tlb_line *line = tlb->lines; line < tlb->lines + tlb->count; line++)
		if (!vpid_enabled && has_vpid(line) && line->vpid == 0)
			cache_drop(&line->cache);
}

void tlb_ept_violation(struct adversarial_tlb *tlb, uint16_t vpid, uint64_t eptp, uint64_t gpa,
		       uint64_t gva)
{
	for (struct tlb_line *line = tlb->lines; line < tlb->lines + tlb->count; line++) {
		if (!has_ep4ta(line) || line->ep4ta != ep4ta(eptp))
			continue;
		if (line->kind == TLB_GUEST_PHYSICAL)
			drop_address(line, gpa);
		else if (line->vpid == vpid)
			drop_address(line, gva);
	}
}
