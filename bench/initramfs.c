#include "bench/initramfs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
	ALIGNMENT = 4,
	CONSOLE_MAJOR = 5,
	CONSOLE_MINOR = 1,
};

static void pad(struct initramfs *archive)
{
	while (ftell(archive->file) % ALIGNMENT != 0)
		fputc(0, archive->file);
}

/* c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_dev*, c_rdev*, c_namesize, c_check
 */
static void entry(struct initramfs *archive, const char *name, unsigned mode, unsigned major,
		  unsigned minor, const void *data, size_t size)
{
	fprintf(archive->file, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		++archive->entries, mode, 0u, 0u, 1u, 0u, (unsigned)size, 0u, 0u, major, minor,
		(unsigned)strlen(name) + 1, 0u);
	fwrite(name, 1, strlen(name) + 1, archive->file);
	pad(archive);
	fwrite(data, 1, size, archive->file);
	pad(archive);
}

int initramfs_begin(struct initramfs *archive, const char *path, struct vmfee_error *err)
{
	*archive = (struct initramfs){.file = fopen(path, "we"), .path = path};
	return archive->file == NULL ? vmfee_fail_errno(err, "%s", path) : 0;
}

void initramfs_folder(struct initramfs *archive, const char *name)
{
	entry(archive, name, S_IFDIR | 0755, 0, 0, "", 0);
}

void initramfs_text(struct initramfs *archive, const char *name, const char *text)
{
	entry(archive, name, S_IFREG | 0644, 0, 0, text, strlen(text));
}

void initramfs_console(struct initramfs *archive)
{
	entry(archive, "dev/console", S_IFCHR | 0600, CONSOLE_MAJOR, CONSOLE_MINOR, "", 0);
}

int initramfs_file(struct initramfs *archive, const char *name, const char *from,
		   enum vmfee_status missing, struct vmfee_error *err)
{
	struct stat status;
	FILE *file = fopen(from, "re");

	if (file == NULL)
		return vmfee_fail(err, missing, "%s: %s", from, strerror(errno));
	void *data = NULL;
	bool whole = false;
	if (fstat(fileno(file), &status) == 0) {
		data = malloc((size_t)status.st_size + 1);
		whole = data != NULL &&
			fread(data, 1, (size_t)status.st_size, file) == (size_t)status.st_size;
	}
	if (whole)
		entry(archive, name, S_IFREG | 0755, 0, 0, data, (size_t)status.st_size);
	else
		vmfee_fail_errno(err, "%s", from);
	free(data);
	fclose(file);
	return whole ? 0 : -1;
}

int initramfs_end(struct initramfs *archive, struct vmfee_error *err)
{
	entry(archive, "TRAILER!!!", 0, 0, 0, "", 0);
	int failed = ferror(archive->file);
	if (fclose(archive->file) != 0 || failed)
		failed = vmfee_fail_errno(err, "%s", archive->path);
	archive->file = NULL;
	return failed ? -1 : 0;
}

void initramfs_abandon(struct initramfs *archive)
{
	if (archive->file != NULL)
		fclose(archive->file);
	archive->file = NULL;
}
