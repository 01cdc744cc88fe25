#include "bench/family.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Takes "chase-64k" apart: the length of "chase", and the number behind it.  False where it is not
 * such a name. */
static bool split(const char *name, size_t *prefix, double *number)
{
	const char *dash = strrchr(name, '-');
	char *end;

	if (dash == NULL || dash == name || !isdigit((unsigned char)dash[1]))
		return false;
	*prefix = (size_t)(dash - name);
	*number = (double)strtoul(dash + 1, &end, 10);
	if (*end == 'k')
		*number *= 1024;
	if (*end == 'm')
		*number *= 1024 * 1024;
	return *end == '\0' || ((*end == 'k' || *end == 'm') && end[1] == '\0');
}

static void insert(struct family *family, const char *name, size_t prefix, double number)
{
	unsigned at = family->members;

	if (family->members == FAMILY_MAX_MEMBERS)
		return;
	for (; at > 0 && family->member[at - 1].number > number; at--)
		family->member[at] = family->member[at - 1];
	struct family_member *member = &family->member[at];
	memcpy(member->name, name, strlen(name) + 1);
	member->number = number;
	family->members++;
	/* Labels point into the names, which have moved. */
	for (unsigned i = 0; i < family->members; i++)
		family->member[i].label = family->member[i].name + prefix + 1;
}

bool family_find(struct family *family, const struct result_stack *stack, size_t first)
{
	const char *name = stack->bench[first].name;
	size_t prefix, other;
	double number;

	*family = (struct family){.members = 0};
	if (!split(name, &prefix, &number))
		return false;
	memcpy(family->name, name, prefix);
	for (size_t i = 0; i < stack->benches; i++) {
		const char *candidate = stack->bench[i].name;
		if (!split(candidate, &other, &number) || other != prefix ||
		    strncmp(candidate, name, prefix) != 0)
			continue;
		if (i < first)
			return false;
		insert(family, candidate, prefix, number);
	}
	return family->members >= 2;
}

const char *family_axis(const struct family *family)
{
	static const struct {
		const char *name, *axis;
	} axes[] = {
		{"chase", "working set, bytes"},
		{"gups", "working set, bytes"},
		{"exits", "accesses between two exits"},
		{FAMILY_STORM, "interrupts in a million ticks"},
		{"switch", "pages of 4 KB per change of address space"},
	};

	for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++)
		if (strcmp(family->name, axes[i].name) == 0)
			return axes[i].axis;
	return "number in the benchmark's name";
}
