# Reads apt's sources, of both formats, and prints "uri <tab> signed-by" for every entry that names
# the main archive of the Debian release `codename`.  The archive is told from its -updates and
# -security by the suite's name.  The lines of a key that stands in the source itself are joined by
# \f.

function listed(list, pattern,    word, i, n) {
	n = split(list, word, " ")
	for (i = 1; i <= n; i++)
		if (word[i] ~ pattern)
			return 1
	return 0
}

function offer(types, uri, suites, components, key) {
	if (listed(types, "^deb$") && uri !~ /^cdrom:/ && listed(components, "^main$") &&
	    listed(suites, "^(" codename "|(old)*stable)$"))
		print uri "\t" key
}

function paragraph_ends(    uri) {
	split(field["uris"], uri, " ")
	if (field["enabled"] !~ /^(no|false|0|off|without|disable)/)
		offer(field["types"], uri[1], field["suites"], field["components"],
		      field["signed-by"])
	split("", field)
}

function one_line(    options, option, key, i, n) {
	sub(/#.*/, "")
	if (match($0, /\[[^]]*\]/)) {
		options = substr($0, RSTART + 1, RLENGTH - 2)
		$0 = substr($0, 1, RSTART - 1) " " substr($0, RSTART + RLENGTH)
	}
	n = split(options, option, " ")
	for (i = 1; i <= n; i++)
		if (sub(/^signed-by=/, "", option[i]))
			key = option[i]
	offer($1, $2, $3, substr($0, index($0, $3) + length($3)), key)
}

FNR == 1             { paragraph_ends() }
FILENAME ~ /\.list$/ { one_line(); next }
/^#/                 { next }
/^[ \t]*$/           { paragraph_ends(); next }
/^[ \t]/             { field[name] = field[name] "\f" $0; next }
{
	colon = index($0, ":")
	name = tolower(substr($0, 1, colon - 1))
	field[name] = substr($0, colon + 1)
	gsub(/^[ \t]+|[ \t]+$/, "", field[name])
}
END                  { paragraph_ends() }
