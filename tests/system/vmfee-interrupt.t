#!/bin/bash
# Ctrl-C in the middle: its own status, nothing left running, and no directory that looks like a
# result.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results

cat >"$PROJECT/bench/experiments/hang.ini" <<END
[experiment]
title = guests that never end
watchdog = 1000000
outbox = 1
[stack bare]
levels = micro fault=hang
[stack under]
levels = l1vmm / micro fault=hang
END

# bochs_running: how many of the test's processes are Bochs
bochs_running() {
	local pid count=0
	for pid in $(processes_left); do
		[[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *-dumpstats* ]] &&
			count=$((count + 1))
	done
	echo $count
}

# start: runs the experiment until both machines do
start() {
	# A background job of a shell ignores SIGINT unless something gives it its default back.
	env --default-signal=INT "$vmfee" run hang >"$T/out" 2>"$T/err" &
	pid=$!
	until [ "$(bochs_running)" -eq 2 ]; do sleep 0.05; done
}

for signal in INT TERM HUP; do
	start
	kill -$signal $pid
	wait $pid
	is $? 130 "SIG$signal: status 130"
	like "$(tail -n 1 "$T/err")" '^vmfee: interrupted \(.*\); nothing was kept' "SIG$signal: it says so"
	is "$(bochs_running)" 0 "SIG$signal: no machine is left"
	is "$(ls -A "$results")" "" "SIG$signal: no directory is left"
done

start
kill -KILL $pid
wait $pid 2>/dev/null
for ((i = 0; i < 100; i++)); do
	[ "$(bochs_running)" -eq 0 ] && break
	sleep 0.05
done
is "$(bochs_running)" 0 "SIGKILL: the machines die with vmfee"
is "$(ls -A "$results")" ".hang.partial" "SIGKILL: what is left has no name of a result"
start
kill -INT $pid
wait $pid
is "$(ls -A "$results")" "" "the next run takes it away"

finish
