#include "bench/cell_file.h"
#include "bench/digest.h"
#include "bench/kvm_image.h"
#include "bench/kvm_level.h"
#include "bench/linux_level.h"
#include "bench/version.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of cell.json's layout. */
enum { CELL_FORMAT = 1 };

static int add_file(json_t *files, const char *name, const char *path, struct vmfee_error *err)
{
	char digest[DIGEST_TEXT];

	if (digest_file(path, digest, err) != 0)
		return -1;
	return json_object_set_new(files, name, json_string(digest)) == 0
		       ? 0
		       : vmfee_fail(err, VMFEE_SYSTEM, "out of memory for " CELL_FILE);
}

static int add_linux(json_t *files, const struct cell *cell, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (kvm_image_kernel(cell->project, path, err) != 0 ||
	    add_file(files, LINUX_LEVEL, path, err) != 0)
		return -1;
	return add_file(files, "linux-init", cell->project->linux_init, err);
}

static int add_image(json_t *files, const struct cell *cell, const char *image,
		     struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (project_path(path, cell->project->images, image, ".elf", err) != 0)
		return -1;
	return add_file(files, image, path, err);
}

static int add_images(json_t *files, const struct cell *cell, struct vmfee_error *err)
{
	const struct stack *stack = &cell->stack->stack;

	for (unsigned i = 0; i < stack->levels; i++) {
		if (i == kvm_level_find(stack))
			continue;
		int failed = linux_level_at(stack, i)
				     ? add_linux(files, cell, err)
				     : add_image(files, cell, stack->level[i].image, err);
		if (failed)
			return -1;
	}
	return 0;
}

static int add_kernel(json_t *files, const struct cell *cell, struct vmfee_error *err)
{
	char path[PATH_MAX];

	for (size_t i = 0; kvm_image_part(i) != NULL; i++)
		if (project_path(path, cell->project->kernel, kvm_image_part(i), "", err) != 0 ||
		    add_file(files, kvm_image_part(i), path, err) != 0)
			return -1;
	return add_file(files, "init", cell->project->init, err);
}

/* The machine, and what is on it. */
static int add_files(json_t *files, const struct cell *cell, struct vmfee_error *err)
{
	if (add_images(files, cell, err) != 0 ||
	    (cell->kernel && add_kernel(files, cell, err) != 0))
		return -1;
	if ((cell->kernel || cell->launched) &&
	    add_file(files, "launcher", cell->project->launcher, err) != 0)
		return -1;
	return cell->launched ? 0 : add_file(files, "bochs", cell->project->bochs, err);
}

/* The command lines as they are with what generations and TLB models stand for. */
static json_t *cmdlines(const struct stack *stack)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < stack->levels; i++)
		json_array_append_new(array, json_string(stack->level[i].cmdline));
	return array;
}

json_t *cell_identity(const struct cell *cell, struct vmfee_error *err)
{
	const struct experiment *experiment = cell->experiment;
	json_t *files = json_object();

	if (add_files(files, cell, err) != 0) {
		json_decref(files);
		return NULL;
	}
	json_t *identity = json_pack(
		"{ss, ss, ss, ss, ss, ss, so, si, si, si, so}", "vmfee", vmfee_version, "platform",
		experiment->platform, "cpu", experiment->cpu, "stack", cell->stack->name,
		"notation", cell->stack->notation, "probe_of", cell->stack->probe_of, "cmdlines",
		cmdlines(&cell->stack->stack), "memory_mib", (int)experiment->memory,
		"watchdog_million_ticks", (int)experiment->watchdog, "outbox_mib",
		(int)experiment->outbox, "sha256", files);
	if (identity == NULL)
		vmfee_fail(err, VMFEE_SYSTEM, "out of memory for " CELL_FILE);
	return identity;
}

/* A file that is there is whole: it takes its name in the end. */
static int write_file(const struct cell *cell, const char *name, const json_t *root,
		      struct vmfee_error *err)
{
	char path[PATH_MAX];
	char partial[PATH_MAX];

