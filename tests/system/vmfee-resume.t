#!/bin/bash
# A run of which something failed or was interrupted: the others go on, what is whole is kept, and
# only the rest is run again.  However it came about, a run is the same.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results
ini=$PROJECT/bench/experiments/trio.ini

# experiment MEMORY LEVELS: three stacks, the second of which is LEVELS
experiment() {
	cat >"$ini" <<-END
		[experiment]
		title = three stacks
		outbox = 1
		memory = $1
		[stack native]
		levels = micro only=cpuid,vmcall
		[stack l1vmm]
		levels = $2
		[stack quiet]
		levels = l1vmm telemetry=off / micro only=cpuid,vmcall
		probe_of = l1vmm
	END
}
good='l1vmm / micro only=cpuid,vmcall'

# The real Bochs; in the folder of the stack that $T/hang names it never ends.
cat >"$T/bochs" <<END
#!/bin/bash
echo "\${PWD##*/}" >>$T/booted
[ "\${PWD##*/}" != "\$(cat $T/hang 2>/dev/null)" ] || exec sleep 1000
exec "${L1VMM_BOCHS:-$ROOT/.cache/bochs/run}" "\$@"
END
chmod +x "$T/bochs"

# trio OPTION...: runs the experiment; booted has the stacks that were run
trio() {
	rm -f "$T/booted"
	run "$vmfee" run --no-plots --bochs="$T/bochs" "$@" trio
	booted=$(sort "$T/booted" 2>/dev/null | tr '\n' ' ')
}

# same A B NAME: two runs agree byte for byte
same() {
	run diff -r "$1" "$2"
	is "$status,$output" "0," "$3"
}

experiment 64 "$good"
trio --jobs=1
is "$status,$booted" "0,l1vmm native quiet " "a run, one machine at a time" || diag "$errors"
mv "$results/trio" "$T/alone"
trio --jobs=3
is "$status" 0 "three machines at a time"
same "$T/alone" "$results/trio" "both runs are the same byte for byte"

# A matrix, whose cells are stacks like any others.
cat >"$PROJECT/bench/experiments/matrix.ini" <<END
[experiment]
title = a matrix
outbox = 1
[stack native]
levels = micro only=cpuid
[stack l1vmm]
levels = l1vmm cr={mask,trap} / micro only=cpuid
[stack quiet]
levels = l1vmm cr={mask,trap} telemetry=off / micro only=cpuid
probe_of = l1vmm
END
run "$vmfee" run --no-plots matrix
is "$status" 0 "a matrix" || diag "$errors"
run "$vmfee" sql --csv matrix "SELECT stack.name, probe_of, value FROM stack LEFT JOIN switch ON stack.id = stack AND switch.name = 'cr' ORDER BY id"
is "$(tail -n +2 <<<"$output" | tr '\n' ' ')" \
	"native,, l1vmm-mask,,mask l1vmm-trap,,trap quiet-mask,l1vmm-mask,mask quiet-trap,l1vmm-trap,trap " \
	"each cell has its switches and its probe"

# One that fails.
rm -r "$results"
experiment 64 "l1vmm / micro fault=hang only=nothing-of-that-name"
trio --jobs=1
is "$status,$booted" "3,l1vmm native quiet " "a stack fails, the others go on"
like "$errors" $'\n''trio: l1vmm: failed: ' "it is told when it happens"
like "${errors##*$'\n'}" "^vmfee: stack l1vmm: .*; see $results/.trio.failed/l1vmm/console.log; 2 of 3 stacks are in $results/.trio.failed: --resume" \
	"and in the end, with what to do"
is "$(ls "$results")" "" "nothing looks like a result"
like "$output" $'\n''Not run: l1vmm \(.*\)' "the report is of the others, and says so"
run "$vmfee" report --csv "$results/.trio.failed"
is "$(cut -d, -f2 <<<"$output" | sort -u | tr '\n' ' ')" "native stack " "they can be asked again"

experiment 64 "$good"
trio --resume
is "$status,$booted" "0,l1vmm " "only the one that failed is run again" || diag "$errors"
like "$errors" 'trio: native: kept from before' "the others are kept"
same "$T/alone" "$results/trio" "the run is as if nothing had failed"
is "$(ls -A "$results")" trio "nothing else is left"

