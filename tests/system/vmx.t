#!/bin/bash
# A small hypervisor that holds the VMX it is given against the SDM, feature by feature: on the
# emulated processor itself and upon l1vmm it finds the same.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# agrees NAME BARS LEVELS...: the stack ends well, and so does the image BARS levels up
agrees() {
	local name=$1 bars=$2 console
	shift 2
	run_stack vmx "$*" memory=128 watchdog=600 outbox=8
	is "$status" 0 "$name: status 0" || diag "$errors"
	console=$(cat "$T/results/vmx/case/console.log" 2>/dev/null)
	if grep -qxF "${bars}@end image=vmx status=ok" <<<"$console"; then holds=0; else holds=1; fi
	ok $holds "$name: all features are as they should be"
}

agrees native '' vmx
agrees nested '|' 'l1vmm nested=on / vmx'
agrees shadowed '|' 'l1vmm nested=on vmcs=shadow telemetry=off / vmx'
agrees preempting '|' 'l1vmm nested=on timer=preempt tlb=flush / vmx'
agrees shadow-paging '|' 'l1vmm nested=on mmu=shadow:unsync / vmx'
agrees shadow-paging-traps '|' 'l1vmm nested=on mmu=shadow:trap vmcs=shadow tlb=flush cr=trap / vmx'
agrees direct '|' 'l1vmm nested=on timer=direct / vmx case=interrupts'
agrees apicv '|' 'l1vmm nested=on irq=apicv telemetry=off / vmx'

# And two processors of it: one interrupts the other and its guest, then edits what that runs on.
agrees two '' 'vmx cpus=2'
agrees two-nested '|' 'l1vmm cpus=2 nested=on telemetry=off / vmx cpus=2'
agrees two-posted '|' 'l1vmm cpus=2 nested=on irq=posted vmcs=shadow / vmx cpus=2'

finish
