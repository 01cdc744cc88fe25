#include "bench/experiment.h"
#include "bench/experiment_key.h"
#include "bench/experiment_stack.h"
#include "bench/kvm_level.h"
#include "bench/platform.h"
#include "bench/project.h"

#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the reader and the handler share while inih goes through the file. */
struct loader {
	FILE *file;
	char *text; /* the line that was read last, and how much fits into it */
	size_t room;
	int unreadable; /* the errno that kept the next line from being read, or 0 */
	struct experiment_folders folders;
	int line;	     /* of the text last given to inih */
	int experiment_line; /* where [experiment] starts; 0 before its first key */
	int section_line;    /* where the section now read starts; 0 before the first */
	int section_keys;
	unsigned given; /* bit i: the key of that index has been given */
	struct experiment *experiment;
	struct vmfee_error *err;
};

static int experiment_line(struct loader *loader, const char *name, const char *value)
{
	int key = experiment_key_find(name, loader->err);

	if (loader->experiment_line == 0)
		loader->experiment_line = loader->section_line;
	if (loader->experiment_line != loader->section_line)
		return vmfee_fail(loader->err, VMFEE_USAGE, "[experiment] is already on line %d",
				  loader->experiment_line);
	if (key < 0)
		return -1;
	if (loader->given & (1u << key))
		return vmfee_fail(loader->err, VMFEE_USAGE, "key '%s' is given twice", name);
	loader->given |= 1u << key;
	return experiment_key_set(loader->experiment, key, value, loader->err);
}

/* The keys of [stack NAME]. */
static const struct stack_key {
	const char *name;
	size_t member, size; /* of struct experiment_stack */
	const char *allowed; /* NULL: any text of that size */
} stack_keys[] = {
#define STACK_KEY(name, member, allowed)                  \
	{name, offsetof(struct experiment_stack, member), \
	 sizeof(((struct experiment_stack *)NULL)->member), allowed}
	STACK_KEY("levels", notation, NULL),
	STACK_KEY("probe_of", probe_of, "the name of a stack"),
	STACK_KEY("about", about, NULL),
	STACK_KEY("platform", platform, "bochs, bochs-kvm or kvm"),
#undef STACK_KEY
};

enum { STACK_KEYS = sizeof(stack_keys) / sizeof(stack_keys[0]) };

static int set_stack_key(struct loader *loader, struct experiment_stack *stack,
			 const struct stack_key *key, const char *value)
{
	char *member = (char *)stack + key->member;

	if (member[0] != '\0')
		return vmfee_fail(loader->err, VMFEE_USAGE, "key '%s' is given twice", key->name);
	if (key->allowed == NULL && strlen(value) >= key->size)
		return vmfee_fail(loader->err, VMFEE_USAGE, "%s has more than %zu characters",
				  key->name, key->size - 1);
	if (key->allowed != NULL && (!stack_valid_name(value) ||
				     (member == stack->platform && platform_find(value) == NULL)))
		return vmfee_fail(loader->err, VMFEE_USAGE, "%s = '%s' is not possible; it is %s",
				  key->name, value, key->allowed);
	snprintf(member, key->size, "%s", value);
	return member == stack->notation
		       ? experiment_stack_levels(stack, &loader->folders, loader->err)
		       : 0;
}

static int stack_line(struct loader *loader, struct experiment_stack *stack, const char *name,
		      const char *value)
{
	char list[128] = "";

	for (int i = 0; i < STACK_KEYS; i++) {
		size_t used = strlen(list);
		if (strcmp(stack_keys[i].name, name) == 0)
			return set_stack_key(loader, stack, &stack_keys[i], value);
		snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ", ",
			 stack_keys[i].name);
	}
	return vmfee_fail(loader->err, VMFEE_USAGE, "unknown key '%s' in [stack %s]; there are: %s",
			  name, stack->name, list);
}

static unsigned stack_index(const struct experiment *experiment, const char *name)
{
	unsigned i = 0;

	while (i < experiment->stacks && strcmp(experiment->stack[i].name, name) != 0)
		i++;
	return i;
}

