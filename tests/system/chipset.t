#!/bin/bash
# The lines of the I/O APIC, the 8259 pair and the interval timer: the guest's own checks under each
# way to deliver and each timer, and the end of an interrupt exits for level-triggered ones alone.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# chipset LEVELS: runs the guest
chipset() {
	run_stack chipset "$1" memory=128 watchdog=2000 outbox=32
	is "$status" 0 "lines, levels, controllers, counters, and what is wrong to write: $1" || diag "$errors"
}

# exits REASON: how many the last run had
exits() {
	awk -v reason="$1" '/^All exits/ { table = 1 } table && $1 == reason { n = $2 } /^The trace/ { table = 0 } END { print n + 0 }' \
		"$T/results/chipset/report.txt"
}

chipset 'l1vmm / chipset'
is "$(exits VIRTUALIZED_EOI)" 0 "emulated, an EOI is an exit of its own"
for way in apicv posted; do
	chipset "l1vmm irq=$way / chipset"
	is "$(exits VIRTUALIZED_EOI)" 6 "$way: the ends of the 6 level-triggered interrupts exit, and no others"
done
for way in emulated apicv posted; do
	chipset "l1vmm cpus=2 irq=$way / chipset cpus=2"
done
is "$(exits VIRTUALIZED_EOI)" 11 "5 more are level-triggered of the second processor, which ends them"
chipset 'l1vmm timer=preempt / chipset'
chipset 'l1vmm irq=apicv timer=direct / chipset'
chipset 'l1vmm mmu=shadow:unsync msr=trap io=trap / chipset'

finish
