#include "bench/project.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int project_path(char *path, const char *folder, const char *name, const char *suffix,
		 struct vmfee_error *err)
{
	int length = snprintf(path, PATH_MAX, "%s/%s%s", folder, name, suffix);

	if (length < 0 || length >= PATH_MAX)
		return vmfee_fail(err, VMFEE_USAGE, "the path of '%s' is longer than %d bytes",
				  name, PATH_MAX - 1);
	return 0;
}

/* The nearest folder above the executable that holds the experiments. */
static int find_root(char *root, struct vmfee_error *err)
{
	ssize_t length = readlink("/proc/self/exe", root, PATH_MAX - 1);

	if (length < 0)
		return vmfee_fail_errno(err, "cannot tell where vmfee is: /proc/self/exe");
	root[length] = '\0';
	for (;;) {
		char *slash = strrchr(root, '/');
		if (slash == NULL)
			return vmfee_fail(err, VMFEE_SYSTEM,
					  "vmfee is not inside its tree: no folder above it holds "
					  "bench/experiments");
		*slash = '\0';

		char experiments[PATH_MAX];
		if (project_path(experiments, root, "bench/experiments", "", err) != 0)
			return -1;
		if (access(experiments, R_OK | X_OK) == 0)
			return 0;
	}
}

int project_find(struct project *project, struct vmfee_error *err)
{
	char root[PATH_MAX];

	if (find_root(root, err) != 0 ||
	    project_path(project->experiments, root, "bench/experiments", "", err) != 0 ||
	    project_path(project->models, root, "bench/models", "", err) != 0 ||
	    project_path(project->published, root, "bench/published", "", err) != 0 ||
	    project_path(project->plots, root, "bench/plots", "", err) != 0 ||
	    project_path(project->images, root, "build/images", "", err) != 0 ||
	    project_path(project->results, root, "results", "", err) != 0 ||
	    project_path(project->launcher, root, "build/l1vmm-launch", "", err) != 0 ||
	    project_path(project->kernel, root, ".cache/kernel", "", err) != 0 ||
	    project_path(project->linux_init, root, "build/linux-init", "", err) != 0 ||
	    project_path(project->init, root, "scripts/kvm-init", "", err) != 0 ||
	    project_path(project->bochs, root, ".cache/bochs/run", "", err) != 0)
		return -1;

	const char *bochs = getenv("L1VMM_BOCHS");
	if (bochs != NULL && bochs[0] != '\0' &&
	    snprintf(project->bochs, PATH_MAX, "%s", bochs) >= PATH_MAX)
		return vmfee_fail(err, VMFEE_USAGE, "L1VMM_BOCHS is longer than %d bytes",
				  PATH_MAX - 1);
	return 0;
}

static bool append(char *list, size_t size, const char *separator, const char *name, int length)
{
	size_t used = strlen(list);
	size_t room = size - used;

	/* What follows may need room for the ", ..." that says there is more. */
	if ((size_t)snprintf(list + used, room, "%s%.*s", separator, length, name) + 6 < room)
		return true;
	snprintf(list + used, room, "%s...", separator);
	return false;
}

void project_list(const char *folder, const char *suffix, char *list, size_t size)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, NULL, alphasort);
	bool room = true;

	list[0] = '\0';
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		size_t length = strlen(name);
		size_t tail = strlen(suffix);
		if (room && name[0] != '.' && length > tail &&
		    strcmp(name + length - tail, suffix) == 0)
			room = append(list, size, list[0] == '\0' ? "" : ", ", name,
				      (int)(length - tail));
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	if (list[0] == '\0')
		snprintf(list, size, "none");
}

int project_run(const struct project *project, const char *name, char *path, char *database,
		struct vmfee_error *err)
{
	char list[256];

	if (project_path(database, name, "results", ".db", err) != 0)
		return -1;
	if (access(database, F_OK) == 0) {
		snprintf(path, PATH_MAX, "%s", name);
		return 0;
	}
	if (project_path(path, project->results, name, "", err) != 0 ||
	    project_path(database, path, "results", ".db", err) != 0)
		return -1;
	if (strchr(name, '/') == NULL && name[0] != '.' && access(database, F_OK) == 0)
		return 0;
	project_list(project->results, "", list, sizeof(list));
	return vmfee_fail(
		err, VMFEE_USAGE,
		"no run '%s': neither it nor results/%s holds a results.db; there are: %s", name,
		name, list);
}
