#!/bin/bash
# A Bochs that is missing, that gives up, or whose console says what none should: a script stands in
# where the real one cannot be made to.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results

cat >"$PROJECT/bench/experiments/bare.ini" <<END
[experiment]
title = the bare machine
[stack case]
levels = micro only=cpuid
END
cat >"$PROJECT/bench/experiments/under.ini" <<END
[experiment]
title = under a hypervisor
outbox = 1
[stack case]
levels = l1vmm / micro only=cpuid
END

# bochs_that COMMANDS: makes $T/bochs of shell commands behind Bochs's banner
bochs_that() {
	cat >"$T/bochs" <<'END'
#!/bin/bash
rule='========================================================================'
printf '%s\n Bochs x86 Emulator 9.9\n Built\n Timestamp\n%s\n' $rule $rule
# last_words TEXT: how Bochs ends
last_words() {
	printf '%s\nBochs is exiting with the following message:\n%s\n%s\n' $rule "$1" $rule >&2
	exit 1
}
END
	echo "$1" >>"$T/bochs"
	chmod +x "$T/bochs"
}
shutdown="last_words '[UNMAP ] Shutdown port: shutdown requested'"

# gives_up STATUS REGEX NAME: the last run failed, with its reason in the last line of stderr
gives_up() {
	if [ "$status" -eq "$1" ] && [[ ${errors##*$'\n'} =~ $2 ]]; then holds=0; else holds=1; fi
	ok $holds "$3" || diag "got:    status $status, $errors"$'\n'"wanted: status $1, $2"
	if [ -z "$(ls "$results" 2>/dev/null)" ]; then holds=0; else holds=1; fi
	ok $holds "$3: nothing looks like a result"
}

run "$vmfee" run --bochs="$T/nowhere" bare
gives_up 6 "no Bochs at $T/nowhere \(No such file.*scripts/bootstrap" "no Bochs"
one_line "$errors" "no Bochs: one line says so"
L1VMM_BOCHS=$T/elsewhere run "$vmfee" run bare
gives_up 6 "no Bochs at $T/elsewhere" "no Bochs where the environment says"
touch "$T/bochs"
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 6 "no Bochs at $T/bochs \(Permission denied\)" "a Bochs that is no program"
run "$vmfee" run --cpu=corei9 bare
gives_up 2 "stack case: cpu = 'corei9' is not possible: this Bochs has no such model" \
	"a CPU model that Bochs does not have"

bochs_that "kill -SEGV \$\$"
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 1 "stack case: Bochs gave up: killed by signal 11" "a Bochs that crashes"
bochs_that "last_words 'ata0-0: could not write() hard drive image file at byte 512'"
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 7 "could not write\(\) hard drive image" "a Bochs that cannot write its disk"

bochs_that "echo '@end image=micro'; sleep 1000"
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 3 "stack case: line 1: @end without status=; see $results/.bare.failed/case/console.log" \
	"a malformed line ends the machine at once"
is "$(cat "$results/.bare.failed/case/console.log")" "@end image=micro" "the console is kept"
bochs_that "printf '|@end image=micro status=ok\n'; $shutdown"
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 3 "line 1: from level 1 of a stack of 1" "a line from a level that is not there"
bochs_that "printf '\e[2J\n@end image=micro status=fail\n'; $shutdown"
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 3 'micro at level 0 failed: \?\[2J' "no guest sends the terminal commands"
bochs_that "head -c 3000000 /dev/zero; $shutdown"
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 3 "micro at level 0 ended without an @end line" "a line that never ends"

bochs_that "printf '|@end image=micro status=ok\n@telemetry cpu=0 records=9 dropped=0 packets=1 outbox=ata\n'
	echo '@end image=l1vmm status=ok'; $shutdown"
run "$vmfee" run --bochs="$T/bochs" under
gives_up 1 "trace is cut short: 9 records in 1 packets announced, 0 in 0 found" \
	"a trace that is not there"

# The real one has one thread: those that it would have for sound outlive what they use.
cat >"$T/bochs" <<END
#!/bin/bash
"${L1VMM_BOCHS:-$ROOT/.cache/bochs/run}" "\$@" &
while grep ^Threads: /proc/\$!/status >>"$T/threads" 2>/dev/null; do sleep 0.05; done
wait \$!
END
run "$vmfee" run --bochs="$T/bochs" bare
is "$status" 0 "the real Bochs behind a script" || diag "$errors"
is "$(sort -u "$T/threads")" "Threads:"$'\t'1 "it has a single thread"
rm -r "$results/bare"

bochs_that "sleep 1000"
"$vmfee" run --bochs="$T/bochs" bare >/dev/null 2>&1 &
until [ -e "$results/.bare.partial/case/bochsrc" ]; do sleep 0.05; done
run "$vmfee" run --bochs="$T/bochs" bare
gives_up 1 "another vmfee is at this experiment: .*.bare.partial is locked" \
	"a second vmfee at the same experiment"
kill %1
wait %1
is $? 130 "the first one went on until it was told to stop"

finish
