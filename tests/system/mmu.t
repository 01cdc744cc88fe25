#!/bin/bash
# The experiment `mmu` from end to end: repeatable to the byte, every workload's own checks passed,
# and no exit for what a guest does to its page tables under EPT.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

GOLDEN=tests/golden/mmu.csv
STACKS='native ept-4k ept-2m shadow-trap shadow-unsync shadow-pv'

for results in first second; do
	run build/vmfee run --results "$T/$results" mmu
	is "$status" 0 "$results run of mmu" || diag "$errors"
done
first=$T/first/mmu second=$T/second/mmu

for stack in $STACKS; do
	cmp -s "$first/$stack/console.log" "$second/$stack/console.log"
	ok $? "the console of $stack is the same in both"
done
for file in report.txt manifest.json ept-4k/trace/stream_0 ept-2m/trace/stream_0 \
	shadow-trap/trace/stream_0 shadow-unsync/trace/stream_0 shadow-pv/trace/stream_0; do
	cmp -s "$first/$file" "$second/$file"
	ok $? "$file is the same in both"
done

# The golden counts; `make golden` writes them anew.
build/vmfee report --csv "$first" >"$T/mmu.csv"
diff -u "$GOLDEN" "$T/mmu.csv" >"$T/difference"
ok $? "instruction counts are those of $GOLDEN" || diag "$(head -40 "$T/difference")"

# A row that was left out or lost would not fail by itself.
rows=$(grep -c '^BENCH(' bench/guests/memory.def)
for stack in $STACKS; do
	is "$(grep -c "^[^,]*,$stack," "$T/mmu.csv")" "$rows" "$stack ran every row of memory.def"
	like "$(<"$first/$stack/console.log")" '@end image=memory status=ok' "$stack: all checks passed"
done

# exits COLUMN STACK: benchmarks of the stack whose column is neither zero nor empty
exits() {
	awk -F, -v column="$1" -v stack="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$2 == stack && $at[column] + 0 != 0 { print $1 }' "$T/mmu.csv"
}
for stack in ept-4k ept-2m; do
	is "$(exits exits_per_op "$stack")" "" "$stack: no workload has an exit"
	is "$(exits fee_per_op "$stack")" "" "$stack: no workload has a fee"
done

# value COLUMN STACK BENCHMARK: what the CSV says
value() {
	awk -F, -v column="$1" -v stack="$2" -v benchmark="$3" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == benchmark && $2 == stack { print $at[column] }' "$T/mmu.csv"
}
# at_most LIMIT VALUE NAME: both may have a fraction; an empty value is none
at_most() {
	if awk -v limit="$1" -v value="$2" 'BEGIN { exit !(value != "" && value + 0 <= limit + 0) }'; then holds=0; else holds=1; fi
	ok $holds "$3" || diag "got: $2, at most: $1"
}
# What an operation may take from guest instruction to guest instruction, telemetry included.
while read -r benchmark limit; do
	at_most "$limit" "$(value ticks_per_op shadow-unsync "$benchmark")" \
		"shadow-unsync: $benchmark takes at most $limit instructions"
done <<-END
	first-access 900
	unmap 400
	demand-fault 1500
	write-fault 1800
	cr3-switch 350
	invlpg 250
END
unsync=$(value exits_per_op shadow-unsync forkstorm) trap=$(value exits_per_op shadow-trap forkstorm)
if awk -v unsync="$unsync" -v trap="$trap" 'BEGIN { exit !(unsync > 0 && 2 * unsync < trap) }'; then holds=0; else holds=1; fi
ok $holds 'forkstorm: shadow-unsync has under half the exits of shadow-trap' ||
	diag "got: $unsync and $trap"
pv=$(value exits_per_op shadow-pv forkstorm)
if awk -v pv="$pv" -v unsync="$unsync" 'BEGIN { exit !(pv > 0 && pv < unsync) }'; then holds=0; else holds=1; fi
ok $holds 'and shadow-pv fewer than shadow-unsync' || diag "got: $pv and $unsync"

# Each frame is touched before the windows open: an exit for each page of the EPT.
violations() {
	sqlite3 "$first/results.db" "SELECT total(count) FROM exit_sum JOIN stack
		ON stack = stack.id WHERE name = '$1' AND reason = 'EPT_VIOLATION'" | sed 's/\..*//'
}
frames=$(sed -n 's/.*FRAMES = \([0-9]*\),.*/\1/p' bench/guests/memory/memory.h)
if [ "$(violations ept-4k)" -ge "$frames" ]; then holds=0; else holds=1; fi
ok $holds "ept-4k: a violation for each of $frames frames" || diag "got: $(violations ept-4k)"
if [ "$(violations ept-2m)" -ge $((frames / 512)) ] && [ "$(violations ept-2m)" -lt $((frames / 256)) ]; then holds=0; else holds=1; fi
ok $holds "ept-2m: one for each 512 of them" || diag "got: $(violations ept-2m)"

# Sizes from the command line.
private_project
# memory OPTIONS: runs the image bare with these options
memory() {
	printf '[experiment]\ntitle = t\nmemory = 256\n[stack case]\nlevels = memory %s\n' "$1" \
		>"$T/case.ini"
	run "$PROJECT/build/vmfee" run "$T/case.ini"
}
memory 'spaces=3 pages=5 samples=7'
is "$status" 0 "every workload runs with 3 spaces, 5 pages and 7 samples" || diag "$errors"
memory 'pages=1 samples=1 spaces=1'
is "$status" 0 "and with one of each" || diag "$errors"
memory 'only=demand-fault,touch,forkstorm samples=4096 pages=8'
is "$status" 0 "and with 4096 samples" || diag "$errors"
for wrong in pages=0 pages=16385 spaces=0 spaces=65 spaces=x samples=4097; do
	memory "$wrong"
	is "$status" 3 "$wrong is refused"
	like "$errors" "bad-${wrong%=*}" "$wrong: the reason is named"
done
memory 'only=cr3-switch spaces=64 pages=16384'
is "$status" 3 "more pages than there is memory for end the run"
like "$errors" 'out-of-frames' "they are what it names"

finish
