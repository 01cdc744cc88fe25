#!/bin/bash
# The experiments `irq` and `timer` are repeatable, and no interrupt is lost or doubled
# under any way to deliver it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
. tests/system/stress.sh

for experiment in irq timer; do
	for results in first second; do
		run build/vmfee run --results "$T/$results" "$experiment"
		is "$status" 0 "$results run of $experiment" || diag "$errors"
	done
	cmp -s "$T/first/$experiment/manifest.json" "$T/second/$experiment/manifest.json"
	ok $? "manifest.json of $experiment is the same in both"
	for results in first second; do
		build/vmfee report --csv "$T/$results/$experiment" >"$T/$results.csv"
	done
	is "$(promised "$T/second.csv")" "$(promised "$T/first.csv")" "figures of $experiment are the same in both"
done
cmp -s "$T/first/timer/report.txt" "$T/second/timer/report.txt"
ok $? "report.txt of timer is the same in both"

stress ''
stress 'l1vmm irq=emulated timer=preempt /'
stress 'l1vmm irq=posted /'
stress 'l1vmm irq=apicv msr=trap timer=preempt /'
stress 'l1vmm timer=direct ring=32768 /'
stress 'l1vmm irq=apicv timer=direct ring=32768 /'

finish
