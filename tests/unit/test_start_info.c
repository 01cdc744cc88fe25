#include "l1vmm/boot/start_info.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define PADDR 0x10000

static const struct hvm_memmap_table_entry memmap[] = {
	{0, 0x9f000, XEN_HVM_MEMMAP_TYPE_RAM, 0},
	{0x100000, 0xff00000, XEN_HVM_MEMMAP_TYPE_RAM, 0},
};
/* Contents within the window of the tests. */
static const struct start_info_module modules[] = {
	{PADDR, 8, "only=cpuid"},
	{PADDR + 8, 0, NULL},
};
static const struct start_info_spec spec = {
	.cmdline = "telemetry=on",
	.modules = modules,
	.module_count = 2,
	.memmap = memmap,
	.memmap_count = 2,
	.rsdp_paddr = 0xf1230,
};

/* A start info on the heap, exactly as large as it has to be. */
struct built {
	struct hvm_start_info *info;
	struct hvm_memmap_table_entry *memmap;
	struct hvm_modlist_entry *modules;
	uint64_t size;
	struct start_info_window window;
};

static void build(struct built *built, const struct start_info_spec *from)
{
	built->size = start_info_size(from);
	built->info = malloc(built->size);
	cr_assert_not_null(built->info);
	cr_assert_eq(start_info_build(from, PADDR, built->info, built->size), START_INFO_OK);
	built->memmap = (struct hvm_memmap_table_entry *)(built->info + 1);
	built->modules = (struct hvm_modlist_entry *)(built->memmap + from->memmap_count);
	built->window = (struct start_info_window){PADDR, built->size, (uintptr_t)built->info};
}

static enum start_info_error check(const struct built *built)
{
	struct start_info_view view;

	return start_info_check(PADDR, &built->window, &view);
}

Test(start_info, has_the_layout_of_the_abi)
{
	cr_expect_eq(offsetof(struct hvm_start_info, nr_modules), 12);
	cr_expect_eq(offsetof(struct hvm_start_info, modlist_paddr), 16);
	cr_expect_eq(offsetof(struct hvm_start_info, cmdline_paddr), 24);
	cr_expect_eq(offsetof(struct hvm_start_info, rsdp_paddr), 32);
	cr_expect_eq(offsetof(struct hvm_start_info, memmap_paddr), 40);
	cr_expect_eq(offsetof(struct hvm_start_info, memmap_entries), 48);
	cr_expect_eq(offsetof(struct hvm_modlist_entry, cmdline_paddr), 16);
	cr_expect_eq(offsetof(struct hvm_memmap_table_entry, type), 16);
}

Test(start_info, what_is_built_is_what_is_read)
{
	struct start_info_view view;
	struct built built;

	build(&built, &spec);
	cr_expect_eq(built.info->magic, 0x336ec578);
	cr_expect_eq(built.info->version, 1);
	cr_assert_eq(start_info_check(PADDR, &built.window, &view), START_INFO_OK);
	cr_expect_str_eq(view.cmdline, "telemetry=on");
	cr_expect_eq(view.rsdp_paddr, 0xf1230);
	cr_assert_eq(view.memmap_count, 2);
	cr_expect_arr_eq(view.memmap, memmap, sizeof(memmap));
	cr_assert_eq(view.module_count, 2);
	cr_expect_eq(view.modules[0].paddr, modules[0].paddr);
	cr_expect_eq(view.modules[0].size, modules[0].size);
	cr_expect_str_eq(start_info_module_cmdline(&view, 0, &built.window), "only=cpuid");
	cr_expect_str_eq(start_info_module_cmdline(&view, 1, &built.window), "");
	free(built.info);
}

Test(start_info, may_be_without_command_line_and_modules)
{
	const struct start_info_spec bare = {.memmap = memmap, .memmap_count = 2};
	struct start_info_view view;
	struct built built;

	build(&built, &bare);
	cr_assert_eq(start_info_check(PADDR, &built.window, &view), START_INFO_OK);
	cr_expect_str_eq(view.cmdline, "");
	cr_expect_eq(view.module_count, 0);
	free(built.info);
}

