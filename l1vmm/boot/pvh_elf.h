/*
 * PVH images: ELF64 executables for x86-64 that carry the Xen note with a 32-bit physical entry.
 *
 * Loading takes three steps, each of which can refuse: parse (the file alone), place (against the
 * memory of the machine) and load (through functions of the caller, so that the same code fills a
 * guest's memory, a Bochs disk or a test's buffer).  Nothing in the file is trusted.
 */
#ifndef L1VMM_BOOT_PVH_ELF_H
#define L1VMM_BOOT_PVH_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PVH_ELF_MAX_HEADERS  64
#define PVH_ELF_MAX_SEGMENTS 16
#define PVH_ELF_MAX_MEMORY   (1ULL << 30) /* bytes of memory of all segments together */

enum pvh_elf_error {
	PVH_ELF_OK,
#define PVH_ELF_ERROR(NAME, number, text) PVH_ELF_##NAME,
#include "l1vmm/boot/pvh_elf_error.def"
#undef PVH_ELF_ERROR
	PVH_ELF_ERROR_COUNT
};

struct pvh_elf_result {
	enum pvh_elf_error error;
	int32_t segment; /* index of the program header at fault, -1 where there is none */
	uint64_t number; /* what pvh_elf_number_name() says, 0 where there is none */
};

/* The name of an error without its prefix, "OK" for none. */
const char *pvh_elf_error_name(enum pvh_elf_error error);
/* What was wrong, as a sentence without a full stop. */
const char *pvh_elf_error_text(enum pvh_elf_error error);
/* What the `number` of a result with this error is, "" where it has none. */
const char *pvh_elf_number_name(enum pvh_elf_error error);

/* A PT_LOAD segment that occupies memory; one without memory is left out. */
struct pvh_segment {
	uint64_t paddr;	 /* guest-physical address of the first byte */
	uint64_t memsz;	 /* bytes of memory; those behind the data are zero */
	uint64_t offset; /* of the data in the file */
	uint64_t filesz; /* bytes of data, at most memsz */
	bool executable;
	int32_t header; /* index of the program header */
};

struct pvh_image {
	uint32_t entry; /* physical address, within the data of an executable segment */
	bool multiboot; /* and no PVH image: multiboot.h */
	uint32_t segment_count;
	struct pvh_segment segments[PVH_ELF_MAX_SEGMENTS]; /* in file order, none overlap */
};

/* The physical range [start, start + size), which must not wrap. */
struct pvh_range {
	uint64_t start;
	uint64_t size;
};

/* Where an image goes.  A function returns false if it could not do its work. */
struct pvh_elf_memory {
	void *ctx;
	bool (*write)(void *ctx, uint64_t paddr, const void *data, uint64_t size);
	bool (*zero)(void *ctx, uint64_t paddr, uint64_t size);
};

/* Do two ranges have a byte in common?  Neither may wrap. */
bool pvh_ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size);

/*
 * Reads the `size` bytes at `file`, of any alignment, as a PVH image.  `image` is whole when the
 * result's error is PVH_ELF_OK, and of no use otherwise.
 */
struct pvh_elf_result pvh_elf_parse(const void *file, uint64_t size, struct pvh_image *image);

/*
 * For parsers: takes one PT_LOAD, whose data has been found to lie in the file, into the image; and
 * tells whether an entry is in the data of an executable segment.
 */
struct elf64_phdr;
struct pvh_elf_result pvh_elf_add_segment(const struct elf64_phdr *phdr, int32_t index,
					  struct pvh_image *image);
bool pvh_elf_entry_is_code(const struct pvh_image *image, uint64_t entry);

/*
 * Checks that every segment lies within one of the `memory` ranges, which the caller has merged
 * where they touch, and overlaps none of the `reserved` ones.
 */
struct pvh_elf_result pvh_elf_place(const struct pvh_image *image, const struct pvh_range *memory,
				    size_t memory_count, const struct pvh_range *reserved,
				    size_t reserved_count);

/*
 * Writes the segments of an image that has been parsed from `file`, and placed: for each its data,
 * if it has any, then the zeroes behind it, if there are any.  Stops at the first function that
 * returns false.
 */
struct pvh_elf_result pvh_elf_load(const struct pvh_image *image, const void *file,
				   const struct pvh_elf_memory *memory);

#endif
