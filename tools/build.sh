#!/bin/sh
# SPDX-License-Identifier: MIT
# Configures and compiles one build folder: tools/build.sh FOLDER [OPTION...]
# The options are Meson's, and the compiler is $CC. A folder that is there is configured anew if its
# options are to be others.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift

stamp=$folder/.options
options="${CC-} $*"
if [ ! -e "$folder/build.ninja" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$options" ]; then
	rm -rf "$folder"
	meson setup "$folder" "$@" >/dev/null || {
		[ ! -e "$folder/meson-logs/meson-log.txt" ] || tail -n 20 "$folder/meson-logs/meson-log.txt" >&2
		exit 1
	}
	printf '%s\n' "$options" >"$stamp"
fi
exec ninja -C "$folder" --quiet
