#!/bin/bash
# The launcher on this machine's own KVM.  None of it needs nested VMX.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
launch=build/l1vmm-launch

run "$launch"
is "$status" 2 "no image is wrong usage"
run "$launch" --memory=8 build/images/micro.elf
is "$status" 2 "too little memory is wrong usage"
run "$launch" --console=tty build/images/micro.elf
is "$status" 2 "so is a console that there is not"
run "$launch" --trace="$T/stream" --observe="$T/stream" build/images/micro.elf
is "$status" 2 "so are two writers of one file"
like "$errors" "--observe=trace is what writes to the file of --trace" "it says how both go there"

if [ ! -e /dev/kvm ]; then
	run "$launch" build/images/micro.elf
	fails_with 6 "no /dev/kvm: load KVM" "a machine without KVM"
	finish
	exit
fi
if [ ! -w /dev/kvm ]; then
	run "$launch" build/images/micro.elf
	fails_with 6 "no permission for /dev/kvm: add yourself to its group" "a KVM that is closed"
	finish
	exit
fi

run "$launch" --timeout=60 "build/images/micro.elf only=cpuid,rdtsc"
is "$status" 0 "a workload upon KVM ends well" || diag "$errors"
is "$(grep -c '^|@bench name=' <<<"$output")" 3 "its benchmarks come out, one level up"
is "${output##*$'\n'}" "@end image=kvm status=ok" "the launcher says the last word"

run "$launch" --timeout=60 "build/images/micro.elf only=nonsense"
fails_with 3 "the guest ended with status 1" "a workload that fails"
is "${output##*$'\n'}" "@end image=kvm status=guest-failure" "the console says so"
run "$launch" --timeout=60 "build/images/micro.elf fault=triple"
fails_with 3 "the guest ended in a triple fault" "a triple fault"
like "$output" "@stop reason=triple-fault vcpu=0 rip=0x[0-9a-f]+" "it is told where"
run "$launch" --timeout=20 --memory=64 "build/images/ring.elf spoil=nowhere"
fails_with 3 "the guest ran what KVM does not emulate" "code that is in no memory is the guest's failure"
like "$output" "@stop reason=not-emulated vcpu=0 rip=0xd0000000" "it is told where"
run "$launch" --timeout=1 "build/images/micro.elf fault=hang"
fails_with 5 "the guest took longer than 1 seconds" "a guest that never ends"

# Begun late in a second of its clock, it has all of its own all the same.
until [[ $(</proc/uptime) =~ ^[0-9]+\.8 ]]; do sleep 0.02; done
begun=${EPOCHREALTIME/./}
run "$launch" --timeout=1 --memory=64 --ring=128 --trace="$T/stream" \
	"build/images/ring.elf records=9999999999 spoil=none"
at_most 1000000 $((${EPOCHREALTIME/./} - begun)) "a second of time is no less in microseconds"
is "$status" 5 "and then it is over" || diag "$errors"

run "$launch" Makefile
fails_with 8 "Makefile: the file does not begin with the ELF magic number" "an image that is no ELF"
run "$launch" build/l1vmm-launch
fails_with 8 "l1vmm-launch: the image has no PVH entry" "a program of this machine"
run "$launch" "$T/nowhere"
fails_with 8 "nowhere: No such file" "an image that is not there"
run "$launch" --processor=1023 build/images/micro.elf
fails_with 2 "processor=1023 is none that this may run on" "a processor that there is not"
run "$launch" --trace="$T/no/trace" build/images/micro.elf
is "$status" 1 "a trace that cannot be written" || diag "$errors"

"$launch" "build/images/micro.elf fault=hang" >"$T/console" 2>"$T/errors" &
until grep -qs '@image' "$T/console"; do sleep 0.05; done
is "$(awk '/^Uid:/ { print $2 }' "/proc/$!/status")" \
	"$(if [ "$(id -u)" -eq 0 ]; then echo 65534; else id -u; fi)" "a guest does not run as root"
