#!/bin/bash
# A stock kernel under each way to deliver interrupts and each timer, on two processors, on shadow
# tables, and two hypervisors up; and its KVM as a guest hypervisor, with hypervisors beneath and upon it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
. tests/system/linux.sh

for irq in emulated apicv posted; do
	for timer in emulated preempt direct; do
		linux '|' "l1vmm memory=192 irq=$irq timer=$timer / linux"
	done
	linux '|' "l1vmm cpus=2 memory=192 irq=$irq / linux cpus=2"
done
linux '|' 'l1vmm cpus=4 memory=192 irq=posted timer=direct / linux cpus=4'
linux '|' 'l1vmm memory=192 mmu=shadow:unsync msr=trap io=trap / linux'
linux '||' 'l1vmm nested=on vmcs=shadow memory=400 / l1vmm memory=192 / linux'
linux '||' 'l1vmm nested=on memory=400 / l1vmm memory=192 mmu=shadow:unsync / linux'

for below in 'vmcs=trap' 'vmcs=shadow' 'mmu=shadow:unsync' 'mmu=shadow:trap tlb=flush' 'msr=trap io=trap cr=trap'; do
	for ept in 1 0; do
		kvm "l1vmm nested=on $below / kvm memory=64 ept=$ept / micro"
	done
done
kvm 'l1vmm nested=on / kvm memory=64 vpid=0 unrestricted_guest=0 / micro'
kvm 'l1vmm nested=on / kvm memory=160 / memory'
kvm 'l1vmm nested=on vmcs=shadow / kvm memory=64 / irq'
kvm 'l1vmm nested=on vmcs=shadow / kvm memory=96 / l1vmm memory=32 / micro'
kvm 'l1vmm nested=on / l1vmm nested=on / kvm memory=64 / micro only=cpuid,touch-fresh,ud-guest samples=2'

finish
