#!/bin/bash
# The experiment `mmu` is repeatable to the byte, and its workloads take every size.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

for results in first second; do
	run build/vmfee run --results "$T/$results" mmu
	is "$status" 0 "$results run of mmu" || diag "$errors"
done
while read -r file; do
	cmp -s "$T/first/mmu/$file" "$T/second/mmu/$file"
	ok $? "$file is the same in both"
done < <(cd "$T/first/mmu" && ls report.txt manifest.json ./*/console.log ./*/trace/stream_0)

private_project
# memory OPTIONS: runs the image bare with these options
memory() {
	one_stack case "memory $1" memory=256
	run "$PROJECT/build/vmfee" run "$T/case.ini"
}
memory 'spaces=3 pages=5 samples=7'
is "$status" 0 "every workload runs with 3 spaces, 5 pages and 7 samples" || diag "$errors"
memory 'pages=1 samples=1 spaces=1'
is "$status" 0 "and with one of each" || diag "$errors"
memory 'only=demand-fault,touch,forkstorm samples=4096 pages=8'
is "$status" 0 "and with 4096 samples" || diag "$errors"
memory 'only=cr3-switch spaces=64 pages=16384'
is "$status" 3 "more pages than there is memory for end the run"
like "$errors" 'out-of-frames' "they are what it names"

finish