# What an attempt has left of stacks that are none any more.
experiment 64 "l1vmm nonsense=1 / micro"
trio
experiment 64 "$good"
sed -i 's/^\[stack quiet\]/[stack still]/' "$ini"
trio --resume
is "$status,$booted" "0,l1vmm still " "a stack has another name: it is another" || diag "$errors"
is "$(ls "$results/trio")" $'l1vmm\nmanifest.json\nnative\nreport.txt\nresults.db\nstill' "the old one is gone"
rm -r "$results"

# Two that fail.
experiment 64 "l1vmm nonsense=1 / micro"
sed -i '$s/.*//; s/telemetry=off/nonsense=2/' "$ini"
trio
is "$status" 2 "two stacks fail: the status is that of the first"
like "${errors##*$'\n'}" '^vmfee: stack l1vmm: .*; 1 more of 3 stacks failed; 1 of 3 stacks are in' "both are told"
rm -r "$results/.trio.failed"

# Interrupted in the middle, politely and not.
experiment 64 "$good"
for signal in INT KILL; do
	echo quiet >"$T/hang"
	rm -f "$T/booted"
	env --default-signal=INT "$vmfee" run --no-plots --jobs=1 --bochs="$T/bochs" trio >"$T/out" 2>"$T/err" &
	pid=$!
	until grep -q quiet "$T/booted" 2>/dev/null; do sleep 0.05; done
	kill -$signal $pid
	wait $pid 2>/dev/null
	[ $signal = KILL ] || like "$(tail -n 1 "$T/err")" \
		"^vmfee: interrupted .*; 2 of 3 stacks are in $results/.trio.failed" "SIG$signal: what is whole is kept"
	rm "$T/hang"
	trio --resume
	is "$status,$booted" "0,quiet " "SIG$signal: only the rest is run" || diag "$errors"
	same "$T/alone" "$results/trio" "SIG$signal: the run is as if nothing had happened"
done

# What decides what comes of a cell decides whether it is run again.
trio --resume=trio
is "$status,$booted" "0," "a run that is there is taken as it is"
same "$T/alone" "$results/trio" "and is the same"
experiment 96 "$good"
trio --resume=trio
is "$booted" "l1vmm native quiet " "another memory: all are run again"
like "$errors" 'native: is run again: it was run with another memory_mib' "and why"
experiment 96 'l1vmm cr=trap / micro only=cpuid,vmcall'
trio --resume=trio
is "$booted" "l1vmm " "another command line: that stack is"
cp "$PROJECT/build/images/micro.elf" "$T/micro.elf"
printf x >>"$PROJECT/build/images/micro.elf"
trio --resume=trio
is "$booted" "l1vmm native quiet " "another image: those with it are"
like "$errors" 'native: is run again: it was run with another micro' "which is named"
cp "$T/micro.elf" "$PROJECT/build/images/micro.elf"

# Cells that are damaged.
trio
damaged=$results/.trio.failed
# damage NAME COMMAND WHY: a cell that COMMAND damages is run again, because of WHY
damage() {
	rm -rf "$damaged"
	cp -r "$results/trio" "$damaged"
	(cd "$damaged/l1vmm" && eval "$2")
	trio --resume
	is "$status,$booted" "0,l1vmm " "$1: that cell is run again"
	like "$errors" "l1vmm: is run again: .*$3" "$1: and why"
}
damage "a trace that is cut short" 'truncate -s -100 trace/stream_0' 'stream_0'
damage "a trace that is cut short by a packet" 'truncate -s 0 trace/stream_0' 'cut short'
damage "a byte of the trace" 'printf x | dd of=trace/stream_0 bs=1 seek=3 conv=notrunc 2>/dev/null' 'stream_0'
damage "a console without its end" 'sed -i /@end/d console.log' 'without an @end line'
damage "half of cell.json" 'truncate -s 90 cell.json' 'cell.json'
damage "cell.json of another version" 'sed -i "s/\"format\": 1/\"format\": 2/" cell.json' 'another version'

run "$vmfee" run --resume=nothing trio
fails_with 2 "--resume: no run 'nothing' in $results" "a run that is not there"

finish
