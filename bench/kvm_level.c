#include "bench/kvm_level.h"

#include "l1vmm/lib/cmdline.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct param {
	const char *name;
	size_t module; /* the member of struct kvm_level */
	const char *initial;
} params[] = {
#define KVM_PARAM(name, module, initial, text) {#name, offsetof(struct kvm_level, module), initial},
#include "bench/kvm_params.def"
};

static const struct trouble {
	const char *name;
	bool on;
	const char *text;
} troubles[] = {
#define KVM_TROUBLE(name, on, text) {#name, on, text},
#include "bench/kvm_params.def"
};

enum { PARAMS = sizeof(params) / sizeof(params[0]) };

/* MiB: what the launcher takes. */
enum { MAX_MEMORY = 2048 };

bool kvm_level_is(const struct stack *stack)
{
	return strcmp(stack->level[0].image, KVM_LEVEL) == 0;
}

unsigned kvm_level_find(const struct stack *stack)
{
	unsigned level = 0;

	while (level < stack->levels && strcmp(stack->level[level].image, KVM_LEVEL) != 0)
		level++;
	return level;
}

bool kvm_level_begins(const char *notation)
{
	size_t length = strlen(KVM_LEVEL);

	return strncmp(notation, KVM_LEVEL, length) == 0 && strcspn(notation + length, " \t") == 0;
}

static int find(const char *name, size_t length)
{
	for (int i = 0; i < PARAMS; i++)
		if (strlen(params[i].name) == length && memcmp(params[i].name, name, length) == 0)
			return i;
	return -1;
}

static int refuse(const char *token, int length, struct vmfee_error *err)
{
	char list[256] = "";

	for (int i = 0; i < PARAMS; i++) {
		size_t used = strlen(list);
		snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ",
			 params[i].name);
	}
	return vmfee_fail(err, VMFEE_USAGE,
			  "'%.*s' is no parameter of KVM with a value; there are: %s", length,
			  token, list);
}

static void append(struct kvm_level *level, int index, const char *value, int length)
{
	char *module = (char *)level + params[index].module;

	/* A command line, names and values and all, fits into either member. */
	sprintf(module + strlen(module), "%s%s=%.*s", module[0] == '\0' ? "" : " ",
		params[index].name, length, value);
}

/* Of the launcher's, not of a module. */
static bool take_launcher(struct kvm_level *level, const char *token, size_t length)
{
	static const char on[] = "observe=on", off[] = "observe=off", memory[] = "memory=";
	uint64_t mib;

	if (length > strlen(memory) && memcmp(token, memory, strlen(memory)) == 0) {
		if (!cmdline_number(token + strlen(memory), length - strlen(memory), &mib) ||
		    mib < 1 || mib > MAX_MEMORY)
			return false;
		level->memory = (unsigned)mib;
		return true;
	}
	if (length == strlen(on) && memcmp(token, on, length) == 0)
		level->observe = true;
	else if (length != strlen(off) || memcmp(token, off, length) != 0)
		return false;
	return true;
}

int kvm_level_parse(struct kvm_level *level, const char *cmdline, struct vmfee_error *err)
{
	bool given[PARAMS] = {false};

	memset(level, 0, sizeof(*level));
	for (const char *token = cmdline + strspn(cmdline, " \t"); *token != '\0';) {
		size_t length = strcspn(token, " \t");
		size_t name = strcspn(token, "= \t");
		if (take_launcher(level, token, length)) {
			token += length;
			token += strspn(token, " \t");
			continue;
		}
		int index = find(token, name);
		size_t value = name + 1;
		while (value < length && isalnum((unsigned char)token[value]))
			value++;
		if (index < 0 || name + 1 >= length || value != length)
			return refuse(token, (int)length, err);
		if (!given[index])
			append(level, index, token + name + 1, (int)(length - name - 1));
		given[index] = true;
		token += length;
		token += strspn(token, " \t");
	}
	for (int i = 0; i < PARAMS; i++)
		if (!given[i] && params[i].initial[0] != '\0')
			append(level, i, params[i].initial, (int)strlen(params[i].initial));
	return 0;
}

/* Whether the command line sets the parameter so; of several values, the first one counts. */
static bool sets(const char *cmdline, const char *name, bool on)
{
	const char *values = on ? "1Yy" : "0Nn";
	size_t length = strlen(name);

	for (const char *token = cmdline + strspn(cmdline, " \t"); *token != '\0';) {
		size_t end = strcspn(token, " \t");
		if (end == length + 2 && memcmp(token, name, length) == 0 && token[length] == '=')
			return strchr(values, token[length + 1]) != NULL;
		token += end;
		token += strspn(token, " \t");
	}
	return false;
}

const char *kvm_level_trouble(const struct stack *stack, const char **name)
{
	if (!kvm_level_is(stack))
		return NULL;
	for (size_t i = 0; i < sizeof(troubles) / sizeof(troubles[0]); i++) {
		*name = troubles[i].name;
		if (sets(stack->level[0].cmdline, *name, troubles[i].on))
			return troubles[i].text;
	}
	return NULL;
}
