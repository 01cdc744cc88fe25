#include "bench/export.h"

#include <string.h>

static const struct exporter exporters[] = {
#define EXPORT(name, text) {#name, text, export_##name},
#include "bench/export.def"
#undef EXPORT
};

const struct exporter *exporter_at(size_t index)
{
	return index < sizeof(exporters) / sizeof(exporters[0]) ? &exporters[index] : NULL;
}

const struct exporter *exporter_find(const char *name)
{
	const struct exporter *exporter;

	for (size_t i = 0; (exporter = exporter_at(i)) != NULL; i++)
		if (strcmp(exporter->name, name) == 0)
			return exporter;
	return NULL;
}

bool export_wants_stack(const struct export *export, const struct result_stack *stack)
{
	return export->stack == NULL || strcmp(export->stack, stack->name) == 0;
}

bool export_wants_reason(const struct export *export, uint16_t reason)
{
	return export->reason == NULL || strcmp(export->reason, exit_reason_name(reason)) == 0;
}

void export_each_sum(const struct export *export, const struct result_stack *stack,
		     void (*take)(const struct export *export, const struct result_stack *stack,
				  const struct result_bench *bench, const struct exit_sum *sum))
{
	for (size_t i = 0; i < stack->benches; i++) {
		const struct result_bench *bench = &stack->bench[i];
		for (size_t j = 0; j < bench->exits; j++)
			if (export_wants_reason(export, bench->exit[j].reason))
				take(export, stack, bench, &bench->exit[j]);
	}
	for (size_t i = 0; i < stack->outsides; i++)
		if (export_wants_reason(export, stack->outside[i].reason))
			take(export, stack, NULL, &stack->outside[i]);
}

/* What was read from results.db has no control characters. */
void export_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
		fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	fputc('"', out);
}