is "$(awk '/^Seccomp:/ { print $2 }' "/proc/$!/status")" 2 "its system calls are restricted"
is "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$!/status")" 1 "and it can gain nothing"
is "$(cat "/proc/$!"/task/*/status | awk '/^CapPrm:/ { print $2 }' | sort -u)" 0000000000000000 \
	"it has none of root's privileges in any thread"
kill -TERM $!
wait $!
is $? 130 "SIGTERM ends a launcher"
is "$(<"$T/errors")" "l1vmm-launch: ended by signal 15" "it says so"
is "$(tail -n 1 "$T/console")" "@end image=kvm status=guest-stopped" "and the console is whole"

# CAP_BPF, say, without being root.
rm "$T/console"
if [ "$(id -u)" -eq 0 ]; then
	setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_override,+net_raw \
		--ambient-caps=+dac_override,+net_raw \
		"$launch" "build/images/micro.elf fault=hang" >"$T/console" 2>"$T/errors" &
	until grep -qs '@image' "$T/console" || ! kill -0 $!; do sleep 0.05; done
	is "$(cat "/proc/$!"/task/*/status | awk '/^CapPrm:/ { print $2 }' | sort -u)" \
		0000000000000000 "nor has one that somebody else has started with capabilities"
	kill -TERM $!
	wait $!
else
	skip "a launcher started with capabilities" "root is needed to give them away"
fi

rm -f "$T/console"
"$launch" "build/images/micro.elf fault=hang" >"$T/console" 2>&1 &
first=$!
until grep -qs '@image' "$T/console"; do sleep 0.05; done
run "$launch" --timeout=60 "build/images/micro.elf only=cpuid"
is "$status" 0 "two launchers do not meet"
kill -TERM $first
wait $first

# full_disk ARGUMENT...: the launcher with a stdout that takes nothing
full_disk() { "$launch" --timeout=20 "$@" >/dev/full; }
run full_disk "build/images/micro.elf fault=hang"
fails_with 7 "stdout: No space left" "a console that a full disk does not take ends the run"
run full_disk --console=guest "build/images/micro.elf only=cpuid"
fails_with 7 "stdout: No space left" "so does one without the launcher's own lines"

# A reader that takes nothing more, behind a pipe with room for `$1` bytes.
unread() {
	local room=$1 status
	shift
	mkfifo "$T/pipe"
	exec 9<>"$T/pipe"
	head -c $((65536 - room)) /dev/zero >&9
	timeout --preserve-status --kill-after=10 "$@" 2>&9 >&9
	status=$?
	exec 9>&-
	rm "$T/pipe"
	return $status
}
unread 16384 60 "$launch" --timeout=1 build/images/micro.elf
is $? 5 "a guest whose console nobody reads has no more time for it"
unread 16384 1 "$launch" build/images/micro.elf
is $? 130 "neither has it after SIGTERM"
unread 0 1 "$launch" build/images/micro.elf
is $? 130 "nor where not even its first line is read"

mkfifo "$T/pipe"
exec 9<>"$T/pipe"
head -c 65536 /dev/zero >&9
run timeout --preserve-status --kill-after=10 1 "$launch" --memory=64 --ring=128 \
	--trace="$T/pipe" "build/images/ring.elf records=9999999999 spoil=none"
exec 9>&-
fails_with 130 "pipe: nobody reads it|ended by signal 15" "nor one whose trace nobody reads"

# A ring of two sub-buffers takes more only where the launcher empties it meanwhile; on a busy machine
# it may come too late for some.
run "$launch" --timeout=60 --memory=64 --ring=128 --trace="$T/stream" \
	"build/images/ring.elf records=8176 spoil=none"
