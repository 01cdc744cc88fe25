#include "bench/top.h"
#include "bench/bochs.h"
#include "bench/cell.h"
#include "bench/outbox.h"
#include "bench/project.h"
#include "bench/results.h"

#include "telemetry/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void trouble(struct top_cell *cell, const char *text)
{
	if (cell->trouble[0] == '\0')
		snprintf(cell->trouble, sizeof(cell->trouble), "%.200s", text);
}

/* As exits_add() does, and everything else that comes of a trace. */
static void add_record(struct top_cell *cell, const struct exit_record *record)
{
	enum fee_component component =
		fee_component(record->reason, record->qualification, record->flags);

	if (component == FEE_COMPONENTS || record->level >= STACK_MAX_LEVELS) {
		trouble(cell, "an exit with a reason that is none");
		return;
	}
	cell->records++;
	if (record->level == 0 && (record->flags & RECORD_F_OBSERVED))
		return;
	struct top_sum *sum = &cell->sum[record->level][record->reason][component];
	sum->exits++;
	sum->ticks += record->handled_ticks;
}

static void add_head(struct top_cell *cell, const struct telemetry_packet *head)
{
	if (head->level < STACK_MAX_LEVELS && head->cpu_id < TOP_MAX_CPUS)
		cell->lost[head->level][head->cpu_id] = head->events_discarded;
	else
		trouble(cell, "a packet of a level or processor that is none");
}

static void read_stream(struct top_cell *cell, const char *path)
{
	struct reader_packet packet;
	struct reader_error error;
	struct reader reader;
	enum reader_result result = READER_PACKET;

	if (!reader_open(&reader, path, &error)) {
		trouble(cell, error.text);
		return;
	}
	while (result == READER_PACKET && cell->trouble[0] == '\0') {
		result = reader_next_packet(&reader, &packet, &error);
		if (result == READER_ERROR)
			trouble(cell, error.text);
		if (result != READER_PACKET)
			break;
		add_head(cell, packet.head);
		for (size_t i = 0; i < packet.count; i++)
			add_record(cell, &packet.records[i]);
	}
	reader_close(&reader);
}

static int is_stream(const struct dirent *entry)
{
	return strncmp(entry->d_name, "stream_", strlen("stream_")) == 0;
}

static void forget(struct top_cell *cell)
{
	cell->records = 0;
	memset(cell->lost, 0, sizeof(cell->lost));
	for (unsigned i = 0; i < STACK_MAX_LEVELS; i++)
		for (unsigned j = 0; j < CONSOLE_REASONS; j++)
			for (unsigned k = 0; k < FEE_COMPONENTS; k++)
				cell->sum[i][j][k].exits = cell->sum[i][j][k].ticks = 0;
}

