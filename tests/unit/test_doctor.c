#include "bench/doctor.h"
#include "bench/rundir.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/bench_rig.h"

static char root[PATH_MAX];
static unsigned troubles;

static void set_up(void)
{
	rig_folder(root);
}

static void tear_down(void)
{
	rundir_remove_tree(root);
}

TestSuite(doctor, .init = set_up, .fini = tear_down);

/* Writes a file below the root, with the folders on the way. */
static void put(const char *name, const char *text)
{
	char path[PATH_MAX];
	char folder[2 * PATH_MAX];

	for (const char *slash = strchr(name, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		snprintf(folder, sizeof(folder), "%s/%.*s", root, (int)(slash - name), name);
		mkdir(folder, 0700);
	}
	rig_file(root, name, text, path);
}

static char *findings(void)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	troubles = doctor_settings(root, out);
	fclose(out);
	return text;
}

static void expect_line(const char *text, const char *line)
{
	cr_expect_not_null(strstr(text, line), "missing: %s\nin:\n%s", line, text);
}

Test(doctor, a_machine_that_is_ready)
{
	put("proc/cpuinfo", "model name\t: A processor\nflags\t\t: fpu vmx sse\n"
			    "vmx flags\t: vnmi ept vpid\n");
	put("dev/kvm", "");
	put("sys/module/kvm_intel/parameters/nested", "Y\n");
	put("sys/module/kvm_intel/parameters/ept", "Y\n");
	put("sys/kernel/btf/vmlinux", "");
	put("sys/kernel/tracing/events/kvm", "");
	put("sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put("proc/sys/kernel/perf_event_paranoid", "-1\n");
	put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
	put("sys/devices/system/cpu/smt/active", "0\n");
	put("sys/devices/system/cpu/isolated", "1-3\n");
	put("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n");
	put("sys/module/kvm/parameters/halt_poll_ns", "0\n");
	char *text = findings();
	cr_expect_eq(troubles, 0, "%s", text);
	cr_expect_null(strstr(text, "(!)"), "%s", text);
	expect_line(text, "processor                 A processor\n");
	expect_line(text, "features of its VMX       vnmi ept vpid\n");
	expect_line(text, "parameters of KVM         nested=Y ept=Y halt_poll_ns=0\n");
	expect_line(text, "ok   right to use it      yes\n");
	expect_line(text, "isolated processors  1-3\n");
	free(text);
}

Test(doctor, a_machine_that_disturbs)
{
	put("proc/cpuinfo", "model name\t: A processor\nflags\t\t: fpu sse\n");
	put("sys/module/kvm_intel/parameters/nested", "N\n");
	put("proc/sys/kernel/perf_event_paranoid", "3\n");
	put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
	put("sys/devices/system/cpu/smt/active", "1\n");
	put("sys/devices/system/cpu/isolated", "\n");
	put("sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	char *text = findings();
	expect_line(text, "(!)  VMX                  not there\n");
	expect_line(text, "(!)  /dev/kvm             not there\n");
	expect_line(text, "(!)  nested               N\n");
	expect_line(text, "modprobe kvm_intel nested=1\n");
	expect_line(text, "(!)  perf                 3\n");
	expect_line(text, "(!)  governor             powersave\n");
	expect_line(text, "cpupower frequency-set -g performance\n");
	expect_line(text, "(!)  SMT                  1\n");
	expect_line(text, "(!)  isolated processors  \n");
	expect_line(text, "(!)  lockdown             none [integrity]");
	/* BTF and the events are not there either; the other files say nothing by their absence. */
	cr_expect_eq(troubles, 10, "%u: %s", troubles, text);
	free(text);
}
