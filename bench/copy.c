#include "bench/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int copy_open(int source, int target, const char *to, struct vmfee_error *err)
{
	char bytes[65536];

	for (;;) {
		ssize_t got = read(source, bytes, sizeof(bytes));
		if (got == 0)
			return 0;
		if (got < 0)
			return vmfee_fail_errno(err, "cannot copy to %s", to);
		for (ssize_t put = 0; put < got;) {
			ssize_t some = write(target, bytes + put, (size_t)(got - put));
			if (some < 0)
				return vmfee_fail_errno(err, "%s", to);
			put += some;
		}
	}
}

static int copy_file(const char *from, const char *to, struct vmfee_error *err)
{
	int source = open(from, O_RDONLY | O_CLOEXEC);

	if (source < 0)
		return vmfee_fail_errno(err, "%s", from);
	int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (target < 0) {
		vmfee_fail_errno(err, "%s", to);
		close(source);
		return -1;
	}
	int failed = copy_open(source, target, to, err);
	close(source);
	if (close(target) != 0 && !failed)
		failed = vmfee_fail_errno(err, "%s", to);
	return failed;
}

static int copy_entry(const FTSENT *entry, size_t base, const char *to, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s", to, entry->fts_path + base) >= (int)sizeof(path))
		return vmfee_fail(err, VMFEE_SYSTEM, "%s: too long a path", to);
	switch (entry->fts_info) {
	case FTS_D:
		return mkdir(path, 0777) == 0 ? 0 : vmfee_fail_errno(err, "%s", path);
	case FTS_F:
		return copy_file(entry->fts_accpath, path, err);
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		errno = entry->fts_errno;
		return vmfee_fail_errno(err, "%s", entry->fts_path);
	default:
		return 0;
	}
}

int copy_tree(const char *from, const char *to, struct vmfee_error *err)
{
	char root[PATH_MAX];
	char *const roots[] = {root, NULL};
	FTSENT *entry;
	int failed = 0;

	snprintf(root, sizeof(root), "%s", from);
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (walk == NULL)
		return vmfee_fail_errno(err, "%s", from);
	while (!failed && (entry = fts_read(walk)) != NULL)
		failed = copy_entry(entry, strlen(root), to, err);
	fts_close(walk);
	return failed;
}
