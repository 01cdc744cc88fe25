#include "bench/model.h"
#include "bench/project.h"

#include <ctype.h>
#include <ini.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COST_SECTION "cost "
#define MOST_CYCLES  1e6

static const char *const names[MODEL_COSTS] = {
#define COST(NAME, name, text) #name,
#include "bench/model_cost.def"
#undef COST
};

static const char *const texts[MODEL_COSTS] = {
#define COST(NAME, name, text) text,
#include "bench/model_cost.def"
#undef COST
};

struct loader {
	struct model *model;
	struct vmfee_error *err;
};

const char *model_cost_name(enum model_cost cost)
{
	return names[cost];
}

const char *model_cost_text(enum model_cost cost)
{
	return texts[cost];
}

bool model_section(const char *section)
{
	return strcmp(section, "model") == 0 ||
	       strncmp(section, COST_SECTION, strlen(COST_SECTION)) == 0;
}

static int set_text(struct loader *loader, const char *name, const char *value, char *to)
{
	if (to[0] != '\0')
		return vmfee_fail(loader->err, VMFEE_USAGE, "key '%s' is given twice", name);
	if (value[0] == '\0' || strlen(value) > MODEL_MAX_TEXT)
		return vmfee_fail(loader->err, VMFEE_USAGE, "%s has from 1 to %d characters", name,
				  MODEL_MAX_TEXT);
	snprintf(to, MODEL_MAX_TEXT + 1, "%s", value);
	return 0;
}

static int set_cycles(struct loader *loader, const char *name, const char *value, double *to)
{
	char *end;
	double number = strtod(value, &end);

	if (*to != 0)
		return vmfee_fail(loader->err, VMFEE_USAGE, "key '%s' is given twice", name);
	if (!isdigit((unsigned char)value[0]) || *end != '\0' || !(number > 0) ||
	    number > MOST_CYCLES)
		return vmfee_fail(loader->err, VMFEE_USAGE,
				  "%s = '%s' is not possible: cycles, above 0 and at most %.0f",
				  name, value, MOST_CYCLES);
	*to = number;
	return 0;
}

static int set_cost(struct loader *loader, const char *cost, const char *name, const char *value)
{
	for (int i = 0; i < MODEL_COSTS; i++) {
		if (strcmp(cost, names[i]) != 0)
			continue;
		if (strcmp(name, "low") == 0)
			return set_cycles(loader, name, value, &loader->model->cost[i].low);
		if (strcmp(name, "high") == 0)
			return set_cycles(loader, name, value, &loader->model->cost[i].high);
		if (strcmp(name, "source") == 0)
			return set_text(loader, name, value, loader->model->cost[i].source);
		return vmfee_fail(loader->err, VMFEE_USAGE,
				  "unknown key '%s' in [cost %s]; there are: low, high, source",
				  name, cost);
	}
	return vmfee_fail(loader->err, VMFEE_USAGE, "there is nothing to price called '%s'", cost);
}

/* inih's handler, which wants nonzero for success. */
static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct loader *loader = user;

	if (loader->err->status != VMFEE_OK)
		return 0;
	/* That of the TLB has a reader of its own. */
	if (!model_section(section))
		return 1;
	if (strcmp(section, "model") != 0)
		return set_cost(loader, section + strlen(COST_SECTION), name, value) == 0;
	if (strcmp(name, "title") == 0)
		return set_text(loader, name, value, loader->model->title) == 0;
	vmfee_fail(loader->err, VMFEE_USAGE, "unknown key '%s' in [model]; there is: title", name);
	return 0;
}

/* No number without its source, no range upside down. */
static int check(const struct model *model, struct vmfee_error *err)
{
	if (model->title[0] == '\0')
		return vmfee_fail(err, VMFEE_USAGE, "there is no cost model in it: no [model]");
	for (int i = 0; i < MODEL_COSTS; i++) {
		double low = model->cost[i].low;
		double high = model->cost[i].high;
		bool given = low != 0 || high != 0 || model_prices(model, i);
		if (given && (low == 0 || high < low || !model_prices(model, i)))
			return vmfee_fail(err, VMFEE_USAGE,
					  "[cost %s] needs low, a high that is not below it, and a "
					  "source",
					  names[i]);
		if (!given && (i == COST_TRANSITION || i == COST_INSTRUCTION))
			return vmfee_fail(err, VMFEE_USAGE, "there is no [cost %s]", names[i]);
	}
	return 0;
}

int model_load(struct model *model, const char *folder, const char *name, struct vmfee_error *err)
{
	struct loader loader = {.model = model, .err = err};
	char path[PATH_MAX];
	char list[256];
	int line = -1;

	*model = (struct model){0};
	if (stack_valid_name(name)) {
		if (project_path(path, folder, name, ".ini", err) != 0)
			return -1;
		line = ini_parse(path, handle, &loader);
	}
	if (line < 0) {
		project_list(folder, ".ini", list, sizeof(list));
		return vmfee_fail(err, VMFEE_USAGE, "no model '%s' in bench/models; there are: %s",
				  name, list);
	}
	if (err->status != VMFEE_OK)
		return vmfee_prefix(err, "bench/models/%s.ini:%d", name, line);
	if (line > 0)
		return vmfee_fail(err, VMFEE_USAGE,
				  "bench/models/%s.ini:%d: neither a [section] nor 'key = value'",
				  name, line);
	snprintf(model->name, sizeof(model->name), "%s", name);
	return check(model, err) == 0 ? 0 : vmfee_prefix(err, "bench/models/%s.ini", name);
}
