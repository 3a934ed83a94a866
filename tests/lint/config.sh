#!/bin/sh
# The example configuration is accepted, and says of every key with a default just that default.
set -eu
source=${SOLOVIRT_SOURCE:-.} build=${SOLOVIRT_BUILD:-build}
example=$source/etc/solovirtd.yaml
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

"$build/solovirtd" --check-config --config "$example"
"$build/solovirtd" --explain-config | awk '
	/^\.B / { key = $2; gsub(/\\-/, "-", key) }
	/ Default: / && key !~ /\[\]/ { sub(/.* Default: /, ""); sub(/\.( One of .*)?$/, ""); gsub(/\\-/, "-"); print key "=" $0 }
' | sort >"$work/defaults"
awk '
	{ sub(/(^| +)#.*/, "") }
	/^[^ ].*:$/ { parent = $1; sub(/:$/, ".", parent); next }
	/^[^ ]/ { parent = "" }
	/./ { name = $1; sub(/:$/, "", name); print parent name "=" $2 }
' "$example" | sort >"$work/example"
[ -s "$work/defaults" ] || { echo "no defaults are told by --explain-config"; exit 1; }
diff -u "$work/defaults" "$work/example"
