#!/bin/bash
# Images that no machine may be given.  What is wrong with the file itself, and with the lowest image,
# shows before anything runs; that a guest does not fit into its memory, its hypervisor finds out.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
images=$PROJECT/build/images

# refused REGEX NAME LEVELS...: a run of each stack ends with the status and the reason of a bad image
refused() {
	local regex=$1 name=$2 levels
	shift 2
	for levels; do
		one_stack bad "$levels"
		run "$vmfee" run "$T/bad.ini"
		if [ "$status" -eq 8 ] && [[ ${errors##*$'\n'} =~ $regex ]]; then holds=0; else holds=1; fi
		ok $holds "$name as '$levels': status 8" || diag "status $status: $errors"
	done
	if [ -z "$(ls "$PROJECT/results")" ]; then holds=0; else holds=1; fi
	ok $holds "$name: nothing looks like a result"
}
bottom=bad top='l1vmm / bad'

# patch_address SEGMENT BYTES: writes the physical address of a segment of bad.elf, which stands 24
# bytes into its program header of 56, as printf escapes.
patch_address() {
	local headers
	headers=$(od -An -tu8 -j32 -N8 "$images/bad.elf")
	printf '%b' "$2" | dd of="$images/bad.elf" bs=1 seek=$((headers + $1 * 56 + 24)) \
		conv=notrunc status=none
}

echo "no executable at all, but a text that is longer than the header of an executable" \
	>"$images/bad.elf"
refused 'bad\.elf: the file does not begin with the ELF magic number' "a text" "$bottom" "$top"
: >"$images/bad.elf"
refused 'bad\.elf: the file is too small' "an empty file" "$bottom" "$top"
for size in 64 4096 $(($(stat -c %s "$images/micro.elf") - 1)); do
	head -c "$size" "$images/micro.elf" >"$images/bad.elf"
	refused 'bad\.elf: the image is cut short' "an image cut to $size bytes" "$bottom" "$top"
done
cp /bin/true "$images/bad.elf"
refused 'bad\.elf: the image is not an executable for fixed addresses' "an executable of another system" "$bottom" "$top"

# The last segment that is loaded does not hold the entry, which would be missed first.
segment=$(readelf -lW "$images/micro.elf" |
	awk '/^  Type/ { n = 0; next } /^  [A-Z]/ { if ($1 == "LOAD") last = n; n++ } END { print last }')
cp "$images/micro.elf" "$images/bad.elf"
patch_address "$segment" '\x00\x00\x00\x70\x00\x00\x00\x00'
refused 'bad\.elf: .*, segment [0-9]*, .* 0x70000000' "a segment outside memory" "$bottom"
refused "image cannot be loaded: reason=image-refused error=OUTSIDE_MEMORY .*=0x70000000" \
	"a segment outside the guest's memory" "$top"
cp "$images/micro.elf" "$images/bad.elf"
patch_address "$segment" '\x00\x00\x00\xff\xff\xff\xff\xff'
refused 'bad\.elf: a segment ends above 4 GiB' "a segment at the end of all addresses" "$bottom" "$top"

finish
