#include "l1vmm/vmx/vpid.h"

void vpid_pool_init(struct vpid_pool *pool, uint16_t last, void (*invalidate)(void *ctx), void *ctx)
{
	*pool = (struct vpid_pool){
		.generation = 1, .next = 1, .last = last, .invalidate = invalidate, .ctx = ctx};
}

bool vpid_take(struct vpid_pool *pool, struct vpid_owner *owner)
{
	if (owner->generation == pool->generation)
		return false;
	if (pool->next > pool->last) {
		pool->generation++;
		pool->next = 1;
		pool->invalidate(pool->ctx);
	}
	owner->generation = pool->generation;
	owner->number = (uint16_t)pool->next++;
	return true;
}
