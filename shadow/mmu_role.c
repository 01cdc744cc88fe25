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

uint64_t mmu_root_gpa(const struct paging_state *state)
{
	switch (paging_mode(state)) {
	case PAGING_NONE:
		return 0;
	case PAGING_32BIT:
		return state->cr3 & 0xfffff000;
	case PAGING_PAE:
		return state->cr3 & 0xffffffe0;
	case PAGING_4LEVEL:
		break;
	}
	return state->cr3 & PTE_ADDR_MASK;
}

bool mmu_shadows_table(const struct mmu_page *page)
{
	return !page->role.direct && !page->role.top;
}

unsigned mmu_entry_size(union mmu_role role)
{
	return role.mode == PAGING_32BIT ? 4 : 8;
}

/*
 * A 32-bit table has 1,024 entries, of which a shadow table takes in 512 at level 1, and 256 at
 * level 2, where each entry of 4 MB needs two of 2 MB.
 */
uint64_t mmu_entry_gpa(const struct mmu_page *page, unsigned index)
{
	if (page->role.mode != PAGING_32BIT)
		return page->gpa + index * 8UL;
	index += page->role.quadrant * PTES_PER_PAGE;
	return page->gpa + (page->role.level == 1 ? index : index / 2) * 4UL;
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

union mmu_role mmu_combine(union mmu_role role, uint64_t entry)
{
	role.write &= !!(entry & PTE_RW);
	role.user &= !!(entry & PTE_US);
	role.no_execute |= !!(entry & PTE_NX);
	return role;
}

/* With WP clear a supervisor writes its own pages whatever their entries say. */
union mmu_role mmu_leaf_rights(union mmu_role role, uint64_t entry)
{
	role = mmu_combine(role, entry);
	if (!role.wp && !role.user)
		role.write = true;
	if (!(entry & PTE_D))
		role.write = false;
	return role;
}

uint64_t mmu_rights_bits(union mmu_role role)
{
	return (role.write ? PTE_RW : 0) | (role.user ? PTE_US : 0) |
	       (role.no_execute ? PTE_NX : 0);
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
