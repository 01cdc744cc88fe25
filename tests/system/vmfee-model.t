#!/bin/bash
# Counts priced by the cost models of bench/models.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee

cat >"$PROJECT/bench/experiments/priced.ini" <<END
[experiment]
title = to be priced
outbox = 4
[stack native]
levels = micro only=cpuid,touch-fresh
[stack l1vmm]
levels = l1vmm / micro only=cpuid,touch-fresh
[stack observed]
levels = l1vmm observe=tlb tlb_model=skylake-sp / memory only=switch-64 samples=1
[stack unseen]
levels = l1vmm telemetry=off / micro only=cpuid
END
run "$vmfee" run --no-plots priced
is "$status" 0 "a run to price" || diag "$errors"

models=$(cd "$PROJECT/bench/models" && grep -l '^\[model\]' -- *.ini)
for model in $models; do
	run "$vmfee" report --model "${model%.ini}" priced
	is "$status" 0 "$model prices it" || diag "$errors"
	like "$output" 'cpuid +[0-9]+-[0-9]+ ' "with a range"
	is "$(grep -c '^\[cost ' "$PROJECT/bench/models/$model")" \
		"$(grep -c ': [0-9.]* to [0-9.]*$' <<<"$output")" "and all of its prices are told"
done
like "$output" 'unseen .* is not modelled: there is no trace of its exits' \
	"what cannot be priced is said so"

run "$vmfee" report --csv --model skylake-sp priced
row() {
	awk -F, -v benchmark="$1" -v column="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == benchmark && $2 != "native" { print $at[column]; exit }' <<<"$output"
}
is "$(row cpuid transition),$(row cpuid modelled_transition_low)" "1,262" \
	"a CPUID is one transition, at the price of the file"
is "$(row cpuid vmread)" "$("$vmfee" sql --csv priced "SELECT sum(vmreads) / sum(count)
	FROM exit_sum JOIN benchmark ON benchmark.id = exit_sum.benchmark
	WHERE name = 'cpuid' AND exit_sum.stack = 1" | tail -n 1)" "the VMREADs are those of the trace"
if awk -v n="$(row switch-64 reference)" 'BEGIN { exit !(n > 0) }'; then holds=0; else holds=1; fi
ok $holds "the walks are those that the observatory saw"
is "$(awk -F, 'NR == 1 { n = NF } NF != n' <<<"$output")" "" "every row has every column"

run "$vmfee" report --model small priced
fails_with 2 "small.ini: there is no cost model in it" "a TLB has no prices"
run "$vmfee" report --model nothing priced
fails_with 2 "no model 'nothing' in bench/models; there are: .*skylake-sp" "a model that there is not"

finish
