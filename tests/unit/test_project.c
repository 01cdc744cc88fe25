#include "bench/project.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/bench_rig.h"

static char folder[PATH_MAX];

static void set_up(void)
{
	rig_folder(folder);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(project, .init = set_up, .fini = tear_down);

static void expect_list(size_t size, const char *wanted)
{
	char list[64];

	project_list(folder, ".elf", list, size);
	cr_expect_str_eq(list, wanted, "got: %s", list);
}

Test(project, what_there_is_is_listed_in_order)
{
	char path[PATH_MAX];

	expect_list(64, "none");
	rig_file(folder, "micro.elf", "", path);
	rig_file(folder, "l1vmm.elf", "", path);
	rig_file(folder, ".hidden.elf", "", path);
	rig_file(folder, "notes.txt", "", path);
	rig_file(folder, ".elf", "", path);
	expect_list(64, "l1vmm, micro");
}

Test(project, a_list_that_does_not_fit_says_so)
{
	char path[PATH_MAX];

	rig_file(folder, "abcdef.elf", "", path);
	rig_file(folder, "ghijkl.elf", "", path);
	rig_file(folder, "mnopqr.elf", "", path);
	expect_list(64, "abcdef, ghijkl, mnopqr");
	expect_list(23, "abcdef, ghijkl, ...");
	expect_list(20, "abcdef, ...");
	expect_list(8, "...");
}

Test(project, a_folder_that_is_not_there_holds_nothing)
{
	rundir_remove_tree(folder);
	expect_list(64, "none");
}

Test(project, paths_have_a_limit)
{
	struct vmfee_error err = {0};
	char path[PATH_MAX];
	char name[PATH_MAX];

	cr_expect_eq(project_path(path, "/a", "b", ".c", &err), 0);
	cr_expect_str_eq(path, "/a/b.c");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_expect_eq(project_path(path, "/a", name, ".c", &err), -1);
	cr_expect_eq(err.status, VMFEE_USAGE);
}
