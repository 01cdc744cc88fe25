#include "telemetry/fee.h"

#include <stddef.h>

#include "l1vmm/lib/string.h"
#include "telemetry/record.h"

enum {
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) REASON_##NAME = number,
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
};

static const struct {
	const char *name;
	enum fee_component component;
} reasons[] = {
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) [number] = {#NAME, FEE_##COMPONENT},
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
};

static const struct {
	uint16_t reason, flags;
	uint64_t mask, low, high;
	enum fee_component component;
} details[] = {
#define FEE(REASON, flags, mask, low, high, COMPONENT) \
	{REASON_##REASON, flags, mask, low, high, FEE_##COMPONENT},
#include "telemetry/fee.def"
#undef FEE
};

static const struct {
	const char *name;
	const char *text;
} components[] = {
#define COMPONENT(NAME, name, text) [FEE_##NAME] = {#name, text},
#include "telemetry/component.def"
#undef COMPONENT
	[FEE_COMPONENTS] = {"none", ""},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum fee_component fee_component(uint16_t reason, uint64_t qualification, uint16_t flags)
{
	if (!exit_reason_name(reason))
		return FEE_COMPONENTS;
	for (size_t i = 0; i < COUNT(details); i++) {
		uint64_t detail = qualification & details[i].mask;

		if (details[i].reason == reason && (flags & details[i].flags) == details[i].flags &&
		    detail >= details[i].low && detail <= details[i].high)
			return details[i].component;
	}
	return reasons[reason].component;
}

const char *fee_component_name(enum fee_component component)
{
	return components[component].name;
}

const char *fee_component_text(enum fee_component component)
{
	return components[component].text;
}

const char *exit_reason_name(uint16_t reason)
{
	return reason < COUNT(reasons) ? reasons[reason].name : NULL;
}

int exit_reason_by_name(const char *name)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (reasons[i].name && strcmp(reasons[i].name, name) == 0)
			return (int)i;
	return -1;
}
