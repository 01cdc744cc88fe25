#include "bench/project.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/bench_rig.h"

static char folder[PATH_MAX];
static char results[PATH_MAX];

static void set_up(void)
{
	struct vmfee_error err = {0};

	rig_folder(folder);
	cr_assert_eq(project_path(results, folder, "results", "", &err), 0);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(rundir, .init = set_up, .fini = tear_down);

static bool there(const char *name)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", results, name);
	return access(path, F_OK) == 0;
}

static struct rundir begin(void)
{
	struct vmfee_error err = {0};
	struct rundir dir;

	cr_assert_eq(rundir_begin(&dir, results, "fee", false, &err), 0, "%s", err.text);
	return dir;
}

static void publish(const char *mark)
{
	struct vmfee_error err = {0};
	struct rundir dir = begin();
	char path[PATH_MAX];

	rig_file(dir.partial, mark, "", path);
	cr_assert_eq(rundir_publish(&dir, &err), 0, "%s", err.text);
}

Test(rundir, a_run_has_its_name_only_when_it_is_whole)
{
	struct vmfee_error err = {0};
	struct rundir dir = begin();

	cr_expect(there(".fee.partial"));
	cr_expect_not(there("fee"));
	cr_assert_eq(rundir_publish(&dir, &err), 0, "%s", err.text);
	cr_expect_not(there(".fee.partial"));
	cr_expect(there("fee"));
	cr_expect_eq(dir.lock, -1);
}

Test(rundir, older_runs_are_kept_the_highest_number_the_youngest)
{
	publish("first");
	publish("second");
	cr_expect(there("fee/second"));
	cr_expect(there("fee.1/first"));
	publish("third");
	cr_expect(there("fee/third"));
	cr_expect(there("fee.1/first"));
	cr_expect(there("fee.2/second"));
}

Test(rundir, a_gap_in_the_numbers_stays_a_gap)
{
	static const char *const others[] = {"fee.9", "fee.x", "fee.07", "fee.10x", "feed.30"};
	char path[2 * PATH_MAX];

	publish("first");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", results, others[i]);
		cr_assert_eq(mkdir(path, 0777), 0);
	}
	publish("second");
	cr_expect(there("fee.10/first"));
	cr_expect(there("fee/second"));
}

Test(rundir, what_an_earlier_run_left_half_written_goes_away)
{
	char path[PATH_MAX];
	struct rundir dir = begin();

	rig_file(dir.partial, "half", "text", path);
	close(dir.lock); /* as if vmfee had been killed */
	dir = begin();
	cr_expect(there(".fee.partial"));
	cr_expect_not(there(".fee.partial/half"));
	rundir_discard(&dir);
	cr_expect_not(there(".fee.partial"));
	cr_expect_eq(dir.lock, -1);
}

Test(rundir, two_runs_of_one_experiment_cannot_write_at_once)
{
	struct vmfee_error err = {0};
	struct rundir first = begin();
	struct rundir second;

	cr_expect_eq(rundir_begin(&second, results, "fee", false, &err), -1);
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_not_null(strstr(err.text, "another vmfee is at this experiment"), "%s", err.text);
	rundir_discard(&second);
	cr_expect(there(".fee.partial"), "the one that failed touches nothing");

	err = (struct vmfee_error){0};
	cr_expect_eq(rundir_begin(&second, results, "other", false, &err), 0, "%s", err.text);
	rundir_discard(&second);
	rundir_discard(&first);
	first = begin();
	rundir_discard(&first);
}

Test(rundir, a_failed_run_keeps_its_logs_until_the_next_one_succeeds)
{
	char path[PATH_MAX];
	struct rundir dir = begin();

	rig_file(dir.partial, "log", "first", path);
	rundir_keep_failed(&dir);
	cr_expect(there(".fee.failed/log"));
	cr_expect_not(there(".fee.partial"));

	dir = begin();
	rig_file(dir.partial, "other", "second", path);
	rundir_keep_failed(&dir);
	cr_expect(there(".fee.failed/other"));
	cr_expect_not(there(".fee.failed/log"));

	publish("whole");
	cr_expect_not(there(".fee.failed"));
}

Test(rundir, results_that_cannot_be_made_are_named)
{
	struct vmfee_error err = {0};
	struct rundir dir;
	char path[PATH_MAX];

	rig_file(folder, "results", "a file", path);
	cr_expect_eq(rundir_begin(&dir, results, "fee", false, &err), -1);
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_not_null(strstr(err.text, "/results/.fee.partial"), "%s", err.text);
}

Test(rundir, links_are_removed_not_followed)
{
	char path[PATH_MAX];
	char link[2 * PATH_MAX];
	struct rundir dir = begin();

	rig_file(folder, "precious", "text", path);
	snprintf(link, sizeof(link), "%s/link", dir.partial);
	cr_assert_eq(symlink(folder, link), 0);
	rundir_discard(&dir);
	cr_expect_eq(access(path, F_OK), 0);
}

Test(rundir, a_run_that_is_resumed_begins_with_what_was_left)
{
	struct vmfee_error err = {0};
	char path[PATH_MAX];
	struct rundir dir = begin();

	rig_file(dir.partial, "whole", "text", path);
	rundir_keep_failed(&dir);
	cr_assert_eq(rundir_begin(&dir, results, "fee", true, &err), 0, "%s", err.text);
	cr_expect(there(".fee.partial/whole"), "of a run that failed");
	cr_expect_not(there(".fee.failed"));

	/* It is locked as a new one would be. */
	struct rundir second;
	cr_expect_eq(rundir_begin(&second, results, "fee", true, &err), -1);
	cr_expect_not_null(strstr(err.text, "another vmfee"), "%s", err.text);

	close(dir.lock); /* as if vmfee had been killed */
	err = (struct vmfee_error){0};
	cr_assert_eq(rundir_begin(&dir, results, "fee", true, &err), 0, "%s", err.text);
	cr_expect(there(".fee.partial/whole"), "of one that was killed");
	rundir_discard(&dir);
	cr_assert_eq(rundir_begin(&dir, results, "fee", true, &err), 0, "%s", err.text);
	cr_expect_not(there(".fee.partial/whole"), "nothing was left");
	rundir_discard(&dir);
}

Test(rundir, what_was_left_half_written_goes_before_what_failed)
{
	struct vmfee_error err = {0};
	char path[PATH_MAX];
	struct rundir dir = begin();

	rig_file(dir.partial, "failed", "text", path);
	rundir_keep_failed(&dir);
	dir = begin();
	rig_file(dir.partial, "killed", "text", path);
	close(dir.lock);
	cr_assert_eq(rundir_begin(&dir, results, "fee", true, &err), 0, "%s", err.text);
	cr_expect(there(".fee.partial/killed"));
	cr_expect(there(".fee.failed/failed"));
	rundir_discard(&dir);
}

Test(rundir, a_lock_is_for_one)
{
	struct vmfee_error err = {0};
	int lock = rundir_lock(folder, &err);

	cr_assert_geq(lock, 0, "%s", err.text);
	cr_expect_eq(rundir_lock(folder, &err), -1);
	cr_expect_eq(err.status, VMFEE_SYSTEM);
	cr_expect_not_null(strstr(err.text, "is locked"), "%s", err.text);
	close(lock);
	err = (struct vmfee_error){0};
	lock = rundir_lock(folder, &err);
	cr_expect_geq(lock, 0, "%s", err.text);
	close(lock);
	cr_expect_eq(rundir_lock("/nowhere/at/all", &err), -1);
}
