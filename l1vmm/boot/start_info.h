/*
 * The start info of the PVH boot ABI (xen/include/public/arch-x86/hvm/start_info.h): what is handed
 * to an image in EBX.  Structures and members have the names of the ABI.
 *
 * It is written for an image that is about to start, and read, with distrust, by one that has been
 * started: whoever wrote it is one level below, but may still be mistaken.
 */
#ifndef L1VMM_BOOT_START_INFO_H
#define L1VMM_BOOT_START_INFO_H

#include <stdint.h>

#define XEN_HVM_START_MAGIC_VALUE    0x336ec578
#define XEN_HVM_START_INFO_VERSION   1
#define XEN_HVM_MEMMAP_TYPE_RAM	     1
#define XEN_HVM_MEMMAP_TYPE_RESERVED 2
#define XEN_HVM_MEMMAP_TYPE_ACPI     3

#define START_INFO_ALIGN       8
#define START_INFO_MAX_MODULES 32
#define START_INFO_MAX_REGIONS 128
#define START_INFO_MAX_CMDLINE 4096 /* bytes with the terminating zero */

struct hvm_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t nr_modules;
	uint64_t modlist_paddr;
	uint64_t cmdline_paddr; /* 0: none */
	uint64_t rsdp_paddr;	/* 0: unknown */
	uint64_t memmap_paddr;	/* from here on since version 1 */
	uint32_t memmap_entries;
	uint32_t reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "PVH ABI");

struct hvm_modlist_entry {
	uint64_t paddr;
	uint64_t size;
	uint64_t cmdline_paddr; /* 0: none */
	uint64_t reserved;
};
_Static_assert(sizeof(struct hvm_modlist_entry) == 32, "PVH ABI");

struct hvm_memmap_table_entry {
	uint64_t addr;
	uint64_t size;
	uint32_t type; /* XEN_HVM_MEMMAP_TYPE_* */
	uint32_t reserved;
};
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "PVH ABI");

enum start_info_error {
	START_INFO_OK,
#define START_INFO_ERROR(NAME, text) START_INFO_##NAME,
#include "l1vmm/boot/start_info_error.def"
#undef START_INFO_ERROR
	START_INFO_ERROR_COUNT
};

/* The name of an error without its prefix, "OK" for none. */
const char *start_info_error_name(enum start_info_error error);
/* What was wrong, as a sentence without a full stop. */
const char *start_info_error_text(enum start_info_error error);

struct start_info_module {
	uint64_t paddr;
	uint64_t size;	     /* bytes */
	const char *cmdline; /* NULL: none */
};

/* What a start info is to say. */
struct start_info_spec {
	const char *cmdline; /* NULL: none */
	const struct start_info_module *modules;
	uint32_t module_count;
	const struct hvm_memmap_table_entry *memmap;
	uint32_t memmap_count;
	uint64_t rsdp_paddr; /* 0: unknown */
};

/* Bytes that start_info_build() writes for this specification. */
uint64_t start_info_size(const struct start_info_spec *spec);

/*
 * Writes the start info, and behind it all that it refers to except the modules' contents, into the
 * `size` bytes at `buffer`, which the image will find at physical address `paddr`.
 */
enum start_info_error start_info_build(const struct start_info_spec *spec, uint64_t paddr,
				       void *buffer, uint64_t size);

/* Physical memory [paddr, paddr + size), which must not wrap, mapped at vaddr. */
struct start_info_window {
	uint64_t paddr;
	uint64_t size;
	uintptr_t vaddr;
};

/* A start info that has been checked, through pointers into the window. */
struct start_info_view {
	const char *cmdline; /* never NULL */
	const struct hvm_modlist_entry *modules;
	uint32_t module_count;
	const struct hvm_memmap_table_entry *memmap;
	uint32_t memmap_count;
	uint64_t rsdp_paddr; /* 0: unknown; not checked */
};

/*
 * Checks the start info at physical address `paddr`: it, its tables, its command lines and its
 * modules' contents lie within the window.  `view` is whole when the result is START_INFO_OK.
 * Whether modules overlap, or lie in usable memory, is left to the caller.
 */
enum start_info_error start_info_check(uint64_t paddr, const struct start_info_window *window,
				       struct start_info_view *view);

/* The command line of a module of a view that start_info_check() made with this window; not NULL.
 */
const char *start_info_module_cmdline(const struct start_info_view *view, uint32_t module,
				      const struct start_info_window *window);

#endif
