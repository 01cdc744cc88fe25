#!/bin/bash
# 10^5 events at random between two processors under each way to deliver them, and with each timer.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

. tests/system/stress.sh
pair_stress '' 400
for irq in emulated apicv posted; do
	for timer in emulated preempt direct; do
		pair_stress "l1vmm cpus=2 irq=$irq timer=$timer telemetry=off /" 400
	done
done

finish
