#include "l1vmm/dev/ioapic.h"

#include "l1vmm/lib/string.h"

#define IOREGSEL 0x00
#define IOWIN	 0x10

#define REG_ID		0x00
#define REG_VERSION	0x01
#define REG_ARBITRATION 0x02
#define REG_REDIRECTION 0x10 /* two registers a line */

#define VERSION			((IOAPIC_LINES - 1) << 16 | 0x11)
#define ID_WRITABLE		0x0f000000u
#define REDIRECTION_VECTOR	UINT64_C(0xff)
#define REDIRECTION_MODE(entry) ((uint8_t)((entry) >> 8 & 7))
#define REDIRECTION_LOGICAL	(UINT64_C(1) << 11)
#define REDIRECTION_LEVEL	(UINT64_C(1) << 15)
#define REDIRECTION_ID(entry)	((uint32_t)((entry) >> 56))
#define REDIRECTION_REMOTE_IRR	(UINT64_C(1) << 14)
#define REDIRECTION_MASK	(UINT64_C(1) << 16)
#define REDIRECTION_READ_ONLY	(UINT64_C(1) << 12 | REDIRECTION_REMOTE_IRR)
#define BROADCAST_ID		0xffu
#define REDIRECTION_WRITABLE	(UINT64_C(0xff0000000001ffff) & ~REDIRECTION_READ_ONLY)

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

static bool is_asserted(const struct ioapic *ioapic, unsigned line)
{
	return ioapic->inputs >> line & 1;
}

/* Modes other than these two take no part in level-triggering: 82093AA, 3.2.4. */
static bool is_by_level(uint64_t entry)
{
	return (entry & REDIRECTION_LEVEL) && REDIRECTION_MODE(entry) <= LAPIC_LOWEST_PRIORITY;
}

/* A level-triggered line interrupts once, and then not before that one's end. */
static uint32_t look_at_level(struct ioapic *ioapic, unsigned line)
{
	uint64_t *entry = &ioapic->redirection[line];

	if (!is_by_level(*entry) || (*entry & (REDIRECTION_MASK | REDIRECTION_REMOTE_IRR)) ||
	    !is_asserted(ioapic, line))
		return 0;
	*entry |= REDIRECTION_REMOTE_IRR;
	return UINT32_C(1) << line;
}

/* One that is made edge-triggered forgets what waits for its end: there is no other way here. */
static uint32_t write_redirection(struct ioapic *ioapic, uint32_t reg, uint32_t value)
{
	unsigned line = (reg - REG_REDIRECTION) / 2;
	uint64_t *entry = &ioapic->redirection[line];
	unsigned shift = reg % 2 ? 32 : 0;
	uint64_t part = UINT64_C(0xffffffff) << shift & REDIRECTION_WRITABLE;

	*entry = (*entry & ~part) | ((uint64_t)value << shift & part);
	if (!is_by_level(*entry))
		*entry &= ~REDIRECTION_REMOTE_IRR;
	return look_at_level(ioapic, line);
}

uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t offset)
{
	switch (offset) {
	case IOREGSEL:
		return ioapic->select;
	case IOWIN:
		return read_register(ioapic, ioapic->select);
	default:
		return 0;
	}
}

uint32_t ioapic_write(struct ioapic *ioapic, uint32_t offset, uint32_t value)
{
	if (offset == IOREGSEL)
		ioapic->select = value & 0xff;
	else if (offset == IOWIN && is_redirection(ioapic->select))
		return write_redirection(ioapic, ioapic->select, value);
	else if (offset == IOWIN && ioapic->select == REG_ID)
		ioapic->id = value & ID_WRITABLE;
	return 0;
}

/* An edge that comes while the line is masked is lost. */
uint32_t ioapic_set_line(struct ioapic *ioapic, unsigned line, bool asserted)
{
	uint32_t bit = UINT32_C(1) << line;
	bool before = is_asserted(ioapic, line);
	uint64_t entry = ioapic->redirection[line];

	ioapic->inputs = asserted ? ioapic->inputs | bit : ioapic->inputs & ~bit;
	if (is_by_level(entry))
		return look_at_level(ioapic, line);
	return asserted && !before && !(entry & REDIRECTION_MASK) ? bit : 0;
}

uint32_t ioapic_end_of_interrupt(struct ioapic *ioapic, uint8_t vector)
{
	uint32_t lines = 0;

	for (unsigned i = 0; i < IOAPIC_LINES; i++) {
		uint64_t *entry = &ioapic->redirection[i];

		if ((*entry & REDIRECTION_VECTOR) != vector || !(*entry & REDIRECTION_REMOTE_IRR))
			continue;
		*entry &= ~REDIRECTION_REMOTE_IRR;
		lines |= look_at_level(ioapic, i);
	}
	return lines;
}

struct lapic_ipi ioapic_message(const struct ioapic *ioapic, unsigned line)
{
	uint64_t entry = ioapic->redirection[line];
	bool logical = entry & REDIRECTION_LOGICAL;

	return (struct lapic_ipi){
		.destination = REDIRECTION_ID(entry),
		.vector = entry & REDIRECTION_VECTOR,
		.mode = REDIRECTION_MODE(entry),
		.logical = logical,
		.level = is_by_level(entry),
		.everybody = !logical && REDIRECTION_ID(entry) == BROADCAST_ID,
	};
}

bool ioapic_passes_extint(const struct ioapic *ioapic, unsigned line)
{
	uint64_t entry = ioapic->redirection[line];

	return REDIRECTION_MODE(entry) == LAPIC_EXTINT && !(entry & REDIRECTION_MASK);
}
