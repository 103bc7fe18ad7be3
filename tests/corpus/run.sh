#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a script of this folder over the trees of real boards: run.sh PYTHON SCRIPT DUMP [OPTION...]
set -eu
python=$1 script=$2 dump=$3
shift 3
trees=$("$(dirname "$0")/../../tools/fetch-trees.sh")
exec "$python" "$script" --driver "$dump" --trees "$trees" "$@"
