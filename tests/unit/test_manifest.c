#include "bench/manifest.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/bench_rig.h"

static char folder[PATH_MAX];
static char path[PATH_MAX];

static void set_up(void)
{
	rig_folder(folder);
	rig_file(folder, "manifest.json", "", path);
}

static void tear_down(void)
{
	rundir_remove_tree(folder);
}

TestSuite(manifest, .init = set_up, .fini = tear_down);

static struct manifest *create(void)
{
	struct experiment experiment = {.name = "fee",
					.title = "What it \"costs\"",
					.cpu = "model",
					.memory = 64,
					.watchdog = 2000,
					.outbox = 32};
	struct manifest *manifest = manifest_create(&experiment, platform_find("bochs"), "3.0");

	cr_assert_not_null(manifest);
	return manifest;
}

static const char *text_at(json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

Test(manifest, it_holds_what_another_lab_needs)
{
	struct vmfee_error err = {0};
	struct experiment_stack stack = {
		.name = "quiet", .notation = "l1vmm mmu=ept / micro", .probe_of = "l1vmm"};
	struct exits exits = {.records = 7};
	struct manifest *manifest = create();
	struct console *console =
		rig_console(3, "@cap name=IA32_VMX_BASIC msr=0x480 value=0xffd810000000002b\n"
			       "@switch name=mmu value=ept\n"
			       "|@telemetry cpu=0 records=3 dropped=4 packets=1 outbox=call\n"
			       "@telemetry cpu=0 records=4 dropped=2 packets=1 outbox=ata\n");

	cr_assert_eq(stack_parse(&stack.stack, stack.notation, &err), 0);
	cr_assert_eq(manifest_stack(manifest, &stack, console, &exits), 0);
	cr_assert_eq(manifest_write(manifest, path, &err), 0, "%s", err.text);
	manifest_free(manifest);
	rig_console_free(console);

	json_t *root = json_load_file(path, 0, NULL);
	cr_assert_not_null(root);
	cr_expect_str_eq(text_at(root, "title"), "What it \"costs\"");
	json_t *platform = json_object_get(root, "platform");
	cr_expect_str_eq(text_at(platform, "version"), "3.0");
	cr_expect_str_eq(text_at(platform, "cpu"), "model");
	cr_expect_eq(json_integer_value(json_object_get(platform, "memory_mib")), 64);
	json_t *entry = json_array_get(json_object_get(root, "stacks"), 0);
	cr_expect_str_eq(text_at(entry, "probe_of"), "l1vmm");
	json_t *level = json_array_get(json_object_get(entry, "levels"), 0);
	cr_expect_str_eq(text_at(level, "cmdline"), "mmu=ept");
	json_t *capability = json_array_get(json_object_get(entry, "capabilities"), 0);
	cr_expect_str_eq(text_at(capability, "value"), "0xffd810000000002b");
	json_t *assist = json_array_get(json_object_get(entry, "switches"), 0);
	cr_expect_str_eq(text_at(assist, "value"), "ept");
	json_t *trace = json_object_get(entry, "trace");
	cr_expect_eq(json_integer_value(json_object_get(trace, "records")), 7);
	cr_expect_eq(json_integer_value(json_object_get(trace, "dropped")), 6, "of all levels");
	json_decref(root);
}

Test(manifest, a_full_disk_is_noticed)
{
	struct vmfee_error err = {0};
	struct manifest *manifest = create();

	cr_expect_eq(manifest_write(manifest, "/dev/full", &err), -1);
	cr_expect_eq(err.status, VMFEE_DISK);
	cr_expect_str_eq(err.text, "/dev/full: No space left on device");
	manifest_free(manifest);
}
