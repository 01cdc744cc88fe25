#!/bin/bash
# scripts/debian-source: which of a machine's apt sources is Debian's archive.
cd "${BASH_SOURCE[0]%/*}/../.." && . tests/system/lib.sh || exit

mkdir "$T/parts"
cat >"$T/apt.conf" <<END
Dir::Etc::sourcelist "$T/sources.list";
Dir::Etc::sourceparts "$T/parts";
END
echo 'VERSION_CODENAME=bookworm' >"$T/os-release"
export APT_CONFIG=$T/apt.conf OS_RELEASE=$T/os-release

# wants NAME: compares what is found with stdin, and forgets the sources
wants() {
	run "$ROOT/scripts/debian-source" trixie
	is "$output" "$(cat)" "$1"
	rm -f "$T/sources.list" "$T/parts"/*
}

cat >"$T/parts/debian.sources" <<'END'
Types: deb deb-src
URIs: http://mirror.example/debian http://other.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
END
wants "deb822: the archive, its first mirror and its key" <<'END'
Types: deb
URIs: http://mirror.example/debian
Suites: trixie
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END

cat >"$T/parts/0-disabled.sources" <<'END'
# switched off
Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
END
cat >"$T/parts/1-sources-only.sources" <<'END'
Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
END
cat >"$T/parts/2-inline-key.sources" <<'END'
types: deb
uris: https://mirror.example/debian
suites: stable
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
END
wants "deb822: not what is disabled or holds no packages; a key in the file stays whole" <<'END'
Types: deb
URIs: https://mirror.example/debian
Suites: trixie
Components: main
Signed-By: 
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
END

cat >"$T/sources.list" <<'END'
# deb http://comment.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12 _Bookworm_]/ bookworm main
deb-src http://source.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb http://updates.example/debian bookworm-updates main
deb http://extra.example/debian bookworm contrib
deb [arch=amd64 signed-by=/etc/key.gpg] http://mirror.example/debian/ bookworm contrib main # ours
END
wants "one-line: the archive and its key among everything else" <<'END'
Types: deb
URIs: http://mirror.example/debian/
Suites: trixie
Components: main
Signed-By: /etc/key.gpg
END

echo 'deb http://mirror.example/debian bookworm main' >"$T/parts/mirror.list"
wants "one-line: without a key of its own apt's trusted keys hold" <<'END'
Types: deb
URIs: http://mirror.example/debian
Suites: trixie
Components: main
END

echo 'deb http://third-party.example/apt nodistro main' >"$T/parts/other.list"
run "$ROOT/scripts/debian-source" trixie
is "$status" 1 "no Debian archive among the sources is an error"

finish
