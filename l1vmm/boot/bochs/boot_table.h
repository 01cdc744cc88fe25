/*
 * The boot table: what bench/bochs_image.c tells the boot sector of a Bochs disk.  It fills the
 * sectors behind the boot sector and says what to put where before the lowest image is entered.
 *
 * Included from C and from assembly.
 */
#ifndef L1VMM_BOOT_BOCHS_BOOT_TABLE_H
#define L1VMM_BOOT_BOCHS_BOOT_TABLE_H

#define SECTOR_SIZE 512

#define BOOT_SECTOR_ADDRESS 0x7c00 /* where the BIOS puts the first sector of the disk */

#define BOOT_TABLE_ADDRESS 0x8000
#define BOOT_TABLE_LBA	   1
#define BOOT_TABLE_SECTORS 4
#define BOOT_TABLE_MAGIC   0x7462316c /* "l1bt" */
#define BOOT_TABLE_VERSION 1

/* Of a sector whose head alone is wanted, the boot sector reads the whole to here. */
#define BOOT_BOUNCE_ADDRESS (BOOT_TABLE_ADDRESS + BOOT_TABLE_SECTORS * SECTOR_SIZE)

/* Offsets into struct boot_table and struct boot_extent. */
#define BOOT_TABLE_MAGIC_OFFSET	     0
#define BOOT_TABLE_VERSION_OFFSET    4
#define BOOT_TABLE_ENTRY_OFFSET	     8
#define BOOT_TABLE_START_INFO_OFFSET 12
#define BOOT_TABLE_COUNT_OFFSET	     16
#define BOOT_TABLE_EXTENTS_OFFSET    20
#define BOOT_EXTENT_PADDR_OFFSET     0
#define BOOT_EXTENT_LBA_OFFSET	     4
#define BOOT_EXTENT_BYTES_OFFSET     8
#define BOOT_EXTENT_SIZE	     12

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

struct boot_extent {
	uint32_t paddr; /* physical address of the first byte */
	uint32_t lba;	/* sector that it is read from; 0: there is none, fill with zeroes */
	uint32_t bytes; /* exactly as many are written */
};

#define BOOT_TABLE_MAX_EXTENTS \
	((BOOT_TABLE_SECTORS * SECTOR_SIZE - BOOT_TABLE_EXTENTS_OFFSET) / BOOT_EXTENT_SIZE)

struct boot_table {
	uint32_t magic;
	uint32_t version;
	uint32_t entry;	     /* physical address, entered by the PVH protocol */
	uint32_t start_info; /* physical address, for EBX */
	uint32_t extent_count;
	struct boot_extent extents[BOOT_TABLE_MAX_EXTENTS];
};

_Static_assert(offsetof(struct boot_table, magic) == BOOT_TABLE_MAGIC_OFFSET, "boot table");
_Static_assert(offsetof(struct boot_table, version) == BOOT_TABLE_VERSION_OFFSET, "boot table");
_Static_assert(offsetof(struct boot_table, entry) == BOOT_TABLE_ENTRY_OFFSET, "boot table");
_Static_assert(offsetof(struct boot_table, start_info) == BOOT_TABLE_START_INFO_OFFSET,
	       "boot table");
_Static_assert(offsetof(struct boot_table, extent_count) == BOOT_TABLE_COUNT_OFFSET, "boot table");
_Static_assert(offsetof(struct boot_table, extents) == BOOT_TABLE_EXTENTS_OFFSET, "boot table");
_Static_assert(offsetof(struct boot_extent, paddr) == BOOT_EXTENT_PADDR_OFFSET, "boot extent");
_Static_assert(offsetof(struct boot_extent, lba) == BOOT_EXTENT_LBA_OFFSET, "boot extent");
_Static_assert(offsetof(struct boot_extent, bytes) == BOOT_EXTENT_BYTES_OFFSET, "boot extent");
_Static_assert(sizeof(struct boot_extent) == BOOT_EXTENT_SIZE, "boot extent");
_Static_assert(sizeof(struct boot_table) <= BOOT_TABLE_SECTORS * SECTOR_SIZE, "boot table");

#endif

#endif
