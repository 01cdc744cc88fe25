#include "bench/tlb_file.h"
#include "bench/model.h"
#include "bench/project.h"

#include "l1vmm/lib/cmdline.h"

#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REFERENCE_MOST 10000

struct loader {
	struct tlb_file *file;
	struct vmfee_error *err;
};

static int set_number(struct loader *loader, const char *name, const char *value, uint32_t *to,
		      uint64_t least, uint64_t most)
{
	uint64_t number;

	if (!cmdline_number(value, strlen(value), &number) || number < least || number > most)
		return vmfee_fail(loader->err, VMFEE_USAGE,
				  "%s = '%s' is not possible: a number from %" PRIu64
				  " to %" PRIu64,
				  name, value, least, most);
	*to = (uint32_t)number;
	return 0;
}

static int set_key(struct loader *loader, const char *name, const char *value)
{
	struct tlb_file *file = loader->file;

#define TLB_PARAMETER(key, least, most, text) \
	if (strcmp(name, #key) == 0)          \
		return set_number(loader, name, value, &file->parameters.key, least, most);
	TLB_PARAMETERS
#undef TLB_PARAMETER
	if (strcmp(name, "reference") == 0)
		return set_number(loader, name, value, &file->reference, 1, REFERENCE_MOST);
	if (strcmp(name, "title") != 0)
		return vmfee_fail(loader->err, VMFEE_USAGE, "unknown key '%s' in [tlb]", name);
	if (strlen(value) > TLB_FILE_MAX_TITLE)
		return vmfee_fail(loader->err, VMFEE_USAGE, "title has more than %d characters",
				  TLB_FILE_MAX_TITLE);
	snprintf(file->title, sizeof(file->title), "%s", value);
	return 0;
}

/* inih's handler, which wants nonzero for success. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct loader *loader = user;

	if (loader->err->status != VMFEE_OK)
		return 0;
	/* The prices of the same processor have a reader of their own. */
	if (model_section(section))
		return 1;
	if (strcmp(section, "tlb") == 0)
		return set_key(loader, name, value) == 0;
	vmfee_fail(loader->err, VMFEE_USAGE, "unknown section [%s]; there is: [tlb]", section);
	return 0;
}

int tlb_file_load(struct tlb_file *file, const char *folder, const char *name,
		  struct vmfee_error *err)
{
	struct loader loader = {.file = file, .err = err};
	char path[PATH_MAX];
	char list[256];

	*file = (struct tlb_file){0};
	if (!stack_valid_name(name)) {
		project_list(folder, ".ini", list, sizeof(list));
		return vmfee_fail(err, VMFEE_USAGE, "tlb_model=%s names no model; there are: %s",
				  name, list);
	}
	if (project_path(path, folder, name, ".ini", err) != 0)
		return -1;
	int line = ini_parse(path, handle, &loader);
	if (err->status != VMFEE_OK)
		return vmfee_prefix(err, "bench/models/%s.ini:%d", name, line);
	project_list(folder, ".ini", list, sizeof(list));
	if (line < 0)
		return vmfee_fail(err, VMFEE_USAGE, "no model '%s' in bench/models; there are: %s",
				  name, list);
	if (line > 0)
		return vmfee_fail(err, VMFEE_USAGE,
				  "bench/models/%s.ini:%d: neither a [section] nor 'key = value'",
				  name, line);
	if (file->title[0] == '\0' || file->reference == 0 ||
	    !tlb_parameters_valid(&file->parameters))
		return vmfee_fail(err, VMFEE_USAGE,
				  "bench/models/%s.ini: a model has a title, a reference, and "
				  "parameters that make a TLB",
				  name);
	snprintf(file->name, sizeof(file->name), "%s", name);
	return 0;
}

int tlb_file_expand(struct tlb_file *file, const char *folder, char *cmdline,
		    struct vmfee_error *err)
{
	char name[STACK_MAX_CMDLINE + 1];
	char expanded[2 * STACK_MAX_CMDLINE];
	const char *cursor = cmdline;
	struct cmdline_token token = {0};
	bool found = false;

	while (!found && cmdline_next(&cursor, &token))
		found = cmdline_is(&token, "tlb_model");
	if (!found)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)token.value_length, token.value);
	if (tlb_file_load(file, folder, name, err) != 0)
		return -1;

	int used =
		snprintf(expanded, sizeof(expanded), "%.*s", (int)(token.value - cmdline), cmdline);
	const char *separator = "";
#define TLB_PARAMETER(key, least, most, text)                                            \
	used += snprintf(expanded + used, sizeof(expanded) - (size_t)used, "%s%" PRIu32, \
			 separator, file->parameters.key);                               \
	separator = ",";
	TLB_PARAMETERS
#undef TLB_PARAMETER
	snprintf(expanded + used, sizeof(expanded) - (size_t)used, "%s",
		 token.value + token.value_length);
	if (strlen(expanded) > STACK_MAX_CMDLINE)
		return vmfee_fail(
			err, VMFEE_USAGE,
			"with the model '%s' the command line is longer than %d characters", name,
			STACK_MAX_CMDLINE);
	memcpy(cmdline, expanded, strlen(expanded) + 1);
	return 0;
}
