#!/bin/bash
# The experiments `irq` and `timer` are repeatable to the byte, and no interrupt is lost or doubled
# under any way to deliver it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

for experiment in irq timer; do
	for results in first second; do
		run build/vmfee run --results "$T/$results" "$experiment"
		is "$status" 0 "$results run of $experiment" || diag "$errors"
	done
	for file in report.txt manifest.json; do
		cmp -s "$T/first/$experiment/$file" "$T/second/$experiment/$file"
		ok $? "$file of $experiment is the same in both"
	done
done

. tests/system/stress.sh
stress ''
stress 'l1vmm irq=emulated timer=preempt /'
stress 'l1vmm irq=apicv msr=trap timer=preempt /'
stress 'l1vmm timer=direct ring=32768 /'
stress 'l1vmm irq=apicv timer=direct ring=32768 /'

finish
