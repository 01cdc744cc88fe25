#!/bin/bash
# Guests that are not kind to their page tables, natively and under each way to translate what they
# map: what is defined comes out as on the bare machine, what is not ends the guest by name.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# experiment STACK LEVELS ...: writes $T/tables.ini
experiment() {
	printf '[experiment]\ntitle = t\nmemory = 128\nwatchdog = 2000\noutbox = 32\n' >"$T/tables.ini"
	while [ $# -gt 0 ]; do
		printf '[stack %s]\nlevels = %s\n' "$1" "$2" >>"$T/tables.ini"
		shift 2
	done
}

# runs: the experiment
runs() {
	rm -rf "$T/results"
	run build/vmfee run --no-plots --results "$T/results" "$T/tables.ini"
}

policies='ept:4k ept:2m shadow:trap shadow:unsync'

stacks=(native tables)
for mmu in $policies; do
	for tlb in flush vpid; do
		stacks+=("${mmu/:/-}-$tlb" "l1vmm mmu=$mmu tlb=$tlb / tables")
	done
done
stacks+=(tracked 'l1vmm mmu=ept:4k dirty=protect exec=demand / tables')
stacks+=(flagged 'l1vmm mmu=ept:2m dirty=ad / tables')
experiment "${stacks[@]}"
runs
is "$status" 0 "all cases have their defined outcomes under every policy" || diag "$errors"
for ((i = 0; i < ${#stacks[@]}; i += 2)); do
	like "$(cat "$T/results/tables/${stacks[i]}/console.log")" '@end image=tables status=ok' \
		"${stacks[i]}: to the end"
done

# A guest that breaks its word to mmu=shadow:pv, not to store to tables without telling, may find
# them as they were, which it reports; its hypervisor goes on.
experiment broken 'l1vmm mmu=shadow:pv / tables'
runs
is "$status" 3 "a guest that does not tell of its stores is the one that fails" || diag "$errors"
like "$(cat "$T"/results/.tables.failed/broken/console.log)" '@end image=l1vmm status=guest-failure' \
	"and not its hypervisor"

# stopped CASE MMU
stopped() {
	experiment "$1" "l1vmm mmu=$2 / tables case=$1"
	runs
	if [ "$status" -eq 3 ] && [[ $errors =~ reason=access-outside-memory\ gpa=0x(bffff000|fec00000) ]]; then holds=0; else holds=1; fi
	ok $holds "$2: $1 outside memory stops the guest" || diag "status $status: $errors"
}
for mmu in $policies; do
	for case in cr3 table device-table page; do
		stopped "$case" "$mmu"
	done
done

finish
