#include "bench/linux_level.h"

#include "bench/bochs.h"
#include "bench/initramfs.h"

#include <stdio.h>
#include <string.h>

bool linux_level_at(const struct stack *stack, unsigned level)
{
	return level + 1 == stack->levels && strcmp(stack->level[level].image, LINUX_LEVEL) == 0;
}

bool linux_level_is(const struct stack *stack)
{
	return linux_level_at(stack, stack->levels - 1);
}

void linux_level_cmdline(const struct stack *stack, char cmdline[static LINUX_MAX_CMDLINE])
{
	snprintf(cmdline, LINUX_MAX_CMDLINE, "panic=-1 tsc_early_khz=%u %s", BOCHS_KERNEL_KHZ,
		 stack->level[stack->levels - 1].cmdline);
}

int linux_level_write(const char *path, const struct project *project, struct vmfee_error *err)
{
	static const char *const folders[] = {"dev", "proc", "sys"};
	struct initramfs archive;

	if (initramfs_begin(&archive, path, err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		initramfs_folder(&archive, folders[i]);
	initramfs_console(&archive);
	if (initramfs_file(&archive, "init", project->linux_init, VMFEE_IMAGE, err) != 0) {
		initramfs_abandon(&archive);
		return -1;
	}
	return initramfs_end(&archive, err);
}
