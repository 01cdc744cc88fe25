#!/bin/bash
# The experiment `tlb` from end to end: its counts and figures.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# `make golden` writes it anew.
GOLDEN=tests/golden/tlb.csv

run build/vmfee run --results "$T/results" tlb
is "$status" 0 "the experiment tlb runs, every workload's own checks passed" || diag "$errors"
build/vmfee report --csv "$T/results/tlb" >"$T/tlb.csv"
# counts FILE: what the modelled TLB and the guest decide; ticks follow each change of the hypervisor,
# and are held by fee.t and mmu.t.
counts() {
	awk -F, -v OFS=, '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		{ print $1, $2, $at["ops"], $at["exits_per_op"], $at["exits"],
			$at["tlb_refills_per_op"], $at["walk_references_per_op"] }' "$1"
}
# column NAME STACK: benchmark and value, line by line
column() {
	awk -F, -v name="$1" -v stack="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR > 1 && $2 == stack { print $1, $at }' "$T/tlb.csv"
}

diff -u <(counts "$GOLDEN") <(counts "$T/tlb.csv") >"$T/difference"
ok $? "its counts are those of $GOLDEN" || diag "$(head -40 "$T/difference")"
for mmu in ept shadow; do
	more=$(join <(column tlb_refills_per_op $mmu-flush | grep '^exits-' | sort) \
		<(column tlb_refills_per_op $mmu-vpid | grep '^exits-' | sort) | awk '$2 > $3' | wc -l)
	is "$more" "$(grep -c '^ON_REQUEST("exits-' bench/guests/memory.def)" \
		"$mmu: with exits, tlb=flush misses more than tlb=vpid whatever their rate"
done
figures=$(cd "$T/results/tlb/plots" && echo skylake-sp-*)
is "$figures" "$(for family in chase exits gups switch; do
	for suffix in csv png svg; do echo "skylake-sp-$family.$suffix"; done
done | paste -sd' ')" "each family of its benchmarks has a figure"
for text in 'pages of 4 KB per change of address space' 'TLB refills per operation' \
	'walk references per operation' 'modelled instructions' 'cost 10 instructions'; do
	like "$(<"$T/results/tlb/plots/skylake-sp-switch.svg")" "$text" "it says: $text"
done

finish
