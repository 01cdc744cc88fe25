#!/bin/bash
# A disk that is full: before the run, while it records, and when its results are written.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee

cat >"$PROJECT/bench/experiments/under.ini" <<END
[experiment]
title = under a hypervisor
outbox = 4
[stack case]
levels = l1vmm / micro only=cpuid
END

# is_full NAME: the last run ended because the disk $disk was full, and left nothing there
is_full() {
	if [ "$status" -eq 7 ] && [[ ${errors##*$'\n'} =~ [Nn]o\ space\ left|File\ too\ large ]]; then holds=0; else holds=1; fi
	ok $holds "$1: status 7" || diag "status $status: $errors"
	is "$(find "$disk/results" -mindepth 1 ! -name filler 2>/dev/null)" "" "$1: nothing is left"
}

# Without a disk of its own: a limit on the size of files has the same effect on the largest one.
disk=$T
(ulimit -f 2048 && "$vmfee" run --results "$T/results" under) >"$T/out" 2>"$T/err"
status=$? errors=$(<"$T/err")
is_full "a file that may not become large enough"

disk=$T/disk
mkdir "$disk"
if ! mount -t tmpfs -o size=8m tmpfs "$disk" 2>/dev/null; then
	ok 0 "full disks # SKIP mounting one takes root"
	finish
	exit
fi
trap 'umount -l "$disk"; clean_up' EXIT

# An image needs some 6 MB: 4 for the outbox, and whole cylinders of a disk.
mount -o remount,size=2m "$disk"
run "$vmfee" run --results "$disk/results" under
is_full "no room for the machine's disk"

# bochs_that COMMANDS: makes $T/bochs of shell commands around the real one
bochs_that() {
	printf '#!/bin/bash\n%s\n' "$1" >"$T/bochs"
	chmod +x "$T/bochs"
}
# However much there is, it fills up while the machine runs.
fill="head -c 20m /dev/zero >$disk/results/filler 2>/dev/null"
mount -o remount,size=12m "$disk"

bochs_that "$fill; exec $ROOT/.cache/bochs/run \"\$@\""
run "$vmfee" run --results "$disk/results" --bochs="$T/bochs" under
is_full "no room for the console"
rm -f "$disk/results/filler"

bochs_that "$ROOT/.cache/bochs/run \"\$@\"; code=\$?; $fill; exit \$code"
run "$vmfee" run --results "$disk/results" --bochs="$T/bochs" under
is_full "no room for the trace"
rm -f "$disk/results/filler"

run "$vmfee" run --results "$disk/results" under
is "$status" 0 "with room the same run succeeds"
is "$(ls -A "$disk/results")" "under" "and is there"

mount -o remount,ro "$disk"
run "$vmfee" run --results "$disk/results" under
fails_with 7 "results/.under.partial: Read-only file system" "a folder that is read-only"

finish
