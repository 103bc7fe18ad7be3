#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that a page of docs/ is what a script of tools/ makes of the tables: made-page.sh PYTHON ROOT
# SCRIPT PAGE.
set -u
python=$1
root=$2
script=$3
page=$4

made=$("$python" "$root/tools/$script" "$root") || exit 1
if ! printf '%s\n' "$made" | diff -u "$root/docs/$page" - >&2; then
	echo "docs/$page is not current: make docs" >&2
	exit 1
fi
