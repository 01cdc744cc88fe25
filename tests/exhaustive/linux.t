#!/bin/bash
# A stock kernel under each way to deliver interrupts and each timer, on two processors, on shadow
# tables, and two hypervisors up.
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

finish
