#!/bin/bash
# 10^5 events at random between two processors and more under each way to deliver them, and with each
# timer.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

. tests/system/stress.sh
pair_stress '' 400
for irq in emulated apicv posted; do
	for timer in emulated preempt direct; do
		pair_stress "l1vmm cpus=2 irq=$irq timer=$timer telemetry=off /" 400
	done
done

# Three and four.
for cpus in 3 4; do
	many_stress '' $cpus 400
	for irq in emulated apicv posted; do
		many_stress "l1vmm cpus=$cpus irq=$irq telemetry=off /" $cpus 400
		many_stress "l1vmm cpus=$cpus nested=on irq=$irq telemetry=off / l1vmm cpus=$cpus telemetry=off /" $cpus 4
	done
done

# Two hypervisors up, with each way above and below: the workloads check what they find.  Of a storm there
# can be nothing left to compute with.
for irq in emulated apicv posted; do
	for vmcs in trap shadow; do
		below="l1vmm cpus=2 nested=on irq=$irq vmcs=$vmcs"
		for above in emulated apicv posted; do
			pair_stress "$below telemetry=off / l1vmm cpus=2 irq=$above telemetry=off /" 8
			run_pair "$below ring=16384 / l1vmm cpus=2 irq=$above /" 'ipi*,tlbshoot*,storm-0,storm-latency-*'
		done
	done
done

# And three.
pair_stress 'l1vmm cpus=2 nested=on irq=posted vmcs=shadow / l1vmm cpus=2 nested=on irq=posted memory=160 / l1vmm cpus=2 irq=posted /' 1

finish
