/*
 * Choices in a stack's notation: {a,b} in it stands for either, and several of them for all
 * combinations.
 *
 *     l1vmm mmu={ept,shadow:trap} tlb={flush,vpid} / micro
 *
 * is four stacks, the last alternatives changing first.
 */
#ifndef BENCH_CHOICE_H
#define BENCH_CHOICE_H

#include "bench/err.h"

#include <stddef.h>

enum { CHOICE_MAX = 8 };

/* How many stacks a notation stands for, from 1; or -1 with VMFEE_USAGE and what is wrong with it.
 */
int choice_cells(const char *notation, struct vmfee_error *err);

/*
 * Of a notation that choice_cells() has taken: writes the notation of the stack of that number,
 * from 0, and what tells its name from those of the others, which is "-" and an alternative for
 * each choice, with '-' for what no name may have.  Returns 0, or -1 with VMFEE_USAGE where either
 * does not fit.
 */
int choice_cell(const char *notation, unsigned number, char *cell, size_t size, char *suffix,
		size_t suffix_size, struct vmfee_error *err);

#endif
