#!/bin/bash
# Events at moments that are hard to hit: a guest that tries one tick after another, on each timer.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# moments LEVELS: runs the guest
moments() {
	run_stack moments "$1" memory=128 watchdog=2000 outbox=64
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

one_stack halted 'l1vmm / moments end=halted' memory=128 watchdog=2000 outbox=64
run build/vmfee run --results "$T/halted" "$T/halted.ini"
is "$status" 3 "it is stopped"
like "$errors" 'halted-forever' "halted in an NMI's handler, with another waiting, a guest can be woken by nothing"

finish
