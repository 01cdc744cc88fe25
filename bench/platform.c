#include "bench/platform.h"

#include <stddef.h>
#include <string.h>

#define INSTRUCTION "emulated instruction", "instructions", ": a path length, not a time"
/* Processors that take turns share one clock. */
#define TURN                                                                                \
	"tick of the emulated processors' one clock", "ticks",                              \
		": no time; a path length on one processor, and with several none, but it " \
		"compares stacks of this run"
#define CYCLE                                        \
	"cycle of the time-stamp counter", "cycles", \
		": a time, and another one in every run.  What is called native is a guest of KVM"

static const struct platform platforms[] = {
	{"bochs", INSTRUCTION, PLATFORM_BOCHS, false},
	{"bochs-kvm", INSTRUCTION, PLATFORM_BOCHS, true},
	{"kvm", CYCLE, PLATFORM_HOST, true},
};

static const struct platform several_emulated = {"bochs", TURN, PLATFORM_BOCHS, false};

const struct platform *platform_find(const char *name)
{
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++)
		if (strcmp(platforms[i].name, name) == 0)
			return &platforms[i];
	return NULL;
}

const struct platform *platform_with(const char *name, unsigned cpus)
{
	const struct platform *platform = platform_find(name);

	return cpus > 1 && strcmp(platform->name, several_emulated.name) == 0 ? &several_emulated
									      : platform;
}
