#include "bench/experiment_key.h"
#include "bench/bochs_image.h"
#include "bench/platform.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER(name) offsetof(struct experiment, name)

static const struct key {
	const char *name;
	enum { TEXT, NAME, PLATFORM, NUMBER } kind;
	size_t member;	     /* of struct experiment */
	const char *initial; /* NULL: there is no value until the file gives one */
	const char *allowed;
	unsigned low, high; /* of a number */
} keys[] = {
	{"title", TEXT, MEMBER(title), NULL, "a line of text of at most 127 bytes", 0, 0},
	{"platform", PLATFORM, MEMBER(platform), "bochs", "bochs, bochs-kvm or kvm", 0, 0},
	{"cpu", NAME, MEMBER(cpu), "corei7_skylake_x",
	 "a CPU model of Bochs, such as corei7_skylake_x", 0, 0},
	{"memory", NUMBER, MEMBER(memory), "256", "a number of MiB", BOCHS_MIN_MEMORY,
	 BOCHS_MAX_MEMORY},
	{"watchdog", NUMBER, MEMBER(watchdog), "2000", "a number of million ticks", 1, 1000000},
	{"outbox", NUMBER, MEMBER(outbox), "32", "a number of MiB", 1, 1024},
};

enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

int experiment_key_find(const char *name, struct vmfee_error *err)
{
	char list[128] = "";

	for (int i = 0; i < KEYS; i++) {
		size_t used = strlen(list);
		if (strcmp(keys[i].name, name) == 0)
			return i;
		snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ",
			 keys[i].name);
	}
	return vmfee_fail(err, VMFEE_USAGE, "unknown key '%s' in [experiment]; there are: %s", name,
			  list);
}

static bool set_text(char *member, size_t most, const char *value)
{
	size_t length = strlen(value);

	if (length == 0 || length > most)
		return false;
	memcpy(member, value, length + 1);
	return true;
}

static bool set_number(unsigned *member, const char *value, const struct key *key)
{
	char *end;

	errno = 0;
	unsigned long number = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end != '\0' || errno != 0 || number < key->low ||
	    number > key->high)
		return false;
	*member = (unsigned)number;
	return true;
}

static bool set(void *member, const char *value, const struct key *key)
{
	switch (key->kind) {
	case TEXT:
		return set_text(member, EXPERIMENT_MAX_TITLE, value);
	case NAME:
		return stack_valid_name(value) && set_text(member, STACK_MAX_NAME, value);
	case PLATFORM:
		return platform_find(value) != NULL && set_text(member, STACK_MAX_NAME, value);
	case NUMBER:
		return set_number(member, value, key);
	}
	return false;
}

int experiment_key_set(struct experiment *experiment, int index, const char *value,
		       struct vmfee_error *err)
{
	const struct key *key = &keys[index];

	if (set((char *)experiment + key->member, value, key))
		return 0;
	if (key->kind == NUMBER)
		return vmfee_fail(err, VMFEE_USAGE,
				  "%s = '%s' is not possible; it is %s from %u to %u", key->name,
				  value, key->allowed, key->low, key->high);
	return vmfee_fail(err, VMFEE_USAGE, "%s = '%s' is not possible; it is %s", key->name, value,
			  key->allowed);
}

int experiment_key_defaults(struct experiment *experiment, struct vmfee_error *err)
{
	for (int i = 0; i < KEYS; i++)
		if (keys[i].initial != NULL &&
		    experiment_key_set(experiment, i, keys[i].initial, err) != 0)
			return -1;
	return 0;
}
