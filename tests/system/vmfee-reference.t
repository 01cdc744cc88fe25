#!/bin/bash
# The reference is that of the definitions, and the manual leaves none of them out.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

run build/vmfee reference
is "$status" 0 "the reference is made" || diag "$errors"
printf '%s\n' "$output" | diff -u docs/reference.md - >"$T/difference"
ok $? "docs/reference.md is up to date; make reference writes it" || diag "$(head -20 "$T/difference")"

# Another reader of the definitions: each has a row.
for name in $(sed -n 's/^RECORD_[A-Z]*([a-z0-9_]*, \([a-z_]*\),.*/\1/p' telemetry/record.def) \
	$(sed -n 's/^SWITCH(\([a-z_]*\),.*/\1/p' l1vmm/switches.def); do
	if grep -q "^| .$name. |" docs/reference.md; then holds=0; else holds=1; fi
	ok $holds "$name has a row"
done
while read -r object; do
	is "$(grep -c "^### $object\$" docs/reference.md)" 1 "$object of the database has a section"
done < <(grep -ohE 'CREATE (TABLE|VIEW) [a-z0-9_]+' bench/schema.c bench/schema_views.c | cut -d' ' -f3)

# The manual.
while read -r switch; do
	if grep -qE "[^a-z]${switch}[^a-z]" docs/manual.md; then holds=0; else holds=1; fi
	ok $holds "the manual has the switch $switch"
done < <(sed -n 's/^SWITCH(\([a-z_]*\),.*/\1/p' l1vmm/switches.def)
while read -r component; do
	if grep -q "^| .$component. |" docs/manual.md; then holds=0; else holds=1; fi
	ok $holds "and the component $component"
done < <(sed -n 's/^COMPONENT([A-Z]*, \([a-z]*\),.*/\1/p' telemetry/component.def)
while read -r experiment; do
	if [ -e "bench/experiments/$experiment.ini" ]; then holds=0; else holds=1; fi
	ok $holds "the experiment $experiment that it names exists"
done < <(tr '\140' '\n' <docs/manual.md | grep -xE 'run [a-z0-9]+' | cut -d' ' -f2 | sort -u)
while read -r file; do
	if [ -e "docs/$file" ]; then holds=0; else holds=1; fi
	ok $holds "docs/$file, which a page of the manual names, exists"
done < <(grep -ohE '\]\([a-z]+\.md\)' docs/*.md | tr -d '])(' | sort -u)

finish
