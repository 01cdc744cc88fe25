#include "bench/launcher/programs.h"

#include "telemetry/bpf/kvm_exits.skel.h"

struct kvm_exits *programs_open(void)
{
	return kvm_exits__open();
}

int programs_load(struct kvm_exits *programs)
{
	return kvm_exits__load(programs);
}

int programs_attach(struct kvm_exits *programs)
{
	return kvm_exits__attach(programs);
}

void programs_destroy(struct kvm_exits *programs)
{
	kvm_exits__destroy(programs);
}
