/*
 * Writing to the first ATA disk by programmed I/O: the way out for bulk data on Bochs.
 */
#ifndef L1VMM_ARCH_ATA_H
#define L1VMM_ARCH_ATA_H

#include <stdbool.h>
#include <stdint.h>

#define ATA_SECTOR	512
#define ATA_MAX_SECTORS 256 /* a command */

/*
 * Writes `sectors` sectors (1 to 256) from `data` to `lba`, below 2^28.  False where the disk
 * reports an error or does not answer.
 */
bool ata_write(uint32_t lba, uint32_t sectors, const void *data);

#endif
