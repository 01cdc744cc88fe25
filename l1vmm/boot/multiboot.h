/*
 * Multiboot images (the GNU Multiboot Specification, version 0.6.96): ELF32 executables with a
 * header in their first 8 KiB, entered in 32-bit protected mode without paging, EAX and EBX as said
 * below.  As with PVH images nothing in the file is trusted; what has been parsed is placed and
 * loaded by pvh_elf.h.
 */
#ifndef L1VMM_BOOT_MULTIBOOT_H
#define L1VMM_BOOT_MULTIBOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "l1vmm/boot/pvh_elf.h"
#include "l1vmm/boot/start_info.h"

/* EAX at the entry; EBX is the physical address of struct multiboot_info. */
#define MULTIBOOT_ENTRY_MAGIC 0x2badb002

/* Which members of struct multiboot_info hold something. */
#define MULTIBOOT_INFO_MEMORY  (1u << 0)
#define MULTIBOOT_INFO_CMDLINE (1u << 2)
#define MULTIBOOT_INFO_MODULES (1u << 3)
#define MULTIBOOT_INFO_MEMMAP  (1u << 6)
#define MULTIBOOT_INFO_LOADER  (1u << 9)

/* As the specification has it, up to the last member that is given here. */
struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower; /* KiB from 0 on, and from 1 MiB on */
	uint32_t mem_upper;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count;
	uint32_t mods_addr;
	uint32_t syms[4];
	uint32_t mmap_length;
	uint32_t mmap_addr;
	uint32_t drives_length;
	uint32_t drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
};
_Static_assert(sizeof(struct multiboot_info) == 68, "multiboot");

struct multiboot_module {
	uint32_t start;
	uint32_t end;
	uint32_t cmdline;
	uint32_t reserved;
};
_Static_assert(sizeof(struct multiboot_module) == 16, "multiboot");

struct __attribute__((packed)) multiboot_region {
	uint32_t size; /* of what follows */
	uint64_t addr;
	uint64_t length;
	uint32_t type; /* 1: memory that may be used */
};
_Static_assert(sizeof(struct multiboot_region) == 24, "multiboot");

/* As pvh_elf_parse(). */
struct pvh_elf_result multiboot_parse(const void *file, uint64_t size, struct pvh_image *image);

/* The same for an image of either kind: ELF32 files are taken to be of this one. */
struct pvh_elf_result guest_image_parse(const void *file, uint64_t size, struct pvh_image *image);

/*
 * As start_info_build(), of the same specification.  Its first word being the image's own name by
 * custom, the command line has one in front.
 */
enum start_info_error multiboot_info_build(const struct start_info_spec *spec, uint64_t paddr,
					   void *buffer, uint64_t size);

#endif
