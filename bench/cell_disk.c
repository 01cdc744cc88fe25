#include "bench/cell_disk.h"
#include "bench/kvm_image.h"
#include "bench/linux_level.h"

#include <inttypes.h>
#include <stdio.h>

/* Of a kernel's own, in MiB. */
enum { KERNEL_MEMORY = 256 };

unsigned cell_disk_memory(const struct cell *cell)
{
	return cell->experiment->memory + (cell->kernel ? KERNEL_MEMORY : 0);
}

/* The images of the topmost level, where that is a kernel: it, and its initramfs. */
static int describe_linux(const struct cell *cell, struct bochs_stack *description,
			  struct bochs_stack_image *images, char (*paths)[PATH_MAX], char *cmdline,
			  struct vmfee_error *err)
{
	if (kvm_image_kernel(cell->project, paths[0], err) != 0 ||
	    project_path(paths[1], cell->folder, CELL_INITRAMFS, "", err) != 0 ||
	    linux_level_write(paths[1], cell->project, err) != 0)
		return -1;
	linux_level_cmdline(&cell->stack->stack, cmdline);
	images[0] = (struct bochs_stack_image){paths[0], cmdline, false};
	images[1] = (struct bochs_stack_image){paths[1], "", true};
	description->count++;
	return 0;
}

/* The images of a stack upon the bare machine. */
static int describe_images(const struct cell *cell, struct bochs_stack *description,
			   struct bochs_stack_image *images, char (*paths)[PATH_MAX], char *cmdline,
			   struct vmfee_error *err)
{
	const struct stack *stack = &cell->stack->stack;

	description->count = stack->levels;
	for (unsigned i = 0; i < stack->levels; i++) {
		if (linux_level_at(stack, i))
			return describe_linux(cell, description, images + i, paths + i, cmdline,
					      err);
		if (project_path(paths[i], cell->project->images, stack->level[i].image, ".elf",
				 err) != 0)
			return -1;
		images[i] = (struct bochs_stack_image){paths[i], stack->level[i].cmdline, false};
	}
	return 0;
}

/* A kernel that finds the rest of its stack in its initramfs. */
static int describe_kernel(const struct cell *cell, struct bochs_stack *description,
			   struct bochs_stack_image *images, char (*paths)[PATH_MAX],
			   struct vmfee_error *err)
{
	if (kvm_image_kernel(cell->project, paths[0], err) != 0 ||
	    project_path(paths[1], cell->folder, CELL_INITRAMFS, "", err) != 0 ||
	    kvm_image_write(paths[1], cell->project, &cell->stack->stack, cell->experiment->memory,
			    err) != 0)
		return -1;
	images[0] = (struct bochs_stack_image){paths[0], KVM_IMAGE_CMDLINE, false};
	images[1] = (struct bochs_stack_image){paths[1], "", true};
	description->count = 2;
	return 0;
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
	char linux_cmdline[LINUX_MAX_CMDLINE];
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
	int failed = cell->kernel ? describe_kernel(cell, &description, images, paths, err)
				  : describe_images(cell, &description, images, paths,
						    linux_cmdline, err);
	if (failed || bochs_image_write(disk, &description, &cell->layout, err) != 0)
		return -1;
	return description.outbox > 0 ? tell_outbox(cell, err) : 0;
}
