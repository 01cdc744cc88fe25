#include "l1vmm/arch/ata.h"

#include "l1vmm/arch/cpu.h"

/* Task file of the primary channel (ATA-6, 7): command block registers. */
#define PORT_DATA    0x1f0
#define PORT_COUNT   0x1f2
#define PORT_LBA_0   0x1f3
#define PORT_LBA_8   0x1f4
#define PORT_LBA_16  0x1f5
#define PORT_DEVICE  0x1f6
#define PORT_STATUS  0x1f7
#define PORT_COMMAND 0x1f7

#define DEVICE_LBA    0xe0 /* device 0, LBA addressing */
#define COMMAND_WRITE 0x30 /* WRITE SECTOR(S) */
#define STATUS_ERROR  0x01
#define STATUS_DATA   0x08
#define STATUS_FAULT  0x20
#define STATUS_BUSY   0x80
#define STATUS_NOBODY 0xff /* the bus floats: there is no controller */
#define POLLS	      10000000u

/* Waits until the drive is not busy and shows the bits of `wanted`. */
static bool wait(uint8_t wanted)
{
	for (uint32_t i = 0; i < POLLS; i++) {
		uint8_t status = in8(PORT_STATUS);

		if (status == STATUS_NOBODY)
			return false;
		if (status & STATUS_BUSY)
			continue;
		if (status & (STATUS_ERROR | STATUS_FAULT))
			return false;
		if ((status & wanted) == wanted)
			return true;
	}
	return false;
}

bool ata_write(uint32_t lba, uint32_t sectors, const void *data)
{
	const uint8_t *from = data;

	if (!wait(0))
		return false;
	out8(PORT_DEVICE, (uint8_t)(DEVICE_LBA | (lba >> 24 & 0xf)));
	out8(PORT_COUNT, (uint8_t)sectors); /* 0 means 256 */
	out8(PORT_LBA_0, (uint8_t)lba);
	out8(PORT_LBA_8, (uint8_t)(lba >> 8));
	out8(PORT_LBA_16, (uint8_t)(lba >> 16));
	out8(PORT_COMMAND, COMMAND_WRITE);
	for (uint32_t i = 0; i < sectors; i++) {
		if (!wait(STATUS_DATA))
			return false;
		outs16(PORT_DATA, from + (uint64_t)i * ATA_SECTOR, ATA_SECTOR / 2);
	}
	return wait(0);
}
