#include "l1vmm/options.h"

#include "l1vmm/boot/layout.h"
#include "l1vmm/lib/cmdline.h"
#include "l1vmm/lib/printf.h"
#include "l1vmm/lib/string.h"
#include "l1vmm/vmx/tsc.h"

#define DEFAULT_RING_BYTES (UINT64_C(4) << 20)
#define RING_UNIT	   0x10000u		  /* a sub-buffer */
#define MAX_RING_KIB	   (UINT64_C(64) * 65536) /* as many sub-buffers as a ring may have */
#define MAX_MEMORY_MIB	   (UINT64_MAX >> 20)
#define MAX_TOKEN	   64
#define ATA_PREFIX	   "ata:"
#define MAPPED_PREFIX	   "mapped:"
#define LBA_LIMIT	   (UINT64_C(1) << 28)
#define MAPPED_LIMIT	   (UINT64_C(1) << 32) /* the hypervisor's own mapping ends there */
#define PAGE		   0x1000u

static void say_values(void *ctx, const char *value)
{
	char *why = ctx;
	size_t used = strlen(why);

	format(why + used, MAX_TOKEN * 4 - used, " %s", value);
}

/* A size from one unit to `most` of them. */
static bool parse_size(const struct cmdline_token *t, uint64_t unit, uint64_t most, uint64_t *bytes,
		       char *why, size_t size)
{
	uint64_t number;

	if (!cmdline_number(t->value, t->value_length, &number) || number == 0 || number > most) {
		format(why, size, "%.*s= takes a number from 1 to %lu", (int)t->key_length, t->key,
		       most);
		return false;
	}
	*bytes = number * unit;
	return true;
}

static bool parse_cpus(struct options *o, const struct cmdline_token *t, char *why, size_t size)
{
	uint64_t cpus = 0;

	if (!parse_size(t, 1, MAX_CPUS, &cpus, why, size))
		return false;
	o->cpus = (uint32_t)cpus;
	return true;
}

/* PREFIX and two numbers with a separator between them. */
static bool parse_pair(const struct cmdline_token *t, const char *prefix, char separator,
		       uint64_t *first, uint64_t *second)
{
	size_t start = strlen(prefix), at = start;

	while (at < t->value_length && t->value[at] != separator)
		at++;
	return at < t->value_length && strncmp(t->value, prefix, start) == 0 &&
	       cmdline_number(t->value + start, at - start, first) &&
	       cmdline_number(t->value + at + 1, t->value_length - at - 1, second);
}

static bool parse_multiplier(struct options *o, const struct cmdline_token *t, char *why,
			     size_t size)
{
	uint64_t numerator, denominator;

	if (!parse_pair(t, "", '/', &numerator, &denominator) || numerator == 0 ||
	    numerator > TSC_RATIO_MOST || denominator == 0 || denominator > TSC_RATIO_MOST) {
		format(why, size, "tsc_multiplier= takes NUM/DEN, each from 1 to %u",
		       TSC_RATIO_MOST);
		return false;
	}
	o->tsc_numerator = (uint16_t)numerator;
	o->tsc_denominator = (uint16_t)denominator;
	return true;
}

static bool parse_outbox(struct options *o, const struct cmdline_token *t, char *why, size_t size)
{
	uint64_t first, second;

	if (parse_pair(t, ATA_PREFIX, ',', &first, &second) && first < LBA_LIMIT && second != 0 &&
	    second <= LBA_LIMIT - first) {
		o->outbox = OUTBOX_ATA;
		o->outbox_lba = (uint32_t)first;
		o->outbox_sectors = (uint32_t)second;
		return true;
	}
	if (parse_pair(t, MAPPED_PREFIX, ',', &first, &second) && first % PAGE == 0 &&
	    first < MAPPED_LIMIT && second != 0 && second <= MAX_RING_KIB) {
		o->outbox = OUTBOX_MAPPED;
		o->outbox_address = first;
		o->ring_bytes = second << 10;
		return true;
	}
	format(why, size,
	       "outbox= takes ata:LBA,SECTORS below 2^28, or mapped:ADDRESS,KIB of "
	       "pages below 2^32");
	return false;
}

/* SETS,WAYS and so on: each of the parameters, and nothing else. */
static bool parse_tlb(struct options *o, const struct cmdline_token *t, char *why, size_t size)
{
	uint32_t *const parameters[] = {
#define TLB_PARAMETER(name, least, most, text) &o->tlb.name,
		TLB_PARAMETERS
#undef TLB_PARAMETER
	};
	const size_t count = sizeof(parameters) / sizeof(parameters[0]);
	size_t at = 0, i = 0;

	for (; i < count && at <= t->value_length; i++) {
		size_t end = at;
		uint64_t number;

		while (end < t->value_length && t->value[end] != ',')
			end++;
		if (!cmdline_number(t->value + at, end - at, &number) || number > UINT32_MAX)
			break;
		*parameters[i] = (uint32_t)number;
		at = end + 1;
	}
	if (i == count && at > t->value_length && tlb_parameters_valid(&o->tlb))
		return true;
	format(why, size, "tlb_model=%.*s is not a TLB: %lu numbers within their limits make one",
	       (int)t->value_length, t->value, count);
	return false;
}

