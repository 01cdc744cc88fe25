#!/bin/bash
# A run looked at while it goes on, and after its end: never other exits than the report has.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results
cat >"$PROJECT/bench/experiments/busy.ini" <<END
[experiment]
title = many exits
memory = 256
outbox = 16
watchdog = 4000
[stack busy]
levels = l1vmm generation=gen1 / memory only=mixed samples=48
[stack native]
levels = memory only=mixed samples=2
END
# Rings that are read in the end only, and are too small until then.
cat >"$PROJECT/bench/experiments/lossy.ini" <<END
[experiment]
title = lost exits
memory = 256
outbox = 4
watchdog = 400
[stack busy]
levels = l1vmm cpus=2 irq=emulated ring=128 / irq cpus=2 only=ipi*
END

# level FILE STACK COLUMN: of a stack's line in the last snapshot of a file
level() {
	awk -v stack="$2" -v column="$3" '
		/ stacks that were begun / { levels = 1 }
		/^  stack +level/ { levels = 0 }
		levels && $1 == stack { value = $column }
		END { print value }' "$1"
}
# totals FILE: exits, ticks and lost ones of the stack busy
totals() { echo "$(level "$1" busy 4) $(level "$1" busy 6) $(level "$1" busy 7)"; }
# reported RUN: the same from the report
reported() {
	"$vmfee" report "$1" |
		sed -nE 's/^([0-9]+) samples, ([0-9]+) [a-z]+; ([0-9]+) samples lost\.$/\1 \2 \3/p'
}

# watch EXPERIMENT: runs it, and top beside it until both have ended
watch() {
	"$vmfee" run --no-plots --jobs=2 "$1" >"$T/run.out" 2>"$T/run.err" &
	run=$!
	until [ -e "$results/.$1.partial/busy/console.log" ]; do sleep 0.02; done
	"$vmfee" top --interval=0.1 "$1" >"$T/top" 2>"$T/top.err"
	status=$?
	wait $run
}

watch busy
is "$status,$(<"$T/top.err")" "0," "top ends with the run"
is "$(grep -c '^busy has ended' "$T/top")" 1 "it says so once"
if [ "$(grep -c '^busy goes on' "$T/top")" -ge 3 ]; then holds=0; else holds=1; fi
ok $holds "and that it went on before" || diag "$(grep -c . "$T/top") lines"
rates=$(awk '$1 == "busy" && $2 == "runs" && $5 + 0 > 0' "$T/top" | wc -l)
if [ "$rates" -ge 2 ]; then holds=0; else holds=1; fi
ok $holds "exits per second are seen while they come"
counts=$(awk '$1 == "busy" && $3 == "L0" { print $4 }' "$T/top")
is "$counts" "$(sort -n <<<"$counts")" "exits only become more"
is "$(totals "$T/top")" "$(reported busy)" "in the end they are those of the report"
if [[ $(<"$T/top") != *$'\e'* ]]; then holds=0; else holds=1; fi
ok $holds "a pipe gets no terminal's control characters"

run "$vmfee" top busy
echo "$output" >"$T/top"
is "$status,$(totals "$T/top")" "0,$(reported busy)" "of a run that has ended: the same"
like "$output" $'\n''  native  ended  L0 +0 +- +0 +0  -' "a stack without exits has a line, too"
# Each kind's exits and share of the time against the database.
run sqlite3 -separator ' ' "$results/busy/results.db" "SELECT 'L' || level, reason, component, sum(count),
	printf('%.2f%%', 100.0 * sum(handled_ticks) / (SELECT sum(handled_ticks) FROM exit_sum))
	FROM exit_sum GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
is "$(awk '/^  stack +level/ { kinds = 1 } kinds && $1 == "busy" { print $2, $3, $4, $5, $8 }' "$T/top" | LC_ALL=C sort)" \
	"$(LC_ALL=C sort <<<"$output")" "each kind of exit has what the database has"
run sqlite3 "$results/busy/results.db" "SELECT group_concat(text, ', ') FROM (SELECT component || printf(' %.2f%%',
	100.0 * sum(handled_ticks) / (SELECT sum(handled_ticks) FROM exit_sum)) AS text FROM exit_sum
	GROUP BY component ORDER BY CASE component WHEN 'transition' THEN 0 WHEN 'emulation' THEN 1
	WHEN 'interrupt' THEN 2 WHEN 'memory' THEN 3 WHEN 'timer' THEN 4 ELSE 5 END)"
like "$(tr -s ' \n' ' ' <"$T/top")" "${output//./\\.}" "and so have the components"
run script -qec "stty cols 100 rows 20; '$vmfee' top '$results/busy'" /dev/null
is "$status" 0 "on a terminal"

watch lossy
is "$(totals "$T/top")" "$(reported lossy)" "what is lost is told as the report tells it"
if [ "$(level "$T/top" busy 7)" -gt 0 ]; then holds=0; else holds=1; fi
ok $holds "and something is"

# A run that is killed.
"$vmfee" run --no-plots busy >"$T/run.out" 2>&1 &
run=$!
until [ -e "$results/.busy.partial/busy/console.log" ]; do sleep 0.02; done
script -qec "stty cols 100 rows 20; '$vmfee' top -i 0.1 busy" /dev/null </dev/null >"$T/top" &
top=$!
until grep -qs 'goes on' "$T/top"; do sleep 0.05; done
kill -KILL $run
wait $run 2>/dev/null
wait $top
is $? 0 "top ends with a run that is killed"
like "$(<"$T/top")" $'\e\[H\e\[J''busy goes on' "a terminal is drawn anew"
like "$(<"$T/top")" 'busy +failed' "what was not finished is told"

# Traces that are damaged: what is in front of the damage is counted, and the gap is told.
# damaged NAME COMMAND WHY
damaged() {
	rm -rf "$results/bad"
	cp -r "$results/busy" "$results/bad"
	(cd "$results/bad/busy/trace" && eval "$2")
	run "$vmfee" top bad
	like "$output" "busy: not all exits are counted: .*$3" "$1"
	echo "$output" >"$T/top"
	is "$(level "$T/top" busy 4)" "$4" "$1: those before are counted"
}
first=$((16#$(od -A n -t x8 -j 24 -N 8 --endian=little "$results/busy/busy/trace/stream_0" | tr -d ' ') / 8))
size=$((16#$(od -A n -t x8 -j 32 -N 8 --endian=little "$results/busy/busy/trace/stream_0" | tr -d ' ') / 8))
exits=$(((first - 128) / 64))
damaged "a trace that is cut short" "truncate -s $((size + 100)) stream_0" 'packet 1' $exits
damaged "a packet that is corrupted" "printf x | dd of=stream_0 bs=1 seek=$size conv=notrunc 2>/dev/null" 'packet 1.*magic' $exits
damaged "records of a newer version" "printf '\\002' | dd of=stream_0 bs=1 seek=$((size + 64)) conv=notrunc 2>/dev/null" 'packet 1.*version' $exits
damaged "nothing at all" ": >stream_0; printf x >stream_0" 'packet 0' 0

run "$vmfee" top nothing
fails_with 2 "no run 'nothing' goes on, and none is in results; there are: .*busy" "a run that is not there"
run "$vmfee" top "$T/nothing"
fails_with 2 "$T/nothing: No such file" "nor its directory"
run "$vmfee" top --interval=0 busy
is "$status" 2 "no interval at all"
finish
