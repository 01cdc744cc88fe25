#!/bin/bash
# The experiment `depth`: its combinations are all there are, each workload holds in each, and EPT
# for the uppermost guest spares it whatever the levels below translate with.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

run build/vmfee run --jobs="$(nproc)" --no-plots --results "$T/results" depth
is "$status" 0 'depth runs' || diag "$errors"
build/vmfee report --csv "$T/results/depth" >"$T/depth.csv"

# less A B NAME
less() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'
	ok $? "$3: ${1:-none} against ${2:-none}"
}

expected=0
for memory in {e,s} {e,s}{e,s} {e,s}{e,s}{e,s}; do
	for vmcs in -trap -shadow; do
		if [ ${#memory} = 1 ]; then vmcs=; fi
		for workload in micro memory; do
			console=$T/results/depth/$workload-$memory$vmcs/console.log
			if grep -q "^|*@end image=$workload status=ok" "$console" &&
				! grep -q '^|*@telemetry .* dropped=[1-9]' "$console"; then holds=0; else holds=1; fi
			ok $holds "$workload-$memory$vmcs: the workload is content, and its trace whole"
			expected=$((expected + 1))
		done
		for benchmark in forkstorm chase-64k mixed; do
			native=$(cell "$T/depth.csv" $benchmark memory-0 ticks_per_op)
			here=$(cell "$T/depth.csv" $benchmark "memory-$memory$vmcs" ticks_per_op)
			if [[ $memory = *e || $benchmark = chase-64k ]]; then
				is "$here" "$native" "memory-$memory$vmcs: $benchmark as natively"
			else
				less "$native" "$here" "memory-$memory$vmcs: $benchmark pays for shadow tables"
			fi
		done
		if [ -z "$vmcs" ]; then break; fi
	done
	if [ -z "$vmcs" ]; then continue; fi
	for benchmark in cpuid vmcall mmio-read touch-fresh; do
		less "$(cell "$T/depth.csv" $benchmark "micro-$memory-shadow" exits_per_op)" \
			"$(cell "$T/depth.csv" $benchmark "micro-$memory-trap" exits_per_op)" \
			"$memory: VMCS shadowing saves exits of $benchmark"
	done
done
is "$expected" "$(grep -c '^levels = l1vmm' bench/experiments/depth.ini)" \
	'the experiment has each combination, and no other'

finish
