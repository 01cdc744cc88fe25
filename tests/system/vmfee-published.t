#!/bin/bash
# The reproductions: every published number has one of ours against it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
vmfee=build/vmfee

is "$(cd bench/published && echo -- *.ini)" "-- fee.ini generations.ini pvm.ini turtles.ini vmexit.ini" \
	"each file of published numbers is tested here, or with its experiment"
for experiment in generations pvm turtles vmexit; do
	run "$vmfee" run --no-plots --results "$T/results" "$experiment"
	is "$status" 0 "$experiment runs" || diag "$errors"
	run "$vmfee" report --published "$T/results/$experiment"
	is "$status" 0 "$experiment is set against what was published" || diag "$errors"
	is "$(grep -o ' Ours: ' <<<"${output//$'\n'/ }" | wc -l)" \
		"$(grep -c '^\[row ' "bench/published/$experiment.ini")" "each row has its source"
	run "$vmfee" report --csv --published "$T/results/$experiment"
	is "$(tail -n +2 <<<"$output" | awk -F, '$7 == ""')" "" "and a number of ours"
	printf '%s\n' "$output" >"$T/$experiment.csv"
done

# ours ROW FILE: our number, from-to
ours() {
	awk -F, -v row="$1" '$1 == row { print $5 "-" $6 }' "$T/$2.csv"
}
is "$(ours exits-trapped turtles) $(ours reads-trapped turtles) $(ours writes-trapped turtles)" \
	"7-7 3-3 1-1" "a trapped CPUID of L2 is 7 exits, of them 3 VMREADs and a VMWRITE"
is "$(ours exits-untrapped turtles)" 3-3 "an untrapped one is 3"
is "$(ours claim-gen2 generations)" 0-0 "under gen2 mixed has no exit left to pay for"
awk -F, '$1 == "claim-gen1" { old = $5 } $1 == "claim-gen1-unsync" { new = $5 }
	END { exit !(old > new && new > 30) }' "$T/generations.csv"
ok $? "under gen1 it pays more than the published share, and most where each write exits"
for row in cpuid-2024 cpuid-2013 vmcall-2013; do
	like "$(ours "$row" vmexit)" '^[0-9]{3}\..*-1[0-9]{3}|^[0-9]{3}-1[0-9]{3}' \
		"$row: hundreds to a thousand cycles"
done

run "$vmfee" report --published "$T/results/vmexit.1"
fails_with 2 "no run" "a run that there is not"
cp -r "$T/results/turtles" "$T/irq"
sqlite3 "$T/irq/results.db" "UPDATE run SET value = 'irq' WHERE key = 'experiment'"
run "$vmfee" report --published "$T/irq"
fails_with 2 "has nothing on 'irq'; there are: fee, generations, pvm, turtles, vmexit" \
	"an experiment that reproduces nothing"

finish
