#!/bin/bash
# The experiment `fee` as a whole is repeatable to the byte, and fast enough.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

# What `make fee` may take on two processors, set-up done.
LIMIT=180

for results in first second; do
	begun=$SECONDS
	run build/vmfee run --results "$T/$results" fee
	took=$((SECONDS - begun))
	is "$status" 0 "$results run of fee" || diag "$errors"
	diag "$results run: $took seconds"
	if [ "$took" -lt "$LIMIT" ]; then holds=0; else holds=1; fi
	ok $holds "it takes less than $LIMIT seconds"
done
files=$(cd "$T/first" && find . -type f | sort)
is "$(cd "$T/second" && find . -type f | sort)" "$files" "both leave the same files"
while read -r file; do
	cmp "$T/first/$file" "$T/second/$file" >&2
	ok $? "${file#./} is the same in both"
done <<<"$files"

finish
