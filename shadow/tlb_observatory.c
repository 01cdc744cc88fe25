#include "shadow/tlb_observatory.h"

#include "l1vmm/arch/x86.h"

static size_t aligned(size_t bytes)
{
	return (bytes + 7) & ~(size_t)7;
}

size_t tlb_observatory_workspace(const struct tlb_parameters *parameters, uint32_t tables)
{
	return aligned(tlb_view_workspace(tables)) + tlb_model_workspace(parameters);
}

static void lost(void *ctx, const struct tlb_page *page)
{
	struct tlb_observatory *o = ctx;

	tlb_view_unmap(&o->view, page->gva);
	o->dirty = true;
}

void tlb_observatory_init(struct tlb_observatory *o, const struct tlb_parameters *parameters,
			  uint64_t (*tables)[TLB_VIEW_ENTRIES], uint64_t base, uint32_t count,
			  void *workspace)
{
	char *rest = (char *)workspace + aligned(tlb_view_workspace(count));

	tlb_view_init(&o->view, tables, base, count, workspace);
	tlb_model_init(&o->model, parameters, rest, lost, o);
	o->dirty = false;
}

void tlb_observatory_show(struct tlb_observatory *o, const struct tlb_translation *t)
{
	tlb_view_unmap(&o->view, t->page.gva);
	tlb_view_map(&o->view, t->page.gva, t->page.large, t->address, t->rights);
	o->dirty = true;
}

bool tlb_observatory_take(struct tlb_observatory *o, const struct tlb_translation *t,
			  unsigned *references)
{
	struct tlb_page held;
	bool found = tlb_model_find(&o->model, t->page.gva, &held);
	bool miss = !found || held.large != t->page.large;

	if (found && miss)
		tlb_observatory_drop(o, t->page.gva);
	if (miss) {
		*references = tlb_model_walk(&o->model, t->page.gva, &t->walk);
		tlb_model_insert(&o->model, &t->page);
	}
	tlb_observatory_show(o, t);
	return miss;
}

void tlb_observatory_drop(struct tlb_observatory *o, uint64_t gva)
{
	tlb_model_drop(&o->model, gva);
	tlb_view_unmap(&o->view, gva);
	o->dirty = true;
}

void tlb_observatory_flush(struct tlb_observatory *o, bool global)
{
	tlb_model_flush(&o->model, global);
}

/* SDM volume 3, 4.6, with CR0.WP set. */
static bool permitted(const struct tlb_tables *tables, uint64_t rights, uint32_t access)
{
	bool user = rights & PTE_US;

	if ((access & PF_I && rights & PTE_NX) || (access & PF_W && !(rights & PTE_RW)))
		return false;
	if (access & PF_U)
		return user;
	if (access & PF_I)
		return !user || !tables->smep;
	return !user || !tables->smap || tables->ac;
}

bool tlb_walk_tables(const struct tlb_tables *tables, uint64_t gva, uint32_t access,
		     struct tlb_translation *out)
{
	uint64_t entry = tables->root, rights = PTE_RW | PTE_US;
	unsigned level = tables->levels + 1;
	bool leaf = false;

	while (!leaf && --level > 0) {
		unsigned index = gva >> (PAGE_SHIFT + 9 * (level - 1)) & (PTES_PER_PAGE - 1);

		entry = tables->table(tables->ctx, entry & PTE_ADDR_MASK)[index];
		if (!(entry & PTE_P))
			return false;
		/* A PDPTE of PAE paging grants nothing and takes nothing away. */
		if (level < 3 || tables->levels == 4)
			rights = (rights & (entry | PTE_NX)) | (entry & PTE_NX);
		leaf = level == 1 || (level == 2 && entry & PTE_PS);
	}
	*out = (struct tlb_translation){
		.page = {.gva = tlb_page_start(gva, level == 2), .large = level == 2},
		.walk = {.levels = (uint8_t)((tables->levels == 4 ? 5 : 3) - level),
			 .leaf = (uint8_t)level},
		.address = tlb_page_start(entry & PTE_ADDR_MASK, level == 2),
		.rights = rights,
	};
	return permitted(tables, rights, access);
}
