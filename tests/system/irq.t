#!/bin/bash
# The experiments `irq` and `timer` from end to end: within their bounds, and no interrupt lost or
# doubled by either way to deliver it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

. tests/system/stress.sh

# value EXPERIMENT BENCHMARK STACK COLUMN
value() {
	cell "$T/$1.csv" "${@:2}"
}

for experiment in irq timer; do
	run build/vmfee run --results "$T" "$experiment"
	is "$status" 0 "the experiment $experiment runs" || diag "$errors"
	build/vmfee report --csv "$T/$experiment" >"$T/$experiment.csv"
	diff -u <(promised "tests/golden/$experiment.csv") <(promised "$T/$experiment.csv") >"$T/difference"
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
at_most "$(value irq selfipi posted ticks_per_op)" 40 "the same with irq=posted"
for way in apicv posted; do
	for benchmark in selfipi eoi tpr tpr-cr8 apic-read selfipi-masked selfipi-tpr; do
		is "$(value irq "$benchmark" $way exits_per_op)" 0 "no exit for $benchmark with irq=$way"
	done
done
is "$(value irq haltwake-latency emulated exits)" "HLT:1;MSR_WRITE:2" "halted, a timer wakes: programming, HLT, EOI"
is "$(value irq haltwake-latency apicv exits)" "HLT:1;MSR_WRITE:1" "and without the EOI where the processor delivers"
at_most "$(value irq haltwake-latency emulated fee_per_op)" 600 "the excess of a deadline ahead in HLT"

# What the guest measured is what the telemetry of its exits has, but for the way in and out.
rest() {
	awk -v rest="$(value "$1" "$2" emulated transition)" -v exits="$(value "$1" "$2" emulated exits_per_op)" \
		'BEGIN { if (rest != "" && rest + 0 >= 0 && exits + 0 > 0) print rest / exits }'
}
for benchmark in apic-read eoi tpr selfipi selfipi-icr selfipi-masked selfipi-tpr nmi; do
	at_most "$(rest irq "$benchmark")" 150 "instructions of an exit of $benchmark that its guest counts and telemetry does not"
done

# ticking TIMER STACK: jitter and lost ticks, of the report's last table
ticking() {
	awk -v timer="$1" -v stack="$2" '$1 == timer && $2 == stack && NF == 7 { print $5, $7 }' "$T/timer/report.txt"
}
is "$(ticking tick-400 native)" "$(ticking tick-4000 native)" "natively 10,000 Hz tick as 1,000 do"
for stack in native emulated preempt direct direct-apicv; do
	for timer in tick-40000 tick-4000; do
		read -r jitter lost <<<"$(ticking $timer $stack)"
		is "$lost" 0 "no tick lost of $timer, $stack"
		at_most "$jitter" 200 "jitter of $timer, $stack"
	done
done
at_most "$(ticking tick-deadline-4000 emulated | cut -d' ' -f1)" 500 "a tick that is set by the one before comes late by"

# A guest that spins is left alone, or exits once it has for longer than the window.
printf '[experiment]\ntitle = t\nmemory = 256\nwatchdog = 400\noutbox = 32\n[stack off]\nlevels = l1vmm / irq only=spin\n[stack on]\nlevels = l1vmm ple=on / irq only=spin\n' >"$T/spin.ini"
run build/vmfee run --no-plots --results "$T" "$T/spin.ini"
is "$status" 0 "a guest spins with PAUSE" || diag "$errors"
build/vmfee report --csv "$T/spin" >"$T/spin.csv"
is "$(value spin spin off exits_per_op)" 0 "without an exit"
like "$(value spin spin on exits)" '^PAUSE:1(\.[0-9]+)?$' "and with ple=on one a window of 4,096 ticks, which turns of 3 make in less than 2,000"

stress 'l1vmm irq=emulated /'
stress 'l1vmm irq=apicv /'

# Reserved vectors and bits, registers that are read-only or of the other mode, a base that moves,
# interrupts that are never ended, the smallest period: the guest's own checks.
for way in irq=emulated irq=apicv 'irq=apicv msr=trap timer=preempt' 'mmu=shadow:unsync'; do
	one_stack apic "l1vmm $way / apic" memory=128 watchdog=2000 outbox=32
	run build/vmfee run --no-plots --results "$T/wrong" "$T/apic.ini"
	is "$status" 0 "what is wrong to do with an APIC has its defined result: $way" || diag "$errors"
	rm -rf "$T/wrong"
done

# xapic WAY: 1,000 times TPR, a self-IPI, TPR and EOI by way of the page
xapic() {
	one_stack xapic "l1vmm $1 / xapic" memory=128 watchdog=2000 outbox=32
	run build/vmfee run --no-plots --results "$T/xapic" "$T/xapic.ini"
	is "$status" 0 "an APIC in xAPIC mode does as the architecture says: $1" || diag "$errors"
	exits=$(sed -n 's/^The trace holds \([0-9]*\) exits; 0 more were lost.*/\1/p' "$T/xapic/xapic/report.txt")
	rm -rf "$T/xapic"
}

xapic irq=emulated
if [ "${exits:-0}" -gt 4000 ]; then holds=0; else holds=1; fi
ok $holds "four exits each time" || diag "got: $exits"
for way in apicv posted; do
	xapic irq=$way
	at_most "$exits" 150 "exits in all of it, none of them each time: $way"
done
xapic 'irq=apicv mmu=shadow:unsync'

finish