const struct experiment_stack *experiment_stack(const struct experiment *experiment,
						const char *name)
{
	unsigned i = stack_index(experiment, name);

	return i < experiment->stacks ? &experiment->stack[i] : NULL;
}

/* Whether a run has a file of its own with that name, beside the folders of its stacks. */
static bool belongs_to_run(const char *name)
{
	static const char *const names[] = {"manifest.json", "plots",	   "report.html",
					    "report.txt",    "results.db", "slurm"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* The stack whose section the loader is in; a section that was not there before adds one. */
static struct experiment_stack *section_stack(struct loader *loader, const char *name)
{
	struct experiment *experiment = loader->experiment;
	unsigned index = stack_index(experiment, name);
	struct experiment_stack *stack = &experiment->stack[index];

	if (index < experiment->stacks && stack->line == loader->section_line)
		return stack;
	if (index < experiment->stacks) {
		vmfee_fail(loader->err, VMFEE_USAGE, "[stack %s] is already on line %d", name,
			   stack->line);
		return NULL;
	}
	if (!stack_valid_name(name)) {
		vmfee_fail(loader->err, VMFEE_USAGE,
			   "'%s' cannot be the name of a stack: lower-case letters, digits, '-', "
			   "'_' and '.' make a name, at most %d of them",
			   name, STACK_MAX_NAME);
		return NULL;
	}
	if (belongs_to_run(name)) {
		vmfee_fail(loader->err, VMFEE_USAGE,
			   "'%s' cannot be the name of a stack: every run has a file of that name",
			   name);
		return NULL;
	}
	if (index == EXPERIMENT_MAX_STACKS) {
		vmfee_fail(loader->err, VMFEE_USAGE, "an experiment has at most %d stacks",
			   EXPERIMENT_MAX_STACKS);
		return NULL;
	}
	experiment->stacks++;
	snprintf(stack->name, sizeof(stack->name), "%s", name);
	stack->line = loader->section_line;
	return stack;
}

/* inih's handler: one `name = value`.  inih wants nonzero for success. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct loader *loader = user;

	if (loader->err->status != VMFEE_OK)
		return 0;
	loader->section_keys++;

	if (strcmp(section, "experiment") == 0)
		return experiment_line(loader, name, value) == 0;
	if (strncmp(section, "stack ", 6) == 0) {
		struct experiment_stack *stack =
			section_stack(loader, section + 6 + strspn(section + 6, " "));
		return stack != NULL && stack_line(loader, stack, name, value) == 0;
	}
	vmfee_fail(loader->err, VMFEE_USAGE,
		   "unknown section [%s]; there are: [experiment] and [stack NAME]", section);
	return 0;
}

/* A section without keys never reaches the handler, so it is judged where the next one starts. */
static int check_section(struct loader *loader)
{
	if (loader->section_line == 0 || loader->section_keys > 0)
		return 0;
	loader->line = loader->section_line;
	return vmfee_fail(loader->err, VMFEE_USAGE, "the section has no keys");
}

/*
 * Reads the next line into text, without what is indented: inih would take the line for more of the
 * one before.  False at the end of the file and where the line cannot be one of an experiment.
 */
static bool next_line(struct loader *loader, char *text, int size)
{
	errno = 0;
	ssize_t length = getline(&loader->text, &loader->room, loader->file);
	if (length < 0) {
		loader->unreadable = feof(loader->file) ? 0 : errno;
		return false;
	}
	loader->line++;
	if (strlen(loader->text) != (size_t)length) {
		vmfee_fail(loader->err, VMFEE_USAGE, "the line has a zero byte");
		return false;
	}
	const char *start = loader->text + strspn(loader->text, " \t");
	if (snprintf(text, (size_t)size, "%s", start) < size)
		return true;
	vmfee_fail(loader->err, VMFEE_USAGE, "the line is longer than %d bytes", size - 2);
	return false;
}

/*
 * inih's reader.  Debian's inih does not tell its handler the line, but calls it between two reads,
 * so counting here does.  Once there is an error the file seems to end.
 */
static char *read_line(char *text, int size, void *user)
{
	struct loader *loader = user;

	if (loader->err->status != VMFEE_OK || !next_line(loader, text, size))
		return NULL;
	if (text[0] != '[')
		return text;
	/* inih would go on and take what follows for more of the section before. */
	if (strchr(text, ']') == NULL) {
		vmfee_fail(loader->err, VMFEE_USAGE, "a section without its ]");
		return NULL;
	}

	if (check_section(loader) != 0)
		return NULL;
	loader->section_line = loader->line;
	loader->section_keys = 0;
	return text;
}

/* What can only be judged once the whole file is known.  Sets the line that is to blame. */
static int check_whole(struct loader *loader)
{
	struct experiment *experiment = loader->experiment;

	if (check_section(loader) != 0)
		return -1;
	if (experiment->title[0] == '\0')
		return vmfee_fail(loader->err, VMFEE_USAGE, "[experiment] has no title");
	if (experiment->stacks == 0)
		return vmfee_fail(loader->err, VMFEE_USAGE, "there is no [stack NAME] to run");
	for (unsigned i = 0; i < experiment->stacks; i++) {
		loader->line = experiment->stack[i].line;
		if (experiment->stack[i].notation[0] == '\0')
			return vmfee_fail(loader->err, VMFEE_USAGE, "[stack %s] has no levels",
					  experiment->stack[i].name);
	}
	if (experiment_stack_expand(experiment, &loader->folders, &loader->line, loader->err) != 0)
		return -1;
	for (unsigned i = 0; i < experiment->stacks; i++) {
		struct experiment_stack *stack = &experiment->stack[i];
		loader->line = stack->line;
		if (stack->probe_of[0] == '\0')
			continue;
		const struct experiment_stack *of = experiment_stack_probed(experiment, stack);
		if (of == NULL || of->probe_of[0] != '\0')
			return vmfee_fail(loader->err, VMFEE_USAGE,
					  "probe_of = '%s' names no stack of the tables",
					  stack->probe_of);
	}
	return 0;
}

static int set_name(struct experiment *experiment, const char *path, struct vmfee_error *err)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash == NULL ? path : slash + 1;
	const char *dot = strrchr(base, '.');
	int length = dot == NULL ? (int)strlen(base) : (int)(dot - base);
	char name[NAME_MAX + 1];

	snprintf(name, sizeof(name), "%.*s", length, base);
	/* NAME.1 in results/ is an older run of NAME. */
	if (!stack_valid_name(name) || strchr(name, '.') != NULL)
		return vmfee_fail(err, VMFEE_USAGE,
				  "%s: '%s' cannot name an experiment: lower-case letters, digits, "
				  "'-' and '_' make a name, at most %d of them",
				  path, name, STACK_MAX_NAME);
	memcpy(experiment->name, name, strlen(name) + 1);
	return 0;
}

int experiment_load(struct experiment *experiment, const char *path, const char *images,
		    const char *models, struct vmfee_error *err)
{
	struct loader loader = {.folders = {images, models}, .experiment = experiment, .err = err};

	memset(experiment, 0, sizeof(*experiment));
	if (set_name(experiment, path, err) != 0)
		return -1;
	if (experiment_key_defaults(experiment, err) != 0)
		return -1;

	loader.file = fopen(path, "re");
	if (loader.file == NULL)
		return vmfee_fail(err, VMFEE_USAGE, "%s: %s", path, strerror(errno));
	int malformed = ini_parse_stream(read_line, &loader, handle, &loader);
	fclose(loader.file);
	free(loader.text);

	if (err->status == VMFEE_OK && loader.unreadable != 0)
		return vmfee_fail(err, VMFEE_USAGE, "%s: %s", path, strerror(loader.unreadable));
	if (err->status == VMFEE_OK && malformed != 0) {
		loader.line = malformed;
		vmfee_fail(err, VMFEE_USAGE, "neither a [section] nor 'key = value'");
	}
	if (err->status == VMFEE_OK)
		check_whole(&loader);
	if (err->status != VMFEE_OK)
		return vmfee_prefix(err, "%s:%d", path, loader.line == 0 ? 1 : loader.line);
	return 0;
}
