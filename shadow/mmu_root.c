/* Setting up, and the roots of the guest's address spaces. */
#include "l1vmm/lib/string.h"
#include "shadow/mmu_internal.h"

/* A frame is found among few others as long as the guest maps each about as often. */
#define FRAME_HEADS_A_PAGE 16

#define PAE_ROOT_ENTRIES 4
#define PAE_ROOT_LIMIT	 BIT(32)

static uint32_t page_heads(uint32_t pool_pages)
{
	uint32_t heads = 1;

	while (heads < pool_pages)
		heads *= 2;
	return heads;
}

/* Of the workspace, what belongs to each page of the pool. */
#define PAGE_LISTS 3 /* chains, unsyncs, orphans */
#define PAGE_BYTES \
	(sizeof(struct mmu_page) + (PTES_PER_PAGE + PAGE_LISTS) * sizeof(struct mmu_link))

size_t mmu_workspace_size(uint32_t pool_pages)
{
	size_t heads = page_heads(pool_pages) * (size_t)(1 + FRAME_HEADS_A_PAGE);

	return pool_pages * PAGE_BYTES + heads * sizeof(uint32_t);
}

static void *take(char **workspace, size_t count, size_t size)
{
	char *part = *workspace;

	*workspace += count * size;
	return part;
}

static uint32_t *take_heads(char **workspace, uint32_t count, uint32_t *mask)
{
	uint32_t *heads = take(workspace, count, sizeof(*heads));

	for (uint32_t i = 0; i < count; i++)
		heads[i] = MMU_NONE;
	*mask = count - 1;
	return heads;
}

static void lay_out(struct mmu *mmu, char *workspace)
{
	size_t pages = mmu->pool_pages;
	uint32_t heads = page_heads(mmu->pool_pages);

	mmu->pages = take(&workspace, pages, sizeof(*mmu->pages));
	mmu->slots = take(&workspace, pages * PTES_PER_PAGE, sizeof(*mmu->slots));
	mmu->chains = take(&workspace, pages, sizeof(*mmu->chains));
	mmu->unsyncs = take(&workspace, pages, sizeof(*mmu->unsyncs));
	mmu->orphans = take(&workspace, pages, sizeof(*mmu->orphans));
	mmu->page_heads = take_heads(&workspace, heads, &mmu->page_mask);
	mmu->frame_heads = take_heads(&workspace, heads * FRAME_HEADS_A_PAGE, &mmu->frame_mask);
}

bool mmu_init(struct mmu *mmu, enum mmu_policy policy, const struct mmu_ops *ops, uint64_t pool,
	      uint32_t pool_pages, void *workspace)
{
	if (pool_pages < MMU_POOL_MIN || pool_pages > MMU_POOL_MAX || pool % PAGE_SIZE != 0 ||
	    pool > PAE_ROOT_LIMIT - (uint64_t)pool_pages * PAGE_SIZE)
		return false;
	*mmu = (struct mmu){
		.policy = policy,
		.ops = *ops,
		.pool = pool,
		.pool_pages = pool_pages,
		.root = MMU_NONE,
		.free_pages = pool_pages,
		.free = MMU_NONE,
		.unsync = MMU_NONE,
		.orphan = MMU_NONE,
	};
	lay_out(mmu, workspace);
	for (uint32_t page = pool_pages; page-- > 0;) {
		memset(mmu_table(mmu, page), 0, PAGE_SIZE);
		mmu->pages[page].used = MMU_FREE;
		mmu_list_insert(mmu->chains, &mmu->free, page);
	}
	return true;
}

/* The guest's four registers are what a PAE root shadows: empty the entries that say otherwise. */
static __attribute__((noinline)) void compare_registers(struct mmu *mmu, uint32_t root)
{
	for (unsigned i = 0; i < PAE_ROOT_ENTRIES; i++) {
		uint64_t shadow = mmu_table(mmu, root)[i], guest = mmu->state.pdpte[i];

		if (shadow & PTE_P && (!(guest & PTE_P) || mmu->pages[mmu_child(mmu, shadow)].gpa !=
								   (guest & PTE_ADDR_MASK)))
			mmu_drop_slot(mmu, root, i);
	}
}

static __attribute__((noinline)) uint32_t new_root(struct mmu *mmu, uint64_t gpa,
						   union mmu_role role)
{
	mmu_reserve(mmu, 1);
	return mmu_get_page(mmu, gpa, role);
}

/* Inline, as loads of CR3 are frequent and only the rare parts of one are long. */
static inline __attribute__((always_inline)) uint64_t switch_root(struct mmu *mmu,
								  union mmu_role role)
{
	uint64_t gpa = mmu_root_gpa(&mmu->state, role.mode);
	uint32_t root = mmu_find_page(mmu, gpa, role);

	if (root == MMU_NONE)
		root = new_root(mmu, gpa, role);
	mmu->root = root;
	mmu_touch_page(mmu, root);
	if (role.mode == PAGING_PAE)
		compare_registers(mmu, root);
	mmu_bury_orphans(mmu);
	mmu_flush_everything(mmu);
	return mmu_page_hpa(mmu, root);
}

uint64_t mmu_load(struct mmu *mmu, const struct paging_state *state)
{
	mmu_synchronize(mmu);
	mmu->state = *state;
	return switch_root(mmu, mmu_root_role(state));
}

uint64_t mmu_load_cr3(struct mmu *mmu, uint64_t cr3, const uint64_t pdpte[4])
{
	union mmu_role role = mmu->pages[mmu->root].role;

	if (mmu->unsync != MMU_NONE)
		mmu_synchronize(mmu);
	mmu->state.cr3 = cr3;
	for (unsigned i = 0; role.mode == PAGING_PAE && i < PAE_ROOT_ENTRIES; i++)
		mmu->state.pdpte[i] = pdpte[i];
	return switch_root(mmu, role);
}
