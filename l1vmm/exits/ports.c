#include "l1vmm/exits/ports.h"

#include "l1vmm/arch/cpu.h"
#include "l1vmm/arch/ports.h"
#include "l1vmm/dev/console.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vm.h"
#include "l1vmm/vmx/stop.h"

/* Ports are bytes: of a wider access each device takes the low byte. */
typedef void (*write_fn)(struct vcpu *v, uint16_t port, uint8_t value);
typedef uint8_t (*read_fn)(struct vcpu *v, uint16_t port);

static void write_status(struct vcpu *v, uint16_t port, uint8_t value)
{
	(void)port;
	v->vm->guest_status = value;
}

static void write_poweroff(struct vcpu *v, uint16_t port, uint8_t value)
{
	static const char word[] = SHUTDOWN_TEXT;
	/* Read once: another vCPU may write too. */
	uint8_t matched = __atomic_load_n(&v->vm->poweroff_matched, __ATOMIC_RELAXED);

	(void)port;
	if (value != (uint8_t)word[matched])
		vcpu_stop(v, STOP_BAD_POWEROFF, "byte=0x%x", value);
	v->vm->poweroff_matched = ++matched;
	if (!word[matched])
		vcpu_poweroff(v->vm->guest_status);
}

static void write_console(struct vcpu *v, uint16_t port, uint8_t value)
{
	(void)port;
	guest_console_write(v->id, (const char *)&value, 1);
}

static void write_chipset(struct vcpu *v, uint16_t port, uint8_t value)
{
	chipset_write_port(v, port, value);
}

static uint8_t read_chipset(struct vcpu *v, uint16_t port)
{
	return chipset_read_port(v, port);
}

static void write_rtc(struct vcpu *v, uint16_t port, uint8_t value)
{
	rtc_write_port(&v->vm->rtc, port, value);
}

static uint8_t read_rtc(struct vcpu *v, uint16_t port)
{
	return rtc_read_port(&v->vm->rtc, port);
}

/* Nobody drives the bus: all ones. */
#define read_status   NULL
#define read_poweroff NULL
#define read_console  NULL

#define write_DIRECT NULL
#define read_DIRECT  NULL
static const struct port_row {
	uint16_t first, last;
	write_fn write; /* NULL: the machine's port */
	read_fn read;
} rows[] = {
#define PORT(first, last, NAME, device) {first, last, write_##device, read_##device},
#include "l1vmm/dev/ports.def"
#undef PORT
};

/*
 * The row for an access.  The machine's ports are open to accesses that touch no others; to wider
 * ones nobody answers.
 */
static const struct port_row *find(uint16_t port, unsigned size)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (port < rows[i].first || port > rows[i].last)
			continue;
		return rows[i].write || port + size - 1 <= rows[i].last ? &rows[i] : NULL;
	}
	return NULL;
}

static uint32_t machine_read(uint16_t port, unsigned size)
{
	switch (size) {
	case 1:
		return in8(port);
	case 2:
		return in16(port);
	default:
		return in32(port);
	}
}

static void machine_write(uint16_t port, unsigned size, uint32_t value)
{
	switch (size) {
	case 1:
		out8(port, (uint8_t)value);
		break;
	case 2:
		out16(port, (uint16_t)value);
		break;
	default:
		out32(port, value);
	}
}

uint32_t port_read(struct vcpu *v, uint16_t port, unsigned size)
{
	const struct port_row *row = find(port, size);
	uint32_t ones = UINT32_MAX >> (32 - 8 * size);

	if (row && !row->write)
		return machine_read(port, size);
	if (row && row->read)
		return (ones & ~(uint32_t)UINT8_MAX) | row->read(v, port);
	return ones;
}

void port_write(struct vcpu *v, uint16_t port, unsigned size, const uint8_t *data, size_t count)
{
	const struct port_row *row = find(port, size);

	for (size_t i = 0; row && i < count; i++) {
		uint32_t value = 0;

		memcpy(&value, data + i * size, size);
		if (row->write)
			row->write(v, port, (uint8_t)value);
		else
			machine_write(port, size, value);
	}
}

void io_bitmap_fill(uint8_t bitmap[IO_BITMAP_BYTES])
{
	for (size_t i = 0; i < IO_BITMAP_BYTES; i++)
		bitmap[i] = 0xff;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (unsigned port = rows[i].first; !rows[i].write && port <= rows[i].last; port++)
			bitmap[port / 8] &= (uint8_t)~(1u << port % 8);
}
