/*
 * What the level below handed over, copied out of memory that is about to be used for other things.
 */
#ifndef L1VMM_BOOT_BOOT_INFO_H
#define L1VMM_BOOT_BOOT_INFO_H

#include <stdint.h>

#include "l1vmm/boot/start_info.h"

struct boot_info {
	const char *cmdline;
	uint32_t module_count;
	struct start_info_module modules[START_INFO_MAX_MODULES]; /* contents stay where they are */
	uint32_t memmap_count;
	struct hvm_memmap_table_entry memmap[START_INFO_MAX_REGIONS];
};

/*
 * Reads the start info at physical address `paddr`.  Returns NULL, after one line on the console,
 * where it is not sound.
 */
const struct boot_info *boot_info_read(uint64_t paddr);

#endif
