#!/bin/bash
# The experiment `nest` from end to end: one, two and three hypervisors, each operation with the
# results that it checks, and the counts that everybody gets.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

GOLDEN=tests/golden/nest.csv

run build/vmfee run --no-plots --results "$T/results" nest
is "$status" 0 'nest runs' || diag "$errors"
report=$output
build/vmfee report --csv "$T/results/nest" >"$T/nest.csv"
diff -u "$GOLDEN" "$T/nest.csv" >"$T/difference"
ok $? "instruction counts are those of $GOLDEN" || diag "$(head -40 "$T/difference")"

# value BENCHMARK STACK COLUMN
value() {
	cell "$T/nest.csv" "$@"
}

# Every stack of the experiment, with the bars before its workload's lines.
while read -r stack levels; do
	bars=${levels//[^\/]/}
	workload=${levels##*/ }
	if grep -qxF "${bars//\//|}@end image=${workload%% *} status=ok" \
		"$T/results/nest/$stack/console.log"; then holds=0; else holds=1; fi
	ok $holds "$stack: the workload is content"
done < <(sed -n 's/^\[stack \(.*\)\]$/\1/p; s/^levels = //p' bench/experiments/nest.ini | paste -d' ' - -)
is "$(grep -c ',micro-2-trap,' "$T/nest.csv")" "$(grep -c '^BENCH(' bench/guests/micro.def)" \
	'two hypervisors up, every row of micro.def runs'

at_most "$(value vmcall micro-2-trap ticks_per_op)" 3000 'a VMCALL round trip of L2'
at_most "$(value vmcall micro-2-shadow ticks_per_op)" 2000 'the same with VMCS shadowing'
is "$(value vmcall micro-2-shadow exits)" 'VMCALL:1;VMRESUME:1' 'which leaves two exits'

# What a guest hypervisor makes of its VMCS on the fast path: told in memory, it need read nothing.
economy=$(sqlite3 -separator ' ' "$T/results/nest/results.db" "
	SELECT max(vmreads * 1.0 / count), max(vmwrites * 1.0 / count) FROM exit_sum
	JOIN benchmark ON benchmark = benchmark.id JOIN stack ON stack.id = benchmark.stack
	WHERE stack.name = 'micro-2-told' AND benchmark.name = 'cpuid' AND level = 1 AND reason = 'CPUID'")
at_most "${economy% *}" 2 'VMREADs on the way of a CPUID exit'
at_most "${economy#* }" 1 'and VMWRITEs'

# With EPT at each level, what a guest does to its own tables and faults costs none of them.
for benchmark in forkstorm chase-64k mixed; do
	native=$(value "$benchmark" memory-0 ticks_per_op)
	for stack in memory-1 memory-2-ept memory-2-ept-on-shadow memory-3; do
		is "$(value "$benchmark" "$stack" ticks_per_op)" "$native" "$stack: $benchmark as natively"
	done
done

# Where the processor has a guest's APIC, it costs nothing how many hypervisors are below.
for benchmark in apic-read eoi tpr selfipi selfipi-tpr; do
	one=$(value "$benchmark" irq-1-apicv ticks_per_op)
	for stack in irq-2-apicv irq-2-apicv-twice irq-2-posted irq-3-apicv; do
		is "$(value "$benchmark" "$stack" ticks_per_op)" "$one" "$stack: $benchmark as upon one hypervisor"
		is "$(value "$benchmark" "$stack" exits_per_op)" 0 "$stack: and without an exit"
	done
	if [ "$(value "$benchmark" irq-2-emulated ticks_per_op | cut -d. -f1)" -gt 1000 ]; then holds=0; else holds=1; fi
	ok $holds "irq-2-emulated: $benchmark is exits of both levels"
done

# Each access of the upper level to its VMCS is an exit of the lower one, and both have recorded it.
sums=$(sqlite3 -separator ' ' "$T/results/nest/results.db" "
	SELECT sum((level = 1) * count), sum((level = 1) * (vmreads + vmwrites)),
		sum((level = 0 AND reason IN ('VMREAD', 'VMWRITE')) * count)
	FROM exit_sum JOIN benchmark ON benchmark = benchmark.id JOIN stack ON stack.id = benchmark.stack
	WHERE stack.name = 'micro-2-trap'")
read -r exits accesses trapped <<<"$sums"
if [ "${exits:-0}" -gt 0 ]; then holds=0; else holds=1; fi
ok $holds 'the trace has the exits of the upper level' || diag "got: $sums"
is "$trapped" "$accesses" 'the lower one traps as many accesses as the upper one counts'
for level in 0 1 2; do
	if [ -s "$T/results/nest/micro-3-trap/trace/stream_$level" ]; then holds=0; else holds=1; fi
	ok $holds "level $level has a stream of its own"
done
like "$report" 'L1 exits +VMCS accesses +trapped +L0 exits +L0 per L1' 'the report sets the levels side by side'

# A VMREAD of L1's takes as long within each of its exits as the lower level says that all took.
folded=$(build/vmfee export folded --stack=micro-2-trap "$T/results/nest")
like "$folded" 'micro-2-trap;cpuid;L2;CPUID;L1;VMREAD [0-9]+' 'folded stacks stand upon the exits that they are for'
sums=$(sqlite3 -separator ' ' "$T/results/nest/results.db" "
	SELECT (SELECT sum(handled_ticks) FROM exit_sum JOIN stack ON stack.id = exit_sum.stack
			WHERE stack.name = 'micro-2-trap' AND level = 0),
		(SELECT sum(own_ticks) FROM path JOIN stack ON stack.id = path.stack
			WHERE stack.name = 'micro-2-trap' AND level = 0)")
is "${sums% *}" "${sums#* }" 'and have all the time that the lowest level took'
like "$report" 'CPUID +[0-9]+ +3\.0 +1\.0 +4\.0 ' 'the report says what an exit makes of its VMCS, and what is trapped'
like "$report" 'CPUID +[0-9]+ +0\.0 +1\.0 +1\.0 ' 'also where it is told of exits in memory'
like "$report" 'EXIT_REASON +read +[1-9][0-9]+ +0 ' 'and which accesses VMCS shadowing saves'

like "$report" 'benchmark +micro-0 +micro-1 +micro-2-trap' 'the report sets the depths side by side'
finish
