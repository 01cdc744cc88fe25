#!/bin/bash
# The experiment `mmu` from end to end: within its bounds, every workload's own checks passed, and no
# exit for what a guest does to its page tables under EPT.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

GOLDEN=tests/golden/mmu.csv
STACKS='native ept-4k ept-2m shadow-trap shadow-unsync shadow-pv'

run build/vmfee run --results "$T" mmu
is "$status" 0 "the experiment mmu runs" || diag "$errors"
results=$T/mmu

# The golden counts; `make golden` writes them anew.
build/vmfee report --csv "$results" >"$T/mmu.csv"
diff -u "$GOLDEN" "$T/mmu.csv" >"$T/difference"
ok $? "instruction counts are those of $GOLDEN" || diag "$(head -40 "$T/difference")"

# A row that was left out or lost would not fail by itself.
rows=$(grep -c '^BENCH(' bench/guests/memory.def)
for stack in $STACKS; do
	is "$(grep -c "^[^,]*,$stack," "$T/mmu.csv")" "$rows" "$stack ran every row of memory.def"
	like "$(<"$results/$stack/console.log")" '@end image=memory status=ok' "$stack: all checks passed"
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

# What an operation may take from guest instruction to guest instruction, telemetry included.
while read -r benchmark limit; do
	at_most "$(cell "$T/mmu.csv" "$benchmark" shadow-unsync ticks_per_op)" "$limit" \
		"shadow-unsync: instructions of $benchmark"
done <<-END
	first-access 900
	unmap 400
	demand-fault 1500
	write-fault 1800
	cr3-switch 350
	invlpg 250
END
unsync=$(cell "$T/mmu.csv" forkstorm shadow-unsync exits_per_op)
trap=$(cell "$T/mmu.csv" forkstorm shadow-trap exits_per_op)
if awk -v unsync="$unsync" -v trap="$trap" 'BEGIN { exit !(unsync > 0 && 2 * unsync < trap) }'; then holds=0; else holds=1; fi
ok $holds 'forkstorm: shadow-unsync has under half the exits of shadow-trap' ||
	diag "got: $unsync and $trap"
pv=$(cell "$T/mmu.csv" forkstorm shadow-pv exits_per_op)
if awk -v pv="$pv" -v unsync="$unsync" 'BEGIN { exit !(pv > 0 && pv < unsync) }'; then holds=0; else holds=1; fi
ok $holds 'and shadow-pv fewer than shadow-unsync' || diag "got: $pv and $unsync"

# Each frame is touched before the windows open: an exit for each page of the EPT.
violations() {
	sqlite3 "$results/results.db" "SELECT total(count) FROM exit_sum JOIN stack
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
	one_stack case "memory $1" memory=256
	run "$PROJECT/build/vmfee" run "$T/case.ini"
}
memory 'only=demand-fault,touch,ctxswitch-*,forkstorm pages=1 samples=1 spaces=1'
is "$status" 0 "workloads run with one page, one sample and one space" || diag "$errors"
for wrong in pages=0 pages=16385 spaces=0 spaces=65 spaces=x samples=4097; do
	memory "$wrong"
	is "$status" 3 "$wrong is refused"
	like "$errors" "bad-${wrong%=*}" "$wrong: the reason is named"
done
finish
