#!/bin/sh
# Every manual page is rendered without a warning.
set -eu
build=${SOLOVIRT_BUILD:-build} failed=0
command -v man >/dev/null 2>&1 && command -v groff >/dev/null 2>&1 || { echo "no man or groff here"; exit 77; }

for page in solovirt.1 solovirtd.yaml.5 solovirt-spec.7 solovirtd.8; do
	for with in "man --warnings -l" "groff -ww -man -Tutf8"; do
		warnings=$(LC_ALL=C.UTF-8 MANWIDTH=100 $with "$build/man/$page" 2>&1 >/dev/null)
		[ -z "$warnings" ] || { echo "$with $page: $warnings"; failed=1; }
	done
done
exit $failed
