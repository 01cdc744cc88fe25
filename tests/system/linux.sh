# Sourced by tests of a stock kernel, after lib.sh.
# shellcheck shell=bash

# linux BARS LEVELS: Debian's kernel upon these levels is content with its interrupts and clocks
linux() {
	local console
	printf '[experiment]\ntitle = t\nmemory = 512\nwatchdog = 9000\noutbox = 64\n[stack case]\nlevels = %s\n' \
		"$2" >"$T/linux.ini"
	rm -rf "$T/linux"
	run build/vmfee run --no-plots --results "$T/linux" "$T/linux.ini"
	console=$(cat "$T/linux/linux/case/console.log" "$T/linux/.linux.failed/case/console.log" 2>/dev/null)
	is "$status" 0 "$2" || diag "$errors"
	if grep -qxF "$1@end image=linux status=ok" <<<"$console"; then holds=0; else holds=1; fi
	ok $holds "the program in it says so" || diag "$(grep -F '@fail' <<<"$console")"
}
