#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a command with --trees and the folder of real boards' trees after its arguments.
set -eu
trees=$("$(dirname "$0")/../tools/fetch-trees.sh")
exec "$@" --trees "$trees"
