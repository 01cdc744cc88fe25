#!/bin/bash
# Runs by a real slurm of one node, which the test starts for itself: in a folder of its own, as
# whoever runs the test, on the loopback interface.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
for program in munged slurmctld slurmd sbatch scancel squeue sinfo; do
	if ! command -v $program >/dev/null; then
		echo "1..0 # SKIP no $program: apt-get install slurm-wlm munge"
		exit
	fi
done
private_project
vmfee=$PROJECT/build/vmfee
results=$PROJECT/results
# A path with all that a shell could mistake.
run=$T/a\ \'b\'\ \$c
mkdir "$run"

# --- a slurm of its own --------------------------------------------------------------------------

# free_port: one that nobody listens at
free_port() {
	local port
	for ((port = 20000 + RANDOM % 20000; ; port++)); do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
	done
	echo "$port"
}

node=$(hostname -s)
user=$(id -un)
# Sockets have short names, and munged wants nobody else to get near its key.
S=$(mktemp -d /tmp/l1vmm-slurm.XXXXXX)
mkdir -m 700 "$S/munge" "$S/state" "$S/spool"
head -c 1024 /dev/urandom >"$S/munge/key"
chmod 600 "$S/munge/key"
cat >"$S/slurm.conf" <<END
ClusterName=l1vmm
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$S/munge/socket
CredType=cred/munge
StateSaveLocation=$S/state
SlurmdSpoolDir=$S/spool
SlurmctldPidFile=$S/slurmctld.pid
SlurmdPidFile=$S/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
KillWait=5
MailProg=/bin/true
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=test Nodes=$node Default=YES MaxTime=INFINITE State=UP
END
# Since 23.11 a slurmd without cgroups has to be told.
case $(slurmd -V) in
*" 22."* | *" 23.02"*) ;;
*) echo 'CgroupPlugin=disabled' >"$S/cgroup.conf" ;;
esac
export SLURM_CONF=$S/slurm.conf
daemons=()
# daemon NAME COMMAND...: runs until the test ends
daemon() {
	local name=$1
	shift
	"$@" >"$S/$name.out" 2>&1 &
	daemons+=($!)
}
stop_slurm() {
	local pid
	for pid in "${daemons[@]}"; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	daemons=()
}
trap 'stop_slurm; rm -rf "$S"; clean_up' EXIT
daemon munged munged --foreground --force --key-file="$S/munge/key" --socket="$S/munge/socket" \
	--pid-file="$S/munge/pid" --log-file="$S/munge/log" --seed-file="$S/munge/seed"
until [ -S "$S/munge/socket" ]; do sleep 0.1; done
daemon slurmctld slurmctld -D
daemon slurmd slurmd -D
for ((i = 0; i < 300; i++)); do
	[ "$(sinfo -h -o %T 2>/dev/null)" = idle ] && break
	sleep 0.1
done
is "$(sinfo -h -o %T)" idle "a slurm with one node" || {
	diag "$(tail -n 20 "$S"/*.out)"
	stop_slurm
	finish
	exit
}

# --- runs ----------------------------------------------------------------------------------------

good='l1vmm / micro only=cpuid'
# experiment LEVELS: three stacks, the second of which is LEVELS
experiment() {
	cat >"$PROJECT/bench/experiments/trio.ini" <<-END
		[experiment]
		title = three stacks
		outbox = 1
		[stack native]
		levels = micro only=cpuid
		[stack l1vmm]
		levels = $1
		[stack quiet]
		levels = l1vmm telemetry=off / micro only=cpuid
		probe_of = l1vmm
	END
}
# The real Bochs; in the folder of the stack that $T/hang names it never ends.
cat >"$run/bochs" <<END
#!/bin/bash
echo "\${PWD##*/}" >>$T/booted
[ "\${PWD##*/}" != "\$(cat $T/hang 2>/dev/null)" ] || exec sleep 1000
exec "${L1VMM_BOCHS:-$ROOT/.cache/bochs/run}" "\$@"
END
chmod +x "$run/bochs"

# trio OPTION...: runs the experiment; booted has the stacks that were run
trio() {
	rm -f "$T/booted"
	run "$vmfee" run --no-plots --bochs="$run/bochs" --memory=48 --results="$results" "$@" trio
	booted=$(sort "$T/booted" 2>/dev/null | tr '\n' ' ')
}
# jobs_left: what slurm still has to do
jobs_left() { squeue -h -t PENDING,RUNNING,CONFIGURING | wc -l; }

