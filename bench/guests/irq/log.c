#include "bench/guests/irq/log.h"

#include "bench/guests/rt/memory.h"
#include "bench/guests/rt/report.h"
#include "l1vmm/arch/console.h"
#include "l1vmm/lib/cmdline.h"

#define SIDE_BYTES (UINT64_C(16) << 20)
#define LINE_BYTES 200 /* of the log, twice as many of the console */

uint64_t log_cursor[LOG_SIDES];
static uint64_t start;

void log_begin(const struct run *run)
{
	char value[4];
	struct memory_range memory;

	if (cmdline_get(run->boot->cmdline, "log", value, sizeof(value)) != CMDLINE_FOUND)
		return;
	memory = free_memory(run->boot, 0, SIDE_BYTES);
	if (memory.size < LOG_SIDES * SIDE_BYTES)
		fail("no-memory-for-log");
	start = memory.start;
	for (unsigned side = 0; side < LOG_SIDES; side++)
		log_cursor[side] = start + side * SIDE_BYTES;
}

static void print_line(unsigned side, const uint8_t *bytes, uint64_t count)
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * LINE_BYTES + 1];

	for (uint64_t i = 0; i < count; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 0xf];
	}
	text[2 * count] = '\0';
	printk("stress-log %u %s\n", side, text);
}

void log_print(void)
{
	for (unsigned side = 0; side < LOG_SIDES && log_cursor[side]; side++) {
		uint64_t at = start + side * SIDE_BYTES, end = log_cursor[side];

		if (end > at + SIDE_BYTES)
			fail("log-too-long");
		log_cursor[side] = 0;
		for (; at < end; at += LINE_BYTES)
			print_line(side, (const uint8_t *)at,
				   end - at < LINE_BYTES ? end - at : LINE_BYTES);
	}
}
