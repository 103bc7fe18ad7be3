#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints figures and ratios, all from this one run, and exits with 1 if one is beyond its limit.
#
#	bench/run.sh [PART]…
#
# PART is plans, serve, viewer or screen; all without any. `screen` boots a guest, of the bed that
# testbed/vm/build.sh makes.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0
[ $# -gt 0 ] || set -- plans serve viewer screen
ninja -C build --quiet bench/bench bench/latency bench/crowd bench/libcounting.so

for part; do
	printf '\n== %s\n' "$part"
	case $part in
	plans)
		trees=$(tools/fetch-trees.sh | tail -n 1)
		build/bench/bench build/sallyport "$(command -v dtc)" "$trees" "$scratch" "${BENCH_ROUNDS:-3}" ||
			status=1
		;;
	serve | viewer | screen)
		python3 "bench/serve/$part.py" build "build/bench-$part" || status=1
		;;
	*)
		echo "run.sh: unknown part $part; there are plans, serve, viewer and screen" >&2
		exit 2
		;;
	esac
done
exit $status
