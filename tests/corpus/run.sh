#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a script of this folder over the trees of real boards: run.sh PYTHON SCRIPT DUMP [OPTION...]
# Exits with 77 if they have not been fetched.
set -eu
python=$1 script=$2 dump=$3
shift 3
trees=$("$(dirname "$0")/../../tools/fetch-trees.sh" --cached) || {
	echo "*** THE TREES OF REAL BOARDS ARE MISSING: tools/fetch-trees.sh; NOTHING WAS CHECKED ***" >&2
	exit 77
}
exec "$python" "$script" --driver "$dump" --trees "$trees" "$@"