/* The trace of a cell that has ended has everything, also what was last in the outbox. */
static void read_streams(struct top_cell *cell, const char *folder)
{
	char path[TOP_PATH + NAME_MAX + 16];
	struct dirent **entries;
	int count = scandir(folder, &entries, is_stream, alphasort);

	cell->whole = true;
	if (count >= 0)
		forget(cell);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		read_stream(cell, path);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

struct box {
	int file;
	uint64_t end; /* of the outbox in it */
};

static bool read_head(const struct box *box, uint64_t offset, struct telemetry_packet *head)
{
	return offset + sizeof(*head) <= box->end &&
	       pread(box->file, head, sizeof(*head), (off_t)offset) == sizeof(*head) &&
	       head->magic == TELEMETRY_PACKET_MAGIC;
}

static void add_records(struct top_cell *cell, const struct box *box, size_t count)
{
	struct exit_record records[512];
	uint64_t offset = cell->offset + sizeof(struct telemetry_packet);

	while (count > 0) {
		size_t part = count < 512 ? count : 512;
		ssize_t size = (ssize_t)(part * sizeof(records[0]));
		if (pread(box->file, records, (size_t)size, (off_t)offset) != size) {
			trouble(cell, "the outbox cannot be read");
			return;
		}
		for (size_t i = 0; i < part; i++)
			add_record(cell, &records[i]);
		offset += (uint64_t)size;
		count -= part;
	}
}

/* A packet is whole once another one has been begun behind it. */
static void read_outbox(struct top_cell *cell, const struct box *box)
{
	struct telemetry_packet head;
	struct telemetry_packet next;

	while (cell->trouble[0] == '\0' && read_head(box, cell->offset, &head)) {
		enum telemetry_fault fault = telemetry_packet_check(&head, box->end - cell->offset);
		uint64_t size = head.packet_size / 8;
		if (fault != TELEMETRY_OK) {
			snprintf(cell->trouble, sizeof(cell->trouble),
				 "packet %" PRIu64 " of the outbox: %s %s", cell->packets,
				 telemetry_fault_field(fault), telemetry_fault_text(fault));
			return;
		}
		if (!read_head(box, cell->offset + size, &next))
			return;
		add_head(cell, &head);
		add_records(cell, box, telemetry_packet_records(&head));
		cell->offset += size;
		cell->packets++;
	}
}

/* On Bochs, on its disk, where CELL_OUTBOX says; a launcher's is a file of its own. */
static void find_outbox(struct top_cell *cell, const char *folder)
{
	char path[TOP_PATH + 32];
	struct box box;
	struct stat status;
	uint64_t lba = 0;
	uint64_t sectors = 0;

	snprintf(path, sizeof(path), "%s/" CELL_OUTBOX, folder);
	FILE *file = fopen(path, "re");
	bool on_disk = file != NULL && fscanf(file, "%" SCNu64 " %" SCNu64, &lba, &sectors) == 2;
	if (file != NULL)
		fclose(file);
	snprintf(path, sizeof(path), "%s/%s", folder, on_disk ? BOCHS_DISK : LAUNCH_OUTBOX);
	box.file = open(path, O_RDONLY | O_CLOEXEC);
	if (box.file < 0)
		return;
	if (fstat(box.file, &status) == 0) {
		box.end = on_disk ? (lba + sectors) * OUTBOX_SECTOR : (uint64_t)status.st_size;
		if (cell->packets == 0)
			cell->offset = lba * OUTBOX_SECTOR;
		read_outbox(cell, &box);
	}
	close(box.file);
}

static bool there(const char *folder, const char *name)
{
	char path[TOP_PATH + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static void look_at(const struct top *top, struct top_cell *cell)
{
	char folder[TOP_PATH];
	char trace[TOP_PATH + 8];

	snprintf(folder, sizeof(folder), "%s/%s", top->path, cell->name);
	snprintf(trace, sizeof(trace), "%s/trace", folder);
	for (unsigned i = 0; i < STACK_MAX_LEVELS; i++)
		for (unsigned j = 0; j < CONSOLE_REASONS; j++)
			for (unsigned k = 0; k < FEE_COMPONENTS; k++)
				cell->sum[i][j][k].before = cell->sum[i][j][k].exits;
	/* Only a cell that ended well has a trace that is whole. */
	if (there(folder, CELL_FILE))
		cell->state = TOP_ENDED;
	else if (!top->live || there(folder, CELL_FAILURE))
		cell->state = TOP_FAILED;
	if (cell->state == TOP_RUNS)
		find_outbox(cell, folder);
	else if (!cell->whole)
		read_streams(cell, trace);
}

/* Whether the run's directory is one of this name, with a cell in it. */
static bool is_cell(const struct top *top, const char *name)
{
	char folder[TOP_PATH];

	snprintf(folder, sizeof(folder), "%s/%.*s", top->path, STACK_MAX_NAME, name);
	return stack_valid_name(name) && there(folder, CELL_LOG);
}

static int find_cell(struct top *top, const char *name, struct vmfee_error *err)
{
	struct top_cell **grown;

	for (size_t i = 0; i < top->cells; i++)
		if (strcmp(top->cell[i]->name, name) == 0)
			return 0;
	grown = reallocarray(top->cell, top->cells + 1, sizeof(grown[0]));
	if (grown == NULL)
		return vmfee_fail_errno(err, "%s", name);
	top->cell = grown;
	grown[top->cells] = calloc(1, sizeof(*grown[0]));
	if (grown[top->cells] == NULL)
		return vmfee_fail_errno(err, "%s", name);
	snprintf(grown[top->cells++]->name, sizeof(grown[0]->name), "%.*s", STACK_MAX_NAME, name);
	return 0;
}

static int find_cells(struct top *top, struct vmfee_error *err)
{
	struct dirent **entries;
	int count = scandir(top->path, &entries, NULL, alphasort);
	int failed = 0;

	for (int i = 0; i < count; i++) {
		if (!failed && is_cell(top, entries[i]->d_name))
			failed = find_cell(top, entries[i]->d_name, err);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return failed;
}

/* Whoever writes a run has its directory locked. */
static bool is_live(const struct top *top)
{
	if (flock(top->folder, LOCK_SH | LOCK_NB) != 0)
		return errno == EWOULDBLOCK;
	flock(top->folder, LOCK_UN);
	return false;
}

int top_open(struct top *top, const char *run, struct vmfee_error *err)
{
	*top = (struct top){.folder = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	if (top->folder < 0)
		return vmfee_fail(err, VMFEE_USAGE, "%s: %s", run, strerror(errno));
	/* The directory gets another name in the end. */
	snprintf(top->path, sizeof(top->path), "/proc/self/fd/%d", top->folder);
	top->live = is_live(top);
	return 0;
}

/* A trace may have lost its end since the run was made: results.db has what was in it. */
static void compare(struct top *top)
{
	struct vmfee_error err = {0};
	struct results results;
	char path[TOP_PATH];

	if (!there(top->path, "results.db"))
		return;
	snprintf(path, sizeof(path), "%s/results.db", top->path);
	int failed = results_load(&results, path, &err);
	for (size_t i = 0; i < top->cells; i++) {
		struct top_cell *cell = top->cell[i];
		if (failed)
			trouble(cell, err.text);
		for (size_t j = 0; !failed && j < results.stacks; j++) {
			uint64_t records = results_records(&results.stack[j]);
			char text[128];
			if (strcmp(results.stack[j].name, cell->name) != 0 ||
			    records == cell->records)
				continue;
			snprintf(text, sizeof(text),
				 "the trace has %" PRIu64 ", results.db %" PRIu64, cell->records,
				 records);
			trouble(cell, text);
		}
	}
	results_free(&results);
}

int top_look(struct top *top, struct vmfee_error *err)
{
	struct timespec now;

	top->live = is_live(top);
	if (find_cells(top, err) != 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (top->looked.tv_sec != 0)
		top->seconds = (double)(now.tv_sec - top->looked.tv_sec) +
			       (double)(now.tv_nsec - top->looked.tv_nsec) / 1e9;
	top->looked = now;
	for (size_t i = 0; i < top->cells; i++)
		look_at(top, top->cell[i]);
	if (!top->live)
		compare(top);
	return 0;
}

uint64_t top_lost(const struct top_cell *cell, unsigned level)
{
	uint64_t lost = 0;

	for (unsigned i = 0; i < TOP_MAX_CPUS; i++)
		lost += cell->lost[level][i];
	return lost;
}

void top_close(struct top *top)
{
	for (size_t i = 0; i < top->cells; i++)
		free(top->cell[i]);
	free(top->cell);
	if (top->folder >= 0)
		close(top->folder);
}
