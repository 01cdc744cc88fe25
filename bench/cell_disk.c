#include "bench/cell_disk.h"
#include "bench/kvm_image.h"
#include "bench/kvm_level.h"
#include "bench/linux_level.h"

#include <inttypes.h>
#include <stdio.h>

/* Of a kernel's own, in MiB. */
enum { KERNEL_MEMORY = 256 };

unsigned cell_disk_memory(const struct cell *cell)
{
	return cell->experiment->memory + (cell->kernel ? KERNEL_MEMORY : 0);
}

/* The level that is a kernel, with all above it in its initramfs; stack->levels where none is. */
static unsigned kernel_level(const struct stack *stack)
{
	return linux_level_is(stack) ? stack->levels - 1 : kvm_level_find(stack);
}

/* The two images of that level. */
static int describe_kernel(const struct cell *cell, struct bochs_stack_image *images,
			   char (*paths)[PATH_MAX], char *cmdline, struct vmfee_error *err)
{
	const struct stack *stack = &cell->stack->stack;

	images[0] = (struct bochs_stack_image){paths[0], cmdline, false};
	images[1] = (struct bochs_stack_image){paths[1], "", true};
	if (kvm_image_kernel(cell->project, paths[0], err) != 0 ||
	    project_path(paths[1], cell->folder, CELL_INITRAMFS, "", err) != 0)
		return -1;
	if (linux_level_is(stack)) {
		linux_level_cmdline(stack, cmdline);
		return linux_level_write(paths[1], cell->project, err);
	}
	snprintf(cmdline, LINUX_MAX_CMDLINE, "%s", KVM_IMAGE_CMDLINE);
	return kvm_image_write(paths[1], cell->project, stack, cell->experiment->memory, err);
}

static int describe_images(const struct cell *cell, struct bochs_stack *description,
			   struct bochs_stack_image *images, char (*paths)[PATH_MAX],
			   char *kernel_cmdline, struct vmfee_error *err)
{
	const struct stack *stack = &cell->stack->stack;
	unsigned kernel = kernel_level(stack);

	for (unsigned i = 0; i < kernel; i++) {
		if (project_path(paths[i], cell->project->images, stack->level[i].image, ".elf",
				 err) != 0)
			return -1;
		images[i] = (struct bochs_stack_image){paths[i], stack->level[i].cmdline, false};
	}
	description->count = kernel;
	if (kernel == stack->levels)
		return 0;
	description->count += 2;
	return describe_kernel(cell, images + kernel, paths + kernel, kernel_cmdline, err);
}

/* For whoever looks on: vmfee top. */
static int tell_outbox(const struct cell *cell, struct vmfee_error *err)
{
	char path[PATH_MAX];

	if (project_path(path, cell->folder, CELL_OUTBOX, "", err) != 0)
		return -1;
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return vmfee_fail_errno(err, "%s", path);
	fprintf(file, "%" PRIu64 " %" PRIu64 "\n", cell->layout.outbox_lba,
		cell->layout.outbox_sectors);
	int failed = fflush(file) != 0 ? vmfee_fail_errno(err, "%s", path) : 0;
	fclose(file);
	return failed;
}

int cell_disk_write(struct cell *cell, struct vmfee_error *err)
{
	/* One more than levels: a kernel has an initramfs. */
	struct bochs_stack_image images[STACK_MAX_LEVELS + 1];
	char paths[STACK_MAX_LEVELS + 1][PATH_MAX];
	char kernel_cmdline[LINUX_MAX_CMDLINE];
	char boot_sector[PATH_MAX];
	char disk[PATH_MAX];
	struct bochs_stack description = {
		.boot_sector = boot_sector,
		.images = images,
		.memory = cell_disk_memory(cell),
		/* Nobody traces a workload by itself. */
		.outbox = cell->stack->stack.levels > 1 ? (uint64_t)cell->experiment->outbox << 20
							: 0,
	};

	if (project_path(disk, cell->folder, BOCHS_DISK, "", err) != 0 ||
	    project_path(boot_sector, cell->project->images, "bochs-mbr", ".bin", err) != 0)
		return -1;
	if (describe_images(cell, &description, images, paths, kernel_cmdline, err) != 0 ||
	    bochs_image_write(disk, &description, &cell->layout, err) != 0)
		return -1;
	return description.outbox > 0 ? tell_outbox(cell, err) : 0;
}
