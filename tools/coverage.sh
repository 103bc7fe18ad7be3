#!/bin/sh
# SPDX-License-Identifier: MIT
# Reports how much of the library, and of what serves, the tests reach, and fails below 90% of the lines. What
# runs in a process that is killed (hold, sandbox, serve, control) leaves no counts behind, and is not among it.
set -eu
cd "$(dirname "$0")/.."

tools/build.sh build-coverage -Db_coverage=true -Doptimization=0 -Dman=disabled
find build-coverage -name '*.gcda' -delete
meson test -C build-coverage --no-rebuild --quiet --print-errorlogs --suite unit --suite golden --suite cli
planning='base|xl|fdt|host|plan|check|emit|attach|pci|acpi|machine|preflight|assign'
serving='device|virtio|input|gpu|show|wire'
gcovr --root . --object-directory build-coverage --filter "src/($planning|$serving)/" \
	--exclude-unreachable-branches --exclude-throw-branches \
	--html-details build-coverage/coverage.html --txt build-coverage/coverage.txt \
	--print-summary --fail-under-line 90 build-coverage
