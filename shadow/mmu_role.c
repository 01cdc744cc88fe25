/* Which shadow table stands for which guest table, and what its entries may grant. */
#include "shadow/mmu_internal.h"

union mmu_role mmu_root_role(const struct paging_state *state)
{
	enum paging_mode mode = paging_mode(state);
	bool wp = mode == PAGING_NONE || state->cr0 & CR0_WP;

	return (union mmu_role){{
		.level = mode == PAGING_4LEVEL ? 4 : 3,
		.mode = mode,
		.direct = mode == PAGING_NONE,
		.top = mode == PAGING_32BIT || mode == PAGING_PAE,
		.write = true,
		.user = true,
		.wp = wp,
		.nxe = mode >= PAGING_PAE && state->efer & EFER_NXE,
		.pse = mode == PAGING_32BIT && state->cr4 & CR4_PSE,
		.smep = !wp && state->cr4 & CR4_SMEP,
		.smap = !wp && state->cr4 & CR4_SMAP,
	}};
}

void mmu_slots_at(const struct mmu_page *page, unsigned offset, unsigned *first, unsigned *count)
{
	unsigned index = offset / mmu_entry_size(page->role);

	*first = index;
	*count = 1;
	if (page->role.mode != PAGING_32BIT)
		return;
	if (page->role.level > 1) {
		index *= 2;
		*count = 2;
	}
	*first = index % PTES_PER_PAGE;
	if (index / PTES_PER_PAGE != page->role.quadrant)
		*count = 0;
}

bool mmu_odd_entry(const struct mmu *mmu, union mmu_role role, uint64_t entry)
{
	uint64_t ignored = role.mode == PAGING_PAE ? 0 : (uint64_t)0x7ff << 52;

	if (role.level > 1 && entry & PTE_PS && (role.mode != PAGING_32BIT || role.pse))
		return true;
	if (entry & PTE_NX && !role.nxe)
		return true;
	return (entry & ~PTE_NX & ~ignored) >> mmu->state.maxphyaddr != 0;
}
