#!/bin/bash
# Every workload of the project two and three hypervisors up, in each combination of the ways to
# translate memory and to reach a VMCS: each checks its own results, and all run to their end, with
# the same operations and samples as natively.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

QUIET='telemetry=off'
MMU=(ept:4k ept:2m shadow:trap shadow:unsync)
MEMORY=256
stacks=()

# begin WORKLOAD: an experiment of it, with the stack `native` to compare with
begin() {
	workload=$1
	stacks=(native)
	printf '[experiment]\ntitle = t\nmemory = %s\nwatchdog = 40000\n\n[stack native]\nlevels = %s\n\n' \
		"$MEMORY" "$workload" >"$T/nest.ini"
}

# stack NAME LEVELS: another stack, with the workload upon these levels
stack() {
	printf '[stack %s]\nlevels = %s / %s\n\n' "$1" "$2" "$workload" >>"$T/nest.ini"
	stacks+=("$1")
}

# ran STACK: what its workload has run: names, operations and samples; natively there is no VMCALL
ran() {
	sed -n 's/^|*@bench name=\([^ ]*\) .*\(ops=[0-9]* samples=[0-9]*\) .*/\1 \2/p' \
		"$T/results/nest/$1/console.log" | grep -v '^vmcall '
}

# compare: runs the experiment
compare() {
	local stack console native
	rm -rf "$T/results"
	run build/vmfee run --jobs="$(nproc)" --no-plots --results "$T/results" "$T/nest.ini"
	is "$status" 0 "$workload: every stack runs to its end" || diag "$errors"
	native=$(ran native)
	for stack in "${stacks[@]}"; do
		console=$T/results/nest/$stack/console.log
		if grep -q "^|*@end image=${workload%% *} status=ok" "$console" &&
			! grep -q '^|*@fail' "$console"; then holds=0; else holds=1; fi
		ok $holds "$workload, $stack: what it checks is so"
		is "$(ran "$stack")" "$native" "$workload, $stack: all of it runs as natively"
	done
	if [ "$(wc -l <<<"$native")" -ge 18 ]; then holds=0; else holds=1; fi
	ok $holds "$workload: these are its rows" || diag "$native"
}

# Rows on request, too.
for image in micro 'memory pages=64' irq; do
	begin "$image samples=1 only=*"
	for vmcs in trap shadow; do
		for below in "${MMU[@]}"; do
			for above in "${MMU[@]}" shadow:pv; do
				stack "$vmcs-${above##*:}-on-${below##*:}" \
					"l1vmm nested=on vmcs=$vmcs mmu=$below $QUIET / l1vmm mmu=$above $QUIET"
			done
		done
	done
	compare
done

# Pages of 1 GB, on either side: a machine has memory for one such guest in another.
MEMORY=3071
begin 'memory pages=64 samples=1'
for vmcs in trap shadow; do
	for below in ept:4k ept:2m shadow:unsync; do
		stack "$vmcs-1g-on-${below##*:}" \
			"l1vmm nested=on vmcs=$vmcs mmu=$below $QUIET / l1vmm mmu=ept:1g $QUIET"
	done
	for above in ept:4k ept:2m shadow:unsync; do
		stack "$vmcs-${above##*:}-on-1g" \
			"l1vmm nested=on vmcs=$vmcs mmu=ept:1g $QUIET / l1vmm mmu=$above $QUIET"
	done
done
compare
MEMORY=256

# Each way to deliver interrupts, above and below.
begin 'irq samples=1 only=*'
for vmcs in trap shadow; do
	for below in emulated apicv posted; do
		for above in apicv posted; do
			for mmu in ept:2m shadow:unsync; do
				stack "$vmcs-$above-$below-${mmu%%:*}" \
					"l1vmm nested=on vmcs=$vmcs irq=$below mmu=$mmu $QUIET / l1vmm irq=$above $QUIET"
			done
		done
	done
done
compare

# deep VMCS BELOW BETWEEN ABOVE: a stack of three hypervisors
deep() {
	stack "$1-${4##*:}-${3##*:}-${2##*:}" \
		"l1vmm nested=on vmcs=$1 mmu=$2 $QUIET / l1vmm nested=on vmcs=$1 memory=160 mmu=$3 / l1vmm mmu=$4"
}

# Three up, an exit of the uppermost takes many thousand instructions: small working sets.
for image in micro 'memory pages=8 spaces=2' irq; do
	begin "$image samples=1 only=*"
	for vmcs in trap shadow; do
		for below in ept:2m shadow:unsync; do
			for between in ept:2m shadow:unsync; do
				for above in ept:2m shadow:unsync; do
					deep "$vmcs" "$below" "$between" "$above"
				done
			done
		done
	done
	compare
done

# Each size of page and each policy meets each other at all three levels.
for below in "${MMU[@]}"; do
	begin 'micro samples=1'
	for between in "${MMU[@]}"; do
		for above in "${MMU[@]}" shadow:pv; do
			deep shadow "$below" "$between" "$above"
		done
	done
	compare
done

finish