	if (project_path(path, cell->folder, name, "", err) != 0 ||
	    project_path(partial, cell->folder, ".partial", "", err) != 0)
		return -1;
	FILE *file = fopen(partial, "we");
	if (file == NULL)
		return vmfee_fail_errno(err, "%s", partial);
	int failed = json_dumpf(root, file, JSON_INDENT(2)) != 0;
	fputc('\n', file);
	if (failed || ferror(file) || fflush(file) != 0)
		failed = vmfee_fail_errno(err, "%s", partial);
	fclose(file);
	if (!failed && rename(partial, path) != 0)
		failed = vmfee_fail_errno(err, "%s", path);
	return failed;
}

int cell_save(const struct cell *cell, struct vmfee_error *err)
{
	json_t *root = json_pack("{si, ss, sO}", "format", CELL_FORMAT, "version",
				 cell_version(cell), "cell", cell->identity);
	int failed = root == NULL ? vmfee_fail(err, VMFEE_SYSTEM, "out of memory for " CELL_FILE)
				  : write_file(cell, CELL_FILE, root, err);

	json_decref(root);
	return failed;
}

/* What differs first. */
static int compare(json_t *identity, const json_t *found, struct vmfee_error *why)
{
	const char *key;
	json_t *value;

	json_object_foreach(identity, key, value)
	{
		const json_t *other = json_object_get(found, key);
		if (json_equal(value, other))
			continue;
		if (json_is_object(value) && json_is_object(other))
			return compare(value, other, why);
		return vmfee_fail(why, VMFEE_USAGE, "it was run with another %s", key);
	}
	return json_object_size(identity) == json_object_size(found)
		       ? 0
		       : vmfee_fail(why, VMFEE_USAGE, "it was run with more than is asked for");
}

/* Holds what was run against what would be run now. */
static int check(const struct cell *cell, json_t *root, const char **version,
		 struct vmfee_error *why)
{
	const json_t *found;
	json_t *identity;
	int format;

	if (json_unpack(root, "{si, ss, so}", "format", &format, "version", version, "cell",
			&found) != 0 ||
	    format != CELL_FORMAT)
		return vmfee_fail(why, VMFEE_USAGE, CELL_FILE " is of another version of vmfee");
	identity = cell_identity(cell, why);
	if (identity == NULL)
		return -1;
	int different = compare(identity, found, why);
	json_decref(identity);
	return different;
}

bool cell_load(struct cell *cell, struct vmfee_error *why)
{
	char path[PATH_MAX];
	const char *version;
	json_error_t error;

	if (project_path(path, cell->folder, CELL_FILE, "", why) != 0 || access(path, F_OK) != 0)
		return false;
	json_t *root = json_load_file(path, 0, &error);
	if (root == NULL)
		return vmfee_fail(why, VMFEE_SYSTEM, CELL_FILE ": %s", error.text) == 0;
	bool loaded = check(cell, root, &version, why) == 0 && cell_reread(cell, version, why) == 0;
	json_decref(root);
	return loaded;
}

void cell_save_failure(const struct cell *cell)
{
	struct vmfee_error ignored = {0};
	json_t *root = json_pack("{si, ss, sb}", "status", cell->failure.status, "text",
				 cell->failure.text, "told", cell_tells(cell));

	if (root != NULL)
		write_file(cell, CELL_FAILURE, root, &ignored);
	json_decref(root);
}

bool cell_load_failure(struct cell *cell)
{
	struct vmfee_error ignored = {0};
	char path[PATH_MAX];
	const char *text;
	int status;
	int told;

	if (project_path(path, cell->folder, CELL_FAILURE, "", &ignored) != 0)
		return false;
	json_t *root = json_load_file(path, 0, NULL);
	if (root == NULL)
		return false;
	bool loaded = json_unpack(root, "{si, ss, sb}", "status", &status, "text", &text, "told",
				  &told) == 0;
	if (loaded) {
		vmfee_fail(&cell->failure, (enum vmfee_status)status, "%s", text);
		cell->told = told != 0;
	}
	json_decref(root);
	return loaded;
}

bool cell_has_ended(const struct cell *cell)
{
	static const char *const names[] = {CELL_FILE, CELL_FAILURE};
	struct vmfee_error ignored = {0};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (project_path(path, cell->folder, names[i], "", &ignored) == 0 &&
		    access(path, F_OK) == 0)
			return true;
	return false;
}
