#include "bench/launcher/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int host_refuse_kvm(int number, struct vmfee_error *err)
{
	switch (number) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return vmfee_fail(err, VMFEE_PLATFORM,
				  "no " HOST_KVM
				  ": load KVM (modprobe kvm_intel) and enable VMX in "
				  "the firmware, or run with --platform=bochs-kvm");
	case EACCES:
	case EPERM:
		return vmfee_fail(err, VMFEE_PLATFORM,
				  "no permission for " HOST_KVM ": add yourself to its group "
				  "(adduser $USER kvm) and log in again");
	default:
		return vmfee_fail(err, VMFEE_PLATFORM, HOST_KVM " cannot be opened: %s",
				  strerror(number));
	}
}

int host_explain_nesting(const char *nested, struct vmfee_error *err)
{
	if (nested == NULL)
		return vmfee_fail(
			err, VMFEE_PLATFORM,
			"this KVM offers its guests no VMX, and is not kvm_intel: take an "
			"Intel host, or run with --platform=bochs-kvm");
	if (nested[0] == 'N' || nested[0] == '0')
		return vmfee_fail(err, VMFEE_PLATFORM,
				  "kvm_intel has nested=%c: modprobe -r kvm_intel, then modprobe "
				  "kvm_intel nested=1",
				  nested[0]);
	return vmfee_fail(err, VMFEE_PLATFORM,
			  "kvm_intel has nested=%c but offers its guests no VMX: run with "
			  "--platform=bochs-kvm",
			  nested[0]);
}

int host_refuse_nesting(struct vmfee_error *err)
{
	char value[8] = "";
	FILE *file = fopen(HOST_PARAMETERS "/nested", "re");

	if (file != NULL) {
		if (fgets(value, sizeof(value), file) == NULL)
			value[0] = '\0';
		fclose(file);
	}
	return host_explain_nesting(value[0] == '\0' ? NULL : value, err);
}
