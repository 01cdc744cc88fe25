#include "bench/launcher/host.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each lack is told in one line, with what helps. */
Test(launch_host, a_kvm_that_cannot_be_opened)
{
	static const struct {
		int number;
		const char *what, *remedy;
	} rows[] = {
		{ENOENT, "no /dev/kvm", "modprobe kvm_intel"},
		{ENODEV, "no /dev/kvm", "--platform=bochs-kvm"},
		{EACCES, "no permission for /dev/kvm", "adduser $USER kvm"},
		{EPERM, "no permission for /dev/kvm", "adduser $USER kvm"},
		{EMFILE, "/dev/kvm cannot be opened: Too many open files", ""},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		cr_expect_neq(host_refuse_kvm(rows[i].number, &err), 0);
		cr_expect_eq(err.status, VMFEE_PLATFORM);
		cr_expect_eq(strncmp(err.text, rows[i].what, strlen(rows[i].what)), 0, "%s",
			     err.text);
		cr_expect_not_null(strstr(err.text, rows[i].remedy), "%s", err.text);
	}
}

Test(launch_host, a_kvm_that_does_not_nest)
{
	static const struct {
		const char *nested, *what;
	} rows[] = {
		{NULL, "this KVM offers its guests no VMX, and is not kvm_intel"},
		{"N\n", "kvm_intel has nested=N: modprobe -r kvm_intel, then modprobe kvm_intel "
			"nested=1"},
		{"0\n", "kvm_intel has nested=0: modprobe -r"},
		{"Y\n", "kvm_intel has nested=Y but offers its guests no VMX"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vmfee_error err = {0};
		cr_expect_neq(host_explain_nesting(rows[i].nested, &err), 0);
		cr_expect_eq(err.status, VMFEE_PLATFORM);
		cr_expect_eq(strncmp(err.text, rows[i].what, strlen(rows[i].what)), 0, "%s",
			     err.text);
		cr_expect_null(strchr(err.text, '\n'));
	}
}
