#include "l1vmm/boot/start_info.h"

#include <stdbool.h>
#include <stddef.h>

#include "l1vmm/lib/string.h"

static const struct {
	const char *name;
	const char *text;
} errors[START_INFO_ERROR_COUNT] = {
	[START_INFO_OK] = {"OK", "the start info is sound"},
#define START_INFO_ERROR(NAME, text) [START_INFO_##NAME] = {#NAME, text},
#include "l1vmm/boot/start_info_error.def"
#undef START_INFO_ERROR
};

const char *start_info_error_name(enum start_info_error error)
{
	return errors[error].name;
}

const char *start_info_error_text(enum start_info_error error)
{
	return errors[error].text;
}

static uint64_t cmdline_size(const char *cmdline)
{
	return cmdline ? strlen(cmdline) + 1 : 0;
}

static uint64_t tables_size(const struct start_info_spec *spec)
{
	return sizeof(struct hvm_start_info) +
	       spec->module_count * sizeof(struct hvm_modlist_entry) +
	       spec->memmap_count * sizeof(struct hvm_memmap_table_entry);
}

uint64_t start_info_size(const struct start_info_spec *spec)
{
	uint64_t size = tables_size(spec) + cmdline_size(spec->cmdline);

	for (uint32_t i = 0; i < spec->module_count; i++)
		size += cmdline_size(spec->modules[i].cmdline);
	return size;
}

static enum start_info_error check_spec(const struct start_info_spec *spec)
{
	if (spec->memmap_count == 0)
		return START_INFO_NO_MEMORY_MAP;
	if (spec->memmap_count > START_INFO_MAX_REGIONS)
		return START_INFO_TOO_MANY_REGIONS;
	if (spec->module_count > START_INFO_MAX_MODULES)
		return START_INFO_TOO_MANY_MODULES;
	if (cmdline_size(spec->cmdline) > START_INFO_MAX_CMDLINE)
		return START_INFO_ENDLESS_TEXT;
	for (uint32_t i = 0; i < spec->module_count; i++)
		if (cmdline_size(spec->modules[i].cmdline) > START_INFO_MAX_CMDLINE)
			return START_INFO_ENDLESS_TEXT;
	return START_INFO_OK;
}

/* The buffer that is filled from front to back, and where the image will find its next byte. */
struct cursor {
	uint8_t *at;
	uint64_t paddr;
};

/* Appends `size` bytes; returns their physical address. */
static uint64_t put(struct cursor *cursor, const void *data, uint64_t size)
{
	uint64_t paddr = cursor->paddr;

	memcpy(cursor->at, data, size);
	cursor->at += size;
	cursor->paddr += size;
	return paddr;
}

static uint64_t put_cmdline(struct cursor *cursor, const char *cmdline)
{
	return cmdline ? put(cursor, cmdline, cmdline_size(cmdline)) : 0;
}

enum start_info_error start_info_build(const struct start_info_spec *spec, uint64_t paddr,
				       void *buffer, uint64_t size)
{
	enum start_info_error error = check_spec(spec);
	if (error)
		return error;
	if (paddr % START_INFO_ALIGN)
		return START_INFO_MISALIGNED;
	uint64_t needed = start_info_size(spec);
	if (needed > size)
		return START_INFO_TOO_LARGE;
	if (paddr + needed < paddr || paddr + needed > 1ULL << 32)
		return START_INFO_OUTSIDE_MEMORY;

	/* Tables and texts are written side by side, because the tables say where the texts are. */
	uint64_t tables = tables_size(spec);
	struct cursor table = {buffer, paddr};
	struct cursor text = {(uint8_t *)buffer + tables, paddr + tables};

	struct hvm_start_info info = {
		.magic = XEN_HVM_START_MAGIC_VALUE,
		.version = XEN_HVM_START_INFO_VERSION,
		.nr_modules = spec->module_count,
		.cmdline_paddr = put_cmdline(&text, spec->cmdline),
		.rsdp_paddr = spec->rsdp_paddr,
		.memmap_entries = spec->memmap_count,
	};
	info.memmap_paddr = paddr + sizeof(info);
	if (spec->module_count)
		info.modlist_paddr =
			info.memmap_paddr + spec->memmap_count * sizeof(spec->memmap[0]);
	put(&table, &info, sizeof(info));
	put(&table, spec->memmap, spec->memmap_count * sizeof(spec->memmap[0]));
	for (uint32_t i = 0; i < spec->module_count; i++) {
		struct hvm_modlist_entry entry = {
			.paddr = spec->modules[i].paddr,
			.size = spec->modules[i].size,
			.cmdline_paddr = put_cmdline(&text, spec->modules[i].cmdline),
		};
		put(&table, &entry, sizeof(entry));
	}
	return START_INFO_OK;
}

