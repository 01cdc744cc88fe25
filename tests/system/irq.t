#!/bin/bash
# The experiments `irq` and `timer` from end to end: repeatable to the byte, within their bounds, and
# no interrupt lost or doubled under any way to deliver it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# value EXPERIMENT BENCHMARK STACK COLUMN: one cell of the CSV
value() {
	awk -F, -v benchmark="$2" -v stack="$3" -v column="$4" '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$1 == benchmark && $2 == stack { print $at[column] }' "$T/$1.csv"
}

# at_most GOT BOUND NAME
at_most() {
	awk -v got="$1" -v bound="$2" 'BEGIN { exit !(got != "" && got + 0 <= bound) }'
	ok $? "$3: $1, at most $2" || diag "got: $1"
}

for experiment in irq timer; do
	for results in first second; do
		run build/vmfee run --results "$T/$results" "$experiment"
		is "$status" 0 "$results run of $experiment" || diag "$errors"
	done
	for file in report.txt manifest.json; do
		cmp -s "$T/first/$experiment/$file" "$T/second/$experiment/$file"
		ok $? "$file of $experiment is the same in both"
	done
	build/vmfee report --csv "$T/first/$experiment" >"$T/$experiment.csv"
	diff -u "tests/golden/$experiment.csv" "$T/$experiment.csv" >"$T/difference"
	ok $? "counts are those of tests/golden/$experiment.csv" || diag "$(head -40 "$T/difference")"
done

# Path lengths, guest instruction to guest instruction, telemetry on.
at_most "$(value irq selfipi emulated ticks_per_op)" 800 "a self-IPI, whole"
at_most "$(value irq eoi emulated ticks_per_op)" 200 "an EOI"
at_most "$(value irq apic-read emulated ticks_per_op)" 180 "a read of an x2APIC register"
at_most "$(value timer deadline-past emulated ticks_per_op)" 800 "a deadline in the past, whole"
at_most "$(value timer deadline-latency emulated fee_per_op)" 500 "the excess of a deadline ahead"
is "$(value irq selfipi emulated exits_per_op)" 2 "two exits for an emulated self-IPI"
is "$(value irq tpr-cr8 emulated exits_per_op)" 0 "none for CR8 with nothing waiting"
is "$(value irq selfipi-tpr emulated exits_per_op)" 3 "and one for a CR8 that lets an interrupt through"
at_most "$(value irq selfipi apicv ticks_per_op)" 40 "a self-IPI by the processor, whole"
is "$(value timer deadline-latency direct exits_per_op)" 2 "with timer=direct a deadline exits when it is over, and for the EOI"
is "$(value timer tick-deadline-4000 direct-apicv exits_per_op)" 1 "and only when it is over where the processor delivers"
for benchmark in selfipi eoi tpr tpr-cr8 apic-read selfipi-masked selfipi-tpr; do
	is "$(value irq "$benchmark" apicv exits_per_op)" 0 "no exit for $benchmark with irq=apicv"
done

# Every kind of interrupt at random, checked by the guest: 100,000 of them in each way.
private_project
for way in '' 'l1vmm irq=emulated /' 'l1vmm irq=emulated timer=preempt /' \
	'l1vmm irq=apicv /' 'l1vmm irq=apicv msr=trap timer=preempt /' 'l1vmm timer=direct ring=32768 /' \
	'l1vmm irq=apicv timer=direct ring=32768 /'; do
	printf '[experiment]\ntitle = t\nmemory = 256\nwatchdog = 8000\noutbox = 64\n[stack case]\nlevels = %s irq only=stress\n' \
		"$way" >"$T/case.ini"
	run "$PROJECT/build/vmfee" run "$T/case.ini"
	console=$(<"$PROJECT/results/case/case/console.log")
	like "$console" '@end image=irq status=ok' "100,000 interrupts arrive once and in order: ${way:-bare}"
	sum=$(sed -n 's/.*@bench name=stress .* ops=\([0-9]*\) samples=\([0-9]*\) .*/\1 \2/p' <<<"$console")
	if [ $((${sum% *} * ${sum#* })) -ge 100000 ]; then holds=0; else holds=1; fi
	ok $holds "so many they were" || diag "got: $sum"
	rm -rf "$PROJECT/results"
done

finish
