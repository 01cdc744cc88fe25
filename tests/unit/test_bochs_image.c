#include "bench/bochs_image.h"

#include "l1vmm/boot/bochs/boot_table.h"
#include "l1vmm/boot/pvh_elf.h"
#include "l1vmm/boot/start_info.h"
#include "tests/unit/pvh_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of the test's own, in which it works, with a boot sector and two images. */
static char folder[] = "/tmp/l1vmm-test-XXXXXX";

static void write_file(const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(name, "wb");

	cr_assert_not_null(file);
	cr_assert_eq(fwrite(bytes, 1, size, file), size);
	cr_assert_eq(fclose(file), 0);
}

static void write_fixture(const char *name, const struct pvh_fixture *fixture)
{
	write_file(name, fixture->bytes, fixture->size);
}

static void make_folder(void)
{
	uint8_t boot_sector[SECTOR_SIZE] = {0xfa, [SECTOR_SIZE - 2] = 0x55, 0xaa};
	struct pvh_fixture fixture;

	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
	write_file("mbr", boot_sector, sizeof(boot_sector));
	pvh_fixture_init(&fixture);
	write_fixture("low", &fixture);
	/* One that differs, so that a mix-up of the two would show. */
	fixture.bytes[FIXTURE_TEXT] ^= 0xff;
	write_fixture("high", &fixture);
}

