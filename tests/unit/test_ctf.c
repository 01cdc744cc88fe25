#include <criterion/criterion.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "telemetry/ctf_metadata.h"
#include "telemetry/fee.h"
#include "tests/unit/telemetry_rig.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What babeltrace2 says about a folder of traces. */
struct reading {
	char folder[64];
	char *text;
	int status;
};

static void reading_init(struct reading *reading)
{
	strcpy(reading->folder, "/tmp/l1vmm-ctf-XXXXXX");
	cr_assert_not_null(mkdtemp(reading->folder));
}

/* Run @command, which has one %s for the folder, and keep what it prints. */
static void run(struct reading *reading, const char *command)
{
	char line[256], part[4096];
	FILE *pipe, *text;
	size_t bytes, size;

	snprintf(line, sizeof(line), command, reading->folder);
	pipe = popen(line, "r");
	cr_assert_not_null(pipe);
	text = open_memstream(&reading->text, &size);
	cr_assert_not_null(text);
	while ((bytes = fread(part, 1, sizeof(part), pipe)) > 0)
		fwrite(part, bytes, 1, text);
	fclose(text);
	reading->status = pclose(pipe);
}

static void reading_free(struct reading *reading)
{
	free(reading->text);
	run(reading, "rm -r %s");
	free(reading->text);
}

static FILE *create(const char *folder, const char *stack, const char *file)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, stack);
	cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%s/trace", folder, stack);
	cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof(path), "%s/%s/trace/%s", folder, stack, file);
	out = fopen(path, "w");
	cr_assert_not_null(out);
	return out;
}

static void write_metadata(const char *folder, const char *stack)
{
	struct ctf_metadata metadata = {.stack = stack, .level = 1, .tick = "emulated instruction"};
	FILE *out = create(folder, stack, "metadata");

	cr_assert(ctf_metadata_write(out, &metadata));
	fclose(out);
}

/* How often @part stands in @text. */
static unsigned occurrences(const char *text, const char *part)
{
	unsigned count = 0;

	while ((text = strstr(text, part))) {
		count++;
		text += strlen(part);
	}
	return count;
}

Test(ctf, babeltrace2_reads_a_folder_of_traces_and_names_every_reason)
{
	static const uint16_t reasons[] = {
#define EXIT(number, NAME, COMPONENT, DETAIL, handler) number,
#include "l1vmm/vmx/exit_reasons.def"
#undef EXIT
	};
	static const char *const stacks[] = {"first", "second"};
	struct reading reading;
	char part[96];

	reading_init(&reading);
	for (size_t s = 0; s < COUNT(stacks); s++) {
		FILE *out = create(reading.folder, stacks[s], "stream_0");
		uint32_t number = 0;
		struct rig rig;

		rig_init(&rig, 2, 1);
		for (size_t i = 0; i < COUNT(reasons); i++)
			for (size_t times = 0; times <= i; times++)
				if (rig_put(&rig, reasons[i], number++))
					rig_drain(&rig, out);
		telemetry_flush(&rig.producer);
		rig_drain(&rig, out);
		rig_free(&rig);
		fclose(out);
		write_metadata(reading.folder, stacks[s]);
	}

	run(&reading, "babeltrace2 %s 2>&1");
	cr_assert_eq(reading.status, 0, "%s", reading.text);
	for (size_t i = 0; i < COUNT(reasons); i++) {
		snprintf(part, sizeof(part), "reason = ( \"%s\" : container = %u )",
			 exit_reason_name(reasons[i]), reasons[i]);
		cr_expect_eq(occurrences(reading.text, part), 2 * (i + 1), "%s", part);
	}
	cr_expect_eq(occurrences(reading.text, " first exit: "),
		     COUNT(reasons) * (COUNT(reasons) + 1) / 2);
	cr_expect_eq(occurrences(reading.text, "\n"), COUNT(reasons) * (COUNT(reasons) + 1),
		     "one line an exit, and no warnings");
	reading_free(&reading);
}

