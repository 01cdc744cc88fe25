#include "bench/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Moments of 20 ms that a locked run is waited for. */
enum { PATIENCE = 10 };

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

void rundir_remove_tree(const char *path)
{
	nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int set_paths(struct rundir *dir, const char *results, const char *experiment,
		     struct vmfee_error *err)
{
	int partial = snprintf(dir->partial, PATH_MAX, "%s/.%s.partial", results, experiment);
	int failed = snprintf(dir->failed, PATH_MAX, "%s/.%s.failed", results, experiment);
	int final = snprintf(dir->final, PATH_MAX, "%s/%s", results, experiment);

	if (partial >= PATH_MAX || failed >= PATH_MAX || final >= PATH_MAX)
		return vmfee_fail(err, VMFEE_USAGE, "the path of the results is too long");
	return 0;
}

static int make_folder(const char *path, struct vmfee_error *err)
{
	if (mkdir(path, 0777) == 0 || errno == EEXIST)
		return 0;
	return vmfee_fail_errno(err, "cannot make the folder %s", path);
}

/* `vmfee top` has it for a moment, each time that it looks whether it is locked. */
static int lock_folder(int folder)
{
	const struct timespec moment = {.tv_nsec = 20000000};
	int failed = flock(folder, LOCK_EX | LOCK_NB);

	for (int i = 0; failed && errno == EWOULDBLOCK && i < PATIENCE; i++) {
		nanosleep(&moment, NULL);
		failed = flock(folder, LOCK_EX | LOCK_NB);
	}
	return failed;
}

int rundir_lock(const char *run, struct vmfee_error *err)
{
	int lock = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (lock < 0)
		return vmfee_fail_errno(err, "%s", run);
	if (lock_folder(lock) == 0)
		return lock;
	if (errno == EWOULDBLOCK)
		vmfee_fail(err, VMFEE_SYSTEM, "another vmfee is at this experiment: %s is locked",
			   run);
	else
		vmfee_fail_errno(err, "cannot lock %s", run);
	close(lock);
	return -1;
}

/*
 * Locks the partial directory.  The lock goes with the inode, and whoever held it before may have
 * renamed the directory since: then the name means another one, or none, and *moved says so.
 */
static int lock_partial(struct rundir *dir, bool *moved, struct vmfee_error *err)
{
	struct stat locked;
	struct stat named;

	dir->lock = rundir_lock(dir->partial, err);
	if (dir->lock < 0)
		return -1;
	if (fstat(dir->lock, &locked) != 0) {
		vmfee_fail_errno(err, "%s", dir->partial);
	} else {
		*moved = stat(dir->partial, &named) != 0 || named.st_ino != locked.st_ino ||
			 named.st_dev != locked.st_dev;
		if (!*moved)
			return 0;
	}
	close(dir->lock);
	dir->lock = -1;
	return err->status == VMFEE_OK ? 0 : -1;
}

static void empty_folder(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, NULL);

	for (int i = 0; i < count; i++) {
		char entry[PATH_MAX + NAME_MAX + 2];
		snprintf(entry, sizeof(entry), "%s/%s", path, entries[i]->d_name);
		if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
			rundir_remove_tree(entry);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void unlock(struct rundir *dir)
{
	close(dir->lock);
	dir->lock = -1;
}

int rundir_begin(struct rundir *dir, const char *results, const char *experiment, bool resume,
		 struct vmfee_error *err)
{
	bool moved = true;

	*dir = RUNDIR_NONE;
	if (set_paths(dir, results, experiment, err) != 0 || make_folder(results, err) != 0)
		return -1;
	while (moved) {
		if (make_folder(dir->partial, err) != 0 || lock_partial(dir, &moved, err) != 0)
			return -1;
		/* Only an empty directory, which is ours, can be replaced; the lock goes with it.
		 */
		if (resume && !moved && rename(dir->failed, dir->partial) == 0) {
			unlock(dir);
			moved = true;
		}
	}
	if (!resume)
		empty_folder(dir->partial);
	return 0;
}

/* The number that the next older run of this name is kept under. */
static unsigned next_number(const char *final)
{
	char results[PATH_MAX];
	struct dirent **entries;
	unsigned next = 1;

	snprintf(results, sizeof(results), "%s", final);
	char *name = strrchr(results, '/');
	*name++ = '\0';
	size_t length = strlen(name);

	int count = scandir(results, &entries, NULL, NULL);
	for (int i = 0; i < count; i++) {
		const char *entry = entries[i]->d_name;
		char *end;
		if (strncmp(entry, name, length) == 0 && entry[length] == '.' &&
		    entry[length + 1] >= '1' && entry[length + 1] <= '9') {
			unsigned long number = strtoul(entry + length + 1, &end, 10);
			if (*end == '\0' && number >= next && number < UINT_MAX)
				next = (unsigned)number + 1;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return next;
}

int rundir_publish(struct rundir *dir, struct vmfee_error *err)
{
	char kept[PATH_MAX + 16];

	snprintf(kept, sizeof(kept), "%s.%u", dir->final, next_number(dir->final));
	/* Neither call can replace anything: a directory that is not empty is no target. */
	if (rename(dir->final, kept) != 0 && errno != ENOENT)
		return vmfee_fail_errno(err, "cannot keep the older run as %s", kept);
	if (rename(dir->partial, dir->final) != 0)
		return vmfee_fail_errno(err, "cannot name the run %s", dir->final);
	rundir_remove_tree(dir->failed);
	unlock(dir);
	return 0;
}

void rundir_keep_failed(struct rundir *dir)
{
	if (dir->lock < 0)
		return;
	rundir_remove_tree(dir->failed);
	if (rename(dir->partial, dir->failed) != 0)
		rundir_remove_tree(dir->partial);
	unlock(dir);
}

void rundir_discard(struct rundir *dir)
{
	if (dir->lock < 0)
		return;
	rundir_remove_tree(dir->partial);
	unlock(dir);
}
