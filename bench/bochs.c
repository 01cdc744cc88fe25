#include "bench/bochs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BOCHS_ERRORS "bochs.stderr"
#define BOCHS_LOG    "bochs.log"

enum { IPS = 4000000, KERNEL_IPS = BOCHS_KERNEL_KHZ * 1000 };

/* The banner of Bochs lies between two lines of '='. */
enum { BANNER_RULES = 2 };

/* MiB that Bochs takes from the host; a machine may have more, and use less. */
enum { MAX_HOST_MEMORY = 2048 };

/*
 * Every file is relative to the folder that Bochs runs in, so that this file is the same for every
 * run.  BXSHARE is set by the wrapper that starts Bochs.  time0 fixes the CMOS clock, and sync=none
 * keeps the host's clock out of the machine: what is left is deterministic.  com1 stays off where
 * there is no kernel that needs it.  The speaker would bring threads for sound, which do not end
 * before what they use does: now and then Bochs dies of them, by SIGSEGV, at the end of a run.
 *
 * ips is how many instructions a microsecond of the devices lasts.  A kernel's timer interrupts
 * come as often as on a processor of 200 million instructions a second; a kernel also reads MSRs of
 * its processor's that Bochs does not have.
 */
static const char config[] = "config_interface: textconfig\n"
			     "display_library: term\n"
			     "memory: guest=%u, host=%u, block_size=1024\n"
			     "cpu: model=%s, count=%u, ips=%u, reset_on_triple_fault=0%s\n"
			     "romimage: file=$BXSHARE/BIOS-bochs-latest, options=fastboot\n"
			     "vgaromimage: file=/usr/share/vgabios/vgabios.bin\n"
			     "pci: enabled=1, chipset=i440fx\n"
			     "plugin_ctrl: speaker=0\n"
			     "clock: sync=none, time0=946684800\n"
			     "port_e9_hack: enabled=1\n%s"
			     "ata0-master: type=disk, path=" BOCHS_DISK ", mode=flat\n"
			     "boot: disk\n"
			     "log: " BOCHS_LOG "\n"
			     "panic: action=fatal\n"
			     "error: action=ignore\n"
			     "info: action=ignore\n"
			     "debug: action=ignore\n";

/*
 * The watchdog is Bochs's periodic dump of statistics, which has none in Debian's builds but says
 * after how many ticks it comes.  -benchmark, which should end Bochs by itself, waits for an
 * asynchronous event of the CPU and so never ends a guest that spins with interrupts disabled.
 */
#define WATCHDOG_MARK "=== statistics dump %u000000 ==="

int bochs_check(const char *program, struct vmfee_error *err)
{
	if (access(program, X_OK) == 0)
		return 0;
	return vmfee_fail(err, VMFEE_PLATFORM,
			  "no Bochs at %s (%s): run scripts/bootstrap, or give one with --bochs",
			  program, strerror(errno));
}

static int write_config(const struct bochs_machine *machine, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/" BOCHS_CONFIG, machine->folder) >= PATH_MAX)
		return vmfee_fail(err, VMFEE_SYSTEM, "%s is too long a path", machine->folder);
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return vmfee_fail_errno(err, "%s", path);
	fprintf(file, config, machine->memory,
		machine->memory < MAX_HOST_MEMORY ? machine->memory : MAX_HOST_MEMORY, machine->cpu,
		machine->cpus, machine->kernel ? KERNEL_IPS : IPS,
		machine->kernel ? ", ignore_bad_msrs=1" : "",
		machine->kernel ? "com1: enabled=1, mode=file, dev=" BOCHS_SERIAL "\n" : "");
	int failed = ferror(file);
	if (fclose(file) != 0 || failed)
		return vmfee_fail_errno(err, "%s", path);
	return 0;
}

int bochs_start(struct bochs *bochs, const struct bochs_machine *machine, struct vmfee_error *err)
{
	char watchdog[16];
	char *program = realpath(machine->program, NULL);

	memset(bochs, 0, sizeof(*bochs));
	bochs->process = PROCESS_NONE;
	snprintf(bochs->folder, sizeof(bochs->folder), "%s", machine->folder);
	snprintf(watchdog, sizeof(watchdog), "%u", machine->watchdog);
	snprintf(bochs->mark, sizeof(bochs->mark), WATCHDOG_MARK, machine->watchdog);
	if (program == NULL)
		return bochs_check(machine->program, err);

	char *argv[] = {program, "-q", "-unlock", "-f", BOCHS_CONFIG, "-dumpstats", watchdog, NULL};
	/* Bochs's terminal interface asks for a TERM, even where there is no terminal. */
	char term[] = "TERM=dumb";
	struct process_command command = {.argv = argv,
					  .variable = term,
					  .folder = machine->folder,
					  .errors = BOCHS_ERRORS,
					  .missing = VMFEE_PLATFORM,
					  /* The dump of statistics is not flushed otherwise. */
					  .terminal = true};
	int failed = write_config(machine, err) || process_start(&bochs->process, &command, err);
	free(program);
	return failed ? -1 : 0;
}

