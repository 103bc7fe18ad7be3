#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that docs/xen-versions.md is what the tables of Xen's releases and drivers say.
set -u
python=$1
root=$2
page=$root/docs/xen-versions.md

made=$("$python" "$root/tools/xen-versions.py" "$root") || exit 1
if ! printf '%s\n' "$made" | diff -u "$page" - >&2; then
	echo "docs/xen-versions.md is not current: make docs" >&2
	exit 1
fi