/* A command line of so many bytes, the terminating zero among them. */
static char *long_text(size_t size)
{
	char *text = malloc(size);

	cr_assert_not_null(text);
	memset(text, 'x', size - 1);
	text[size - 1] = '\0';
	return text;
}

Test(start_info, build_refuses)
{
	static struct start_info_module many[START_INFO_MAX_MODULES + 1];
	static struct hvm_memmap_table_entry regions[START_INFO_MAX_REGIONS + 1];
	static uint64_t buffer[8192];
	char *longest = long_text(START_INFO_MAX_CMDLINE);
	char *longer = long_text(START_INFO_MAX_CMDLINE + 1);
	const struct start_info_module with_longest = {0, 0, longest};
	const struct start_info_module with_longer = {0, 0, longer};
	uint64_t size = start_info_size(&spec);

#define BUILD(error, paddr, bytes, ...)                                                            \
	do {                                                                                       \
		struct start_info_spec changed = spec;                                             \
		__VA_ARGS__;                                                                       \
		cr_expect_eq(start_info_build(&changed, paddr, buffer, bytes), START_INFO_##error, \
			     "%s", #__VA_ARGS__);                                                  \
	} while (0)
#define CHANGED(error, ...) BUILD(error, PADDR, sizeof(buffer), __VA_ARGS__)
	CHANGED(NO_MEMORY_MAP, changed.memmap_count = 0);
	CHANGED(OK, changed.memmap = regions, changed.memmap_count = START_INFO_MAX_REGIONS);
	CHANGED(TOO_MANY_REGIONS, changed.memmap = regions,
		changed.memmap_count = START_INFO_MAX_REGIONS + 1);
	CHANGED(OK, changed.modules = many, changed.module_count = START_INFO_MAX_MODULES);
	CHANGED(TOO_MANY_MODULES, changed.modules = many,
		changed.module_count = START_INFO_MAX_MODULES + 1);
	CHANGED(OK, changed.cmdline = longest);
	CHANGED(ENDLESS_TEXT, changed.cmdline = longer);
	CHANGED(OK, changed.modules = &with_longest, changed.module_count = 1);
	CHANGED(ENDLESS_TEXT, changed.modules = &with_longer, changed.module_count = 1);
	BUILD(OK, PADDR, size, );
	BUILD(TOO_LARGE, PADDR, size - 1, );
	BUILD(MISALIGNED, PADDR + 4, size, );
	BUILD(OK, (1ULL << 32) - size, size, );
	BUILD(OUTSIDE_MEMORY, (1ULL << 32) - size + 8, size, );
	BUILD(OUTSIDE_MEMORY, UINT64_MAX - 7, size, );
#undef CHANGED
#undef BUILD
	free(longest);
	free(longer);
}

Test(start_info, check_refuses)
{
	struct built b;
	uint64_t size = start_info_size(&spec), end = PADDR + size;

#define CHECK(error, ...)                                                     \
	do {                                                                  \
		build(&b, &spec);                                             \
		__VA_ARGS__;                                                  \
		enum start_info_error got = check(&b);                        \
		cr_expect_eq(got, START_INFO_##error, "%s: %s", #__VA_ARGS__, \
			     start_info_error_name(got));                     \
		free(b.info);                                                 \
	} while (0)
	CHECK(BAD_MAGIC, b.info->magic++);
	CHECK(OLD_VERSION, b.info->version = 0);
	CHECK(OK, b.info->version = 2);
	CHECK(NO_MEMORY_MAP, b.info->memmap_entries = 0);
	CHECK(TOO_MANY_REGIONS, b.info->memmap_entries = START_INFO_MAX_REGIONS + 1);
	CHECK(OUTSIDE_MEMORY, b.info->memmap_entries = START_INFO_MAX_REGIONS);
	CHECK(OK, b.info->memmap_paddr = end / 8 * 8 - 2 * sizeof(b.memmap[0]),
	      b.memmap[0].size = 0);
	CHECK(OUTSIDE_MEMORY, b.info->memmap_paddr = end / 8 * 8 - sizeof(b.memmap[0]));
	CHECK(OUTSIDE_MEMORY, b.info->memmap_paddr = UINT64_MAX - 7);
	CHECK(MISALIGNED, b.info->memmap_paddr += 4);
	CHECK(OK, b.memmap[1].size = 1);
	CHECK(OK, b.memmap[1].size = 0 - b.memmap[1].addr);
	CHECK(REGION_WRAPS, b.memmap[1].size = 1 - b.memmap[1].addr);
	CHECK(TOO_MANY_MODULES, b.info->nr_modules = START_INFO_MAX_MODULES + 1);
	CHECK(OUTSIDE_MEMORY, b.info->nr_modules = START_INFO_MAX_MODULES);
	CHECK(MISALIGNED, b.info->modlist_paddr += 4);
	CHECK(OUTSIDE_MEMORY, b.info->modlist_paddr = 0);
	CHECK(OK, b.modules[0].size = size);
	CHECK(OUTSIDE_MEMORY, b.modules[0].size = size + 1);
	CHECK(OK, b.modules[1].paddr = end);
	CHECK(OUTSIDE_MEMORY, b.modules[1].paddr = end + 1);
	CHECK(OUTSIDE_MEMORY, b.modules[0].paddr = PADDR - 1);
	CHECK(OUTSIDE_MEMORY, b.modules[0].paddr = UINT64_MAX, b.modules[0].size = 2);
	CHECK(OK, b.info->cmdline_paddr = end - 1);
	CHECK(OUTSIDE_MEMORY, b.info->cmdline_paddr = end);
	CHECK(OUTSIDE_MEMORY, b.info->cmdline_paddr = PADDR - 1);
	CHECK(OUTSIDE_MEMORY, b.modules[1].cmdline_paddr = end);
	CHECK(ENDLESS_TEXT, ((char *)b.info)[size - 1] = 'x');
	CHECK(ENDLESS_TEXT, b.window.size--);
	CHECK(OUTSIDE_MEMORY, b.window.size = sizeof(*b.info) - 1);
	CHECK(OUTSIDE_MEMORY, b.window.paddr += 8);
#undef CHECK
}

Test(start_info, check_refuses_a_bad_address)
{
	struct start_info_view view;
	struct built built;

	build(&built, &spec);
	cr_expect_eq(start_info_check(PADDR + 4, &built.window, &view), START_INFO_MISALIGNED);
	cr_expect_eq(start_info_check(0, &built.window, &view), START_INFO_OUTSIDE_MEMORY);
	cr_expect_eq(start_info_check(UINT64_MAX - 7, &built.window, &view),
		     START_INFO_OUTSIDE_MEMORY);
	free(built.info);
}

Test(start_info, a_text_ends_within_its_limit)
{
	char *longest = long_text(START_INFO_MAX_CMDLINE);
	const struct start_info_module after = {PADDR, 0, "after"};
	struct start_info_spec with_longest = spec;
	struct built built;

	with_longest.cmdline = longest;
	with_longest.modules = &after;
	with_longest.module_count = 1;
	build(&built, &with_longest);
	cr_expect_eq(check(&built), START_INFO_OK);
	char *text = (char *)built.info + (built.info->cmdline_paddr - PADDR);
	text[START_INFO_MAX_CMDLINE - 1] = 'x';
	cr_expect_eq(check(&built), START_INFO_ENDLESS_TEXT);
	free(built.info);
	free(longest);
}

Test(start_info, every_error_has_its_words)
{
	for (int error = START_INFO_OK; error < START_INFO_ERROR_COUNT; error++) {
		cr_expect_not_null(start_info_error_name(error), "%d", error);
		cr_expect_not_null(start_info_error_text(error), "%d", error);
	}
}