/* Is [paddr, paddr + size) within the window?  No sum is formed that can wrap. */
static bool mapped(const struct start_info_window *window, uint64_t paddr, uint64_t size)
{
	return paddr >= window->paddr && paddr - window->paddr <= window->size &&
	       size <= window->size - (paddr - window->paddr);
}

static const void *pointer(const struct start_info_window *window, uint64_t paddr)
{
	return (const void *)(window->vaddr + (uintptr_t)(paddr - window->paddr));
}

static enum start_info_error check_table(const struct start_info_window *window, uint64_t paddr,
					 uint64_t size)
{
	if (paddr % START_INFO_ALIGN)
		return START_INFO_MISALIGNED;
	if (!mapped(window, paddr, size))
		return START_INFO_OUTSIDE_MEMORY;
	return START_INFO_OK;
}

static enum start_info_error check_cmdline(const struct start_info_window *window, uint64_t paddr)
{
	if (paddr == 0)
		return START_INFO_OK;
	if (!mapped(window, paddr, 1))
		return START_INFO_OUTSIDE_MEMORY;

	uint64_t limit = window->size - (paddr - window->paddr);
	if (limit > START_INFO_MAX_CMDLINE)
		limit = START_INFO_MAX_CMDLINE;
	const char *text = pointer(window, paddr);
	for (uint64_t i = 0; i < limit; i++)
		if (text[i] == '\0')
			return START_INFO_OK;
	return START_INFO_ENDLESS_TEXT;
}

static const char *cmdline_at(const struct start_info_window *window, uint64_t paddr)
{
	return paddr ? pointer(window, paddr) : "";
}

static enum start_info_error check_memmap(const struct hvm_start_info *info,
					  const struct start_info_window *window)
{
	if (info->memmap_entries == 0)
		return START_INFO_NO_MEMORY_MAP;
	if (info->memmap_entries > START_INFO_MAX_REGIONS)
		return START_INFO_TOO_MANY_REGIONS;

	const struct hvm_memmap_table_entry *entry;
	enum start_info_error error =
		check_table(window, info->memmap_paddr, info->memmap_entries * sizeof(*entry));
	if (error)
		return error;
	entry = pointer(window, info->memmap_paddr);
	for (uint32_t i = 0; i < info->memmap_entries; i++)
		if (entry[i].size && entry[i].addr + (entry[i].size - 1) < entry[i].addr)
			return START_INFO_REGION_WRAPS;
	return START_INFO_OK;
}

static enum start_info_error check_modules(const struct hvm_start_info *info,
					   const struct start_info_window *window)
{
	if (info->nr_modules == 0)
		return START_INFO_OK;
	if (info->nr_modules > START_INFO_MAX_MODULES)
		return START_INFO_TOO_MANY_MODULES;

	const struct hvm_modlist_entry *entry;
	enum start_info_error error =
		check_table(window, info->modlist_paddr, info->nr_modules * sizeof(*entry));
	if (error)
		return error;
	entry = pointer(window, info->modlist_paddr);
	for (uint32_t i = 0; i < info->nr_modules; i++) {
		if (!mapped(window, entry[i].paddr, entry[i].size))
			return START_INFO_OUTSIDE_MEMORY;
		error = check_cmdline(window, entry[i].cmdline_paddr);
		if (error)
			return error;
	}
	return START_INFO_OK;
}

enum start_info_error start_info_check(uint64_t paddr, const struct start_info_window *window,
				       struct start_info_view *view)
{
	const struct hvm_start_info *info;
	enum start_info_error error = check_table(window, paddr, sizeof(*info));
	if (error)
		return error;

	info = pointer(window, paddr);
	if (info->magic != XEN_HVM_START_MAGIC_VALUE)
		return START_INFO_BAD_MAGIC;
	if (info->version < XEN_HVM_START_INFO_VERSION)
		return START_INFO_OLD_VERSION;
	error = check_cmdline(window, info->cmdline_paddr);
	if (!error)
		error = check_memmap(info, window);
	if (!error)
		error = check_modules(info, window);
	if (error)
		return error;

	*view = (struct start_info_view){
		.cmdline = cmdline_at(window, info->cmdline_paddr),
		.modules = info->nr_modules ? pointer(window, info->modlist_paddr) : NULL,
		.module_count = info->nr_modules,
		.memmap = pointer(window, info->memmap_paddr),
		.memmap_count = info->memmap_entries,
		.rsdp_paddr = info->rsdp_paddr,
	};
	return START_INFO_OK;
}

const char *start_info_module_cmdline(const struct start_info_view *view, uint32_t module,
				      const struct start_info_window *window)
{
	return cmdline_at(window, view->modules[module].cmdline_paddr);
}
