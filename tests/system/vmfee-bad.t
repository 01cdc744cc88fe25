#!/bin/bash
# Runs that are damaged, of another version, or in somebody else's hands.  Whatever a command is
# given: it prints what it prints of the whole run, marks a gap, or refuses in one line.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results
cat >"$PROJECT/bench/experiments/small.ini" <<END
[experiment]
title = a small run
memory = 64
outbox = 1
[stack native]
levels = micro only=cpuid,vmcall
[stack l1vmm]
levels = l1vmm / micro only=cpuid,vmcall
END
run "$vmfee" run --no-plots small
is "$status" 0 "a run to be damaged" || diag "$errors"
cp -r "$results/small" "$T/small"
cp -r "$results/small" "$results/other"

# Each command that reads the run small, by a name.
declare -A commands=(
	[report]="report small"
	[csv]="report --csv small"
	[model]="report --model skylake-sp small"
	[before]="compare --all small other"
	[after]="compare --all other small"
	[sql]="sql --csv small 'SELECT * FROM fee'"
	[top]="top small"
	[merge]="merge --no-plots merged small other"
	[calibrate]="calibrate --force --counts=other small"
	[counts]="calibrate --force --counts=small other"
	[resume]="run --no-plots --resume=small small"
)
for format in csv benchmark openmetrics chrome folded hdr; do
	commands[export-$format]="export $format small"
done
# call NAME: runs a command; its output is in $T/out
call() {
	rm -rf "$results/merged" "$results"/small.*
	eval "run \"$vmfee\" ${commands[$1]}"
	printf '%s\n' "$status" "$output" >"$T/out"
	[ "$status" -eq 0 ] || echo "${errors##*$'\n'}" >>"$T/out"
}
for name in "${!commands[@]}"; do
	call "$name"
	mv "$T/out" "$T/whole.$name"
	[ "$name" = calibrate ] || [ "$name" = counts ] || [ "$status" -eq 0 ] || ok 1 "$name: $errors"
done
run diff -r "$T/small" "$results/small"
is "$status" 0 "nothing of this changes the run"