Test(ctf, every_field_reads_as_it_was_written)
{
	static const struct exit_record record = {
		.tsc = 1234567890123,
		.reason = 48,
		.level = 1,
		.vcpu = 2,
		.flags = RECORD_F_INJECTED,
		.rip = 0xffffffff81000010,
		.qualification = 0x182,
		.guest_ticks = 1001,
		.handled_ticks = UINT64_MAX,
		.seq = UINT32_MAX,
		.vmreads = 3,
		.vmwrites = 4,
		.vmx_other = 5,
		.pte_writes = 6,
		.invalidations = 7,
		.nested_entries = 65535,
	};
	static const char expected[] =
		"[00000001234567890123] only exit: "
		"{ cpu_id = 3, level = 1, version = 1, record_bytes = 64, reserved = \"\" }, "
		"{ level = 1, vcpu = 2, reason = ( \"EPT_VIOLATION\" : container = 48 ), "
		"flags = 0x2, rip = 0xFFFFFFFF81000010, qualification = 0x182, guest_ticks = 1001, "
		"handled_ticks = 18446744073709551615, seq = 4294967295, vmreads = 3, vmwrites = 4, "
		"vmx_other = 5, pte_writes = 6, invalidations = 7, nested_entries = 65535 }\n";
	struct reading reading;
	struct rig rig;
	FILE *out;
	bool ready;

	reading_init(&reading);
	rig_init(&rig, 2, 1);
	*rig_next(&rig.producer, &ready) = record;
	telemetry_flush(&rig.producer);
	out = create(reading.folder, "only", "stream_0");
	rig_drain(&rig, out);
	rig_free(&rig);
	fclose(out);
	write_metadata(reading.folder, "only");

	run(&reading, "babeltrace2 --clock-cycles --no-delta %s 2>&1");
	cr_expect_str_eq(reading.text, expected);
	reading_free(&reading);
}

Test(ctf, dropped_records_and_unknown_reasons_do_not_stop_a_reader)
{
	struct reading reading;
	struct rig rig;
	FILE *out;
	uint32_t kept = 2 * RIG_RECORDS_PER_PAGE, number = 0;

	reading_init(&reading);
	rig_init(&rig, 2, 1);
	while (number < kept + 9)
		rig_put(&rig, 1000, number++);
	out = create(reading.folder, "full", "stream_0");
	rig_drain(&rig, out);
	telemetry_flush(&rig.producer);
	rig_drain(&rig, out);
	rig_put(&rig, 10, number);
	telemetry_flush(&rig.producer);
	rig_drain(&rig, out);
	rig_free(&rig);
	fclose(out);
	write_metadata(reading.folder, "full");

	run(&reading, "babeltrace2 %s 2>/dev/null");
	cr_expect_eq(reading.status, 0);
	cr_expect_eq(occurrences(reading.text, "( <unknown> : container = 1000 )"), kept);
	cr_expect_eq(occurrences(reading.text, "\"CPUID\""), 1);
	free(reading.text);
	run(&reading, "babeltrace2 %s 2>&1 >/dev/null");
	cr_expect_eq(occurrences(reading.text, "discarded 9 events"), 1, "%s", reading.text);
	cr_expect_eq(occurrences(reading.text, "\n"), 1, "%s", reading.text);
	reading_free(&reading);
}

Test(ctf, metadata_quotes_what_a_caller_names_a_stack)
{
	static const char stack[] = "a \"b\" \\ c\td\n\x7f\xc3\xa9";
	struct ctf_metadata metadata = {.stack = stack, .level = 0, .tick = "cycle"};
	struct reading reading;
	FILE *out;

	reading_init(&reading);
	out = create(reading.folder, "only", "metadata");
	cr_assert(ctf_metadata_write(out, &metadata));
	fclose(out);
	run(&reading, "cat %s/only/trace/metadata");
	cr_expect_not_null(strstr(reading.text,
				  "hostname = \"a \\\"b\\\" \\\\ c\\011d\\012\\177\xc3\xa9\";\n"),
			   "%s", reading.text);
	cr_expect_eq(strncmp(reading.text, "/* CTF 1.8 */\n", 14), 0);
	cr_expect_not_null(strstr(reading.text, "tick = \"cycle\";"));
	reading_free(&reading);
}

Test(ctf, metadata_is_the_same_each_time_it_is_written)
{
	struct ctf_metadata metadata = {.stack = "bochs / l1vmm", .level = 0, .tick = "cycle"};
	char *texts[2];
	size_t sizes[2];

	for (int i = 0; i < 2; i++) {
		FILE *out = open_memstream(&texts[i], &sizes[i]);

		cr_assert(ctf_metadata_write(out, &metadata));
		fclose(out);
	}
	cr_expect_str_eq(texts[0], texts[1]);
	cr_expect_eq(sizes[0], sizes[1]);
	free(texts[0]);
	free(texts[1]);
}

Test(ctf, a_full_disk_is_told)
{
	struct ctf_metadata metadata = {.stack = "bochs / l1vmm", .level = 0, .tick = "cycle"};
	FILE *out = fopen("/dev/full", "w");

	cr_assert_not_null(out);
	cr_expect_not(ctf_metadata_write(out, &metadata));
	cr_expect_eq(errno, ENOSPC);
	fclose(out);
}
