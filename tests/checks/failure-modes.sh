#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that docs/failure-modes.md has all ten classes, and that the tests that it names are there.
set -u
source=$1
page=${2:-$source/docs/failure-modes.md}
bad=0

for class in 1 2 3 4 5 6 7 8 9 10; do
	row=$(grep "^| $class |" "$page") || {
		echo "$page: class $class is missing" >&2
		bad=1
		continue
	}
	names=$(printf '%s\n' "$row" | grep -o '`[a-z_0-9/]*\.[a-z]*[:a-z_0-9]*`' | tr -d '`')
	if [ -z "$names" ]; then
		echo "$page: class $class names no test" >&2
		bad=1
	fi
	for name in $names; do
		file=$source/tests/${name%%:*}
		test=${name#*:}
		if [ ! -f "$file" ]; then
			echo "$page: there is no ${name%%:*}" >&2
			bad=1
		elif [ "$test" != "$name" ] &&
			! grep -q "cmocka_unit_test[a-z_]*($test[,)]" "$file"; then
			echo "$page: ${name%%:*} does not run $test" >&2
			bad=1
		fi
	done
done
exit $bad
