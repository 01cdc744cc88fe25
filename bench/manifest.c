#include "bench/manifest.h"
#include "bench/stats.h"
#include "bench/version.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Of the manifest's layout; a reader that knows another one must not guess. */
enum { MANIFEST_FORMAT = 1 };

struct manifest {
	json_t *root;
	json_t *stacks; /* belongs to root */
};

static json_t *hex(uint64_t number)
{
	return json_sprintf("0x%" PRIx64, number);
}

struct manifest *manifest_create(const struct experiment *experiment,
				 const struct platform *platform, const char *platform_version)
{
	struct manifest *manifest = calloc(1, sizeof(*manifest));

	if (manifest == NULL)
		return NULL;
	manifest->stacks = json_array();
	manifest->root = json_pack(
		"{si, ss, ss, ss, ss*, s{ss, ss, ss, ss, si, si, si}, s{so}, so}", "format",
		MANIFEST_FORMAT, "vmfee", vmfee_version, "experiment", experiment->name, "title",
		experiment->title, "left_out",
		experiment->left_out[0] == '\0' ? NULL : experiment->left_out, "platform", "name",
		platform->name, "version", platform_version, "tick", platform->tick, "cpu",
		experiment->cpu, "memory_mib", (int)experiment->memory, "watchdog_million_ticks",
		(int)experiment->watchdog, "outbox_mib", (int)experiment->outbox, "seeds",
		"bootstrap", hex(STATS_BOOTSTRAP_SEED), "stacks", manifest->stacks);
	if (manifest->root != NULL)
		return manifest;
	free(manifest);
	return NULL;
}

static json_t *levels(const struct stack *stack)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < stack->levels; i++)
		if (json_array_append_new(array,
					  json_pack("{ss, ss}", "image", stack->level[i].image,
						    "cmdline", stack->level[i].cmdline)) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *capabilities(const struct console_notes *notes)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < notes->count; i++) {
		const struct console_note *note = &notes->note[i];
		if (json_array_append_new(array,
					  json_pack("{si, ss, so, so}", "level", (int)note->level,
						    "name", note->name, "msr", hex(note->msr),
						    "value", hex(note->number))) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *switches(const struct console_notes *notes)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < notes->count; i++) {
		const struct console_note *note = &notes->note[i];
		if (json_array_append_new(array, json_pack("{si, ss, ss}", "level",
							   (int)note->level, "name", note->name,
							   "value", note->value)) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_int_t dropped(const struct console *console)
{
	uint64_t dropped = 0;

	for (unsigned level = 0; level < console->levels; level++)
		dropped += console_lost(console, level);
	return (json_int_t)dropped;
}

int manifest_stack(struct manifest *manifest, const struct experiment_stack *stack,
		   const struct console *console, const struct exits *exits)
{
	json_t *entry =
		json_pack("{ss, ss, si, ss*, so, so, so, s{sI, sI}}", "name", stack->name,
			  "notation", stack->notation, "depth", (int)stack_depth(&stack->stack),
			  "probe_of", stack->probe_of[0] == '\0' ? NULL : stack->probe_of, "levels",
			  levels(&stack->stack), "capabilities", capabilities(&console->caps),
			  "switches", switches(&console->switches), "trace", "records",
			  (json_int_t)exits->records, "dropped", dropped(console));

	return json_array_append_new(manifest->stacks, entry);
}

int manifest_write(const struct manifest *manifest, const char *path, struct vmfee_error *err)
{
	FILE *file = fopen(path, "we");

	if (file == NULL)
		return vmfee_fail_errno(err, "%s", path);
	int failed = json_dumpf(manifest->root, file, JSON_INDENT(2)) != 0;
	fputc('\n', file);
	if (failed || ferror(file) || fflush(file) != 0)
		failed = vmfee_fail_errno(err, "%s", path);
	fclose(file);
	return failed;
}

void manifest_free(struct manifest *manifest)
{
	if (manifest == NULL)
		return;
	json_decref(manifest->root);
	free(manifest);
}
