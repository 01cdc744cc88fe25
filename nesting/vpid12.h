/*
 * The VPIDs that a guest hypervisor gives its guests, and those of L0's that these run under.  L1
 * has as many as there are, L0 keeps a few for it: the one used least recently is given to another
 * of L1's, with a flush, when they have run out.
 */
#ifndef NESTING_VPID12_H
#define NESTING_VPID12_H

#include <stdint.h>

/* Types of INVVPID: SDM volume 3, chapter 31. */
enum invvpid_type {
	INVVPID_ONE_ADDRESS,
	INVVPID_SINGLE,
	INVVPID_ALL,
	INVVPID_SINGLE_NON_GLOBAL,
};

/* Of L0's; the first is for guests that L1 gives none. */
#define VPID12_SLOTS 17

struct vpid12_map {
	struct {
		uint16_t vpid12; /* 0: none */
		uint16_t vpid02;
		uint64_t used;
	} slot[VPID12_SLOTS];
	uint64_t clock;
	/* INVVPID of one of L0's. */
	void (*invalidate)(void *ctx, enum invvpid_type type, uint16_t vpid02, uint64_t address);
	void *ctx;
};

/*
 * The slot for a guest that is about to be entered under `vpid12`.  Under none, its translations
 * are flushed: SDM volume 3, 29.4.3.3.
 */
unsigned vpid12_use(struct vpid12_map *map, uint16_t vpid12);

/*
 * An INVVPID of L1's: one of the same type of what stands for its VPID, and no other.  Those that
 * stand for none are flushed before they are used.
 */
void vpid12_invalidate(const struct vpid12_map *map, enum invvpid_type type, uint16_t vpid12,
		       uint64_t address);

#endif
