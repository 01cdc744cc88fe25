# Sourced by scripts/bootstrap: a stock Debian kernel with KVM behind .cache/kernel, for stacks upon
# KVM in Bochs.  It is unpacked there, never installed.
# shellcheck shell=bash
# shellcheck disable=SC2154  # ROOT, CACHE, LOG: scripts/bootstrap

# One release for all, so that instruction counts do not depend on the machine's.
KERNEL_SUITE=bookworm
KERNEL_META=linux-image-cloud-amd64
KERNEL_MODULES=(virt/lib/irqbypass.ko arch/x86/kvm/kvm.ko arch/x86/kvm/kvm-intel.ko)
# Raise the number when what is unpacked changes.
KERNEL_RECIPE=1
# Lists, archive and what is kept of it (measured: 260 MB while it is unpacked).
KERNEL_MB=400
KERNEL=$CACHE/kernel

kernel_is_there() {
	[ "$(cat "$KERNEL/stamp" 2>/dev/null)" = "$KERNEL_SUITE recipe $KERNEL_RECIPE" ]
}

# little_endian FILE OFFSET BYTES
little_endian() {
	od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# Prints the kernel in a bzImage as the ELF file that it was, by the fields of the boot protocol
# (Documentation/arch/x86/boot.rst): setup_sects, payload_offset, payload_length.  The build has
# appended four bytes to the payload, its size.
vmlinux_of() {
	local image=$1 start length magic unpack
	start=$((($(little_endian "$image" 497 1) + 1) * 512 + $(little_endian "$image" 584 4)))
	length=$(($(little_endian "$image" 588 4) - 4))
	magic=$(od -An -v -t x1 -j "$start" -N 4 "$image" | tr -d ' ')
	case $magic in
	02214c18) unpack='lz4 -dcq' ;;
	fd377a58) unpack='xz -dcq' ;;
	28b52ffd) unpack='zstd -dcq' ;;
	*) die 17 "the kernel's payload is packed in a way that is not known here ($magic)" ;;
	esac
	dd if="$image" bs=64K iflag=skip_bytes,count_bytes skip="$start" count="$length" \
		status=none | $unpack
}

unpack_kernel() {
	local new=$1 apt=$1/apt package deb module
	say "fetching Debian $KERNEL_SUITE's kernel into .cache/kernel: KVM in Bochs runs on it"
	need_space "$CACHE" "$KERNEL_MB" "fetching the kernel"
	private_apt "$apt" "$KERNEL_SUITE"
	apt-get -qq -c "$apt/apt.conf" update >>"$LOG" 2>&1 || apt_failed "fetching the kernel"
	package=$(apt-cache -c "$apt/apt.conf" depends "$KERNEL_META" 2>>"$LOG" |
		sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
	[ -n "$package" ] || apt_failed "choosing a kernel"
	(cd "$apt" && apt-get -qq -c apt.conf download "$package" busybox-static) >>"$LOG" 2>&1 ||
		apt_failed "fetching the kernel"
	for deb in "$apt"/*.deb; do
		dpkg-deb -x "$deb" "$apt/root" 2>>"$LOG" || apt_failed "unpacking the kernel"
	done
	vmlinux_of "$apt"/root/boot/vmlinuz-* >"$new/vmlinux" 2>>"$LOG" ||
		die 17 "the kernel cannot be unpacked (log: $LOG)"
	for module in "${KERNEL_MODULES[@]}"; do
		cp "$apt"/root/lib/modules/*/kernel/"$module" "$new/"
	done
	cp "$apt/root/bin/busybox" "$new/"
	dpkg-deb -f "$apt"/linux-image-*.deb Version >"$new/version"
	rm -r "$apt"
}

# All is made beside the place, and takes its name in one step.
install_kernel() {
	local new=$KERNEL.partial
	if kernel_is_there; then
		return 0
	fi
	: >"$LOG"
	rm -rf "$new"
	mkdir "$new"
	unpack_kernel "$new"
	echo "$KERNEL_SUITE recipe $KERNEL_RECIPE" >"$new/stamp"
	sync -f "$new"
	rm -rf "$KERNEL"
	mv "$new" "$KERNEL"
}
