#include "l1vmm/switches.h"

#include "l1vmm/lib/string.h"

struct switch_info {
	const char *name;
	size_t offset; /* of the member of struct switches */
};

struct value_info {
	size_t offset; /* of the switch that it belongs to */
	int value;
	const char *text;
};

#define SWITCH(name, NAME, def, text) {#name, offsetof(struct switches, name)},
#define VALUE(NAME, value, text)
static const struct switch_info switch_infos[] = {
#include "l1vmm/switches.def"
};
#undef SWITCH
#undef VALUE

/* VALUE rows name their switch in capitals: the offset by that name. */
#define SWITCH(name, NAME, def, text) OFFSET_##NAME = offsetof(struct switches, name),
#define VALUE(NAME, value, text)
enum {
#include "l1vmm/switches.def"
};
#undef SWITCH
#undef VALUE

#define SWITCH(name, NAME, def, text)
#define VALUE(NAME, value, text) {OFFSET_##NAME, SW_##NAME##_##value, text},
static const struct value_info value_infos[] = {
#include "l1vmm/switches.def"
};
#undef SWITCH
#undef VALUE

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int *member(struct switches *sw, size_t offset)
{
	return (int *)((char *)sw + offset);
}

static const struct switch_info *find(const char *name)
{
	for (size_t i = 0; i < COUNT(switch_infos); i++)
		if (strcmp(switch_infos[i].name, name) == 0)
			return &switch_infos[i];
	return NULL;
}

void switches_default(struct switches *sw)
{
#define SWITCH(name, NAME, def, text) sw->name = SW_##NAME##_##def;
#define VALUE(NAME, value, text)
#include "l1vmm/switches.def"
#undef SWITCH
#undef VALUE
}

enum switch_result switches_set(struct switches *sw, const char *name, const char *value)
{
	const struct switch_info *info = find(name);

	if (!info)
		return SWITCH_UNKNOWN;
	for (size_t i = 0; i < COUNT(value_infos); i++) {
		if (value_infos[i].offset == info->offset &&
		    strcmp(value_infos[i].text, value) == 0) {
			*member(sw, info->offset) = value_infos[i].value;
			return SWITCH_OK;
		}
	}
	return SWITCH_BAD_VALUE;
}

bool switches_is_default(const char *name, const char *value)
{
	struct switches plain, changed;

	switches_default(&plain);
	changed = plain;
	return switches_set(&changed, name, value) == SWITCH_OK &&
	       memcmp(&plain, &changed, sizeof(plain)) == 0;
}

void switches_each(const struct switches *sw,
		   void (*visit)(void *ctx, const char *name, const char *value), void *ctx)
{
	struct switches copy = *sw;

	for (size_t s = 0; s < COUNT(switch_infos); s++) {
		size_t offset = switch_infos[s].offset;

		for (size_t i = 0; i < COUNT(value_infos); i++)
			if (value_infos[i].offset == offset &&
			    value_infos[i].value == *member(&copy, offset))
				visit(ctx, switch_infos[s].name, value_infos[i].text);
	}
}

void switches_values(const char *name, void (*visit)(void *ctx, const char *value), void *ctx)
{
	const struct switch_info *info = find(name);

	for (size_t i = 0; info && i < COUNT(value_infos); i++)
		if (value_infos[i].offset == info->offset)
			visit(ctx, value_infos[i].text);
}
