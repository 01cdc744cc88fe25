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

/* The first word of a parameter's file; empty where there is none. */
static void read_parameter(const char *module, const char *name, char *value, int size)
{
	char path[128];

	value[0] = '\0';
	snprintf(path, sizeof(path), HOST_MODULES "/%s/parameters/%s", module, name);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fgets(value, size, file) == NULL)
		value[0] = '\0';
	value[strcspn(value, " \n")] = '\0';
	fclose(file);
}

void host_each_parameter(void (*visit)(void *ctx, const char *module, const char *name,
				       const char *value),
			 void *ctx)
{
	static const struct {
		const char *module, *name;
	} parameters[] = {
#define KVM_PARAM(name, module, initial, text) {#module, #name},
#include "bench/kvm_params.def"
	};

	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++) {
		char value[32];
		read_parameter(parameters[i].module, parameters[i].name, value, sizeof(value));
		if (value[0] != '\0')
			visit(ctx, parameters[i].module, parameters[i].name, value);
	}
}

int host_refuse_nesting(struct vmfee_error *err)
{
	char value[8];

	read_parameter("kvm_intel", "nested", value, sizeof(value));
	return host_explain_nesting(value[0] == '\0' ? NULL : value, err);
}