# harmless NAME: what the last command made of a damaged run is right, marked, or refused
harmless() {
	if cmp -s "$T/out" "$T/whole.$1"; then
		echo same
	elif [ "$status" -ne 0 ] && [ -n "$errors" ] && [[ ${errors##*$'\n'} == 'vmfee: '* ]]; then
		[ "$(grep -c '^vmfee: ' <<<"$errors")" -eq 1 ] && echo refused
	elif [ "$1" = sql ] && ! grep -vxFf "$T/whole.sql" "$T/out" | grep -qv ',\(,\|$\)'; then
		echo marked # what is not known is empty
	elif [ "$1" = top ] && grep -q 'not all exits are counted: ' "$T/out"; then
		echo marked
	fi
}
# damaged WHAT COMMAND REFUSING WHY: after COMMAND in the run's directory, each of REFUSING refuses or
# marks the run because of WHY, and the others do no harm
damaged() {
	local what=$1 refusing=" $3 " why=$4 name result wrong=''
	for name in "${!commands[@]}"; do
		rm -rf "$results/small"
		cp -r "$T/small" "$results/small"
		(cd "$results/small" && eval "$2")
		call "$name"
		result=$(harmless "$name")
		[ -n "$result" ] || wrong+="$name: status $status, $errors"$'\n'
		if [[ $refusing == *" $name "* ]] && { [ "$result" = same ] ||
			[[ $errors$(<"$T/out") != *$why* ]]; }; then
			wrong+="$name does not see it: $errors"$'\n'
		fi
	done
	is "$wrong" "" "$what"
}

stream=l1vmm/trace/stream_0
size=$(stat -c %s "$T/small/$stream")
every='report csv model before after sql merge calibrate counts export-csv export-benchmark export-openmetrics export-chrome export-folded export-hdr'
damaged "a trace that is cut short" "truncate -s $((size - 64)) $stream" 'top export-chrome' 'packet_size'
damaged "a trace that has lost whole packets" "truncate -s 0 $stream" 'top export-chrome' 'has 0'
damaged "a trace that is gone" "rm $stream" 'top export-chrome' ''
damaged "a packet that is corrupted" "printf x | dd of=$stream bs=1 conv=notrunc 2>/dev/null" 'top export-chrome' 'magic'
damaged "a record that is corrupted" "printf '\\377\\377' | dd of=$stream bs=1 seek=140 conv=notrunc 2>/dev/null" 'top export-chrome' 'none'
damaged "records of a newer version" "printf '\\002' | dd of=$stream bs=1 seek=64 conv=notrunc 2>/dev/null" 'top export-chrome' 'version'
damaged "a database from another version" "sqlite3 results.db 'PRAGMA user_version = 4'" "$every" 'not a results.db of this vmfee (schema 4, expected '
damaged "a database that is cut short" "truncate -s 9000 results.db" "$every" 'results.db'
damaged "a database that is none" "echo 'no database at all, and long enough to look at' >results.db" "$every" 'results.db'
damaged "no database" "rm results.db" "$every" "no run 'small'"
damaged "a benchmark without samples" "sqlite3 results.db 'DELETE FROM sample WHERE benchmark = 1'" \
	"${every/sql /}" 'damaged: a benchmark without samples'
damaged "no samples at all" "sqlite3 results.db 'DELETE FROM sample'" "${every/sql /}" 'damaged: a benchmark without samples'
damaged "a histogram with other exits than its sums" "sqlite3 results.db 'UPDATE exit_latency SET count = count + 1'" \
	"${every/sql /}" 'damaged: '
damaged "no empty harness" "sqlite3 results.db \"UPDATE benchmark SET name = 'full' WHERE name = 'empty'\"" \
	"${every/sql /}" "damaged: a stack without the benchmark 'empty'"
damaged "a console that is cut short" "sed -i /@end/d l1vmm/console.log" '' ''
damaged "no manifest" "rm manifest.json" 'merge' 'manifest.json'
rm -rf "$results/small"
cp -r "$T/small" "$results/small"

# One sample is a sample, and no more.
cat >"$PROJECT/bench/experiments/single.ini" <<END
[experiment]
title = a single sample
memory = 256
outbox = 1
[stack native]
levels = memory only=switch-64 samples=1
[stack l1vmm]
levels = l1vmm / memory only=switch-64 samples=1
END
run "$vmfee" run single
is "$status" 0 "a run with one sample, figures and all" || diag "$errors"
run "$vmfee" report --csv single
is "$(cell <(echo "$output") switch-64 l1vmm ticks_low)" "$(cell <(echo "$output") switch-64 l1vmm ticks_high)" \
	"its interval is a point"
cp -r "$results/single" "$results/times"
sqlite3 "$results/times/results.db" "UPDATE run SET value = 'kvm' WHERE key = 'platform'; UPDATE run SET value = 'cycles' WHERE key = 'unit'"
cp -r "$results/times" "$results/later"
sqlite3 "$results/later/results.db" "UPDATE sample SET ticks = 2 * ticks"
run "$vmfee" compare times later
like "$output" 'too few' "nobody says of single samples that one is more"

# Two at one run.
exec 8<"$results/small"
flock 8
before=$(cd "$results/small" && find . | sort)
for option in --html --plots; do
	run "$vmfee" report $option small
	fails_with 1 "another vmfee is at this experiment: .*/small is locked" "report $option while somebody writes the run"
done
is "$(cd "$results/small" && find . | sort)" "$before" "and nothing was written"
run "$vmfee" report small
is "$status" 0 "reading is free"
exec 8<&-
run "$vmfee" report --html small
is "$status" 0 "and so is writing, in the end"
finish
