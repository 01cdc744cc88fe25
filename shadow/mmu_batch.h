/*
 * The handshake of mmu=shadow:pv: a guest tells the shadow MMU of what it has done to its tables,
 * and has translations invalidated and CR3 loaded, by orders of which one hypercall carries many.
 * The stores are the guest's own, so that its code is the same with and without the handshake.
 *
 * An order is 8 bytes, its kind in bits 2:0:
 *   ENTRIES     bits 51:3: the gpa of 8 bytes of a table that the guest has stored to; bits 63:52:
 *               how many times 8 bytes behind them it has, too, all in one page
 *   INVALIDATE  bits 63:12: the linear address of a page, as for INVLPG
 *   FORGET      bits 51:12: the gpa of a table that is a root no more
 *   LOAD        bits 51:3: what to load CR3 with, which invalidates as MOV to CR3 does
 * Other bits are reserved and must be 0.  Outside IA-32e mode the low half is all of an address.
 */
#ifndef SHADOW_MMU_BATCH_H
#define SHADOW_MMU_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/hypercall.h"
#include "shadow/mmu.h"

#define MMU_BATCH_VERSION 1

enum mmu_order {
	MMU_ORDER_ENTRIES,
	MMU_ORDER_INVALIDATE,
	MMU_ORDER_FORGET,
	MMU_ORDER_LOAD,
};

#define MMU_ORDER_KIND	     7
#define MMU_ORDER_MORE_SHIFT 52
#define MMU_ORDER_MORE_MAX   511

enum {
	/* Orders of one call. */
	MMU_BATCH_ORDERS = 512,
	/* Entries that a call looks at; once it has, it leaves further orders to the next one. */
	MMU_BATCH_ENTRIES = 4096,
};

struct mmu_batch {
	const volatile uint64_t *orders; /* in the guest's memory: may change at any moment */
	uint64_t count;
	/* Carry out MOV to CR3, mmu_load() included; false where it would fault. */
	bool (*load_cr3)(void *ctx, uint64_t cr3);
	void *ctx;
	bool edited; /* set: there was an order of the kinds ENTRIES or FORGET */
};

/*
 * Carries out orders in turn up to one that is wrong, or that is too much for one call.  Returns
 * how many, or, where the first one is wrong, minus an enum hypercall_error.
 */
int64_t mmu_batch_run(struct mmu *mmu, struct mmu_batch *batch);

#endif
