#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that docs/findings.md is what the catalogue says.
set -u
program=$1
page=$2/docs/findings.md

if ! "$program" explain --markdown | diff -u "$page" - >&2; then
	echo "docs/findings.md is not current: make docs" >&2
	exit 1
fi
