#!/bin/bash
# The ends of a run that are not its success: each with its own status, its own words, and nothing
# left behind.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# run_case LEVELS: runs them
run_case() {
	run_stack case "$1" "cpu=${CPU:-corei7_skylake_x}" "memory=${MEMORY:-128}" watchdog=60 outbox=8
}

# ends_with STATUS REGEX NAME LEVELS...: runs a stack; its console is then in $console
ends_with() {
	local wanted=$1 regex=$2 name=$3
	shift 3
	run_case "$*"
	if [ "$status" -eq "$wanted" ] && [[ ${errors##*$'\n'} =~ $regex ]]; then holds=0; else holds=1; fi
	ok $holds "$name: status $wanted" || diag "status $status: $errors"
	console=$(cat "$T"/results/.case.failed/*/console.log 2>/dev/null)
	if [ ! -e "$T/results/case" ]; then holds=0; else holds=1; fi
	ok $holds "$name: nothing looks like a result"
}

# The hypervisor's own failures.
ends_with 4 'panicked' 'control fields that VM entry refuses' 'l1vmm fault=entry / micro'
like "$console" 'error 7: VM entry with invalid control fields' 'the error number has its meaning'
like "$console" 'vmcs 681e GUEST_RIP +[0-9a-f]+' 'the VMCS is decoded'
like "$console" 'guest rax [0-9a-f]{16}' 'the registers are printed'
like "$console" '@end image=l1vmm status=panic' 'and the run ends'

ends_with 4 'panicked' 'guest state that VM entry refuses' 'l1vmm fault=guest-state / micro'
like "$console" 'VM entry failed: INVALID_GUEST_STATE' 'the late failure has its name'

ends_with 4 'panicked' 'an exit that nothing handles' 'l1vmm fault=unknown-exit / micro'
like "$console" 'exit GDTR_IDTR_ACCESS, which no control asks for' 'the exit has its name'
like "$console" 'vmcs 4402 EXIT_REASON +2e' 'and is in the decoded VMCS'

ends_with 4 'panicked' 'an exception in the hypervisor' 'l1vmm fault=exception / micro'
like "$console" 'exception 6 in the hypervisor: error=0x0 rip=0x[0-9a-f]+' 'it says which and where'
like "$console" 'host rip [0-9a-f]{16}' 'with the registers of the hypervisor'

ends_with 4 'panicked' 'a stack overflow in the hypervisor' 'l1vmm fault=stack / micro'
like "$console" 'stack overflow: rip=0x[0-9a-f]+ address=0x[0-9a-f]+' 'the guard page tells it'

# The guest's.
ends_with 3 'micro' 'a guest that says it failed' 'l1vmm / micro fault=fail'
like "$console" '@end image=l1vmm status=guest-failure' 'the hypervisor passes it on'

ends_with 3 'triple' 'a guest that triple-faults' 'l1vmm / micro fault=triple'
like "$console" '@stop reason=triple-fault' 'the hypervisor names it'

ends_with 3 'triple' 'a triple fault on the bare machine' 'micro fault=triple'

ends_with 3 'halted' 'a guest that halts for good' 'l1vmm / micro fault=halt'

ends_with 3 'access-outside-memory' 'a guest that leaves its memory' 'l1vmm / micro fault=memory'
like "$console" '@stop reason=access-outside-memory gpa=0xbffff000' 'with the address'

ends_with 3 'micro' 'an MSR that does not exist' 'l1vmm / micro fault=msr'
like "$console" 'unexpected-trap vector=13' 'the guest got #GP'

ends_with 5 'watchdog' 'a guest that never ends' 'l1vmm / micro fault=hang'
ends_with 5 'watchdog' 'the same on the bare machine' 'micro fault=hang'

# An image that is no PVH one.
run_case 'l1vmm / multiboot word'
is "$status" 0 'a multiboot image finds what its specification says' || diag "$errors"
ends_with 8 '64-bit' 'a multiboot image on the bare machine' 'multiboot'

# Guests in 32-bit code: what happens to them is theirs, and never a panic (status 4).
ends_well() {
	local guest=$1 switches=${2:-}
	run_case "l1vmm $switches/ legacy-$guest"
	is "$status" 0 "legacy $guest ends well${switches:+ with $switches}" || diag "$errors"
	console=$(cat "$T/results/case/case/console.log" 2>/dev/null)
}
ends_well xsetbv
ends_well eip-wrap
ends_well wide-port
ends_well outs-wrap
like "$console" '\|AB'$'\n' 'string output wraps at 64 KB'
ends_well orders 'mmu=shadow:pv '
ends_well no-orders
ends_well packets 'nested=on '
ends_well no-orders 'mmu=shadow:trap '
ends_well no-orders 'mmu=shadow:unsync '
for policy in trap unsync; do
	ends_well table-stack "mmu=shadow:$policy "
	ends_well pdptes "mmu=shadow:$policy "
	ends_with 3 'unknown-store-instruction' 'an unknown store under SMAP without WP' \
		"l1vmm mmu=shadow:$policy / legacy-smap-store"
done
ends_well table-stack
ends_well smap-store
ends_well pdptes
ends_with 3 'triple-fault' 'a fault in real mode' 'l1vmm / legacy-real-mode-fault'
ends_with 3 'triple-fault' 'long mode over a 16-bit TSS is #GP' 'l1vmm / legacy-tss16-long-mode'
ends_with 3 'triple-fault' 'a hidden MWAIT is #UD' 'l1vmm / legacy-mwait'
ends_with 3 'task-switch' 'a task switch by hardware' 'l1vmm / legacy-task-switch'
ends_with 3 'unknown-mmio' 'a stack in a device' 'l1vmm / legacy-device-stack'

# What the hypervisor cannot start with.
ends_with 2 'refused' 'a switch that does not exist' 'l1vmm bogus=1 / micro'
like "$console" 'there is no switch or option bogus' 'by name'
ends_with 2 'refused' 'a value that does not exist' 'l1vmm cr=maybe / micro'
like "$console" 'cr=maybe is not one of trap mask' 'with those that do'
CPU=corei5_lynnfield_750 ends_with 2 'refused' 'a CPU that lacks something' 'l1vmm / micro'
like "$console" 'this CPU lacks UNRESTRICTED_GUEST \(secondary control, bit 7\): PVH guests' \
	'it says what, and what for'
ends_with 2 'refused' 'more exit records than memory' 'l1vmm ring=1048576 / micro'
like "$console" 'too little memory' 'it says so'

finish
