#include "bench/platform.h"

#include <stddef.h>
#include <string.h>

static const struct platform platforms[] = {
	{"bochs", "emulated instruction", "instructions", ": a path length, not a time"},
};

const struct platform *platform_find(const char *name)
{
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
		if (strcmp(platforms[i].name, name) == 0)
			return &platforms[i];
	return NULL;
}
