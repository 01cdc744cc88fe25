#include "bench/cell.h"
#include "bench/trace.h"
#include "bench/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Bochs ends by itself after so many ticks, the same number every time.  The host's clock is only
 * there for a Bochs that hangs, so it allows for a far slower host than any seen.
 */
enum { SLOWEST_TICKS_PER_SECOND = 1000000, START_SECONDS = 60 };

static int cell_path(const struct cell *cell, const char *name, char *path, struct vmfee_error *err)
{
	return project_path(path, cell->folder, name, "", err);
}

static int write_disk(struct cell *cell, struct vmfee_error *err)
{
	const struct stack *stack = &cell->stack->stack;
	struct bochs_stack_image images[STACK_MAX_LEVELS];
	char paths[STACK_MAX_LEVELS][PATH_MAX];
	char boot_sector[PATH_MAX];
	char disk[PATH_MAX];
	struct bochs_stack description = {
		.boot_sector = boot_sector,
		.images = images,
		.count = stack->levels,
		.memory = cell->experiment->memory,
		/* Nobody traces a stack without a hypervisor. */
		.outbox = stack->levels > 1 ? (uint64_t)cell->experiment->outbox << 20 : 0,
	};

	if (cell_path(cell, BOCHS_DISK, disk, err) != 0 ||
	    project_path(boot_sector, cell->project->images, "bochs-mbr", ".bin", err) != 0)
		return -1;
	for (unsigned i = 0; i < stack->levels; i++) {
		if (project_path(paths[i], cell->project->images, stack->level[i].image, ".elf",
				 err) != 0)
			return -1;
		images[i] = (struct bochs_stack_image){paths[i], stack->level[i].cmdline};
	}
	return bochs_image_write(disk, &description, &cell->layout, err);
}

static int open_log(struct cell *cell, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (cell_path(cell, "console.log", path, err) != 0)
		return -1;
	cell->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return cell->log < 0 ? vmfee_fail_errno(err, "%s", path) : 0;
}

static int boot(struct cell *cell, struct vmfee_error *err)
{
	const struct experiment *experiment = cell->experiment;
	struct bochs_machine machine = {
		.program = cell->project->bochs,
		.folder = cell->folder,
		.cpu = experiment->cpu,
		.memory = experiment->memory,
		.watchdog = experiment->watchdog,
	};

	if (bochs_start(&cell->bochs, &machine, err) != 0)
		return -1;
	cell->running = true;
	clock_gettime(CLOCK_MONOTONIC, &cell->deadline);
	cell->deadline.tv_sec +=
		START_SECONDS + experiment->watchdog * (1000000 / SLOWEST_TICKS_PER_SECOND);
	return 0;
}

int cell_start(struct cell *cell, const struct project *project,
	       const struct experiment *experiment, const struct experiment_stack *stack,
	       const char *run, struct vmfee_error *err)
{
	memset(cell, 0, sizeof(*cell));
	cell->project = project;
	cell->experiment = experiment;
	cell->stack = stack;
	cell->log = -1;
	console_init(&cell->console, stack->stack.levels);

	if (project_path(cell->folder, run, stack->name, "", err) != 0)
		return -1;
	if (mkdir(cell->folder, 0777) != 0)
		return vmfee_fail_errno(err, "%s", cell->folder);
	if (write_disk(cell, err) != 0 || open_log(cell, err) != 0)
		return -1;
	return boot(cell, err);
}

static int write_log(struct cell *cell, const char *bytes, size_t length, struct vmfee_error *err)
{
	while (length > 0) {
		ssize_t put = write(cell->log, bytes, length);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return vmfee_fail_errno(err, "%s/console.log", cell->folder);
		bytes += put;
		length -= (size_t)put;
	}
	return 0;
}

int cell_take(struct cell *cell, struct vmfee_error *err)
{
	char bytes[16384];
	int got = bochs_read(&cell->bochs, bytes, sizeof(bytes));

	if (got < 0)
		return 0;
	if (write_log(cell, bytes, (size_t)got, err) != 0 ||
	    console_feed(&cell->console, bytes, (size_t)got, err) != 0)
		return -1;
	return 1;
}

static int take_trace(struct cell *cell, struct vmfee_error *err)
{
	char disk[PATH_MAX];
	char folder[PATH_MAX];
	const struct platform *platform = platform_find(cell->experiment->platform);
	struct trace_source source = {
		.disk = disk,
		.lba = cell->layout.outbox_lba,
		.sectors = cell->layout.outbox_sectors,
		.folder = folder,
		.stack = cell->stack,
		.platform = platform->name,
		.tick = platform->tick,
	};

	if (cell->console.records == 0)
		return 0;
	if (cell->stack->probe_of[0] != '\0')
		return vmfee_fail(err, VMFEE_USAGE,
				  "a probe of %s shows what telemetry costs, so its lowest level "
				  "must have telemetry=off",
				  cell->stack->probe_of);
	if (cell_path(cell, BOCHS_DISK, disk, err) != 0 ||
	    cell_path(cell, "trace", folder, err) != 0)
		return -1;
	return trace_take(&source, &cell->console, &cell->exits, err);
}

static void remove_disk(const struct cell *cell)
{
	char disk[PATH_MAX];
	struct vmfee_error ignored = {0};

	if (cell_path(cell, BOCHS_DISK, disk, &ignored) == 0)
		unlink(disk);
}

int cell_finish(struct cell *cell, struct vmfee_error *err)
{
	char message[256];
	struct machine_end machine = {
		.end = bochs_wait(&cell->bochs, message, sizeof(message)),
		.message = message,
		.watchdog = cell->experiment->watchdog,
		.cpu = cell->experiment->cpu,
	};

	cell->running = false;
	if (verdict(&cell->stack->stack, &cell->console, &machine, err) != 0 ||
	    take_trace(cell, err) != 0)
		return -1;
	remove_disk(cell);
	return 0;
}

int cell_check_deadline(const struct cell *cell, struct vmfee_error *err)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < cell->deadline.tv_sec)
		return 0;
	return vmfee_fail(err, VMFEE_WATCHDOG,
			  "Bochs hung: neither the machine nor the watchdog "
			  "of %u million ticks ended it",
			  cell->experiment->watchdog);
}

void cell_free(struct cell *cell)
{
	if (cell->running)
		bochs_kill(&cell->bochs);
	cell->running = false;
	remove_disk(cell);
	if (cell->log >= 0)
		close(cell->log);
	cell->log = -1;
	console_free(&cell->console);
	exits_free(&cell->exits);
}
