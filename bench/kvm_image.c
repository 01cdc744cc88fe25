#include "bench/kvm_image.h"
#include "bench/initramfs.h"
#include "bench/kvm_level.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * The ring of the lowest image upon KVM: room for what it records between two lines of its console,
 * which is when the launcher drains it.
 */
enum { RING_KIB = 16384 };

/* The initramfs keeps its files where the launcher finds them. */
#define IMAGES_FOLDER "images"

#define KERNEL	"vmlinux"
#define BUSYBOX "busybox"

static const char *const modules[] = {"irqbypass.ko", "kvm.ko", "kvm-intel.ko"};

int kvm_image_kernel(const struct project *project, char *path, struct vmfee_error *err)
{
	if (project_path(path, project->kernel, KERNEL, "", err) != 0)
		return -1;
	if (access(path, R_OK) == 0)
		return 0;
	return vmfee_fail(err, VMFEE_PLATFORM, "%s: %s: run scripts/bootstrap kernel", path,
			  strerror(errno));
}

const char *kvm_image_part(size_t number)
{
	static const char *const parts[] = {KERNEL, BUSYBOX};
	const size_t count = sizeof(parts) / sizeof(parts[0]);

	if (number < count)
		return parts[number];
	number -= count;
	return number < sizeof(modules) / sizeof(modules[0]) ? modules[number] : NULL;
}

static int add_kernel_file(struct initramfs *archive, const struct project *project,
			   const char *folder, const char *file, struct vmfee_error *err)
{
	char from[PATH_MAX];
	char name[64];

	snprintf(name, sizeof(name), "%s/%s", folder, file);
	if (project_path(from, project->kernel, file, "", err) != 0)
		return -1;
	return initramfs_file(archive, name, from, VMFEE_PLATFORM, err);
}

static int add_programs(struct initramfs *archive, const struct project *project,
			struct vmfee_error *err)
{
	if (initramfs_file(archive, "init", project->init, VMFEE_SYSTEM, err) != 0 ||
	    initramfs_file(archive, "l1vmm-launch", project->launcher, VMFEE_PLATFORM, err) != 0 ||
	    add_kernel_file(archive, project, "bin", BUSYBOX, err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		if (add_kernel_file(archive, project, "modules", modules[i], err) != 0)
			return -1;
	return 0;
}

/* The images of the levels above KVM, and how the launcher is told of them. */
static int add_images(struct initramfs *archive, const struct project *project,
		      const struct stack *stack, const struct kvm_level *kvm,
		      struct vmfee_error *err)
{
	unsigned lowest = kvm_level_find(stack) + 1;
	char arguments[STACK_MAX_LEVELS * (STACK_MAX_CMDLINE + STACK_MAX_NAME + 16) + 128];
	size_t used = (size_t)snprintf(
		arguments, sizeof(arguments), "--console=port\n--memory=%u\n--ring=%d\n%s%s",
		kvm->memory, stack->levels > lowest + 1 ? RING_KIB : 0,
		kvm->observe ? "--observe=trace\n" : "", lowest > 1 ? "--clock=host\n" : "");

	for (unsigned i = lowest; i < stack->levels; i++) {
		const struct stack_level *level = &stack->level[i];
		char from[PATH_MAX];
		char name[STACK_MAX_NAME + 32];
		snprintf(name, sizeof(name), IMAGES_FOLDER "/%u-%s", i, level->image);
		if (project_path(from, project->images, level->image, ".elf", err) != 0 ||
		    initramfs_file(archive, name, from, VMFEE_IMAGE, err) != 0)
			return -1;
		used += (size_t)snprintf(arguments + used, sizeof(arguments) - used, "%s %s\n",
					 name, level->cmdline);
	}
	initramfs_text(archive, "arguments", arguments);
	return 0;
}

static int add_all(struct initramfs *archive, const struct project *project,
		   const struct stack *stack, unsigned memory, struct vmfee_error *err)
{
	static const char *const folders[] = {"bin",	 "dev",	   "proc",	 "sys",
					      "modules", "params", IMAGES_FOLDER};
	struct kvm_level level;

	if (kvm_level_parse(&level, stack->level[kvm_level_find(stack)].cmdline, err) != 0)
		return -1;
	if (level.memory == 0)
		level.memory = memory;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		initramfs_folder(archive, folders[i]);
	initramfs_console(archive);
	initramfs_text(archive, "params/kvm", level.kvm);
	initramfs_text(archive, "params/kvm_intel", level.kvm_intel);
	if (add_programs(archive, project, err) != 0)
		return -1;
	return add_images(archive, project, stack, &level, err);
}

int kvm_image_write(const char *path, const struct project *project, const struct stack *stack,
		    unsigned memory, struct vmfee_error *err)
{
	struct initramfs archive;

	if (initramfs_begin(&archive, path, err) != 0)
		return -1;
	if (add_all(&archive, project, stack, memory, err) != 0) {
		initramfs_abandon(&archive);
		return -1;
	}
	return initramfs_end(&archive, err);
}
