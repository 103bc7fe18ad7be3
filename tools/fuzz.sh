#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs each fuzzer for a while, one after the other: tools/fuzz.sh [SECONDS [FUZZER...]]
# A crash, a hang, a leak, too much memory or undefined behaviour ends it with status 1.
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
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
for fuzzer; do
	[ -f "$fuzzer" ] || continue
	name=${fuzzer##*/fuzz_}
	found=build-fuzz/found/$name
	log=build-fuzz/$name.log
	mkdir -p "$found"
	case $name in
	machine | plan_file | xl | tree) dict=-dict=tests/fuzz/$name.dict ;;
	assign) dict=-dict=tests/fuzz/machine.dict ;;
	check | plan) dict=-dict=tests/fuzz/tree.dict ;;
	*) dict= ;;
	esac
	# What guests and their clients reach is tried the longest.
	case $name in
	device | virtio | wire) time=$((seconds * 3)) ;;
	*) time=$seconds ;;
	esac
	echo "== $name, $time s"
	if ! "$fuzzer" -max_total_time="$time" -timeout=5 -rss_limit_mb=1024 -max_len=24000 \
		$dict -print_final_stats=1 \
		-artifact_prefix=build-fuzz/"$name"- "$found" tests/fuzz/corpus/"$name" >"$log" 2>&1; then
		tail -n 60 "$log" >&2
		exit 1
	fi
	grep -E '^(stat::number_of_executed_units|stat::peak_rss_mb)|DONE' "$log" || true
done