static bool parse_switch(struct options *o, const struct cmdline_token *t, char *why, size_t size)
{
	char name[MAX_TOKEN], value[MAX_TOKEN], values[MAX_TOKEN * 4] = "";

	format(name, sizeof(name), "%.*s", (int)t->key_length, t->key);
	format(value, sizeof(value), "%.*s", (int)t->value_length, t->value);
	switch (switches_set(&o->switches, name, value)) {
	case SWITCH_OK:
		return true;
	case SWITCH_UNKNOWN:
		format(why, size, "there is no switch or option %s", name);
		return false;
	case SWITCH_BAD_VALUE:
		switches_values(name, say_values, values);
		format(why, size, "%s=%s is not one of%s", name, value, values);
		return false;
	}
	return false;
}

/* Whether the key of `t` stands in the command line before `t` too. */
static bool is_repeated(const char *cmdline, const struct cmdline_token *t)
{
	struct cmdline_token earlier;

	while (cmdline_next(&cmdline, &earlier) && earlier.key < t->key)
		if (earlier.key_length == t->key_length &&
		    memcmp(earlier.key, t->key, t->key_length) == 0)
			return true;
	return false;
}

/* What it sees goes into exit records. */
static bool check_observatory(const struct options *o, char *why, size_t size)
{
	if (!switches_observed(&o->switches))
		return true;
	if (o->switches.telemetry == SW_TELEMETRY_OFF) {
		format(why, size, "observe= needs telemetry=on");
		return false;
	}
	/* L2 runs on tables of its own, which no view stands before. */
	if (o->switches.nested == SW_NESTED_ON) {
		format(why, size, "observe= needs nested=off");
		return false;
	}
	if (o->switches.observe == SW_OBSERVE_TLB && o->tlb.sets == 0) {
		format(why, size, "observe=tlb needs tlb_model=");
		return false;
	}
	return true;
}

/*
 * A guest hypervisor would have stamps of its own, in its records, and a preemption timer for its
 * guest, which goes by the processor's ticks.
 */
static bool check_multiplier(const struct options *o, char *why, size_t size)
{
	if (o->tsc_numerator == o->tsc_denominator)
		return true;
	if (o->switches.tsc == SW_TSC_OFFSET) {
		format(why, size, "tsc_multiplier= needs tsc=scale or tsc=trap");
		return false;
	}
	if (o->switches.nested == SW_NESTED_ON) {
		format(why, size, "tsc_multiplier= needs nested=off");
		return false;
	}
	return true;
}

/* What one processor does of these, the others would have to be told of. */
static bool check_cpus(const struct options *o, char *why, size_t size)
{
	const char *needed = NULL;

	if (o->cpus == 1)
		return true;
	if (switches_shadow(&o->switches))
		needed = "mmu=ept";
	else if (o->switches.dirty != SW_DIRTY_OFF || o->switches.exec != SW_EXEC_ALL)
		needed = "dirty=off and exec=all";
	else if (switches_observed(&o->switches))
		needed = "observe=off";
	else if (o->outbox == OUTBOX_MAPPED)
		needed = "an outbox that is a disk";
	if (needed)
		format(why, size, "cpus= needs %s", needed);
	return !needed;
}

bool options_parse(struct options *o, const char *cmdline, char *why, size_t size)
{
	const char *cursor = cmdline;
	struct cmdline_token t;
	uint64_t ring_bytes = DEFAULT_RING_BYTES;
	bool ok = true;

	*o = (struct options){
		.cpus = 1, .tsc_numerator = 1, .tsc_denominator = 1, .memory_bytes = UINT64_MAX};
	switches_default(&o->switches);
	while (ok && cmdline_next(&cursor, &t)) {
		if (is_repeated(cmdline, &t))
			continue;
		if (cmdline_is(&t, "memory"))
			ok = parse_size(&t, UINT64_C(1) << 20, MAX_MEMORY_MIB, &o->memory_bytes,
					why, size);
		else if (cmdline_is(&t, "cpus"))
			ok = parse_cpus(o, &t, why, size);
		else if (cmdline_is(&t, "tsc_multiplier"))
			ok = parse_multiplier(o, &t, why, size);
		else if (cmdline_is(&t, "ring"))
			ok = parse_size(&t, UINT64_C(1) << 10, MAX_RING_KIB, &ring_bytes, why,
					size);
		else if (cmdline_is(&t, "outbox"))
			ok = parse_outbox(o, &t, why, size);
		else if (cmdline_is(&t, "tlb_model"))
			ok = parse_tlb(o, &t, why, size);
		else
			ok = parse_switch(o, &t, why, size);
	}
	if (o->outbox != OUTBOX_MAPPED)
		o->ring_bytes = ring_bytes;
	if (ok && switches_shadow(&o->switches) &&
	    (o->switches.dirty != SW_DIRTY_OFF || o->switches.exec != SW_EXEC_ALL)) {
		format(why, size, "dirty= and exec= need mmu=ept");
		return false;
	}
	/* A guest hypervisor that tells of stores to its own tables does not of those to L2's. */
	if (ok && o->switches.nested == SW_NESTED_ON && o->switches.mmu == SW_MMU_SHADOW_PV) {
		format(why, size, "nested=on needs mmu=ept, shadow:trap or shadow:unsync");
		return false;
	}
	if (ok && o->ring_bytes % RING_UNIT) {
		format(why, size, "%s a multiple of %u",
		       o->outbox == OUTBOX_MAPPED ? "outbox=mapped: takes" : "ring= takes",
		       RING_UNIT >> 10);
		return false;
	}
	return ok && check_observatory(o, why, size) && check_multiplier(o, why, size) &&
	       check_cpus(o, why, size);
}
