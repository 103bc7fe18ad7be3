#!/bin/sh
# SPDX-License-Identifier: MIT
# Reports how much of the library the tests reach, and fails below 90% of its lines.
set -eu
cd "$(dirname "$0")/.."

tools/build.sh build-coverage -Db_coverage=true -Doptimization=0 -Dman=disabled
find build-coverage -name '*.gcda' -delete
meson test -C build-coverage --no-rebuild --quiet --print-errorlogs --suite unit --suite golden --suite cli
gcovr --root . --object-directory build-coverage --filter 'src/(base|xl|fdt|host|plan|check|emit|attach)/' \
	--exclude-unreachable-branches --exclude-throw-branches \
	--html-details build-coverage/coverage.html --txt build-coverage/coverage.txt \
	--print-summary --fail-under-line 90 build-coverage
