#include "tests/unit/bench_rig.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void rig_folder(char folder[PATH_MAX])
{
	strcpy(folder, "/tmp/l1vmm-bench-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

void rig_file(const char *folder, const char *name, const char *text, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	cr_assert_not_null(file, "%s", path);
	fputs(text, file);
	cr_assert_eq(fclose(file), 0);
}

char *rig_read(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");

	cr_assert_not_null(file, "%s", path);
	cr_assert_geq(getdelim(&text, &size, '\0', file), 0, "%s", path);
	fclose(file);
	return text;
}

struct console *rig_console(unsigned levels, const char *text)
{
	struct vmfee_error err = {0};
	struct console *console = malloc(sizeof(*console));

	cr_assert_not_null(console);
	console_init(console, levels);
	cr_assert_eq(console_feed(console, text, strlen(text), &err), 0, "%s", err.text);
	return console;
}

void rig_console_free(struct console *console)
{
	console_free(console);
	free(console);
}
