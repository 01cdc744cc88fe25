#include "nesting/vpid12.h"

static unsigned least_recent(const struct vpid12_map *map)
{
	unsigned least = 1;

	for (unsigned i = 2; i < VPID12_SLOTS; i++)
		if (map->slot[i].used < map->slot[least].used)
			least = i;
	return least;
}

/* 0: there is none. */
static unsigned find(const struct vpid12_map *map, uint16_t vpid12)
{
	for (unsigned i = 1; i < VPID12_SLOTS; i++)
		if (map->slot[i].vpid12 == vpid12)
			return i;
	return 0;
}

unsigned vpid12_use(struct vpid12_map *map, uint16_t vpid12)
{
	unsigned slot = vpid12 ? find(map, vpid12) : 0;

	if (!slot) {
		slot = vpid12 ? least_recent(map) : 0;
		if (!vpid12 || map->slot[slot].vpid12)
			map->invalidate(map->ctx, INVVPID_SINGLE, map->slot[slot].vpid02, 0);
		map->slot[slot].vpid12 = vpid12;
	}
	map->slot[slot].used = ++map->clock;
	return slot;
}

void vpid12_invalidate(const struct vpid12_map *map, enum invvpid_type type, uint16_t vpid12,
		       uint64_t address)
{
	if (type == INVVPID_ALL) {
		for (unsigned i = 1; i < VPID12_SLOTS; i++)
			if (map->slot[i].vpid12)
				map->invalidate(map->ctx, INVVPID_SINGLE, map->slot[i].vpid02, 0);
	} else {
		unsigned slot = vpid12 ? find(map, vpid12) : 0;

		if (slot)
			map->invalidate(map->ctx, type, map->slot[slot].vpid02, address);
	}
}
