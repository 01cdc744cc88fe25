#include "l1vmm/boot/boot_info.h"

#include "l1vmm/arch/console.h"
#include "l1vmm/lib/string.h"

#define MAPPED_BYTES UINT64_C(0x100000000) /* by entry.S, at their own addresses */
#define TEXT_BYTES   0x8000		   /* all command lines together */

static struct boot_info info;
static char text[TEXT_BYTES];
static size_t text_used;

static const char *keep_text(const char *from)
{
	size_t bytes = strlen(from) + 1;
	char *to = text + text_used;

	if (bytes > sizeof(text) - text_used)
		return NULL;
	text_used += bytes;
	return memcpy(to, from, bytes);
}

static const struct boot_info *refuse(const char *why)
{
	printk("l1vmm: the start info is not sound: %s\n", why);
	return NULL;
}

const struct boot_info *boot_info_read(uint64_t paddr)
{
	const struct start_info_window window = {.paddr = 0, .size = MAPPED_BYTES, .vaddr = 0};
	struct start_info_view view;
	enum start_info_error error = start_info_check(paddr, &window, &view);

	if (error)
		return refuse(start_info_error_text(error));
	info.cmdline = keep_text(view.cmdline);
	info.module_count = view.module_count;
	for (uint32_t i = 0; i < view.module_count; i++) {
		info.modules[i] = (struct start_info_module){
			.paddr = view.modules[i].paddr,
			.size = view.modules[i].size,
			.cmdline = keep_text(start_info_module_cmdline(&view, i, &window)),
		};
		if (!info.modules[i].cmdline)
			return refuse("command lines of more than 32 KB in all");
	}
	info.memmap_count = view.memmap_count;
	memcpy(info.memmap, view.memmap, view.memmap_count * sizeof(info.memmap[0]));
	return &info;
}
