#include "bench/bochs.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/bench_rig.h"

#define BANNER                                      \
	"echo ==========\n"                         \
	"echo '          Bochs x86 Emulator 9.8'\n" \
	"echo '   Built from a snapshot'\n"         \
	"echo '   Timestamp: now'\n"                \
	"echo ==========\n"
#define LAST_WORDS(text)                                            \
	"echo ======== >&2\n"                                       \
	"echo 'Bochs is exiting with the following message:' >&2\n" \
	"echo '" text "' >&2\n"                                     \
	"echo ======== >&2\n"                                       \
	"exit 1\n"

static char folder[PATH_MAX];
static char program[PATH_MAX];

static void set_up(void)
{
	rig_folder(folder);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(bochs, .init = set_up, .fini = tear_down);

/* Starts a script in the place of Bochs. */
static struct bochs start(const char *script)
{
	struct vmfee_error err = {0};
	struct bochs bochs;
	char text[2048];
	struct bochs_machine machine = {.program = program,
					.folder = folder,
					.cpu = "corei7_skylake_x",
					.cpus = 2,
					.memory = 64,
					.watchdog = 17};

	snprintf(text, sizeof(text), "#!/bin/sh\n%s", script);
	rig_file(folder, "fake-bochs", text, program);
	cr_assert_eq(chmod(program, 0755), 0);
	cr_assert_eq(bochs_start(&bochs, &machine, &err), 0, "%s", err.text);
	return bochs;
}

static void read_all(struct bochs *bochs, char *text, size_t size)
{
	size_t used = 0;

	for (;;) {
		struct pollfd waiting = {.fd = bochs->process.out, .events = POLLIN};
		poll(&waiting, 1, -1);
		int got = bochs_read(bochs, text + used, size - 1 - used);
		if (got < 0)
			break;
		used += (size_t)got;
	}
	text[used] = '\0';
}

Test(bochs, the_banner_gives_the_version_and_does_not_reach_the_console)
{
	char text[256];
	char message[128];
	struct bochs bochs = start(BANNER "printf 'one\\n====\\n'; sleep 0.1; printf '|tw'; "
					  "sleep 0.1; echo o\n" LAST_WORDS(
						  "[UNMAP ] Shutdown port: shutdown requested"));

	read_all(&bochs, text, sizeof(text));
	cr_expect_str_eq(text, "one\n====\n|two\n");
	cr_expect_str_eq(bochs.version, "9.8");
	cr_expect_eq(bochs_wait(&bochs, message, sizeof(message)), BOCHS_SHUTDOWN);
	cr_expect_str_eq(message, "[UNMAP ] Shutdown port: shutdown requested");
}

Test(bochs, it_is_told_what_the_machine_is_and_leaves_only_that_behind)
{
	char text[1024];
	char message[128];
	char path[PATH_MAX + 32];
	struct bochs bochs = start("echo \"$@\" $TERM >arguments; touch bochs.log disk.img.lock\n");

	read_all(&bochs, text, sizeof(text));
	bochs_wait(&bochs, message, sizeof(message));
	snprintf(path, sizeof(path), "%s/arguments", folder);
	char *arguments = rig_read(path);
	cr_expect_str_eq(arguments, "-q -unlock -f bochsrc -dumpstats 17 dumb\n");
	free(arguments);
	snprintf(path, sizeof(path), "%s/bochsrc", folder);
	char *config = rig_read(path);
	cr_expect_not_null(strstr(config, "memory: guest=64, host=64"));
	cr_expect_not_null(strstr(config, "cpu: model=corei7_skylake_x, count=2"));
	cr_expect_null(strstr(config, folder), "equal runs have equal files");
	free(config);

	static const char *const gone[] = {"bochs.log", "disk.img.lock", "bochs.stderr"};
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, gone[i]);
		cr_expect_neq(access(path, F_OK), 0, "%s", gone[i]);
	}
}

Test(bochs, every_way_to_end_is_recognised)
{
	static const struct {
		const char *script;
		enum bochs_end end;
		const char *message;
	} rows[] = {
		{BANNER LAST_WORDS("[UNMAP ] Shutdown port: shutdown requested"), BOCHS_SHUTDOWN,
		 "[UNMAP ] Shutdown port: shutdown requested"},
		{BANNER LAST_WORDS("[CPU0  ] exception(): 3rd (13) exception with no resolution"),
		 BOCHS_TRIPLE_FAULT, "[CPU0  ] exception(): 3rd (13) exception with no resolution"},
		{BANNER "echo '=== statistics dump 17000000 ==='\n" LAST_WORDS("no matter what"),
		 BOCHS_WATCHDOG, ""},
		{BANNER "exit 1\n", BOCHS_BROKEN, "exit status 1"},
		{BANNER LAST_WORDS("[      ] bochsrc:4: cpu directive malformed."), BOCHS_BROKEN,
		 "[      ] bochsrc:4: cpu directive malformed."},
		{BANNER "kill -9 $$\n", BOCHS_BROKEN, "killed by signal 9"},
		{"exit 1\n", BOCHS_BROKEN, "exit status 1"},
		{BANNER "exit 126\n", BOCHS_BROKEN, "exit status 126"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		char message[128];
		struct bochs bochs = start(rows[i].script);
		read_all(&bochs, text, sizeof(text));
		cr_expect_eq(bochs_wait(&bochs, message, sizeof(message)), rows[i].end, "row %zu",
			     i);
		cr_expect_str_eq(message, rows[i].message, "row %zu: %s", i, message);
	}
}

Test(bochs, the_watchdog_s_mark_ends_a_machine_that_goes_on)
{
	char text[256];
	char message[128];
	struct bochs bochs = start(BANNER "echo '=== statistics dump 1 ==='\n"
					  "printf '=='; sleep 0.1\n"
					  "printf '=== statistics dump 170'; sleep 0.1\n"
					  "echo '00000 ==='; sleep 1000\n");

	read_all(&bochs, text, sizeof(text));
	cr_expect_eq(strncmp(text, "=== statistics dump 1 ===\n==", 28), 0, "%s", text);
	cr_expect_eq(bochs_wait(&bochs, message, sizeof(message)), BOCHS_WATCHDOG);
	cr_expect_str_eq(message, "");
}

Test(bochs, a_missing_one_is_named_with_what_to_do)
{
	struct vmfee_error err = {0};

	cr_expect_eq(bochs_check("/nowhere/bochs", &err), -1);
	cr_expect_eq(err.status, VMFEE_PLATFORM);
	cr_expect_str_eq(err.text, "no Bochs at /nowhere/bochs (No such file or directory): run "
				   "scripts/bootstrap, or give one with --bochs");
	cr_expect_eq(bochs_check("/bin/sh", &err), 0);
}
