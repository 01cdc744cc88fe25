/*
 * A model of a TLB for the observatory, from an INI file of bench/models/:
 *
 *     [tlb]
 *     title = What it is a model of, and where the numbers are from
 *     sets = 128
 *     ...                  each of TLB_PARAMETERS in shadow/tlb_model.h; 0 where it is missing
 *     reference = 4        ticks that a memory reference of a walk is taken to cost
 */
#ifndef BENCH_TLB_FILE_H
#define BENCH_TLB_FILE_H

#include "bench/err.h"
#include "bench/stack.h"
#include "shadow/tlb_model.h"

enum { TLB_FILE_MAX_TITLE = 127 };

struct tlb_file {
	char name[STACK_MAX_NAME + 1]; /* empty: no model */
	char title[TLB_FILE_MAX_TITLE + 1];
	struct tlb_parameters parameters;
	uint32_t reference;
};

/* Reads NAME.ini of the folder.  Returns 0, or -1 with VMFEE_USAGE. */
int tlb_file_load(struct tlb_file *file, const char *folder, const char *name,
		  struct vmfee_error *err);

/*
 * Puts the numbers of the model in the place of `tlb_model=NAME` in a hypervisor's command line,
 * and tells of it in *file, which is left alone where there is no such token.  Returns 0, or -1
 * with VMFEE_USAGE.
 */
int tlb_file_expand(struct tlb_file *file, const char *folder, char *cmdline,
		    struct vmfee_error *err);

#endif
