#!/bin/bash
# scripts/bootstrap on made-up machines: what it does when something is missing, breaks or is killed.
# The machines' package tools are stubs that write down how they are called.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

TOOLS='awk bash cat chmod cp cut dpkg-deb env find flock grep head kill mkdir mv rm sed sh sleep sort
	sync tar tr true xargs apt-config'

# stub NAME: makes a program of the machine from stdin
stub() {
	rm -f "$M/bin/$1"
	{ echo '#!/bin/bash'; cat; } >"$M/bin/$1"
	chmod +x "$M/bin/$1"
}

# A Debian 12 machine with nothing installed, used by root, with a mirror that works.
machine() {
	local tool
	M=$T/machine
	rm -rf "$M"
	mkdir -p "$M/bin" "$M/parts" "$M/project"
	export M
	cp -r "$ROOT/scripts" "$M/project/"
	for tool in $TOOLS; do
		ln -s "$(type -P "$tool")" "$M/bin/$tool"
	done
	printf 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n' >"$M/os-release"
	echo 'deb http://mirror.example/debian bookworm main' >"$M/parts/debian.list"
	printf 'Dir::Etc::sourcelist "%s";\nDir::Etc::sourceparts "%s";\n' \
		"$M/none" "$M/parts" >"$M/apt.conf"
	touch "$M/installed" "$M/calls"
	echo 2.7 >"$M/bochs-version"

	stub id <<<'echo 0'
	stub df <<<'echo "Filesystem Blocks Used Available"; echo "disk 9 9 99999"'
	stub apt-cache <<<'echo "Installed-Size: 1024"; echo "Size: 1048576"'
	stub dpkg <<-'END'
		[ "$1" = --compare-versions ] && exec /usr/bin/dpkg "$@"
		echo amd64
	END
	stub dpkg-query <<-'END'
		case $3 in
		*Status*) for name in "${@:4}"; do
				grep -qx "$name" "$M/installed" && printf 'installed:%s ' "$name"
			done ;;
		*) cat "$M/bochs-version" ;;
		esac
	END
	stub apt-get <<-'END'
		echo "apt-get $*" >>"$M/calls"
		case " $* " in
		*' -s '*) echo 'Inst something (1.0)' ;;
		*' install '*) printf '%s\n' "${@##-*}" >>"$M/installed" ;;
		*' download '*) cp "$M"/../bochs_3.0_amd64.deb . ;;
		esac
	END
}

# Debian 13's Bochs for the stubs: its dynamic loader is a script that answers --help.
make_bochs_deb() {
	local tree=$T/deb loader=usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
	mkdir -p "$tree/DEBIAN" "$tree/${loader%/*}"
	printf '%s\n' 'Package: bochs' 'Version: 3.0' 'Architecture: amd64' \
		'Maintainer: nobody <nobody@example.org>' 'Description: a stub' >"$tree/DEBIAN/control"
	cat >"$tree/$loader" <<-'END'
		#!/bin/sh
		[ ! -e "$M/broken" ]
	END
	chmod +x "$tree/$loader"
	dpkg-deb --build --root-owner-group "$tree" "$T/bochs_3.0_amd64.deb" >/dev/null
}

bootstrap() {
	PATH=$M/bin APT_CONFIG=$M/apt.conf OS_RELEASE=$M/os-release "$M/project/scripts/bootstrap"
}

# The place of a Bochs that counts as whole.
whole() {
	[ -x "$M/project/.cache/bochs/run" ] && [ -s "$M/project/.cache/bochs/stamp" ]
}

calls() {
	grep -c "$1" "$M/calls"
}

make_bochs_deb

machine
run bootstrap
is "$status" 0 "a machine with nothing is set up"
like "$errors" 'installing Debian packages: compilers \(gcc .*\), checkers \(.*Bochs from Debian' \
	"it says what it installs and why"
whole
ok $? "Bochs is in its place"
is "$("$M/project/.cache/bochs/run" --help; echo $?)" 0 "Bochs starts"
is "$(cat "$M/project/.cache/bochs/version")" 3.0 "its version is written down"
: >"$M/calls"
run bootstrap
is "$status $output$errors$(cat "$M/calls")" "0 " "a second run is silent and asks apt for nothing"

sed -i '/^shellcheck$/d' "$M/installed"
run bootstrap
is "$errors" 'bootstrap: installing Debian packages: checkers (shellcheck)' \
	"only what is missing is installed"