static void banner_line(struct bochs *bochs)
{
	const char *name = strstr(bochs->line, "Emulator ");

	if (bochs->line[0] == '=')
		bochs->banner++;
	if (name != NULL)
		sscanf(name, "Emulator %31s", bochs->version);
}

/* Takes the banner off the front of what was read.  Returns how many bytes of it there were. */
static size_t skip_banner(struct bochs *bochs, const char *bytes, size_t length)
{
	size_t used = 0;

	while (used < length && bochs->banner < BANNER_RULES) {
		char byte = bytes[used++];
		if (byte != '\n') {
			if (bochs->pending < sizeof(bochs->line) - 1)
				bochs->line[bochs->pending++] = byte;
			continue;
		}
		bochs->line[bochs->pending] = '\0';
		banner_line(bochs);
		bochs->pending = 0;
	}
	return used;
}

/* Looks for the watchdog's mark.  Returns how many bytes came before it; all, where it did not. */
static size_t before_mark(struct bochs *bochs, const char *bytes, size_t length)
{
	size_t mark = strlen(bochs->mark);

	for (size_t i = 0; i < length; i++) {
		memmove(bochs->recent, bochs->recent + 1, mark - 1);
		bochs->recent[mark - 1] = bytes[i];
		if (memcmp(bochs->recent, bochs->mark, mark) == 0) {
			bochs->expired = true;
			return i + 1 > mark ? i + 1 - mark : 0;
		}
	}
	return length;
}

int bochs_read(struct bochs *bochs, char *bytes, size_t size)
{
	if (bochs->expired)
		return -1;
	ssize_t got = read(bochs->process.out, bytes, size);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (got == 0)
		return -1;

	size_t banner = skip_banner(bochs, bytes, (size_t)got);
	size_t length = (size_t)got - banner;
	memmove(bytes, bytes + banner, length);
	length = before_mark(bochs, bytes, length);
	if (bochs->expired)
		process_end(&bochs->process);
	return (int)length;
}

/* Bochs ends by saying why on stderr, between two rules of '='. */
static void last_words(const struct bochs *bochs, char *message, size_t size)
{
	char path[PATH_MAX + sizeof("/" BOCHS_ERRORS)];
	char line[512];
	bool next = false;

	message[0] = '\0';
	snprintf(path, sizeof(path), "%s/" BOCHS_ERRORS, bochs->folder);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (next)
			snprintf(message, size, "%s", line);
		next = strstr(line, "Bochs is exiting with the following message") != NULL;
	}
	fclose(file);
}

static enum bochs_end judge(int status, char *message, size_t size)
{
	if (WIFSIGNALED(status)) {
		snprintf(message, size, "killed by signal %d", WTERMSIG(status));
		return BOCHS_BROKEN;
	}
	if (strstr(message, "shutdown requested") != NULL)
		return BOCHS_SHUTDOWN;
	if (strstr(message, "exception with no resolution") != NULL)
		return BOCHS_TRIPLE_FAULT;
	if (message[0] == '\0')
		snprintf(message, size, "exit status %d", WEXITSTATUS(status));
	return BOCHS_BROKEN;
}

static void remove_leftovers(const struct bochs *bochs)
{
	static const char *const names[] = {BOCHS_ERRORS, BOCHS_LOG, BOCHS_DISK ".lock"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX + 32];
		snprintf(path, sizeof(path), "%s/%s", bochs->folder, names[i]);
		unlink(path);
	}
}

enum bochs_end bochs_wait(struct bochs *bochs, char *message, size_t size)
{
	int status = process_wait(&bochs->process);
	enum bochs_end end = BOCHS_WATCHDOG;

	message[0] = '\0';
	if (!bochs->expired) {
		last_words(bochs, message, size);
		end = judge(status, message, size);
	}
	remove_leftovers(bochs);
	return end;
}

void bochs_kill(struct bochs *bochs)
{
	process_kill(&bochs->process);
	remove_leftovers(bochs);
}