is "$status" 0 "a guest that traces ends well" || diag "$errors"
like "$output" "records=[0-9]+ dropped=[0-9]+ packets=([3-9]|[1-9][0-9])" "its ring is drained while it runs"
packets=${output##*packets=}
# The last one may have less in it.
is $((($(stat -c %s "$T/stream") + 65535) / 65536)) "${packets%%$'\n'*}" "every packet is written"
for case in "magic:magic" "version:version" "record_bytes:record_bytes" "subbuffers:subbuffers" \
	"subbuffer_bytes:subbuffer_bytes" "head:head" "packet:magic"; do
	run "$launch" --timeout=20 --memory=64 --ring=128 --trace="$T/stream" \
		"build/images/ring.elf records=3000 spoil=${case%:*}"
	fails_with 3 "the guest's telemetry ring, packet [0-9]+: ${case#*:} " \
		"nonsense in ${case%:*} is told by its name"
done
run "$launch" --timeout=60 --memory=64 --ring=128 --trace=/dev/full \
	"build/images/ring.elf records=8176 spoil=none"
fails_with 7 "/dev/full: No space left" "a full disk ends the run"

# BPF needs privileges, tracefs and BTF; without, the run goes on.
run "$launch" --timeout=60 --observe="$T/observed" "build/images/micro.elf only=cpuid"
is "$status" 0 "a run that may not be observed ends well" || diag "$errors"
like "$output" "(l1vmm-launch: BPF programs: .*; the run goes on without|@observed records=)" \
	"it says so, or has observed"

# The programs themselves, loaded and attached, upon whatever KVM this is.  KVM for paravirtual guests
# has none of the events that they are for.
if [ "$(id -u)" -eq 0 ] && [ -r /sys/kernel/btf/vmlinux ] &&
	unshare --mount mount -t tracefs none /sys/kernel/tracing 2>"$T/.stderr"; then
	# shellcheck disable=SC2016
	run unshare --mount sh -c 'mount -t tracefs none /sys/kernel/tracing && exec "$@"' sh \
		"$launch" --timeout=60 --observe="$T/observed" "build/images/micro.elf only=cpuid"
	is "$status" 0 "a run that may be observed ends well" || diag "$errors"
	if [ -d /sys/module/kvm_intel ]; then
		like "$output" "@observed records=[1-9][0-9]* dropped=0 packets=[1-9]" "KVM's exits are seen"
		is "$(($(stat -c %s "$T/observed") > 0))" 1 "and written"
	else
		like "$output" "BPF programs: this KVM tells of none of its exits: .*; the run goes on without" \
			"a KVM without such events is told of"
		is "$(grep -c '^@observed\|^@switch name=observe' <<<"$output")" 0 "and not taken for a KVM that did nothing"
	fi
else
	skip "programs upon this machine's KVM" "root, BTF and tracefs are needed to load them"
fi

# Root that lacks the capabilities is refused like anybody else.
unprivileged=()
[ "$(id -u)" -ne 0 ] || unprivileged=(setpriv "--bounding-set=-bpf,-perfmon,-sys_admin")
run "${unprivileged[@]}" "$launch" --timeout=60 --observe="$T/observed" \
	"build/images/micro.elf only=cpuid"
is "$status" 0 "a run whose BPF programs the kernel refuses ends well" || diag "$errors"
refusal="Operation not permitted: run as root, or with CAP_BPF"
[ -r /sys/kernel/btf/vmlinux ] || refusal="[A-Z][^:]*: "
like "$output" "l1vmm-launch: BPF programs: load: $refusal.*; the run goes on without" \
	"its console says what was refused, and what would help"
like "$output" "\|@bench name=cpuid .*@end image=kvm status=ok" "its guest is measured all the same"
is "$(grep -c '^@observed\|^@handled\|^@delivered' <<<"$output")" 0 "nothing looks as if it were observed"
is "$(stat -c %s "$T/observed")" 0 "neither does the file"

# What the processor beneath offers is KVM's to say.
run "$launch" --timeout=60 build/images/l1vmm.elf "build/images/micro.elf only=cpuid"
if [ "$status" -eq 6 ]; then
	fails_with 6 "(no VMX|nested=)" "a KVM that does not nest says what would help"
else
	is "$status" 0 "a hypervisor upon KVM ends well" || diag "$errors"
fi

finish
