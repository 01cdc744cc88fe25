/*
 * Whether what a stress with `log=1` has printed on its console is what an APIC does:
 *
 *     stress-check CONSOLE.LOG
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/lapic_replay.h"

#define MARK "stress-log "

struct bytes {
	uint8_t *at;
	size_t count, room;
};

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add(struct bytes *bytes, uint8_t byte)
{
	if (bytes->count == bytes->room) {
		size_t room = bytes->room ? 2 * bytes->room : 4096;
		uint8_t *at = realloc(bytes->at, room);
		if (at == NULL)
			abort();
		bytes->at = at;
		bytes->room = room;
	}
	bytes->at[bytes->count++] = byte;
}

/* "|stress-log SIDE BYTES"; other lines are somebody else's. */
static void take_line(struct bytes logs[REPLAY_SIDES], const char *line)
{
	line += strspn(line, "|");
	if (strncmp(line, MARK, strlen(MARK)) != 0)
		return;
	line += strlen(MARK);
	if (*line < '0' || *line >= '0' + REPLAY_SIDES || line[1] != ' ')
		return;
	struct bytes *log = &logs[*line - '0'];
	for (line += 2; digit(line[0]) >= 0 && digit(line[1]) >= 0; line += 2)
		add(log, (uint8_t)(digit(line[0]) << 4 | digit(line[1])));
}

int main(int argc, char **argv)
{
	struct bytes bytes[REPLAY_SIDES] = {{.count = 0}};
	struct replay_result result;
	char line[1024];
	FILE *console = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (console == NULL) {
		fprintf(stderr, "stress-check: no console to read\n");
		return EXIT_FAILURE;
	}
	while (fgets(line, sizeof(line), console) != NULL)
		take_line(bytes, line);
	fclose(console);
	const struct replay_log logs[REPLAY_SIDES] = {{bytes[0].at, bytes[0].count},
						      {bytes[1].at, bytes[1].count}};
	bool right = replay(logs, &result);
	printf("%lu vectors, %lu NMIs%s%s\n", result.taken, result.nmis, right ? "" : ": ",
	       right ? "" : result.why);
	for (unsigned i = 0; i < REPLAY_SIDES; i++)
		free(bytes[i].at);
	return right ? EXIT_SUCCESS : EXIT_FAILURE;
}
