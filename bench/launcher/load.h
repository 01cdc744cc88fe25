/*
 * The images of a stack in the memory of a machine: the lowest one where its program headers say,
 * the others as PVH modules, and the start info that leads to them all.
 */
#ifndef BENCH_LAUNCHER_LOAD_H
#define BENCH_LAUNCHER_LOAD_H

#include "bench/err.h"

#include <stddef.h>
#include <stdint.h>

enum { LOAD_MAX_IMAGES = 8 };

struct load_image {
	const char *path;
	const char *cmdline;
};

struct load_stack {
	const struct load_image *images; /* bottom to top */
	size_t count;
	uint64_t ring_bytes; /* sub-buffers for the lowest image's trace; 0: it has none */
};

struct load_result {
	uint32_t entry;	       /* guest-physical */
	uint32_t start_info;   /* guest-physical */
	uint64_t ring_address; /* guest-physical, of the ring's two pages and sub-buffers */
};

/*
 * Fills the `size` bytes of guest memory.  Where the lowest image is to trace,
 * " outbox=mapped:ADDRESS,KIB" is appended to its command line.  Returns 0; or -1 with VMFEE_IMAGE,
 * VMFEE_USAGE or VMFEE_SYSTEM.
 */
int load_stack(uint8_t *memory, uint64_t size, const struct load_stack *stack,
	       struct load_result *result, struct vmfee_error *err);

#endif
