#!/bin/bash
# The experiment `fee` from end to end: repeatable to the byte, within its bounds, and in agreement
# with the trace as another reader sees it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

GOLDEN=tests/golden/fee.csv

# value BENCHMARK STACK COLUMN
value() {
	cell "$T/fee.csv" "$@"
}

for results in first second; do
	run build/vmfee run --results "$T/$results" fee
	is "$status" 0 "$results run of fee"
done
first=$T/first/fee second=$T/second/fee

# Determinism.
for file in report.txt manifest.json l1vmm/console.log l1vmm/trace/stream_0 \
	l1vmm/trace/metadata native/console.log l1vmm-quiet/console.log plots/l1vmm-ticks.csv; do
	cmp -s "$first/$file" "$second/$file"
	ok $? "$file is the same in both"
done
build/vmfee report --csv "$first" >"$T/fee.csv"
run build/vmfee report --csv "$second"
is "$output" "$(cat "$T/fee.csv")" "the CSV is the same in both"

# The golden counts; `make golden` writes them anew.
diff -u "$GOLDEN" "$T/fee.csv" >"$T/difference"
ok $? "instruction counts are those of $GOLDEN" || diag "$(head -40 "$T/difference")"

like "$(head -n 1 "$T/fee.csv")" '^benchmark,stack,depth,ops,ticks_per_op,exits_per_op' \
	"the CSV names its columns"

# Path lengths, guest instruction to guest instruction, telemetry on.
at_most "$(value cpuid l1vmm ticks_per_op)" 150 "instructions of a CPUID exit"
at_most "$(value vmcall l1vmm ticks_per_op)" 120 "instructions of a VMCALL exit"
at_most "$(value cpuid l1vmm telemetry_per_exit)" 30 "telemetry's share of a CPUID exit"
at_most "$(value vmcall l1vmm telemetry_per_exit)" 30 "telemetry's share of a VMCALL exit"
is "$(value vmcall native ticks_per_op)" "" "VMCALL has no meaning on the bare machine"

# The trace as babeltrace2 reads it, against the database.
babeltrace2 "$first" >"$T/trace.txt" 2>"$T/trace.err"
is "$?" 0 "babeltrace2 reads the run directory"
is "$(cat "$T/trace.err")" "" "without a complaint"
sed -E 's/.*reason = \( "([A-Z_0-9]+)" .*/\1/' "$T/trace.txt" | sort | uniq -c |
	awk '{ print $2, $1 }' >"$T/by_babeltrace"
sqlite3 -separator ' ' "$first/results.db" \
	'SELECT reason, sum(count) FROM exit_sum GROUP BY reason ORDER BY reason' |
	LC_ALL=C sort >"$T/by_vmfee"
LC_ALL=C sort "$T/by_babeltrace" | diff - "$T/by_vmfee" >"$T/difference"
ok $? "babeltrace2 and the report count the same exits by reason" || diag "$(cat "$T/difference")"
records=$(sed -n 's/^@telemetry .*records=\([0-9]*\) dropped=0 .*/\1/p' "$first/l1vmm/console.log")
is "$(wc -l <"$T/trace.txt")" "$records" "as many as the hypervisor says it kept, none dropped"

# The guest's own expectation, from its console, against babeltrace2's count in the window.
disagreements=$(awk '
	FILENAME ~ /console/ && /^\|@bench/ {
		for (i = 2; i <= NF; i++) { split($i, pair, "="); b[pair[1]] = pair[2] }
		n++; begin[n] = b["begin"]; end[n] = b["end"]; name[n] = b["name"]
		if (b["expect"] != "-") {
			count = split(b["expect"], wanted, ",")
			for (i = 1; i <= count; i++) {
				split(wanted[i], pair, ":")
				expected[n, pair[1]] = pair[2] * b["ops"] * b["samples"]
			}
		}
		next
	}
	FILENAME ~ /trace/ {
		stamp = $1
		gsub(/[^0-9]/, " ", stamp)
		split(stamp, time, " ")
		tsc = ((time[1] * 60 + time[2]) * 60 + time[3]) * 1e9 + time[4]
		match($0, /reason = \( "[A-Z_0-9]+/)
		reason = substr($0, RSTART + 12, RLENGTH - 12)
		for (i = 1; i <= n; i++)
			if (tsc >= begin[i] && tsc <= end[i])
				seen[i, reason]++
	}
	END {
		for (key in expected)
			if (seen[key] != expected[key]) bad++
		for (key in seen)
			if (seen[key] != expected[key]) bad++
		print bad + 0, n
	}' "$first/l1vmm/console.log" "$T/trace.txt")
is "${disagreements% *}" 0 "each benchmark's exits are those that the guest expects"
if [ "${disagreements#* }" -ge 25 ]; then holds=0; else holds=1; fi
ok $holds "of ${disagreements#* } benchmarks"

finish
