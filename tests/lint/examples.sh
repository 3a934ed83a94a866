#!/bin/sh
# Every example is accepted without a word, and validate prints what the golden files of errors say.
top=${srcdir:-.}
solovirt=${SOLOVIRT_BUILD:-.}/solovirt
case $solovirt in /*) ;; *) solovirt=$(pwd)/$solovirt ;; esac
status=0

for file in "$top"/etc/examples/*.yaml; do
	said=$("$solovirt" validate -f "$file")
	case $said in
	[1-9]*" in 1 file: accepted") ;;
	*)
		echo "$said"
		status=1
		;;
	esac
done

cd "$top/tests/golden/errors" || exit 1
for file in *.yaml *.json; do
	wanted=0
	"$solovirt" validate -f "$file" >"${TMPDIR:-/tmp}/said.$$" 2>&1
	code=$?
	diff -u "${file%.*}.txt" "${TMPDIR:-/tmp}/said.$$" || status=1
	grep -q ": accepted$" "${file%.*}.txt" || wanted=1
	if [ $code -ne $wanted ]; then
		echo "$file: validate ended with $code instead of $wanted"
		status=1
	fi
done
rm -f "${TMPDIR:-/tmp}/said.$$"
exit $status
