#include "bench/doctor.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum test { HAS, IS, AT_MOST, SOME, THERE, OPEN };

static const struct check {
	const char *name, *path;
	enum test test;
	const char *wanted, *trouble, *remedy;
} checks[] = {
#define DOCTOR(name, path, test, wanted, trouble, remedy) \
	{name, path, test, wanted, trouble, remedy},
#include "bench/doctor.def"
#undef DOCTOR
};

/* The start of a file as text.  False where there is none, or none that may be read. */
static bool read_text(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	text[0] = '\0';
	if (file == NULL)
		return false;
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
	return true;
}

/* Whether `word` is one of the words of `list`. */
static bool is_one_of(const char *word, const char *list)
{
	size_t length = strlen(word);

	for (const char *at = list; *at != '\0'; at += strspn(at, " ")) {
		size_t next = strcspn(at, " ");
		if (next == length && memcmp(at, word, length) == 0)
			return true;
		at += next;
	}
	return false;
}

static bool passes(const struct check *check, const char *text, const char *line)
{
	switch (check->test) {
	case HAS:
		return strstr(text, check->wanted) != NULL;
	case IS:
		return is_one_of(line, check->wanted);
	case AT_MOST:
		return strtol(line, NULL, 10) <= strtol(check->wanted, NULL, 10);
	case SOME:
		return line[0] != '\0';
	case THERE:
	case OPEN:
		return true;
	}
	return false;
}

static void say(FILE *out, bool good, const char *name, const char *value)
{
	fprintf(out, "  %s  %-20s %s\n", good ? "ok " : "(!)", name, value);
}

static unsigned advise(FILE *out, const char *trouble, const char *remedy)
{
	fprintf(out, "       %s:\n       %s\n", trouble, remedy);
	return 1;
}

/* A device is not read from. */
static unsigned look_whether_open(const struct check *check, const char *path, FILE *out)
{
	bool there = access(path, F_OK) == 0;
	bool open = access(path, R_OK | W_OK) == 0;

	say(out, open || !there, check->name, open ? "yes" : there ? "no" : "not there");
	return open || !there ? 0 : advise(out, check->trouble, check->remedy);
}

static unsigned look(const struct check *check, const char *root, FILE *out)
{
	static char text[65536];
	char path[PATH_MAX];
	char line[64];

	snprintf(path, sizeof(path), "%s/%s", root, check->path);
	if (check->test == OPEN)
		return look_whether_open(check, path, out);
	if (check->test == THERE ? access(path, F_OK) != 0 : !read_text(path, text, sizeof(text))) {
		bool bad = check->test == THERE || check->test == SOME;
		say(out, !bad, check->name, "not there");
		return bad ? advise(out, check->trouble, check->remedy) : 0;
	}
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(text, "\n"), text);
	bool good = passes(check, text, line);
	bool telling = check->test != THERE && strcmp(check->path, "proc/cpuinfo") != 0;
	say(out, good, check->name, telling ? line : good ? "there" : "not there");
	return good ? 0 : advise(out, check->trouble, check->remedy);
}

/* "KEY : ..." of the first processor. */
static void say_of_processor(const char *root, const char *key, const char *name, FILE *out)
{
	static char text[65536];
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/proc/cpuinfo", root);
	if (!read_text(path, text, sizeof(text)))
		return;
	const char *line = strstr(text, key);
	const char *value = line == NULL ? NULL : strstr(line, ": ");
	if (value != NULL)
		fprintf(out, "  %-25s %.*s\n", name, (int)strcspn(value + 2, "\n"), value + 2);
}

/* What the modules of KVM are set to: what they have of what a level `kvm` may set. */
static void say_parameters(const char *root, FILE *out)
{
	static const struct {
		const char *module, *name;
	} parameters[] = {
#define KVM_PARAM(name, module, initial, text) {#module, #name},
#include "bench/kvm_params.def"
	};
	const char *before = "";

	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		char path[PATH_MAX];
		char value[32];
		snprintf(path, sizeof(path), "%s/sys/module/%s/parameters/%s", root,
			 parameters[i].module, parameters[i].name);
		if (!read_text(path, value, sizeof(value)))
			continue;
		if (before[0] == '\0')
			fprintf(out, "  %-25s ", "parameters of KVM");
		fprintf(out, "%s%s=%.*s", before, parameters[i].name, (int)strcspn(value, "\n"),
			value);
		before = " ";
	}
	if (before[0] != '\0')
		fputc('\n', out);
}

unsigned doctor_settings(const char *root, FILE *out)
{
	unsigned troubles = 0;

	say_of_processor(root, "model name", "processor", out);
	say_of_processor(root, "vmx flags", "features of its VMX", out);
	say_parameters(root, out);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		troubles += look(&checks[i], root, out);
	return troubles;
}

static unsigned look_for(const char *name, const char *program, const char *version,
			 const char *remedy, FILE *out)
{
	char text[64] = "";

	if (access(program, R_OK) != 0) {
		say(out, false, name, "not there");
		return advise(out, program, remedy);
	}
	if (!read_text(version, text, sizeof(text)))
		snprintf(text, sizeof(text), "of a version that it does not tell");
	text[strcspn(text, "\n")] = '\0';
	say(out, true, name, text);
	return 0;
}

unsigned doctor_platforms(const struct project *project, FILE *out)
{
	char vmlinux[PATH_MAX + 16];
	char kernel_version[PATH_MAX + 16];
	char bochs_version[PATH_MAX + 16];
	const char *slash = strrchr(project->bochs, '/');
	int folder = slash == NULL ? 0 : (int)(slash - project->bochs);

	snprintf(vmlinux, sizeof(vmlinux), "%s/vmlinux", project->kernel);
	snprintf(kernel_version, sizeof(kernel_version), "%s/version", project->kernel);
	snprintf(bochs_version, sizeof(bochs_version), "%.*s/version", folder, project->bochs);
	unsigned troubles =
		look_for("bochs", project->bochs, bochs_version, "scripts/bootstrap", out);
	return troubles +
	       look_for("bochs-kvm", vmlinux, kernel_version, "scripts/bootstrap kernel", out);
}
