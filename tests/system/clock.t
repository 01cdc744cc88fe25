#!/bin/bash
# A guest's clock: never backwards, on one processor or two, as fast as it is to be, and what its timers
# go by.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# clock LEVELS: runs the guest, and sets `ticks` to what an interval of the machine's timer took it
clock() {
	run_stack clock "$1" "cpu=${CPU:-corei7_skylake_x}" memory=256 watchdog=8000 outbox=64
	ticks=$(sed -n 's/^|*clock: ticks=//p' "$T/results/clock/case/console.log" 2>/dev/null)
}

# keeps LEVELS: the guest finds nothing wrong
keeps() {
	clock "$1"
	is "$status" 0 "time goes on, and timers keep to it: $1" || diag "$errors"
}

# goes RATIO TICKS NAME: the clock of the last run went so fast, of the ticks of another
goes() {
	if awk -v got="${ticks:-0}" -v of="$2" -v ratio="$1" 'BEGIN { exit !(got / of > ratio * 0.97 && got / of < ratio * 1.03) }'; then holds=0; else holds=1; fi
	ok $holds "$3: $ticks of $2" || diag "wanted: $1"
}

# The records of 64 KiB are carried out often, during which time stands still.
keeps 'l1vmm ring=64 / clock'
plain=$ticks
for how in timer=preempt timer=direct tsc=trap 'irq=apicv timer=preempt'; do
	keeps "l1vmm ring=64 $how / clock"
	goes 1 "$plain" "as fast as with tsc=offset"
done

# A TSC multiplier, by the processor and by hand.
keeps 'l1vmm tsc=scale tsc_multiplier=3/2 / clock'
goes 1.5 "$plain" "half as fast again"
keeps 'l1vmm tsc=scale tsc_multiplier=1/3 timer=preempt / clock'
goes 0.3333 "$plain" "a third as fast"
keeps 'l1vmm tsc=trap tsc_multiplier=2/1 / clock'
goes 2 "$plain" "twice as fast"
keeps 'l1vmm tsc=scale timer=direct / clock'
goes 1 "$plain" "a multiplier of 1 changes nothing"

# A benchmark's window is by the guest's clock, its exits by the machine's.
one_stack window 'l1vmm tsc=scale tsc_multiplier=7/3 / micro only=cpuid' memory=128 watchdog=400 outbox=32
run build/vmfee run --no-plots --results "$T" "$T/window.ini"
is "$status" 0 "benchmarks by another clock" || diag "$errors"
build/vmfee report --csv "$T/window" >"$T/window.csv"
is "$(cell "$T/window.csv" cpuid case exits)" CPUID:1 "their exits are theirs"

# A hypervisor upon another one: both multipliers make one.
keeps 'l1vmm nested=on tsc=scale / l1vmm tsc=scale tsc_multiplier=3/2 / clock'
goes 1.5 "$plain" "half as fast again, two up"

# Between two processors, and natively, which shows that the test asks nothing of Bochs that it lacks.
keeps 'clock cpus=2'
for how in '' timer=preempt timer=direct irq=apicv irq=posted 'irq=posted timer=direct' tsc=trap \
	'tsc=scale tsc_multiplier=5/3'; do
	keeps "l1vmm cpus=2 $how / clock cpus=2"
done

CPU=corei7_haswell_4770 clock 'l1vmm tsc=scale / clock'
is "$status" 2 "a processor without it is refused"
like "$errors" 'tsc=scale' "by name"

finish
