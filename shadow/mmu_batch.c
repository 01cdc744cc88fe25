/* Orders of a guest that takes part in its shadowing. */
#include "shadow/mmu_batch.h"

#include "shadow/mmu_internal.h"

/* Bits 51:3, without the kind. */
#define ORDER_VALUE(order) ((order) & (BIT(MMU_ORDER_MORE_SHIFT) - 1) & ~(uint64_t)MMU_ORDER_KIND)
#define CANONICAL_SHIFT	   16 /* with 4 levels */

static bool is_memory(const struct mmu *mmu, uint64_t gpa)
{
	uint64_t hpa;

	return mmu->ops.frame(mmu->ops.ctx, gpa & PTE_ADDR_MASK, &hpa);
}

static enum hypercall_error entries(struct mmu *mmu, uint64_t order, uint64_t *looked_at)
{
	uint64_t gpa = ORDER_VALUE(order), count = (order >> MMU_ORDER_MORE_SHIFT) + 1;

	if (gpa % PAGE_SIZE / sizeof(order) + count > PTES_PER_PAGE || !is_memory(mmu, gpa))
		return HYPERCALL_E_BAD_ENTRIES;
	*looked_at += count;
	mmu_written(mmu, gpa, count * sizeof(order));
	return HYPERCALL_OK;
}

static enum hypercall_error invalidate(struct mmu *mmu, uint64_t order)
{
	uint64_t gva = order & ~(uint64_t)(PAGE_SIZE - 1);

	if ((order ^ gva) != MMU_ORDER_INVALIDATE)
		return HYPERCALL_E_BAD_ORDER;
	if (paging_mode(&mmu->state) != PAGING_4LEVEL)
		gva &= UINT32_MAX;
	else if ((uint64_t)((int64_t)(gva << CANONICAL_SHIFT) >> CANONICAL_SHIFT) != gva)
		return HYPERCALL_E_BAD_ADDRESS;
	/* The guest has told of what it stored: the tables are in step. */
	mmu_flush_gva(mmu, gva);
	return HYPERCALL_OK;
}

static enum hypercall_error forget(struct mmu *mmu, uint64_t order)
{
	uint64_t gpa = order & PTE_ADDR_MASK;

	if ((order ^ gpa) != MMU_ORDER_FORGET)
		return HYPERCALL_E_BAD_ORDER;
	if (!is_memory(mmu, gpa))
		return HYPERCALL_E_BAD_ROOT;
	mmu_forget(mmu, gpa);
	return HYPERCALL_OK;
}

static enum hypercall_error load(struct mmu_batch *batch, uint64_t order)
{
	uint64_t cr3 = ORDER_VALUE(order);

	if ((order ^ cr3) != MMU_ORDER_LOAD)
		return HYPERCALL_E_BAD_ORDER;
	return batch->load_cr3(batch->ctx, cr3) ? HYPERCALL_OK : HYPERCALL_E_BAD_ROOT;
}

static enum hypercall_error carry_out(struct mmu *mmu, struct mmu_batch *batch, uint64_t order,
				      uint64_t *looked_at)
{
	switch (order & MMU_ORDER_KIND) {
	case MMU_ORDER_ENTRIES:
		batch->edited = true;
		return entries(mmu, order, looked_at);
	case MMU_ORDER_INVALIDATE:
		return invalidate(mmu, order);
	case MMU_ORDER_FORGET:
		batch->edited = true;
		return forget(mmu, order);
	case MMU_ORDER_LOAD:
		return load(batch, order);
	}
	return HYPERCALL_E_BAD_ORDER;
}

int64_t mmu_batch_run(struct mmu *mmu, struct mmu_batch *batch)
{
	uint64_t looked_at = 0, done = 0;

	if (batch->count > MMU_BATCH_ORDERS)
		return -HYPERCALL_E_TOO_LONG;
	while (done < batch->count && looked_at < MMU_BATCH_ENTRIES) {
		enum hypercall_error error = carry_out(mmu, batch, batch->orders[done], &looked_at);

		if (error)
			return done > 0 ? (int64_t)done : -(int64_t)error;
		done++;
	}
	return (int64_t)done;
}
