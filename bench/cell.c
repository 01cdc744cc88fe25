#include "bench/cell.h"
#include "bench/cell_disk.h"
#include "bench/cell_file.h"
#include "bench/kvm_level.h"
#include "bench/linux_level.h"
#include "bench/outbox.h"
#include "bench/trace.h"
#include "bench/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Bochs ends by itself after so many ticks, the same number every time.  The host's clock is only
 * there for a Bochs that hangs, so it allows for a far slower host than any seen.
 */
enum { SLOWEST_TICKS_PER_SECOND = 1000000, START_SECONDS = 60 };

/* A kernel boots in some 700 million ticks, and each exit takes it ten times what it takes l1vmm.
 */
enum { KERNEL_PATIENCE = 10 };

/* A processor does more of them in a second, even where a KVM takes its time for each exit. */
enum { SLOWEST_TIMESTAMPS_PER_SECOND = 100000000 };

static int cell_path(const struct cell *cell, const char *name, char *path, struct vmfee_error *err)
{
	return project_path(path, cell->folder, name, "", err);
}

static int open_log(struct cell *cell, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (cell_path(cell, CELL_LOG, path, err) != 0)
		return -1;
	cell->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return cell->log < 0 ? vmfee_fail_errno(err, "%s", path) : 0;
}

static unsigned seconds_of(const struct cell *cell, unsigned slowest)
{
	return START_SECONDS + (unsigned)(cell->watchdog * UINT64_C(1000000) / slowest);
}

static int set_deadline(struct cell *cell, unsigned seconds)
{
	cell->running = true;
	clock_gettime(CLOCK_MONOTONIC, &cell->deadline);
	cell->deadline.tv_sec += seconds;
	return 0;
}

/* The launcher ends what takes too long; vmfee, a launcher that does not. */
static int launch(struct cell *cell, struct vmfee_error *err)
{
	const struct launch_machine machine = {
		.project = cell->project,
		.stack = &cell->stack->stack,
		.folder = cell->folder,
		.memory = cell->experiment->memory,
		.seconds = seconds_of(cell, SLOWEST_TIMESTAMPS_PER_SECOND),
	};

	if (launch_start(&cell->launch, &machine, err) != 0)
		return -1;
	return set_deadline(cell, machine.seconds + START_SECONDS);
}

static int boot(struct cell *cell, struct vmfee_error *err)
{
	const struct experiment *experiment = cell->experiment;
	struct bochs_machine machine = {
		.program = cell->project->bochs,
		.folder = cell->folder,
		.cpu = experiment->cpu,
		.cpus = stack_cpus(&cell->stack->stack),
		.memory = cell_disk_memory(cell),
		.watchdog = cell->watchdog,
		.kernel = cell->kernel || linux_level_is(&cell->stack->stack),
	};

	if (bochs_start(&cell->bochs, &machine, err) != 0)
		return -1;
	return set_deadline(cell, seconds_of(cell, SLOWEST_TICKS_PER_SECOND));
}

int cell_prepare(struct cell *cell, const struct project *project,
		 const struct experiment *experiment, const struct experiment_stack *stack,
		 const char *run, struct vmfee_error *err)
{
	memset(cell, 0, sizeof(*cell));
	cell->project = project;
	cell->experiment = experiment;
	cell->stack = stack;
	cell->log = -1;
	cell->lock = -1;
	cell->launched = platform_find(experiment->platform)->machine == PLATFORM_HOST;
	cell->kernel = kvm_level_find(&stack->stack) < stack->stack.levels && !cell->launched;
	cell->watchdog = experiment->watchdog * (cell->kernel ? KERNEL_PATIENCE : 1);
	console_init(&cell->console, stack->stack.levels);
	cell->console.traced = kvm_level_is(&stack->stack) ? 1 : 0;
	return project_path(cell->folder, run, stack->name, "", err);
}

/* The folder, open and locked; or -1, and errno is EWOULDBLOCK where another has it. */
static int lock_folder(const struct cell *cell)
{
	int lock = open(cell->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) == 0)
		return lock;
	int number = errno;
	close(lock);
	errno = number;
	return -1;
}

bool cell_is_busy(const struct cell *cell)
{
	int lock = lock_folder(cell);
	bool busy = lock < 0 && errno == EWOULDBLOCK;

	if (lock >= 0)
		close(lock);
	return busy;
}

