#!/bin/bash
# Images that no machine may be given: each is refused by name before anything runs.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit
private_project
vmfee=$PROJECT/build/vmfee
images=$PROJECT/build/images

# refused REGEX NAME: the image bad.elf is refused, at the bottom of a stack and on top of one
refused() {
	local levels
	for levels in "bad" "l1vmm / bad"; do
		printf '[experiment]\ntitle = t\n[stack case]\nlevels = %s\n' "$levels" >"$T/bad.ini"
		run "$vmfee" run "$T/bad.ini"
		[ "$status" -eq 8 ] && [[ ${errors##*$'\n'} =~ bad\.elf:\ $1 ]]
		ok $? "$2 as '$levels': status 8" || diag "status $status: $errors"
	done
	[ -z "$(ls -A "$PROJECT/results")" ]
	ok $? "$2: nothing is left"
}

# patch OFFSET BYTES: writes bytes, as printf escapes, into bad.elf
patch() {
	printf '%b' "$2" | dd of="$images/bad.elf" bs=1 seek="$1" conv=notrunc status=none
}

# The offset in bad.elf of its program header number $1; each is 56 bytes.
header() {
	local start
	start=$(od -An -tu8 -j32 -N8 "$images/bad.elf")
	echo $((start + $1 * 56))
}

echo "no executable at all, but a text that is longer than a header of an executable is" \
	>"$images/bad.elf"
refused '.*' "a text"
: >"$images/bad.elf"
refused '.*' "an empty file"
for size in 20 64 4096; do
	head -c $size "$images/micro.elf" >"$images/bad.elf"
	refused '.*' "an image cut to $size bytes"
done
head -c "$(($(stat -c %s "$images/micro.elf") - 1))" "$images/micro.elf" >"$images/bad.elf"
refused '.*' "an image cut short by one byte"

cp "$images/micro.elf" "$images/bad.elf"
segment=$(readelf -lW "$images/bad.elf" | awk '$1 == "LOAD" { print n; exit } /^  [A-Z]/ { if (seen) n++ } /^  Type/ { seen = 1; n = 0 }')
patch "$(($(header "$segment") + 24))" '\x00\x00\x00\x70\x00\x00\x00\x00'
refused '.*' "a segment outside memory"
cp "$images/micro.elf" "$images/bad.elf"
patch "$(($(header "$segment") + 24))" '\x00\x00\x00\xff\xff\xff\xff\xff'
refused '.*' "a segment that wraps around"
cp /bin/true "$images/bad.elf"
refused '.*' "an executable of another system"

finish
