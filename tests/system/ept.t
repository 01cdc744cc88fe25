#!/bin/bash
# What EPT is told to do by switches, and how its two kinds of exits end a run.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# ends_with STATUS NAME LEVELS: runs a stack; its console is then in $console
ends_with() {
	run_stack case "$3" "cpu=${CPU:-corei7_skylake_x}" "memory=${MEMORY:-256}" watchdog=2000 outbox=32
	is "$status" "$1" "$2: status $1" || diag "$errors"
	console=$(cat "$T"/results/{case,.case.failed}/case/console.log 2>/dev/null)
}

# violations: how many EPT violations the last run had
violations() {
	sqlite3 "$T/results/case/results.db" \
		"SELECT CAST(total(count) AS INTEGER) FROM exit_sum WHERE reason = 'EPT_VIOLATION'"
}

workload='memory only=touch,forkstorm samples=4'

# Sizes of pages.
for size in 4k 2m 1g; do
	MEMORY=2560 ends_with 0 "pages of $size" "l1vmm mmu=ept:$size / $workload"
	case $size in
	4k) at_most 20000 "$(violations)" "$size: a violation for each page" ;;
	2m) at_most "$(violations)" 60 "$size: one for each 2 MB" ;;
	1g) is "$(violations)" 1 "$size: one for all that is used" ;;
	esac
done
MEMORY=512 ends_with 2 "a machine without a whole GB" "l1vmm mmu=ept:1g / $workload"
like "$console" 'too little memory: no page of 1 GB is left for mmu=ept:1g' 'it says so'
CPU=corei7_ivy_bridge_3770k ends_with 2 "a CPU without the assists" "l1vmm mmu=ept:1g dirty=ad / micro"
like "$console" 'this CPU lacks EPT_1G_PAGES .*: mmu=ept:1g' 'pages of 1 GB are named'
like "$console" 'this CPU lacks EPT_ACCESSED_DIRTY .*: dirty=ad' 'dirty flags are named'
ends_with 2 "shadow paging with what only EPT does" 'l1vmm mmu=shadow:trap exec=demand / micro'
like "$console" 'dirty= and exec= need mmu=ept' 'is refused by name'

# path: instructions of the shortest violation
path() {
	sqlite3 "$T/results/case/results.db" \
		"SELECT min(shortest) FROM exit_sum WHERE reason = 'EPT_VIOLATION'"
}
ends_with 0 'a first touch' "l1vmm mmu=ept:4k / $workload"
at_most "$(path)" 250 'instructions of a first touch'

# Pages that are written and executed: report NAME SWITCHES, then in $touched $written $executed
report() {
	ends_with 0 "$1" "l1vmm mmu=ept:4k $1 / $workload"
	[[ $console =~ of\ ([0-9]+)\ KiB\ that\ the\ guest\ touched,\ ([0-9]+)\ may\ have\ been\ written,\ ([0-9]+)\ executed,\ ([0-9]+)\ both ]]
	ok $? "$1: the end tells what became of memory"
	touched=${BASH_REMATCH[1]} written=${BASH_REMATCH[2]} executed=${BASH_REMATCH[3]}
	both=${BASH_REMATCH[4]}
}
report dirty=protect
protected=$written
at_most "$written" "$((touched - 4))" 'dirty=protect: the image is not written'
report dirty=ad
at_most "$protected" "$written" 'dirty=ad: flags find what protection finds'
at_most "$written" "$((protected + 64))" 'dirty=ad: and page tables that were only read'
report exec=demand
at_most "$executed" 128 'exec=demand: only code is executed'
report 'dirty=protect exec=demand'
is "$written $both" "$protected 0" 'both: nothing is written and executed'

# A violation that is not answered by mapping, and a misconfiguration.
ends_with 3 'an access that is denied' "l1vmm fault=ept-denied / micro"
like "$console" '@stop reason=access-denied gpa=0x[0-9a-f]+ what=write' 'it is named with its kind'
ends_with 4 'a misconfigured entry' "l1vmm fault=ept-misconfig / micro"
like "$console" 'panic: EPT misconfiguration at gpa 0x[0-9a-f]+: entry 0x[0-9a-f]+ of level 1 grants writing without reading' \
	'it is named with entry, level and what is wrong'

finish
