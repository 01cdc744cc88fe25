/*
 * Edits to page tables that the image runs on, and what makes them valid: its own stores and
 * instructions.  Where the hypervisor offers the handshake (shadow/mmu_batch.h), it is told of
 * stores, and invalidates, by one hypercall for all that is queued.
 */
#ifndef BENCH_GUESTS_RT_TABLES_H
#define BENCH_GUESTS_RT_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/arch/cpu.h"

/* Whether there is a hypervisor to tell.  Not before tables_init(), which asks it. */
extern bool tables_shared;
void tables_init(void);

/* What the functions below do where there is one. */
void tables_queue_entry(const volatile uint64_t *entry);
void tables_queue_page(const volatile void *address);
void tables_tell(void);
void tables_tell_load(uint64_t root);
void tables_tell_end(uint64_t root);

/* Stores an entry in place of one that was present, or that is valid before it is used. */
static inline void table_set(volatile uint64_t *entry, uint64_t value)
{
	*entry = value;
	if (tables_shared)
		tables_queue_entry(entry);
}

/* Invalidates the page at `address`; it may be mapped as before until tables_finish(). */
static inline void table_invalidate(const volatile void *address)
{
	if (tables_shared)
		tables_queue_page(address);
	else
		invlpg(address);
}

/* All entries stored and all pages invalidated until now hold. */
static inline void tables_finish(void)
{
	if (tables_shared)
		tables_tell();
}

/* Loads CR3, behind which all that was stored holds too. */
static inline void table_load(uint64_t root)
{
	if (tables_shared)
		tables_tell_load(root);
	else
		write_cr3(root);
}

/* The table at `root`, which is not loaded, is a root no more, nor are its tables used by others.
 */
static inline void table_end(uint64_t root)
{
	if (tables_shared)
		tables_tell_end(root);
}

#endif
