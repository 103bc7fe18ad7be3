#!/bin/sh
# SPDX-License-Identifier: MIT
# All tests, in the order in which they are likely to fail early.
set -eu
cd "$(dirname "$0")/.."

start=$(date +%s)
step() {
	printf '\n== %s (after %d s)\n' "$1" $(($(date +%s) - start))
}
suites() {
	folder=$1
	shift
	arguments=
	for suite; do
		arguments="$arguments --suite $suite"
	done
	meson test -C "$folder" --no-rebuild --quiet --print-errorlogs $arguments
}

step "gcc"
tools/build.sh build -Dwerror=true -Dtests=enabled -Dxen=enabled -Dserve=enabled -Dvnc=enabled
suites build checks unit golden cli
step "serving: the program, its holder and sandbox, and conformance"
suites build serve hold sandbox conformance

step "clang, AddressSanitizer and UBSan"
CC=clang tools/build.sh build-asan -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false \
	-Dbuildtype=debugoptimized -Dc_args=-fno-sanitize-recover=all -Dman=disabled \
	-Dtests=enabled -Dxen=enabled -Dserve=enabled -Dvnc=enabled
suites build-asan unit golden cli

step "real boards"
tools/fetch-trees.sh >/dev/null
meson test -C build --no-rebuild --verbose --suite corpus
suites build uboot

step "fuzzing"
tools/fuzz.sh "${FUZZ_SECONDS:-20}"

step "coverage"
tools/coverage.sh

step "real Xen: the test bed"
testbed/build.sh
step "real Xen: plans"
python3 tests/xen/story.py build/sallyport build/xen-story
step "real Xen: predictions"
python3 tests/xen/predictions.py build/sallyport build/xen-predictions

step "real Xen for x86: the test bed"
testbed/x86/build.sh
step "real Xen for x86: plans and predictions"
python3 tests/xen/x86/story.py build/sallyport build/xen-x86

step "real guests: the test bed"
testbed/vm/build.sh
step "real guests: what is served to them"
python3 tests/vm/story.py build/serve build/vm-story

step "done"