machine
echo 3.0 >"$M/bochs-version"
run bootstrap
is "$status $(calls download)" "0 0" "a machine's own Bochs is used where it is new enough"

machine
rm "$M/bin/apt-get"
run bootstrap
fails_with 10 'no apt here' "without apt it says what it needs"

machine
echo 'ID=fedora' >"$M/os-release"
run bootstrap
fails_with 10 "'fedora': Debian 12" "another system is refused by name"

machine
printf 'ID=debian\nVERSION_ID="11"\n' >"$M/os-release"
run bootstrap
fails_with 11 'Debian 11: upgrade' "an older Debian is refused"
printf "ID='debian'\nVERSION_ID='11.9'\n" >"$M/os-release"
run bootstrap
fails_with 11 'Debian 11: upgrade' "single quotes and a point release are read as well"

machine
stub dpkg <<<'echo arm64'
run bootstrap
fails_with 10 'arm64' "another architecture is refused"

machine
stub id <<<'echo 1000'
run bootstrap
fails_with 12 'sudo.*apt-get install .* gcc ' "without root and sudo it says what to install"
stub sudo <<'END'
echo "sudo $*" >>"$M/calls"
exec "$@"
END
run bootstrap
is "$status" 0 "with sudo it is set up"
is "$(calls '^sudo env .*apt-get .* install')" 1 "packages are installed through sudo"

machine
stub df <<<'echo "Filesystem Blocks Used Available"; echo "disk 9 9 10"'
run bootstrap
like "$status $errors" '^14 .*needs 150 MB in /var/lib/apt, which has 10 MB' \
	"too little disk is seen before anything is fetched"
is "$(cat "$M/calls")" "" "and apt is not called"

# apt-get fails at WORD as the mirror does when there is no network.
mirror_fails_at() {
	mv "$M/bin/apt-get" "$M/bin/apt-get.good"
	stub apt-get <<-END
		case " \$* " in
		*" $1 "*) echo "E: Failed to fetch http://mirror.example/: Could not connect" >&2; exit 100 ;;
		esac
		exec "\$M/bin/apt-get.good" "\$@"
	END
}

mirror_works() {
	mv "$M/bin/apt-get.good" "$M/bin/apt-get"
}

machine
mirror_fails_at install
run bootstrap
like "$status $errors" '^13 .*mirror cannot be reached: connect' "no network for packages: what to do"

for step in update download; do
	machine
	bootstrap 2>/dev/null
	rm -r "$M/project/.cache"
	mirror_fails_at "$step"
	run bootstrap
	like "$status $errors" '^13 .*fetching Bochs failed, .*mirror cannot be reached: connect' \
		"no network for Bochs at $step: what to do"
	! whole
	ok $? "nothing is taken for Bochs"
	mirror_works
	run bootstrap
	is "$status" 0 "the next run mends it"
done

machine
: >"$M/parts/debian.list"
run bootstrap
like "$status $errors" '^13 .*sources name no Debian mirror' "no mirror in the sources: what to do"

machine
: >"$M/broken"
run bootstrap
like "$status $errors" '^16 .*Bochs 3.0 does not start' "a Bochs that does not start is an error"
! whole
ok $? "and is not kept"

# Killed in the middle of STEP, with all that it started.
for step in apt-get dpkg-deb; do
	machine
	mv "$M/bin/$step" "$M/bin/$step.good"
	stub "$step" <<-END
		"\$M/bin/$step.good" "\$@"
		case " \$* " in *" download "* | *" -x "*) kill -9 0 ;; esac
	END
	{ run setsid --wait bash -c "$(declare -f bootstrap); bootstrap"; } 2>/dev/null
	! whole
	ok $? "killed in $step, nothing is taken for Bochs"
	mv "$M/bin/$step.good" "$M/bin/$step"
	run bootstrap
	is "$status" 0 "the next run mends it"
	whole
	ok $? "Bochs is whole then"
done

machine
bootstrap 2>/dev/null
rm "$M/project/.cache/bochs/stamp"
run bootstrap
is "$status $(calls download)" "0 2" "a Bochs without its stamp is fetched again"

machine
bootstrap 2>/dev/null &
first=$!
run bootstrap
wait "$first"
is "$? $status" "0 0" "two at once both succeed"
is "$(calls download)" 1 "and Bochs is fetched once"

finish
