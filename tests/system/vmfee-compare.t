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

finish
