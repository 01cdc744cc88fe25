#include "bench/published.h"
#include "bench/project.h"

#include "telemetry/fee.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_SECTION "row "

static const char *const units[PUBLISHED_UNITS] = {
#define UNIT(NAME, name, text) [PUBLISHED_##NAME] = #name,
#include "bench/published_unit.def"
#undef UNIT
};

struct loader {
	struct published *published;
	struct vmfee_error *err;
};

const char *published_unit_name(enum published_unit unit)
{
	return units[unit];
}

/* A long text goes on in an indented line, which inih gives as another value of the same key. */
static int add_text(struct loader *loader, const char *name, const char *value, char *to)
{
	size_t used = strlen(to);

	if (used + strlen(value) + 1 > PUBLISHED_MAX_TEXT)
		return vmfee_fail(loader->err, VMFEE_USAGE, "%s has more than %d characters", name,
				  PUBLISHED_MAX_TEXT);
	snprintf(to + used, PUBLISHED_MAX_TEXT + 1 - used, "%s%s", used == 0 ? "" : " ", value);
	return 0;
}

static int set_name(struct loader *loader, const char *name, const char *value, char *to)
{
	if (strlen(value) > STACK_MAX_NAME || value[0] == '\0')
		return vmfee_fail(loader->err, VMFEE_USAGE, "%s = '%s' is no name", name, value);
	snprintf(to, STACK_MAX_NAME + 1, "%s", value);
	return 0;
}

static int set_number(struct loader *loader, const char *name, const char *value, double *to)
{
	char *end;

	*to = strtod(value, &end);
	if (!isdigit((unsigned char)value[0]) || *end != '\0' || !(*to > 0) || *to > 1e12)
		return vmfee_fail(loader->err, VMFEE_USAGE, "%s = '%s' is no number above 0", name,
				  value);
	return 0;
}

static int set_unit(struct loader *loader, const char *value, enum published_unit *unit)
{
	for (*unit = PUBLISHED_NONE + 1; *unit < PUBLISHED_UNITS; (*unit)++)
		if (strcmp(value, units[*unit]) == 0)
			return 0;
	return vmfee_fail(loader->err, VMFEE_USAGE,
			  "unit = '%s' is none of cycles, us, exits, percent", value);
}

static int set_key(struct loader *loader, struct published_row *row, const char *name,
		   const char *value)
{
	const struct {
		const char *name;
		int (*set)(struct loader *loader, const char *name, const char *value, char *to);
		char *to;
	} texts[] = {
		{"what", add_text, row->what},	   {"source", add_text, row->source},
		{"note", add_text, row->note},	   {"stack", set_name, row->stack},
		{"reason", set_name, row->reason}, {"benchmark", set_name, row->benchmark},
		{"model", set_name, row->model},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(name, texts[i].name) == 0)
			return texts[i].set(loader, name, value, texts[i].to);
	if (strcmp(name, "unit") == 0)
		return set_unit(loader, value, &row->unit);
	if (strcmp(name, "clock") == 0)
		return set_number(loader, name, value, &row->clock);
	if (strcmp(name, "low") == 0)
		return set_number(loader, name, value, &row->low);
	if (strcmp(name, "high") == 0)
		return set_number(loader, name, value, &row->high);
	if (strcmp(name, "value") == 0) {
		int failed = set_number(loader, name, value, &row->low);
		row->high = row->low;
		return failed;
	}
	return vmfee_fail(loader->err, VMFEE_USAGE, "unknown key '%s' in [row %s]", name, row->key);
}

static struct published_row *find_row(struct loader *loader, const char *key)
{
	struct published *published = loader->published;

	for (unsigned i = 0; i < published->rows; i++)
		if (strcmp(published->row[i].key, key) == 0)
			return &published->row[i];
	if (published->rows == PUBLISHED_MAX_ROWS || !stack_valid_name(key)) {
		vmfee_fail(loader->err, VMFEE_USAGE, "[row %s]: %s", key,
			   stack_valid_name(key) ? "one row too many" : "that is no name");
		return NULL;
	}
	struct published_row *row = &published->row[published->rows++];
	snprintf(row->key, sizeof(row->key), "%s", key);
	return row;
}

/* inih's handler, which wants nonzero for success. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct loader *loader = user;
	struct published_row *row;

	if (loader->err->status != VMFEE_OK)
		return 0;
	if (strcmp(section, "published") == 0 && strcmp(name, "model") == 0)
		return set_name(loader, name, value, loader->published->model) == 0;
	if (strncmp(section, ROW_SECTION, strlen(ROW_SECTION)) == 0) {
		row = find_row(loader, section + strlen(ROW_SECTION));
		return row != NULL && set_key(loader, row, name, value) == 0;
	}
	vmfee_fail(loader->err, VMFEE_USAGE,
		   "unknown key '%s' in [%s]; there are: model in [published], and [row NAME]",
		   name, section);
	return 0;
}

static int check_row(struct published_row *row, const struct published *published,
		     struct vmfee_error *err)
{
	const char *lacks = row->what[0] == '\0'			   ? "what"
			    : row->source[0] == '\0'			   ? "source"
			    : row->stack[0] == '\0'			   ? "stack"
			    : row->benchmark[0] == '\0'			   ? "benchmark"
			    : row->unit == PUBLISHED_NONE		   ? "unit"
			    : row->low == 0				   ? "value"
			    : row->unit == PUBLISHED_US && row->clock == 0 ? "clock"
									   : NULL;

	if (lacks != NULL)
		return vmfee_fail(err, VMFEE_USAGE, "[row %s] has no %s", row->key, lacks);
	if (row->high < row->low)
		return vmfee_fail(err, VMFEE_USAGE, "[row %s] is a range upside down", row->key);
	if (row->reason[0] != '\0' && exit_reason_by_name(row->reason) < 0)
		return vmfee_fail(err, VMFEE_USAGE, "[row %s]: there is no exit reason '%s'",
				  row->key, row->reason);
	if (row->unit == PUBLISHED_EXITS)
		return 0;
	if (row->model[0] == '\0')
		memcpy(row->model, published->model, sizeof(row->model));
	if (row->model[0] == '\0')
		return vmfee_fail(err, VMFEE_USAGE, "[row %s] has no model", row->key);
	return 0;
}

int published_load(struct published *published, const char *folder, const char *experiment,
		   struct vmfee_error *err)
{
	struct loader loader = {.published = published, .err = err};
	char path[PATH_MAX];
	char list[256];
	int line = -1;

	memset(published, 0, sizeof(*published));
	if (stack_valid_name(experiment)) {
		if (project_path(path, folder, experiment, ".ini", err) != 0)
			return -1;
		line = ini_parse(path, handle, &loader);
	}
	if (line < 0) {
		project_list(folder, ".ini", list, sizeof(list));
		return vmfee_fail(err, VMFEE_USAGE,
				  "bench/published has nothing on '%s'; there are: %s", experiment,
				  list);
	}
	if (line > 0 && err->status == VMFEE_OK)
		vmfee_fail(err, VMFEE_USAGE, "neither a [section] nor 'key = value'");
	if (err->status != VMFEE_OK)
		return vmfee_prefix(err, "bench/published/%s.ini:%d", experiment, line);
	for (unsigned i = 0; i < published->rows; i++)
		if (check_row(&published->row[i], published, err) != 0)
			return vmfee_prefix(err, "bench/published/%s.ini", experiment);
	return 0;
}
