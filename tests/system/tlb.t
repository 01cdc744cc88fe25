#!/bin/bash
# The TLB observatory: what it counts is what a simulation of the same TLB, written apart, makes of a
# trace of every page access; and the guest, to the instruction, runs as it does without it.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

private_project

# experiment NAME: the stacks come from stdin; $MEMORY says how many MB each has
experiment() {
	{
		cat <<END
[experiment]
title = The observatory
platform = bochs
cpu = corei7_skylake_x
memory = ${MEMORY:-128}
watchdog = 4000
outbox = 96
END
		cat
	} >"$PROJECT/bench/experiments/$1.ini"
}

guest='micro only=cpuid,cr3-reload,invlpg,pf-guest,pf-demand,syscall samples=4'
for stack in 'mmu=ept:4k tlb=vpid' 'mmu=shadow:unsync tlb=flush'; do
	name=${stack#mmu=}
	name=${name%%:*}
	cat <<END
[stack $name]
levels = l1vmm $stack / $guest
[stack $name-tlb]
levels = l1vmm $stack observe=tlb tlb_model=small / $guest
[stack $name-trace]
levels = l1vmm $stack observe=trace tlb_model=small / $guest
END
done | experiment watch

run "$PROJECT/build/vmfee" run --no-plots watch
is "$status" 0 "guests are observed" || diag "$errors"
table=$output
run "$PROJECT/build/vmfee" report --csv watch
csv=$output

# column NAME STACK: benchmark and value, line by line
column() {
	awk -F, -v name="$1" -v stack="$2" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		NR > 1 && $2 == stack { print $1, $at }' <<<"$csv"
}

for name in ept shadow; do
	for counter in tlb_refills_per_op walk_references_per_op; do
		is "$(column "$counter" "$name-tlb")" "$(column "$counter" "$name-trace")" \
			"$name: $counter is what the simulation says"
	done
	missing=$(column tlb_refills_per_op "$name-tlb" | awk '$2 > 0' | wc -l)
	if [ "$missing" -ge 2 ]; then holds=0; else holds=1; fi
	ok $holds "$name: $missing benchmarks miss"
	for way in tlb trace; do
		for value in ticks_per_op exits_per_op fee_per_op exits; do
			is "$(column "$value" "$name-$way")" "$(column "$value" "$name")" \
				"$name: $value under observe=$way is that of the stack without it"
		done
	done
done

like "$table" 'The TLB of ept-tlb, modelled as small' "the report has a table of it"
like "$table" "The observatory's own [1-9][0-9]* exits are in no other table" \
	"and says how many exits were for its sake"

run sqlite3 "$PROJECT/results/watch/results.db" \
	"SELECT count(*) FROM observed WHERE refills > exits"
is "$output" 0 "the database has no more refills than exits of the observatory's own"

# A load of CR3 leaves global pages alone, whoever carries it out.
for cr in mask trap; do
	cat <<END
[stack $cr]
levels = l1vmm mmu=ept:2m tlb=vpid cr=$cr observe=tlb tlb_model=small / memory only=reload-global samples=4 pages=8
END
done | MEMORY=256 experiment globals
run "$PROJECT/build/vmfee" run --no-plots globals
is "$status" 0 "a guest with global pages is observed" || diag "$errors"
csv=$("$PROJECT/build/vmfee" report --csv globals)
is "$(column exits_per_op mask | grep global)" "reload-global 0" "loads of CR3 are the guest's own"
is "$(column exits_per_op trap | grep global)" "reload-global 1" "or the hypervisor's"
refills=$(column tlb_refills_per_op mask | awk '/global/ { print $2 }')
if awk -v refills="$refills" 'BEGIN { exit !(refills > 0 && refills < 8) }'; then holds=0; else holds=1; fi
ok $holds "of 8 global pages and others, only others miss" || diag "got: $refills"
is "$(column tlb_refills_per_op trap)" "$(column tlb_refills_per_op mask)" \
	"as many miss when the hypervisor loads CR3"

experiment nothing <<<'[stack x]
levels = l1vmm observe=tlb tlb_model=nothing / micro'
run "$PROJECT/build/vmfee" run nothing
fails_with 2 "no model 'nothing' in bench/models; there are: .*skylake-sp.*small" \
	"an unknown model is wrong usage"

experiment modelless <<<'[stack x]
levels = l1vmm observe=tlb / micro'
run "$PROJECT/build/vmfee" run modelless
is "$status" 2 "observe=tlb without one is refused"
like "$errors" 'observe=tlb needs tlb_model=' "it says what is missing"

experiment nested <<<'[stack x]
levels = l1vmm nested=on observe=tlb tlb_model=small / l1vmm / micro only=cpuid'
run "$PROJECT/build/vmfee" run nested
is "$status" 2 "a hypervisor that is observed with its guests is refused"
like "$errors" 'observe= needs nested=off' "by name"

finish
