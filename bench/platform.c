#include "bench/platform.h"

#include <stddef.h>
#include <string.h>

#define INSTRUCTION "emulated instruction", "instructions", ": a path length, not a time"

static const struct platform platforms[] = {
	{"bochs", INSTRUCTION, "bochs", false},
	{"bochs-kvm", INSTRUCTION, "bochs", true},
};

const struct platform *platform_find(const char *name)
{
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
		if (strcmp(platforms[i].name, name) == 0)
			return &platforms[i];
	return NULL;
}
