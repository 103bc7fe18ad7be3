# SPDX-License-Identifier: MIT
# To be sourced, from the project's folder: what building a test bed takes. Each part is a folder below
# $bed that appears whole; its recipe is what makes it, so that a change of that makes it anew.
. tools/apt.sh

fail() {
	echo "testbed: $1" >&2
	[ -z "${2-}" ] || echo "  $2" >&2
	exit 1
}

# bed_open SCRIPT [--cached]: finds $bed and locks it. With --cached nothing is built, and what is not
# there is an error.
bed_open() {
	bed_script=$1 mode=build
	bed=${XDG_CACHE_HOME:-${HOME:?}/.cache}/sallyport/testbed
	case $bed in
	/*) ;;
	*) fail "XDG_CACHE_HOME is \"$XDG_CACHE_HOME\", which is no absolute path" ;;
	esac
	case $bed in
	*[[:space:]]*) fail "\"$bed\" has a blank, with which Xen cannot be built" "XDG_CACHE_HOME names another place." ;;
	esac
	[ "${2-}" != --cached ] || mode=cached
	if [ $mode = build ]; then
		mkdir -p "$bed" && : >>"$bed/lock" || fail "$bed cannot be written" "XDG_CACHE_HOME names another place."
		exec 9>>"$bed/lock"
		flock -n 9 || {
			echo "testbed: another build has $bed; waiting for it" >&2
			flock -w 1800 9 || fail "the other build has not ended in half an hour"
		}
	fi
	# What is built is not part of the make that may have called this.
	unset MAKEFLAGS MAKEOVERRIDES MFLAGS MAKELEVEL
	trap 'exit 130' INT TERM HUP
	begin=$(date +%s)
}

say() {
	printf 'testbed: %3d s  %s\n' $(($(date +%s) - begin)) "$1" >&2
}

# needs TOOL...: what a build calls.
needs() {
	for tool; do
		[ $mode = cached ] || command -v "$tool" >/dev/null ||
			fail "$tool is missing" "tools/deps.sh bed installs what is wanted, as root."
	done
}

# recipe FILE...: of a part that these files make.
recipe() {
	cat testbed/parts.sh tools/apt.sh "$@" | cksum | tr ' ' -
}

# made PART RECIPE: whether the part is there as it is to be made today.
made() {
	[ -e "$bed/$1/.recipe" ] && [ "$(cat "$bed/$1/.recipe")" = "$2" ]
}

fresh() {
	[ "$mode" = build ] || fail "$1 has not been built yet" "Run $bed_script."
	new=$bed/.new.$1
	rm -rf "$new"
	mkdir "$new"
}

finish() {
	printf '%s\n' "$2" >"$new/.recipe"
	rm -rf "${bed:?}/$1"
	mv "$new" "$bed/$1"
}

# logged NAME COMMAND...: with all that it says in $bed/NAME.log, which is shown if it fails.
logged() {
	log=$bed/$1.log
	shift
	if ! "$@" >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		fail "this failed: $*" "All that it said is in $log. Run this again: it goes on where it stopped."
	fi
}

opened() {
	if ! apt_open "$@"; then
		tail -n 20 "$apt/log" >&2
		shift 3
		fail "no mirror of apt's sources gave $*" "Check the network, and that apt has a source of Debian."
	fi
}

# install_tree NAME ARGUMENT...: the packages that apt-get would install on an empty machine, into $new.
install_tree() {
	name=$1
	shift
	set -- apt_run apt-get install -y --no-install-recommends "$@"
	# Of the packages that were ever downloaded, those that are meant today. What is downloaded
	# already is not among the URIs.
	logged "$name-list" "$@" --print-uris -o Dir::Cache::Archives="$apt/none"
	logged "$name-download" "$@" --download-only
	for package in $(sed -n "s/^'[^']*' \([^ ]*\.deb\) .*/\1/p" "$bed/$name-list.log"); do
		logged "$name-unpack" dpkg-deb -x "$apt/cache/archives/$package" "$new"
	done
}

# build_qemu PART RECIPE PROGRAM BASE SUITE PACKAGE...: a tree of its own with its libraries, so that it
# runs on whatever this machine is.
build_qemu() {
	part=$1 new_recipe=$2 program=$3 base=$4 suite=$5
	shift 5
	made "$part" "$new_recipe" && return
	fresh "$part"
	say "QEMU from $suite: downloading"
	opened "$bed/apt-$part" "$(dpkg --print-architecture)" deb "$base" "$suite"
	install_tree "$part" -t "$suite" "$@"
	loader=$(cd "$new" && find lib64/ld-linux-* usr/lib64/ld-linux-* lib/ld-linux-* \
		-maxdepth 0 2>/dev/null | head -n 1)
	[ -n "$loader" ] || fail "the packages of QEMU hold no dynamic loader"
	cat >"$new/qemu" <<-END
		#!/bin/sh
		here=\$(dirname "\$(readlink -f "\$0")")
		libraries=\$here/usr/lib/$(uname -m)-linux-gnu:\$here/lib/$(uname -m)-linux-gnu
		export QEMU_MODULE_DIR="\$here/usr/lib/$(uname -m)-linux-gnu/qemu"
		exec "\$here/$loader" --library-path "\$libraries" "\$here/usr/bin/$program" \\
			-L "\$here/usr/share/qemu" -L "\$here/usr/share/seabios" -L "\$here/usr/lib/ipxe/qemu" "\$@"
	END
	chmod +x "$new/qemu"
	logged "$part-version" "$new/qemu" --version
	finish "$part" "$new_recipe"
}

# The newest version that the archive has of a package.
candidate() {
	apt_run apt-cache policy "$1" | sed -n 's/^  Candidate: //p'
}

# unpack NAME FOLDER PACKAGE...: what apt_run has fetched into FOLDER, into $new.
unpack() {
	name=$1 folder=$2
	shift 2
	for package; do
		version=$(candidate "$package" | sed 's/:/%3a/')
		file=$folder/${package}_${version}_$apt_architecture.deb
		[ -e "$file" ] || file=$folder/${package}_${version}_all.deb
		[ -e "$file" ] || fail "$package $version was not downloaded"
		logged "$name-unpack" dpkg-deb -x "$file" "$new"
	done
}

# pack FOLDER FILE: a file system for Linux to start from.
pack() {
	(cd "$1" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) >"$2"
}