static void remove_folder(void)
{
	static const char *const names[] = {"mbr", "low", "high", "disk", "again"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	cr_expect_eq(chdir("/"), 0);
	cr_expect_eq(rmdir(folder), 0, "something was left behind");
}

TestSuite(bochs_image, .init = make_folder, .fini = remove_folder);

static const struct bochs_stack_image two_images[] = {{"low", "telemetry=on", false},
						      {"high", "only=x", false}};

static struct bochs_stack two_levels(void)
{
	return (struct bochs_stack){
		.boot_sector = "mbr",
		.images = two_images,
		.count = 2,
		.memory = 32,
		.outbox = 1 << 20,
	};
}

struct disk {
	uint8_t *bytes;
	uint64_t size;
	struct boot_table table;
};

static void read_disk(struct disk *disk, const char *name)
{
	FILE *file = fopen(name, "rb");
	struct stat status;

	cr_assert_not_null(file);
	cr_assert_eq(fstat(fileno(file), &status), 0);
	disk->size = (uint64_t)status.st_size;
	disk->bytes = malloc(disk->size);
	cr_assert_not_null(disk->bytes);
	cr_assert_eq(fread(disk->bytes, 1, disk->size, file), disk->size);
	fclose(file);
	memcpy(&disk->table, disk->bytes + (size_t)BOOT_TABLE_LBA * SECTOR_SIZE,
	       sizeof(disk->table));
}

/* Does what the boot sector does, but into a block of `size` bytes that the caller frees. */
static uint8_t *boot(const struct disk *disk, size_t size)
{
	uint8_t *memory = malloc(size);

	cr_assert_not_null(memory);
	memset(memory, 0xcc, size);
	cr_assert_eq(disk->table.magic, BOOT_TABLE_MAGIC);
	cr_assert_eq(disk->table.version, BOOT_TABLE_VERSION);
	cr_assert_leq(disk->table.extent_count, BOOT_TABLE_MAX_EXTENTS);
	for (uint32_t i = 0; i < disk->table.extent_count; i++) {
		const struct boot_extent *extent = &disk->table.extents[i];
		uint64_t offset = (uint64_t)extent->lba * SECTOR_SIZE;

		cr_assert_leq((uint64_t)extent->paddr + extent->bytes, size);
		if (extent->lba == 0) {
			memset(memory + extent->paddr, 0, extent->bytes);
			continue;
		}
		cr_assert_leq(offset + extent->bytes, disk->size);
		memcpy(memory + extent->paddr, disk->bytes + offset, extent->bytes);
	}
	return memory;
}

static bool is_usable(const struct start_info_view *view, uint64_t paddr, uint64_t size)
{
	for (uint32_t i = 0; i < view->memmap_count; i++) {
		const struct hvm_memmap_table_entry *entry = &view->memmap[i];
		if (entry->type == XEN_HVM_MEMMAP_TYPE_RAM && paddr >= entry->addr &&
		    paddr + size <= entry->addr + entry->size)
			return true;
	}
	return false;
}

Test(bochs_image, boots_the_stack)
{
	const size_t size = 32 << 20;
	struct bochs_stack stack = two_levels();
	struct bochs_image_layout layout;
	struct vmfee_error err = {0};
	struct start_info_view view;
	struct pvh_fixture low, high;
	struct disk disk;
	char cmdline[128];

	cr_assert_eq(bochs_image_write("disk", &stack, &layout, &err), 0, "%s", err.text);
	read_disk(&disk, "disk");
	cr_expect_eq(disk.size, layout.file_size);
	cr_expect_eq(disk.size % 516096, 0);
	cr_expect_eq(disk.bytes[0], 0xfa);
	cr_expect_eq(layout.outbox_sectors, 2048);
	cr_expect_leq((layout.outbox_lba + layout.outbox_sectors) * SECTOR_SIZE, disk.size);

	uint8_t *memory = boot(&disk, size);
	const struct start_info_window window = {0, size, (uintptr_t)memory};
	cr_expect_eq(disk.table.entry, FIXTURE_ENTRY);
	cr_assert_eq(start_info_check(disk.table.start_info, &window, &view), START_INFO_OK);
	snprintf(cmdline, sizeof(cmdline), "telemetry=on outbox=ata:%lu,2048", layout.outbox_lba);
	cr_expect_str_eq(view.cmdline, cmdline);

	pvh_fixture_init(&low);
	const uint8_t *data = memory + FIXTURE_DATA_PADDR;
	cr_expect_arr_eq(memory + FIXTURE_TEXT_PADDR, low.bytes + FIXTURE_TEXT, FIXTURE_TEXT_BYTES);
	cr_expect_eq(memory[FIXTURE_TEXT_PADDR + FIXTURE_TEXT_BYTES], 0xcc);
	cr_expect_arr_eq(data, low.bytes + FIXTURE_DATA, FIXTURE_DATA_BYTES);
	cr_expect_eq(data[FIXTURE_DATA_BYTES], 0);
	cr_expect_eq(data[FIXTURE_DATA_MEMSZ - 1], 0);
	cr_expect_eq(data[FIXTURE_DATA_MEMSZ], 0xcc);

	high = low;
	high.bytes[FIXTURE_TEXT] ^= 0xff;
	cr_assert_eq(view.module_count, 1);
	cr_expect_eq(view.modules[0].size, FIXTURE_SIZE);
	cr_expect_eq(view.modules[0].paddr % 4096, 0);
	cr_expect_geq(view.modules[0].paddr, FIXTURE_DATA_PADDR + FIXTURE_DATA_MEMSZ);
	cr_expect(is_usable(&view, view.modules[0].paddr, view.modules[0].size));
	cr_expect(is_usable(&view, FIXTURE_TEXT_PADDR, 0x4000));
	cr_expect_arr_eq(memory + view.modules[0].paddr, high.bytes, FIXTURE_SIZE);
	cr_expect_str_eq(start_info_module_cmdline(&view, 0, &window), "only=x");
	free(memory);
	free(disk.bytes);
}

/* An initramfs is no image, and its kernel knows what to do with it. */
Test(bochs_image, a_module_may_be_data)
{
	const struct bochs_stack_image images[] = {{"low", "", false}, {"mbr", "", true}};
	struct bochs_stack stack = two_levels();
	struct bochs_image_layout layout;
	struct vmfee_error err = {0};

	stack.images = images;
	cr_expect_eq(bochs_image_write("disk", &stack, &layout, &err), 0, "%s", err.text);
	cr_expect_eq(unlink("disk"), 0);
}

Test(bochs_image, no_extent_touches_another_or_the_outbox)
{
	struct bochs_stack_image images[BOCHS_MAX_IMAGES];
	struct bochs_stack stack = two_levels();
	struct bochs_image_layout layout;
	struct vmfee_error err = {0};
	struct disk disk;

	for (int i = 0; i < BOCHS_MAX_IMAGES; i++)
		images[i] = (struct bochs_stack_image){i % 2 ? "high" : "low", "a=b", false};
	stack.images = images;
	stack.count = BOCHS_MAX_IMAGES;
	cr_assert_eq(bochs_image_write("disk", &stack, &layout, &err), 0, "%s", err.text);
	read_disk(&disk, "disk");
	for (uint32_t i = 0; i < disk.table.extent_count; i++) {
		const struct boot_extent *a = &disk.table.extents[i];
		uint64_t end = (uint64_t)a->lba * SECTOR_SIZE + a->bytes;
		cr_expect(a->lba == 0 || a->lba >= BOOT_TABLE_LBA + BOOT_TABLE_SECTORS);
		cr_expect_leq(end, layout.outbox_lba * SECTOR_SIZE);
		for (uint32_t j = 0; j < i; j++) {
			const struct boot_extent *b = &disk.table.extents[j];
			cr_expect_not(pvh_ranges_overlap(a->paddr, a->bytes, b->paddr, b->bytes));
			cr_expect(a->lba == 0 || b->lba == 0 ||
				  !pvh_ranges_overlap((uint64_t)a->lba * SECTOR_SIZE, a->bytes,
						      (uint64_t)b->lba * SECTOR_SIZE, b->bytes));
		}
	}
	free(disk.bytes);
}

Test(bochs_image, is_the_same_every_time)
{
	struct bochs_stack stack = two_levels();
	struct bochs_image_layout layout;
	struct vmfee_error err = {0};
	struct disk disk, again;

	/* Over what is there: nothing of it may shine through. */
	write_file("again", two_images, sizeof(two_images));
	cr_assert_eq(bochs_image_write("disk", &stack, &layout, &err), 0, "%s", err.text);
	cr_assert_eq(bochs_image_write("again", &stack, &layout, &err), 0, "%s", err.text);
	read_disk(&disk, "disk");
	read_disk(&again, "again");
	cr_assert_eq(disk.size, again.size);
	cr_expect_arr_eq(disk.bytes, again.bytes, disk.size);
	free(disk.bytes);
	free(again.bytes);
}

Test(bochs_image, without_outbox_the_command_line_stays)
{
	struct bochs_stack stack = two_levels();
	struct bochs_image_layout layout;
	struct vmfee_error err = {0};
	struct start_info_view view;
	struct disk disk;

	stack.outbox = 0;
	cr_assert_eq(bochs_image_write("disk", &stack, &layout, &err), 0, "%s", err.text);
	cr_expect_eq(layout.outbox_sectors, 0);
	read_disk(&disk, "disk");
	uint8_t *memory = boot(&disk, 32 << 20);
	const struct start_info_window window = {0, 32 << 20, (uintptr_t)memory};
	cr_assert_eq(start_info_check(disk.table.start_info, &window, &view), START_INFO_OK);
	cr_expect_str_eq(view.cmdline, "telemetry=on");
	free(memory);
	free(disk.bytes);
}

static void expect_refused(const struct bochs_stack *stack, int status, const char *word)
{
	struct bochs_image_layout layout;
	struct vmfee_error err = {0};

	cr_expect_eq(bochs_image_write("disk", stack, &layout, &err), -1, "%s", word);
	cr_expect_eq(err.status, status, "%s: %d, %s", word, err.status, err.text);
	cr_expect_not_null(strstr(err.text, word), "%s not in: %s", word, err.text);
	cr_expect_neq(access("disk", F_OK), 0, "%s: a disk was left behind", word);
}

Test(bochs_image, machines_out_of_bounds)
{
	struct bochs_stack stack = two_levels();

	stack.memory = BOCHS_MIN_MEMORY - 1;
	expect_refused(&stack, VMFEE_USAGE, "memory of 15 MiB");
	stack.memory = BOCHS_MAX_MEMORY + 1;
	expect_refused(&stack, VMFEE_USAGE, "memory of 3072 MiB");
	stack = two_levels();
	stack.count = 0;
	expect_refused(&stack, VMFEE_USAGE, "0 images");
	stack.count = BOCHS_MAX_IMAGES + 1;
	expect_refused(&stack, VMFEE_USAGE, "17 images");
	stack = two_levels();
	stack.outbox = UINT64_MAX;
	expect_refused(&stack, VMFEE_USAGE, "outbox");
}

Test(bochs_image, bad_images)
{
	struct bochs_stack stack = two_levels();
	struct pvh_fixture fixture;

	unlink("high");
	expect_refused(&stack, VMFEE_IMAGE, "high: no such image");

	pvh_fixture_init(&fixture);
	fixture.size--;
	write_fixture("high", &fixture);
	expect_refused(&stack, VMFEE_IMAGE, "high: the image is cut short");

	pvh_fixture_init(&fixture);
	fixture_phdr(&fixture, DATA)->p_paddr = (32 << 20) - (64 << 10) - FIXTURE_DATA_MEMSZ + 1;
	write_fixture("low", &fixture);
	expect_refused(&stack, VMFEE_IMAGE, "low: a segment is not within");
	pvh_fixture_init(&fixture);
	fixture_phdr(&fixture, DATA)->p_paddr = (1 << 20) - 1;
	fixture_phdr(&fixture, DATA)->p_memsz = FIXTURE_DATA_BYTES;
	fixture_phdr(&fixture, TEXT)->p_paddr += 0x1000;
	fixture_note(&fixture)->desc[0] += 0x1000;
	write_fixture("low", &fixture);
	expect_refused(&stack, VMFEE_IMAGE, "low: a segment is not within");

	pvh_fixture_init(&fixture);
	write_fixture("high", &fixture);
	fixture_phdr(&fixture, DATA)->p_paddr = (32 << 20) - (64 << 10) - FIXTURE_DATA_MEMSZ;
	write_fixture("low", &fixture);
	expect_refused(&stack, VMFEE_IMAGE, "high: no room for it in 32 MiB");
}

Test(bochs_image, bad_boot_sector)
{
	uint8_t boot_sector[SECTOR_SIZE] = {0};
	struct bochs_stack stack = two_levels();

	write_file("mbr", boot_sector, sizeof(boot_sector));
	expect_refused(&stack, VMFEE_IMAGE, "mbr: not a boot sector");
	unlink("mbr");
	expect_refused(&stack, VMFEE_IMAGE, "mbr: no such image");
}

Test(bochs_image, long_command_lines)
{
	static char cmdline[START_INFO_MAX_CMDLINE + 1];
	struct bochs_stack_image images[] = {{"low", cmdline, false}, {"high", "", false}};
	struct bochs_stack stack = two_levels();

	memset(cmdline, 'x', START_INFO_MAX_CMDLINE);
	stack.images = images;
	expect_refused(&stack, VMFEE_USAGE, "a command line is too long");
	/* Too long only with what is appended to it. */
	cmdline[START_INFO_MAX_CMDLINE - 1] = '\0';
	expect_refused(&stack, VMFEE_USAGE, "a command line is too long");
}

Test(bochs_image, a_full_disk)
{
	const struct rlimit limit = {1 << 20, 1 << 20};
	struct bochs_stack stack = two_levels();

	/* A limit on file sizes fails where a full disk does, and with the same status. */
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_refused(&stack, VMFEE_DISK, "cannot reserve 2 MiB");
}
