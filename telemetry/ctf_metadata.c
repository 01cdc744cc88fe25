#include "telemetry/ctf_metadata.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "telemetry/packet.h"
#include "telemetry/record.h"

/*
 * Readers merge traces only where these name the same clock, so all traces name this one, and a
 * folder of them reads in one go.  It is a name and tells nothing of the machine.
 */
#define CLOCK_UUID "6c31766d-6d20-4743-a062-7469636b7300"

enum place { IN_PACKET_HEADER, IN_PACKET_CONTEXT, IN_EVENT_HEADER, IN_EVENT_PAYLOAD };

/* Both lists as one, in the order in memory. */
static const struct field {
	enum place place;
	size_t bytes;
	const char *name;
	const char *unit;
	const char *text;
} fields[] = {
#define PACKET_HEADER(ctype, name, text)  {IN_PACKET_HEADER, sizeof(ctype), #name, "", text},
#define PACKET_CLOCK(ctype, name, text)	  {IN_PACKET_CONTEXT, sizeof(ctype), #name, "clock", text},
#define PACKET_CONTEXT(ctype, name, text) {IN_PACKET_CONTEXT, sizeof(ctype), #name, "", text},
#define PACKET_RESERVED(name, bytes)	  {IN_PACKET_CONTEXT, 1, #name "[" #bytes "]", "text", "zeroes"},
#include "telemetry/packet.def"
#undef PACKET_HEADER
#undef PACKET_CLOCK
#undef PACKET_CONTEXT
#undef PACKET_RESERVED
#define RECORD_HEADER(ctype, name, unit, text) {IN_EVENT_HEADER, sizeof(ctype), #name, unit, text},
#define RECORD_FIELD(ctype, name, unit, text)  {IN_EVENT_PAYLOAD, sizeof(ctype), #name, unit, text},
#define RECORD_COUNTER(ctype, name, text)      {IN_EVENT_PAYLOAD, sizeof(ctype), #name, "", text},
#include "telemetry/record.def"
#undef RECORD_HEADER
#undef RECORD_FIELD
#undef RECORD_COUNTER
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* How readers are to show a field, by its unit. */
static const struct {
	const char *unit;
	const char *property;
} properties[] = {
	{"clock", "map = clock.tsc.value; "},
	{"gva", "base = 16; "},
	{"bits", "base = 16; "},
	{"text", "encoding = UTF8; "},
};

static const char *property_of(const char *unit)
{
	for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
		if (strcmp(properties[i].unit, unit) == 0)
			return properties[i].property;
	return "";
}

/*
 * Byte alignment for every integer: the lists leave no gaps, and a wider one would have CTF align
 * the payload as a whole to its widest field, which C does not do in the middle of a record.
 */
static void put_integer(FILE *out, size_t bytes, const char *unit)
{
	fprintf(out, "integer { size = %zu; align = 8; signed = false; %s}", 8 * bytes,
		property_of(unit));
}

/* A reason that is not in the list reads as a number. */
static void put_reasons(FILE *out, size_t bytes)
{
	fputs("enum : ", out);
	put_integer(out, bytes, "");
	fputs(" {\n", out);
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) \
	fprintf(out, "\t\t\t%s = %d,\n", #NAME, number);
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
	fputs("\t\t}", out);
}

static void put_field(FILE *out, const struct field *field)
{
	/* CTF has the stamp of an event in its header, and readers look for it by this name. */
	if (field->place == IN_EVENT_HEADER && strcmp(field->unit, "ticks") == 0) {
		put_integer(out, field->bytes, "clock");
		fprintf(out, " timestamp; /* %s: %s */\n", field->name, field->text);
		return;
	}
	if (strcmp(field->unit, "reason") == 0)
		put_reasons(out, field->bytes);
	else
		put_integer(out, field->bytes, field->unit);
	fprintf(out, " %s; /* %s */\n", field->name, field->text);
}

static void put_struct(FILE *out, const char *name, enum place place)
{
	fprintf(out, "\t%s := struct {\n", name);
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].place != place)
			continue;
		fputs("\t\t", out);
		put_field(out, &fields[i]);
	}
	fputs("\t};\n", out);
}

/* TSDL's strings have the escapes of C's (CTF 1.8, C.1.6). */
static void put_string(FILE *out, const char *name, const char *value)
{
	fprintf(out, "\t%s = \"", name);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			fprintf(out, "\\%03o", c);
		else
			fputc(c, out);
	}
	fputs("\";\n", out);
}

/*
 * Readers show `hostname` on every line, which is what tells the lines of several traces apart: the
 * machine that a trace comes from is its stack.
 */
static void put_environment(FILE *out, const struct ctf_metadata *metadata)
{
	fputs("env {\n", out);
	put_string(out, "hostname", metadata->stack);
	put_string(out, "domain", "hypervisor");
	put_string(out, "tracer_name", "l1vmm");
	put_string(out, "tick", metadata->tick);
	fprintf(out, "\tlevel = %u;\n\tformat_version = %d;\n};\n\n", metadata->level,
		TELEMETRY_VERSION);
}

/* A tick is declared to last a nanosecond: readers then print ticks, digit for digit. */
static void put_clock(FILE *out)
{
	fputs("clock {\n\tname = tsc;\n\tuuid = \"" CLOCK_UUID "\";\n\tfreq = 1000000000;\n"
	      "\tabsolute = false;\n"
	      "\tdescription = \"ticks of the TSC, each shown as 1 ns; env.tick says what one is\";\n"
	      "};\n\n",
	      out);
}

bool ctf_metadata_write(FILE *out, const struct ctf_metadata *metadata)
{
	/* The first words are how readers know the file (CTF 1.8, 7.1). */
	fputs("/* CTF 1.8 */\n\ntrace {\n\tmajor = 1;\n\tminor = 8;\n\tbyte_order = le;\n", out);
	put_struct(out, "packet.header", IN_PACKET_HEADER);
	fputs("};\n\n", out);
	put_environment(out, metadata);
	put_clock(out);
	fprintf(out, "stream {\n\tid = %d;\n", TELEMETRY_STREAM_EXITS);
	put_struct(out, "packet.context", IN_PACKET_CONTEXT);
	put_struct(out, "event.header", IN_EVENT_HEADER);
	fprintf(out, "};\n\nevent {\n\tname = exit;\n\tid = %d;\n\tstream_id = %d;\n",
		RECORD_ID_EXIT, TELEMETRY_STREAM_EXITS);
	put_struct(out, "fields", IN_EVENT_PAYLOAD);
	fputs("};\n", out);
	return fflush(out) == 0 && !ferror(out);
}
