/*
 * Virtual-processor identifiers: tags by which a processor tells one guest's translations from
 * another's (SDM volume 3, 29.1).  Plain C.
 *
 * A VPID is given to an owner for one generation of its pool and to nobody else in that generation.
 * When all have been given out the next generation begins, with one invalidation of everything:
 * what an owner holds from an earlier one is void, and it is given another when it runs again.  So
 * there may be any number of owners, nobody has to give anything back, and nothing is invalidated
 * for the sake of a VPID that is new.
 */
#ifndef L1VMM_VMX_VPID_H
#define L1VMM_VMX_VPID_H

#include <stdbool.h>
#include <stdint.h>

#define VPID_MAX 0xffff

/* Of one processor. */
struct vpid_pool {
	uint64_t generation; /* counted from 1 */
	uint32_t next;	     /* to be given out */
	uint16_t last;
	/* Makes the processor forget what is tagged with any VPID but 0 (INVVPID, all-context). */
	void (*invalidate)(void *ctx);
	void *ctx;
};

/* One that runs under a VPID of its own on that processor; zeroed, it has none yet. */
struct vpid_owner {
	uint64_t generation;
	uint16_t number;
};

/* VPIDs 1 to `last`, none of which the processor has anything cached for. */
void vpid_pool_init(struct vpid_pool *pool, uint16_t last, void (*invalidate)(void *ctx),
		    void *ctx);

/*
 * Gives the owner a VPID to run under until another owner has been here, and returns whether it is
 * another one than before.
 */
bool vpid_take(struct vpid_pool *pool, struct vpid_owner *owner);

#endif
