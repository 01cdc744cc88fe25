#!/bin/bash
# A stock kernel as a guest: its timers, clocks and log; as a guest hypervisor; and what its level cannot
# be.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
. tests/system/linux.sh

linux '|' 'l1vmm memory=192 irq=posted / linux'

# With VMCS shadowing all that KVM asks of its VMCS for a CPUID of its guest is in the shadow.
kvm 'l1vmm nested=on vmcs=shadow / kvm memory=64 / micro only=cpuid,touch-fresh,ud-guest samples=2'
like "$(cell "$T/kvm.csv" cpuid case exits)" '^(MSR_READ:[0-9.]+;)?CPUID:1;(MSR_READ:[0-9.]+;)?VMRESUME:1' \
	"KVM handles its guest's CPUID, and enters it again"

# refused LEVELS TEXT PLATFORM: vmfee says so before it runs anything
refused() {
	one_stack refused "$1" "platform=$3" memory=512
	run build/vmfee run --results "$T/refused" "$T/refused.ini"
	is "$status" 2 "refused: $1 on $3"
	like "$errors" "$2" "and why"
}

refused 'linux / micro' "no image 'linux'" bochs
refused 'l1vmm / linux' "'linux' is not possible upon KVM" bochs-kvm
refused 'kvm / l1vmm / linux' "'linux' is not possible upon KVM" bochs
refused 'l1vmm nested=on / kvm' 'nothing to launch' bochs
refused 'l1vmm nested=on / kvm / micro' "'kvm' is not possible upon KVM" bochs-kvm
refused 'l1vmm nested=on / kvm observe=on / micro' 'observe=on is possible where' bochs
refused 'l1vmm nested=on / kvm / l1vmm cpus=2 / micro' 'cpus=2 is not possible upon KVM' bochs

finish