experiment "$good"
trio
is "$status" 0 "a run on this machine" || diag "$errors"
mv "$results/trio" "$T/local"
trio --executor=slurm --results="$run"
is "$status,$booted" "0,l1vmm native quiet " "the same by slurm" || diag "$errors"
run diff -r "$T/local" "$run/trio"
is "$status,$output" "0," "both are the same byte for byte"
is "$(ls -A "$run")" $'bochs\ntrio' "and nothing else is left"
(cd "$run" && rm -r trio && trio --executor=slurm --jobs=1 --results=. && echo "$status" >"$T/status")
is "$(cat "$T/status")" 0 "from a folder of its own, one at a time"
run diff -r "$T/local" "$run/trio"
is "$status,$output" "0," "it is the same again"

# A stack that fails.
experiment "l1vmm nonsense=1 / micro"
trio --executor=slurm
is "$status,$booted" "2,l1vmm native quiet " "a stack fails, the others go on" || diag "$errors"
like "${errors##*$'\n'}" "^vmfee: stack l1vmm: .*nonsense.*; see $results/.trio.failed/l1vmm/console.log; 2 of 3 stacks are in" \
	"it is told as ever"
experiment "$good"
trio --executor=slurm --resume
is "$status,$booted" "0,l1vmm " "only that one is run again" || diag "$errors"
run diff -r "$T/local" "$results/trio"
is "$status,$output" "0," "the run is as if nothing had failed"
rm -r "$results/trio"

# start: runs the experiment until the stack that hangs is all that runs
start() {
	echo quiet >"$T/hang"
	rm -f "$T/booted"
	env --default-signal=INT "$vmfee" run --no-plots --bochs="$run/bochs" --memory=48 \
		--executor=slurm --resume trio >"$T/out" 2>"$T/err" &
	pid=$!
	until grep -q quiet "$T/booted" 2>/dev/null && [ "$(jobs_left)" -eq 1 ]; do sleep 0.2; done
}

# Tasks that somebody cancels, and that are killed.
start
scancel -u "$user"
wait $pid
is $? 1 "a task that is cancelled"
like "$(tail -n 1 "$T/err")" 'stack quiet: its task ended without a result: cancelled,.*; 2 of 3 stacks are in' "it is told"
rm "$T/hang"
trio --executor=slurm --resume
is "$status,$booted" "0,quiet " "only that one is run again" || diag "$errors"
run diff -r "$T/local" "$results/trio"
is "$status,$output" "0," "the run is as if nobody had cancelled it"
rm -r "$results/trio"

# Ctrl-C.
start
kill -INT $pid
wait $pid
is $? 130 "Ctrl-C: status 130"
like "$(tail -n 1 "$T/err")" '^vmfee: interrupted .*; 2 of 3 stacks are in' "what is whole is kept"
is "$(jobs_left)" 0 "slurm has nothing more to do"
rm "$T/hang"
trio --resume
is "$status,$booted" "0,quiet " "this machine can do the rest" || diag "$errors"
run diff -r "$T/local" "$results/trio"
is "$status,$output" "0," "and the run is the same"
rm -r "$results/trio"

# A vmfee that is killed leaves its tasks behind.
start
kill -KILL $pid
wait $pid 2>/dev/null
trio --executor=slurm --resume
is "$status" 1 "while a task of an earlier job is at a stack"
like "$errors" 'another vmfee is at the stack quiet, such as a task of an earlier job' "nobody else takes it"
scancel -u "$user"
until [ "$(jobs_left)" -eq 0 ]; do sleep 0.2; done
rm "$T/hang"
trio --executor=slurm --resume
is "$status,$booted" "0,quiet " "once it is cancelled, it can be run" || diag "$errors"
run diff -r "$T/local" "$results/trio"
is "$status,$output" "0," "and the run is the same"
rm -r "$results/trio"

# What slurm refuses, and what is no slurm.
SBATCH_PARTITION=nowhere trio --executor=slurm
is "$status" 6 "a job that slurm does not take"
like "${errors##*$'\n'}" 'slurm did not take the job: .*invalid partition' "and why"
mkdir "$T/empty"
PATH=$T/empty run "$vmfee" run --executor=slurm --no-plots trio
is "$status" 6 "no slurm"
like "${errors##*$'\n'}" 'cannot run sbatch: No such file' "and what is missing"
is "$(ls -A "$results")" "" "neither leaves anything"

stop_slurm
finish
