#include "bench/initramfs.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <limits.h>
#include <string.h>

#include "tests/unit/bench_rig.h"

static char folder[PATH_MAX];
static char archive_path[PATH_MAX];

static void set_up(void)
{
	rig_folder(folder);
	rig_file(folder, "initramfs.cpio", "older", archive_path);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(initramfs, .init = set_up, .fini = tear_down);

/* What cpio, where there is one, makes of the archive; here by the format's own words. */
static const char *entry_at(const char *bytes, const char *name, unsigned *mode, unsigned *size)
{
	cr_assert_eq(strncmp(bytes, "070701", 6), 0, "%.6s", bytes);
	cr_assert_eq(sscanf(bytes + 14, "%8x", mode), 1);
	cr_assert_eq(sscanf(bytes + 54, "%8x", size), 1);
	cr_assert_str_eq(bytes + 110, name);
	size_t head = 110 + strlen(name) + 1;
	return bytes + (head + 3) / 4 * 4;
}

Test(initramfs, entries_lie_one_after_the_other_on_four_bytes)
{
	struct vmfee_error err = {0};
	struct initramfs archive;
	char program[PATH_MAX];
	unsigned mode;
	unsigned size;

	rig_file(folder, "program", "12345", program);
	cr_assert_eq(initramfs_begin(&archive, archive_path, &err), 0);
	initramfs_folder(&archive, "bin");
	cr_assert_eq(initramfs_file(&archive, "bin/x", program, VMFEE_IMAGE, &err), 0);
	initramfs_text(&archive, "text", "a\n");
	initramfs_console(&archive);
	cr_assert_eq(initramfs_end(&archive, &err), 0, "%s", err.text);

	char bytes[4096];
	FILE *file = fopen(archive_path, "r");
	cr_assert_not_null(file);
	cr_assert_gt(fread(bytes, 1, sizeof(bytes), file), 0);
	fclose(file);
	const char *at = entry_at(bytes, "bin", &mode, &size);
	cr_expect_eq(mode, 0040755);
	cr_expect_eq(size, 0);
	at = entry_at(at, "bin/x", &mode, &size);
	cr_expect_eq(mode, 0100755);
	cr_expect_eq(size, 5);
	cr_expect_eq(memcmp(at, "12345\0\0\0", 8), 0);
	at = entry_at(at + 8, "text", &mode, &size);
	cr_expect_eq(mode, 0100644);
	cr_expect_eq(memcmp(at, "a\n\0\0", 4), 0);
	at = entry_at(at + 4, "dev/console", &mode, &size);
	cr_expect_eq(mode, 0020600);
	entry_at(at, "TRAILER!!!", &mode, &size);
}

Test(initramfs, a_missing_file_is_what_the_caller_calls_it)
{
	struct vmfee_error err = {0};
	struct initramfs archive;

	cr_assert_eq(initramfs_begin(&archive, archive_path, &err), 0);
	cr_expect_neq(initramfs_file(&archive, "x", "/nowhere", VMFEE_PLATFORM, &err), 0);
	cr_expect_eq(err.status, VMFEE_PLATFORM);
	cr_expect_str_eq(err.text, "/nowhere: No such file or directory");
	initramfs_abandon(&archive);
}

Test(initramfs, a_full_disk_shows_at_the_end)
{
	struct vmfee_error err = {0};
	struct initramfs archive;

	cr_assert_eq(initramfs_begin(&archive, "/dev/full", &err), 0);
	initramfs_folder(&archive, "bin");
	cr_expect_neq(initramfs_end(&archive, &err), 0);
	cr_expect_eq(err.status, VMFEE_DISK, "%s", err.text);
}
