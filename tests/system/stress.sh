# Sourced by tests of interrupts, after lib.sh.
# shellcheck shell=bash

# promised CSV: what runs of an experiment have in common: all of the stacks with one processor.  With two
# (NAME-2), ticks depend on whose turn it is: their benchmarks, operations, samples and exits, but of
# storms, which last as long as they last.
promised() {
	awk -F, '
		NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$2 !~ /-2$/ { print; next }
		{ print $1, $2, $at["ops"], $at["samples"], $1 ~ /^storm/ ? "" : $at["exits"] }' "$1"
}

# replayed CONSOLE LEAST: at least so many vectors that a guest has logged are those of the reference APIC
replayed() {
	local text vectors
	text=$(build/stress-check <(printf '%s\n' "$1"))
	ok $? "a reference of an APIC takes the same: $text"
	vectors=${text%% *}
	if [ "${vectors:-0}" -ge "$2" ]; then holds=0; else holds=1; fi
	ok $holds "$2 vectors and more of them" || diag "got: $text"
}

# stress LEVELS: 100,000 interrupts of every kind at random, checked by a guest upon these levels
stress() {
	local console ops samples
	one_stack stress "$1 irq only=stress log=1" memory=256 watchdog=8000 outbox=64
	run build/vmfee run --results "$T/stress" "$T/stress.ini"
	console=$(cat "$T/stress/stress/case/console.log" "$T/stress/.stress.failed/case/console.log" 2>/dev/null)
	like "$console" '@end image=irq status=ok' "interrupts arrive once and in order: ${1:-bare}"
	read -r ops samples < <(sed -n 's/.*@bench name=stress .* ops=\([0-9]*\) samples=\([0-9]*\) .*/\1 \2/p' <<<"$console")
	if [ $((${ops:-0} * ${samples:-0})) -ge 100000 ]; then holds=0; else holds=1; fi
	ok $holds "100,000 of them" || diag "got: ${ops:-0} times ${samples:-0}"
	replayed "$console" 100000
	rm -rf "$T/stress"
}

# run_pair LEVELS ROWS: these rows of the workload of two processors upon these levels; each level tells
# of all its exits
run_pair() {
	local console
	one_stack pair "$1 irq cpus=2 only=$2 samples=16" memory=256 watchdog=4000 outbox=64
	run build/vmfee run --no-plots --results "$T/pair" "$T/pair.ini"
	is "$status" 0 "$2 upon $1" || diag "$errors"
	console=$(cat "$T/pair/pair/case/console.log" 2>/dev/null)
	is "$(grep -cE '^\|*@telemetry cpu=[01] records=[1-9][0-9]* dropped=0 ' <<<"$console")" \
		"$(($(grep -o cpus= <<<"$1" | wc -l) * 2))" "each level tells of both processors' exits, and of all"
	rm -rf "$T/pair"
}

# pair_stress LEVELS SAMPLES: 256 events a sample between two processors at random, and INIT, checked by
# a guest upon these levels
pair_stress() {
	local console ops samples
	one_stack pair "$1 irq cpus=2 only=pair-* samples=$2 log=1" memory=256 watchdog=4000 outbox=64
	run build/vmfee run --no-plots --results "$T/pair" "$T/pair.ini"
	console=$(cat "$T/pair/pair/case/console.log" "$T/pair/.pair.failed/case/console.log" 2>/dev/null)
	like "$console" '@end image=irq status=ok' "what two send each other arrives once and in order, and each INIT: ${1:-bare}"
	read -r ops samples < <(sed -n 's/.*@bench name=pair-stress .* ops=\([0-9]*\) samples=\([0-9]*\) .*/\1 \2/p' <<<"$console")
	if [ $((${ops:-0} * ${samples:-0})) -ge $((256 * $2)) ]; then holds=0; else holds=1; fi
	ok $holds "$((256 * $2)) events" || diag "got: ${ops:-0} times ${samples:-0}"
	replayed "$console" $((256 * $2))
	rm -rf "$T/pair"
}

# many_stress LEVELS CPUS SAMPLES: so many processors send each other vectors at random, 64 a sample by
# each, to one, some or all of them; what two do among them goes on beside the others
many_stress() {
	local console
	one_stack many "$1 irq cpus=$2 only=many-*,pair-restart,pair-masked,ipi* samples=$3" memory=256 watchdog=8000 outbox=64
	run build/vmfee run --no-plots --results "$T/many" "$T/many.ini"
	console=$(cat "$T/many/many/case/console.log" "$T/many/.many.failed/case/console.log" 2>/dev/null)
	like "$console" '@end image=irq status=ok' "what $2 send each other arrives once at each, and in order: ${1:-bare}"
	like "$console" "@bench name=many-stress .* ops=64 samples=$3 " "in $3 samples"
	rm -rf "$T/many"
}
