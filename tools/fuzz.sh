#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each fuzzer for a while: tools/fuzz.sh SECONDS [FUZZER...]
# What it finds to be new inputs goes into build-fuzz, not into the corpora of the project. A crash
# leaves its input in build-fuzz, too.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# = 0 ] || shift

CC=clang tools/build.sh build-fuzz -Dfuzz=true -Dwerror=true -Db_sanitize=address,undefined \
	-Db_lundef=false -Dbuildtype=debugoptimized -Dc_args=-fno-sanitize-recover=all -Dman=disabled
[ $# -gt 0 ] || set -- build-fuzz/tests/fuzz/fuzz_*
[ -x "$1" ] || {
	echo "there are no fuzzers" >&2
	exit 1
}
for fuzzer; do
	[ -f "$fuzzer" ] || continue
	name=${fuzzer##*/fuzz_}
	found=build-fuzz/found/$name
	seeds=tests/fuzz/corpus/$name
	mkdir -p "$found"
	[ -d "$seeds" ] || seeds=
	words=tests/fuzz/$name.dict
	[ -e "$words" ] || words=tests/fuzz/tree.dict
	echo "== $name, $seconds s"
	if ! "$fuzzer" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-dict="$words" -artifact_prefix=build-fuzz/"$name"- "$found" $seeds >build-fuzz/"$name".log 2>&1; then
		tail -n 60 build-fuzz/"$name".log >&2
		exit 1
	fi
	grep -E '^(stat::number_of_executed_units|stat::peak_rss_mb)|DONE' build-fuzz/"$name".log || true
done
