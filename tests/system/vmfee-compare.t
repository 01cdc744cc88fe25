#!/bin/bash
# Questions to finished runs, and one run against another.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee

cat >"$PROJECT/bench/experiments/small.ini" <<END
[experiment]
title = a small one
outbox = 1
[stack native]
levels = micro only=cpuid,vmcall,walk-seq
[stack l1vmm]
levels = l1vmm / micro only=cpuid,vmcall,walk-seq
END
run "$vmfee" run --no-plots small
is "$status" 0 "a run to ask" || diag "$errors"
sums=$(sha256sum "$PROJECT/results/small/results.db")

run "$vmfee" sql small "SELECT benchmark, fee_per_op > 100 AS dear FROM fee ORDER BY benchmark"
is "$output" "  benchmark  dear
  ---------------
  cpuid         1
  empty         0
  walk-seq      0" "a view answers, as a table"
for benchmark in cpuid walk-seq; do
	run "$vmfee" sql --csv small "SELECT ticks_per_op FROM ticks_per_op
		WHERE stack = 'l1vmm' AND benchmark = '$benchmark'"
	is "$(tail -n 1 <<<"$output" | awk '{ printf "%.4f", $1 }')" "$("$vmfee" report --csv small |
		awk -F, -v name="$benchmark" '$1 == name && $2 == "l1vmm" { printf "%.4f", $5 }')" \
		"the report says the same of $benchmark"
done
run "$vmfee" sql "$PROJECT/results/small"
like "$output" "CREATE TABLE stack .*CREATE VIEW fee AS -- what an operation" \
	"without a query it prints the schema"
run "$vmfee" sql small "SELECT nonsense FROM stack"
fails_with 2 "small/results.db: no such column: nonsense" "an error of SQL is told as one"
run "$vmfee" sql nowhere "SELECT 1"
fails_with 2 "no run 'nowhere': .*there are: small" "so is a run that there is not"
run "$vmfee" sql small "DELETE FROM sample"
fails_with 2 "attempt to write a readonly database" "nothing can be written"
is "$(sha256sum "$PROJECT/results/small/results.db")" "$sums" "and nothing was"

# Another run of the same: on Bochs nothing differs.
run "$vmfee" run --no-plots small
run "$vmfee" compare --fail-over 0% small.1 small
is "$status" 0 "two runs of the same pass a gate that lets nothing pass" || diag "$errors"
is "$(grep -c '4 of 4 rows are the same, to the sample and the exit' <<<"$output")" 1 \
	"all rows of a stack are the same"
run "$vmfee" compare small:native small:l1vmm
like "$output" 'cpuid +1\.0 +[0-9]+\.0 +\+[0-9.]+ +\+[0-9.]+% +0 +1  CPUID 0 -> 1' \
	"one stack against another, with the exits that make the difference"
like "$output" 'Only in small:l1vmm: vmcall\.' "what only one of them has is named"
run "$vmfee" compare --fail-over=5% small:native small:l1vmm
fails_with 9 "worse by more than 5 %: .*native cpuid \+[0-9.]+%" "a gate tells what is worse"
run "$vmfee" compare --fail-over=5 small:l1vmm small:native
fails_with 9 "l1vmm vmcall is gone" "and what is gone"
run "$vmfee" compare --csv small.1 small
is "$(tail -n +2 <<<"$output" | cut -d, -f3,16 | sort -u | tr '\n' ' ')" \
	"cpuid,same empty,same vmcall,same walk-seq,same " "as CSV"

# The same numbers as times of another machine: now they are samples.
for run in small small.1; do
	cp -r "$PROJECT/results/$run" "$PROJECT/results/timed-$run"
	sqlite3 "$PROJECT/results/timed-$run/results.db" \
		"UPDATE run SET value = 'kvm' WHERE key = 'platform';
		 UPDATE sample SET ticks = ticks + (number * 37) % 11"
done
sqlite3 "$PROJECT/results/timed-small/results.db" "UPDATE sample SET ticks = ticks + 20
	WHERE benchmark IN (SELECT id FROM benchmark WHERE name = 'cpuid')"
run "$vmfee" compare --fail-over 5% timed-small.1 timed-small
fails_with 9 "rows? (is|are) worse by more than 5 %: native cpuid .*l1vmm cpuid" \
	"elsewhere a gate stops at what is no chance"
like "$output" 'cpuid .*<0\.0001 +\+1\.00  more: large' "which a test says, and its size"
first=$output
run "$vmfee" compare timed-small.1 timed-small
is "$output" "$first" "the intervals are the same every time"

run "$vmfee" compare small
is "$status" 2 "one run is no comparison"
run "$vmfee" compare --fail-over many small small.1
like "$errors" "a percentage such as 5%, not 'many'" "nor is many a percentage"
run "$vmfee" compare small:nothing small:native
fails_with 2 "no stack 'nothing'; there are: native, l1vmm" "a stack that there is not"
run "$vmfee" compare small small.1:native
fails_with 2 "either both are given as RUN:STACK" "half a stack"
sqlite3 "$PROJECT/results/timed-small/results.db" \
	"UPDATE run SET value = 'cycles' WHERE key = 'unit'"
run "$vmfee" compare small timed-small
fails_with 2 "one is in instructions, the other in cycles" "cycles and instructions"

finish
