#!/bin/bash
# A guest's clock goes backwards on no processor, under each way to deliver interrupts and each timer, and
# two hypervisors up.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# keeps LEVELS: the guest finds nothing wrong
keeps() {
	run_stack clock "$1" memory=256 watchdog=8000 outbox=64
	is "$status" 0 "time goes on, and timers keep to it: $1" || diag "$errors"
}

for irq in emulated apicv posted; do
	for timer in emulated preempt direct; do
		for tsc in trap offset scale; do
			keeps "l1vmm irq=$irq timer=$timer tsc=$tsc ring=64 / clock"
			keeps "l1vmm cpus=2 irq=$irq timer=$timer tsc=$tsc / clock cpus=2"
		done
	done
done
for tsc in 'tsc=trap tsc_multiplier=65535/65534' 'tsc=scale tsc_multiplier=65534/65535' 'tsc=scale tsc_multiplier=4/1'; do
	keeps "l1vmm $tsc timer=preempt / clock"
	keeps "l1vmm cpus=2 $tsc / clock cpus=2"
	keeps "l1vmm nested=on cpus=2 / l1vmm cpus=2 $tsc / clock cpus=2 period=1000000"
	keeps "l1vmm nested=on cpus=2 tsc=trap / l1vmm cpus=2 $tsc timer=preempt / clock cpus=2 period=1000000"
done

finish
