#include "bench/launcher/ports.h"

#include <criterion/criterion.h>

#include <string.h>

struct written {
	char bytes[256];
	size_t length;
};

static void keep(void *ctx, const char *bytes, size_t length)
{
	struct written *written = ctx;

	cr_assert_leq(written->length + length, sizeof(written->bytes));
	memcpy(written->bytes + written->length, bytes, length);
	written->length += length;
}

static enum ports_event out(struct ports *ports, uint16_t port, const char *bytes)
{
	return ports_write(ports, port, 1, (const uint8_t *)bytes, (uint32_t)strlen(bytes));
}

Test(launch_ports, every_line_of_the_guest_gets_a_bar)
{
	struct written written = {.length = 0};
	struct ports ports = {.output = {keep, &written}};

	cr_expect_eq(out(&ports, 0xe9, "a"), PORTS_GO_ON);
	cr_expect_eq(out(&ports, 0xe9, "b\n|c\n\n"), PORTS_LINE);
	cr_expect_eq(out(&ports, 0x3f8, "serial\n"), PORTS_LINE);
	cr_expect_eq(written.length, strlen("|ab\n||c\n|\n|serial\n"));
	cr_expect_eq(memcmp(written.bytes, "|ab\n||c\n|\n|serial\n", written.length), 0);
}

Test(launch_ports, a_console_of_the_guests_own_has_none)
{
	struct written written = {.length = 0};
	struct ports ports = {.output = {keep, &written}, .bare = true};

	cr_expect_eq(out(&ports, 0xe9, "a\n|b\n"), PORTS_LINE);
	cr_expect_eq(written.length, strlen("a\n|b\n"));
	cr_expect_eq(memcmp(written.bytes, "a\n|b\n", written.length), 0);
}

Test(launch_ports, a_line_that_the_guest_leaves_unfinished_is_ended)
{
	struct written written = {.length = 0};
	struct ports ports = {.output = {keep, &written}};

	cr_expect_eq(out(&ports, 0xe9, "whole\n"), PORTS_LINE);
	ports_end_line(&ports);
	cr_expect_eq(out(&ports, 0xe9, "@end"), PORTS_GO_ON);
	ports_end_line(&ports);
	ports_end_line(&ports);
	cr_expect_eq(written.length, strlen("|whole\n|@end\n"));
	cr_expect_eq(memcmp(written.bytes, "|whole\n|@end\n", written.length), 0);
}

Test(launch_ports, the_word_ends_the_machine_with_the_status_said_last)
{
	struct ports ports = {.matched = 0};

	cr_expect_eq(out(&ports, 0xf4, "\x07"), PORTS_GO_ON);
	cr_expect_eq(out(&ports, 0xf4, "\x03"), PORTS_GO_ON);
	cr_expect_eq(out(&ports, 0x8900, "Shut"), PORTS_GO_ON);
	cr_expect_eq(out(&ports, 0x8900, "down"), PORTS_POWEROFF);
	cr_expect_eq(ports.status, 3);
}

Test(launch_ports, another_word_is_an_event_of_its_own)
{
	struct ports ports = {.matched = 0};

	cr_expect_eq(out(&ports, 0x8900, "Shutup"), PORTS_BAD_POWEROFF);
}

Test(launch_ports, items_of_several_bytes_count_by_their_low_one)
{
	struct ports ports = {.matched = 0};
	const uint8_t status[] = {5, 0xff};

	cr_expect_eq(ports_write(&ports, 0xf4, 2, status, 1), PORTS_GO_ON);
	cr_expect_eq(ports.status, 5);
}

Test(launch_ports, nobody_drives_the_bus)
{
	uint8_t data[8] = {0};

	ports_read(0x1234, 4, data, 2);
	for (size_t i = 0; i < sizeof(data); i++)
		cr_expect_eq(data[i], 0xff);
	ports_read(0x3fd, 1, data, 1);
	cr_expect_eq(data[0], 0x60, "the serial port takes bytes");
}
