#!/bin/bash
# The hypervisor on itself: workloads two and three levels up end with the results that they check.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# stack LEVELS: runs one; its console is then in $console
stack() {
	run_stack case "$1" "cpu=${cpu:-corei7_skylake_x}" memory=256 watchdog=1500 outbox=48
	console=$(cat "$T/results/case/case/console.log" \
		"$T/results/.case.failed/case/console.log" 2>/dev/null)
}

# runs NAME BARS LEVELS...: the stack ends well, and its workload BARS levels up says so
runs() {
	local name=$1 bars=$2
	shift 2
	stack "$*"
	is "$status" 0 "$name: status 0" || diag "$errors"
	if grep -qxF "${bars}@end image=micro status=ok" <<<"$console"; then holds=0; else holds=1; fi
	ok $holds "$name: the workload is content"
}

runs ept-on-ept '||' 'l1vmm nested=on / l1vmm / micro'
runs shadow-on-ept '||' 'l1vmm nested=on / l1vmm mmu=shadow:unsync / micro only=cpuid,vmcall,pf-guest,touch-fresh'
runs shadow-on-shadow '||' 'l1vmm nested=on mmu=shadow:unsync / l1vmm mmu=shadow:unsync / micro only=cpuid,vmcall,pf-guest,touch-fresh'
runs ept-on-shadow '||' 'l1vmm nested=on mmu=shadow:unsync vmcs=shadow / l1vmm / micro only=cpuid,vmcall,pf-guest,touch-fresh'
runs shadow-thrice '|||' 'l1vmm nested=on mmu=shadow:unsync / l1vmm nested=on mmu=shadow:trap memory=160 / l1vmm mmu=shadow:unsync / micro only=cpuid,vmcall'
runs old-generation '||' 'l1vmm nested=on / l1vmm tlb=flush cr=trap msr=trap io=trap tsc=trap / micro'
runs old-below '||' 'l1vmm nested=on tlb=flush cr=trap msr=trap io=trap tsc=trap / l1vmm tlb=flush / micro'
runs depth-3 '|||' 'l1vmm nested=on / l1vmm nested=on memory=160 / l1vmm / micro only=cpuid,vmcall'

# The same where the processor lets L1 reach its VMCS.
runs shadowed '||' 'l1vmm nested=on vmcs=shadow / l1vmm / micro'
runs shadowed-shadow '||' 'l1vmm nested=on vmcs=shadow / l1vmm mmu=shadow:unsync / micro only=cpuid,vmcall,pf-guest,touch-fresh'
runs shadowed-old '||' 'l1vmm nested=on vmcs=shadow telemetry=off / l1vmm tlb=flush cr=trap msr=trap io=trap tsc=trap / micro'
runs shadowed-depth-3 '|||' 'l1vmm nested=on vmcs=shadow / l1vmm nested=on memory=160 / l1vmm / micro only=cpuid,vmcall'
runs shadowed-twice '|||' 'l1vmm nested=on vmcs=shadow / l1vmm nested=on vmcs=shadow memory=160 / l1vmm / micro only=cpuid,vmcall,touch-fresh'
runs shadowed-above '|||' 'l1vmm nested=on / l1vmm nested=on vmcs=shadow memory=160 / l1vmm / micro only=cpuid,vmcall'
cpu=corei7_ivy_bridge_3770k stack 'l1vmm nested=on vmcs=shadow / l1vmm / micro'
like "$console" 'l1vmm: this CPU lacks VMCS_SHADOWING .*: vmcs=shadow' 'without the feature it is refused by name'

# And where the level below tells of exits in memory.
runs told '||' 'l1vmm nested=on / l1vmm pv=exits / micro'
runs told-shadowed '||' 'l1vmm nested=on vmcs=shadow telemetry=off / l1vmm pv=exits telemetry=off mmu=shadow:unsync / micro only=cpuid,vmcall,pf-guest,touch-fresh'
runs told-depth-3 '|||' 'l1vmm nested=on / l1vmm nested=on pv=exits memory=160 / l1vmm pv=exits / micro only=cpuid,vmcall'
stack 'l1vmm pv=exits / micro'
like "$console" 'l1vmm: no hypervisor below tells of exits in memory: pv=exits' 'without one below it is refused by name'

# column ROW FIELD: a number of the latest report without its fraction
column() {
	local report
	report=$(build/vmfee report "$T/results/case")
	awk -v row="$1" -v field="$2" '$1 == row { print int($field); exit }' <<<"$report"
}

# What the guest hypervisor's instructions cost: an exit for each that reaches the VMCS.
runs price '||' 'l1vmm nested=on / l1vmm / micro only=cpuid,vmcall'
at_most "$(column VMREAD 3)" 199 'a VMREAD exit takes at most 200 instructions'
at_most "$(column vmcall 2)" 3000 'a VMCALL round trip of L2 at most 3,000'
runs shadowed-price '||' 'l1vmm nested=on vmcs=shadow / l1vmm / micro only=cpuid,vmcall'
at_most "$(column vmcall 2)" 2000 'with VMCS shadowing the round trip takes at most 2,000'
is "$(column vmcall 3)" 2 'and two exits: the VMCALL and the VMRESUME'

# Without VMX there is nothing to nest.
stack 'l1vmm / l1vmm / micro'
like "$console" '\|l1vmm: this CPU lacks VMX' 'VMX is not offered unless it is asked for'
like "$console" '@end image=l1vmm status=guest-failure' 'and the level above ends'

finish
