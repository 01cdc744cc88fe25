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
	bpf_program__set_autoattach(programs->progs.on_nested_intr_vmexit, false);
	return kvm_exits__attach(programs);
}

int programs_attach_interrupts(struct kvm_exits *programs)
{
	programs->links.on_nested_intr_vmexit =
		bpf_program__attach(programs->progs.on_nested_intr_vmexit);
	return programs->links.on_nested_intr_vmexit == NULL ? -1 : 0;
}

void programs_destroy(struct kvm_exits *programs)
{
	kvm_exits__destroy(programs);
}
