#!/bin/bash
# The experiments `irq` and `timer` from end to end: within their bounds, and no interrupt lost or
# doubled by either way to deliver it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# value EXPERIMENT BENCHMARK STACK COLUMN
value() {
	cell "$T/$1.csv" "${@:2}"
}

for experiment in irq timer; do
	run build/vmfee run --results "$T" "$experiment"
	is "$status" 0 "the experiment $experiment runs" || diag "$errors"
	build/vmfee report --csv "$T/$experiment" >"$T/$experiment.csv"
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

. tests/system/stress.sh
stress 'l1vmm irq=emulated /'
stress 'l1vmm irq=apicv /'

# Reserved vectors and bits, registers that are read-only or of the other mode, a base that moves,
# interrupts that are never ended, the smallest period: the guest's own checks.
for way in irq=emulated irq=apicv 'irq=apicv msr=trap timer=preempt' 'mmu=shadow:unsync'; do
	printf '[experiment]\ntitle = t\nmemory = 128\nwatchdog = 2000\noutbox = 32\n[stack case]\nlevels = l1vmm %s / apic\n' \
		"$way" >"$T/apic.ini"
	run build/vmfee run --no-plots --results "$T/wrong" "$T/apic.ini"
	is "$status" 0 "what is wrong to do with an APIC has its defined result: $way" || diag "$errors"
	rm -rf "$T/wrong"
done

finish
