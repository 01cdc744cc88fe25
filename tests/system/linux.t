#!/bin/bash
# A stock kernel as a guest: its timers, clocks and log; and what its level cannot be.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
. tests/system/linux.sh

linux '|' 'l1vmm memory=192 irq=posted / linux'

# refused LEVELS TEXT PLATFORM: vmfee says so before it runs anything
refused() {
	printf '[experiment]\ntitle = t\nplatform = %s\nmemory = 512\n[stack case]\nlevels = %s\n' "$3" "$1" \
		>"$T/refused.ini"
	run build/vmfee run --results "$T/refused" "$T/refused.ini"
	is "$status" 2 "refused: $1 on $3"
	like "$errors" "$2" "and why"
}

refused 'linux / micro' "no image 'linux'" bochs
refused 'l1vmm / linux' "'linux' is not possible upon KVM" bochs-kvm
refused 'kvm / l1vmm / linux' "'linux' is not possible upon KVM" bochs

finish
