#!/bin/bash
# Events at moments that are hard to hit: a guest that tries one tick after another, on each timer.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# moments LEVELS: runs the guest
moments() {
	printf '[experiment]\ntitle = t\nmemory = 128\nwatchdog = 2000\noutbox = 64\n[stack case]\nlevels = %s\n' \
		"$1" >"$T/moments.ini"
	rm -rf "$T/results"
	run build/vmfee run --no-plots --results "$T/results" "$T/moments.ini"
	is "$status" 0 "at whatever moment, each comes once: $1" || diag "$errors"
}

for how in timer=emulated timer=preempt timer=direct; do
	moments "l1vmm $how / moments"
done
moments 'l1vmm timer=direct irq=apicv / moments shadows=late'

# A start-up message is void without an INIT, and what the other processor has the controllers ask for
# reaches one whose APIC is off.
for way in emulated posted; do
	moments "l1vmm cpus=2 irq=$way / moments cpus=2"
done

printf '[experiment]\ntitle = t\nmemory = 128\nwatchdog = 2000\noutbox = 64\n[stack case]\nlevels = l1vmm / moments end=halted\n' \
	>"$T/halted.ini"
run build/vmfee run --results "$T/halted" "$T/halted.ini"
is "$status" 3 "it is stopped"
like "$errors" 'halted-forever' "halted in an NMI's handler, with another waiting, a guest can be woken by nothing"

finish
