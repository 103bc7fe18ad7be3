#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints ratios, all from this one run, and exits with 1 if one is beyond its limit.
set -eu
cd "$(dirname "$0")/.."

ninja -C build --quiet bench/bench
trees=$(tools/fetch-trees.sh | tail -n 1)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build/bench/bench build/sallyport "$(command -v dtc)" "$trees" "$scratch" "${BENCH_ROUNDS:-3}"
