#include "l1vmm/dev/ioapic.h"

#include "l1vmm/lib/string.h"

#define IOREGSEL 0x00
#define IOWIN	 0x10

#define REG_ID		0x00
#define REG_VERSION	0x01
#define REG_ARBITRATION 0x02
#define REG_REDIRECTION 0x10 /* two registers a line */

#define VERSION		       ((IOAPIC_LINES - 1) << 16 | 0x11)
#define ID_WRITABLE	       0x0f000000u
#define REDIRECTION_VECTOR     UINT64_C(0xff)
#define REDIRECTION_REMOTE_IRR (UINT64_C(1) << 14)
#define REDIRECTION_MASK       (UINT64_C(1) << 16)
#define REDIRECTION_READ_ONLY  (UINT64_C(1) << 12 | REDIRECTION_REMOTE_IRR)
#define REDIRECTION_WRITABLE   (UINT64_C(0xff0000000001ffff) & ~REDIRECTION_READ_ONLY)

void ioapic_reset(struct ioapic *ioapic)
{
	memset(ioapic, 0, sizeof(*ioapic));
	for (unsigned i = 0; i < IOAPIC_LINES; i++)
		ioapic->redirection[i] = REDIRECTION_MASK;
}

static bool is_redirection(uint32_t reg)
{
	return reg >= REG_REDIRECTION && reg < REG_REDIRECTION + 2 * IOAPIC_LINES;
}

static uint32_t read_register(const struct ioapic *ioapic, uint32_t reg)
{
	if (is_redirection(reg)) {
		uint64_t entry = ioapic->redirection[(reg - REG_REDIRECTION) / 2];

		return (uint32_t)(reg % 2 ? entry >> 32 : entry);
	}
	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION:
		return ioapic->id;
	case REG_VERSION:
		return VERSION;
	default:
		return 0;
	}
}

static void write_register(struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
	if (is_redirection(reg)) {
		uint64_t *entry = &ioapic->redirection[(reg - REG_REDIRECTION) / 2];
		unsigned shift = reg % 2 ? 32 : 0;
		uint64_t part = UINT64_C(0xffffffff) << shift & REDIRECTION_WRITABLE;

		*entry = (*entry & ~part) | ((uint64_t)value << shift & part);
	} else if (reg == REG_ID) {
		ioapic->id = value & ID_WRITABLE;
	}
}

/* Read once: another processor may select another register meanwhile. */
static uint32_t selected(const struct ioapic *ioapic)
{
	return *(const volatile uint32_t *)&ioapic->select;
}

uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t offset)
{
	switch (offset) {
	case IOREGSEL:
		return ioapic->select;
	case IOWIN:
		return read_register(ioapic, selected(ioapic));
	default:
		return 0;
	}
}

void ioapic_write(struct ioapic *ioapic, uint32_t offset, uint32_t value)
{
	if (offset == IOREGSEL)
		ioapic->select = value & 0xff;
	else if (offset == IOWIN)
		write_register(ioapic, selected(ioapic), value);
}

void ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector)
{
	for (unsigned i = 0; i < IOAPIC_LINES; i++)
		if ((ioapic->redirection[i] & REDIRECTION_VECTOR) == vector)
			ioapic->redirection[i] &= ~REDIRECTION_REMOTE_IRR;
}
