#include "bench/digest.h"
#include "bench/merge.h"
#include "bench/project.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* A source's manifest, and where it is. */
struct part {
	char path[PATH_MAX];
	json_t *root;
};

static int load(struct part *part, const struct merge_source *source, struct vmfee_error *err)
{
	json_error_t error;

	if (project_path(part->path, source->path, "manifest", ".json", err) != 0)
		return -1;
	part->root = json_load_file(part->path, 0, &error);
	if (part->root == NULL)
		return vmfee_fail(err, VMFEE_USAGE, "%s: %s", part->path, error.text);
	if (json_is_object(json_object_get(part->root, "platform")) &&
	    json_is_array(json_object_get(part->root, "stacks")))
		return 0;
	return vmfee_fail(err, VMFEE_USAGE, "%s: no manifest of a run", part->path);
}

static bool is_taken(const struct merge_source *source, const char *stack)
{
	for (size_t i = 0; i < source->results.stacks; i++)
		if (source->taken[i] && strcmp(source->results.stack[i].name, stack) == 0)
			return true;
	return false;
}

/* Adds the stacks of a source, and in `names` those that are taken from there. */
static void add_stacks(json_t *stacks, json_t *names, const struct merge_source *source,
		       const json_t *root)
{
	const json_t *theirs = json_object_get(root, "stacks");

	for (size_t i = 0; i < json_array_size(theirs); i++) {
		json_t *stack = json_array_get(theirs, i);
		const char *name = json_string_value(json_object_get(stack, "name"));
		if (name == NULL || !is_taken(source, name))
			continue;
		json_array_append(stacks, stack);
		json_array_append_new(names, json_string(name));
	}
}

/* What is the same for all sources stays with the run, the rest with each of them. */
static int keep_common(json_t *platform, json_t *theirs, const struct merge *merge,
		       const struct merge_source *source, struct vmfee_error *err)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(platform, next, key, value)
	{
		if (json_equal(value, json_object_get(theirs, key)))
			continue;
		if (strcmp(key, "memory_mib") == 0)
			return vmfee_fail(err, VMFEE_USAGE,
					  "%s and %s are no parts of one run: their machines have "
					  "different memory",
					  merge->source[0].name, source->name);
		json_object_del(platform, key);
	}
	return 0;
}

static int add_source(json_t *root, const struct merge *merge, unsigned number,
		      struct vmfee_error *err)
{
	const struct merge_source *source = &merge->source[number];
	char digest[DIGEST_TEXT];
	struct part part = {.root = NULL};
	json_t *names = json_array();
	int failed = load(&part, source, err) || digest_file(part.path, digest, err);

	if (!failed) {
		json_t *theirs = json_object_get(part.root, "platform");
		if (number == 0) {
			json_object_update_missing(root, part.root);
			json_object_set_new(root, "platform", json_deep_copy(theirs));
		}
		failed = keep_common(json_object_get(root, "platform"), theirs, merge, source, err);
		add_stacks(json_object_get(root, "stacks"), names, source, part.root);
		json_array_append_new(
			json_object_get(root, "sources"),
			json_pack("{ss, sO*, sO, ss, sO}", "run", source->name, "experiment",
				  json_object_get(part.root, "experiment"), "platform", theirs,
				  "manifest_sha256", digest, "stacks", names));
	}
	json_decref(names);
	json_decref(part.root);
	return failed;
}

int merge_manifests(const struct merge *merge, const char *path, struct vmfee_error *err)
{
	json_t *root = json_pack("{ss, s[], s[]}", "experiment", merge->name, "stacks", "sources");
	int failed =
		root == NULL ? vmfee_fail(err, VMFEE_SYSTEM, "out of memory for the manifest") : 0;

	for (unsigned i = 0; !failed && i < merge->sources; i++)
		failed = add_source(root, merge, i, err);
	if (!failed && json_dump_file(root, path, JSON_INDENT(2)) != 0)
		failed = vmfee_fail_errno(err, "%s", path);
	json_decref(root);
	return failed;
}