int cell_start(struct cell *cell, struct vmfee_error *err)
{
	if (mkdir(cell->folder, 0777) != 0)
		return vmfee_fail_errno(err, "%s", cell->folder);
	cell->lock = lock_folder(cell);
	if (cell->lock < 0)
		return vmfee_fail_errno(err, "cannot lock %s", cell->folder);
	if (open_log(cell, err) != 0)
		return -1;
	int failed = cell->launched ? launch(cell, err)
				    : cell_disk_write(cell, err) != 0 || boot(cell, err) != 0;
	if (!failed)
		cell->identity = cell_identity(cell, err);
	return cell->identity == NULL ? -1 : 0;
}

static int write_log(struct cell *cell, const char *bytes, size_t length, struct vmfee_error *err)
{
	while (length > 0) {
		ssize_t put = write(cell->log, bytes, length);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return vmfee_fail_errno(err, "%s/" CELL_LOG, cell->folder);
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

int cell_take(struct cell *cell, struct vmfee_error *err)
{
	char bytes[16384];
	int got = cell->launched ? launch_read(&cell->launch, bytes, sizeof(bytes))
				 : bochs_read(&cell->bochs, bytes, sizeof(bytes));

	if (got < 0)
		return 0;
	if (write_log(cell, bytes, (size_t)got, err) != 0 ||
	    console_feed(&cell->console, bytes, (size_t)got, err) != 0)
		return -1;
	return 1;
}

/* A trace of accesses, with the model of a TLB: what it would have missed. */
static int simulate_tlb(struct cell *cell, struct vmfee_error *err)
{
	const struct console_notes *switches = &cell->console.switches;
	bool traced = false;

	for (unsigned i = 0; i < switches->count; i++)
		traced |= switches->note[i].level == 0 &&
			  strcmp(switches->note[i].name, "observe") == 0 &&
			  strcmp(switches->note[i].value, "trace") == 0;
	if (!traced || cell->stack->tlb.name[0] == '\0')
		return 0;
	cell->exits.tlb = tlb_sim_create(&cell->stack->tlb.parameters);
	return cell->exits.tlb == NULL ? vmfee_fail_errno(err, "the TLB of %s", cell->stack->name)
				       : 0;
}

/* A launcher's outbox is a file with nothing else in it. */
static int find_outbox(const struct cell *cell, struct trace_source *source, char *path,
		       struct vmfee_error *err)
{
	struct stat file;

	source->disk = path;
	source->lba = cell->layout.outbox_lba;
	source->sectors = cell->layout.outbox_sectors;
	if (!cell->launched)
		return cell_path(cell, BOCHS_DISK, path, err);
	if (cell_path(cell, LAUNCH_OUTBOX, path, err) != 0)
		return -1;
	if (stat(path, &file) != 0)
		return vmfee_fail_errno(err, "%s", path);
	source->lba = 0;
	source->sectors = (uint64_t)file.st_size / OUTBOX_SECTOR;
	return 0;
}

/* From a machine that has ended, or, where `reread`, from the streams that were made of it. */
static int take_trace(struct cell *cell, bool reread, struct vmfee_error *err)
{
	char disk[PATH_MAX];
	char folder[PATH_MAX];
	const struct platform *platform = experiment_platform(cell->experiment);
	struct trace_source source = {
		.folder = folder,
		.stack = cell->stack,
		.platform = platform->name,
		.tick = platform->tick,
	};

	if (console_trace(&cell->console)->records == 0 && cell->console.observed.records == 0)
		return 0;
	if (cell->stack->probe_of[0] != '\0')
		return vmfee_fail(err, VMFEE_USAGE,
				  "a probe of %s shows what telemetry costs, so its lowest level "
				  "must have telemetry=off",
				  cell->stack->probe_of);
	if ((!reread && find_outbox(cell, &source, disk, err) != 0) ||
	    cell_path(cell, "trace", folder, err) != 0 || simulate_tlb(cell, err) != 0)
		return -1;
	return trace_take(&source, &cell->console, &cell->exits, err);
}

static void remove_disk(const struct cell *cell)
{
	static const char *const names[] = {BOCHS_DISK, CELL_INITRAMFS, CELL_OUTBOX};

	if (cell->launched)
		launch_clean(&cell->launch);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[PATH_MAX];
		struct vmfee_error ignored = {0};
		if (cell_path(cell, names[i], path, &ignored) == 0)
			unlink(path);
	}
}

static int judge(struct cell *cell, const struct machine_end *machine, struct vmfee_error *err)
{
	const char *parameter;
	const char *trouble;

	if (verdict(&cell->stack->stack, &cell->console, machine, err) == 0)
		return 0;
	trouble = cell->kernel ? kvm_level_trouble(&cell->stack->stack, &parameter) : NULL;
	return trouble == NULL ? -1 : vmfee_suffix(err, "; %s: %s", parameter, trouble);
}

int cell_finish(struct cell *cell, struct vmfee_error *err)
{
	char message[256];
	struct machine_end machine = {
		.end = BOCHS_SHUTDOWN,
		.message = message,
		.watchdog = cell->watchdog,
		.cpu = cell->experiment->cpu,
	};

	if (cell->launched)
		machine.launcher = launch_wait(&cell->launch, message, sizeof(message));
	else
		machine.end = bochs_wait(&cell->bochs, message, sizeof(message));
	cell->running = false;
	if (judge(cell, &machine, err) != 0 || take_trace(cell, false, err) != 0)
		return -1;
	remove_disk(cell);
	if (cell_save(cell, err) != 0)
		return -1;
	cell->whole = true;
	return 0;
}

static int reread_console(struct cell *cell, struct vmfee_error *err)
{
	char path[PATH_MAX];
	char bytes[16384];
	ssize_t got = 1;
	int failed = 0;

	if (cell_path(cell, CELL_LOG, path, err) != 0)
		return -1;
	int log = open(path, O_RDONLY | O_CLOEXEC);
	if (log < 0)
		return vmfee_fail_errno(err, "%s", path);
	while (!failed && got > 0) {
		got = read(log, bytes, sizeof(bytes));
		failed = got < 0 ? vmfee_fail_errno(err, "%s", path)
				 : console_feed(&cell->console, bytes, (size_t)got, err);
	}
	close(log);
	return failed;
}

int cell_reread(struct cell *cell, const char *version, struct vmfee_error *err)
{
	const struct machine_end machine = {
		.end = BOCHS_SHUTDOWN,
		.message = "",
		.watchdog = cell->watchdog,
		.cpu = cell->experiment->cpu,
	};

	if (cell->launched)
		snprintf(cell->launch.version, sizeof(cell->launch.version), "%s", version);
	else
		snprintf(cell->bochs.version, sizeof(cell->bochs.version), "%s", version);
	if (reread_console(cell, err) != 0 || judge(cell, &machine, err) != 0 ||
	    take_trace(cell, true, err) != 0)
		return -1;
	cell->whole = true;
	return 0;
}

bool cell_tells(const struct cell *cell)
{
	if (cell->told)
		return true;
	switch (cell->failure.status) {
	case VMFEE_GUEST:
	case VMFEE_PANIC:
	case VMFEE_WATCHDOG:
	case VMFEE_USAGE:
	case VMFEE_IMAGE:
		return cell->console.line > 0;
	default:
		return false;
	}
}

int cell_check_deadline(const struct cell *cell, struct vmfee_error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < cell->deadline.tv_sec)
		return 0;
	return vmfee_fail(err, VMFEE_WATCHDOG,
			  "%s hung: neither the machine nor the watchdog "
			  "of %u million ticks ended it",
			  cell->launched ? "l1vmm-launch" : "Bochs", cell->watchdog);
}

void cell_stop(struct cell *cell)
{
	if (cell->running && cell->launched)
		launch_kill(&cell->launch);
	else if (cell->running)
		bochs_kill(&cell->bochs);
	cell->running = false;
	remove_disk(cell);
	if (cell->log >= 0)
		close(cell->log);
	cell->log = -1;
	if (cell->lock >= 0)
		close(cell->lock);
	cell->lock = -1;
}

void cell_free(struct cell *cell)
{
	cell_stop(cell);
	console_free(&cell->console);
	exits_free(&cell->exits);
	json_decref(cell->identity);
	cell->identity = NULL;
}
