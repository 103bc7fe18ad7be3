#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the x86 test bed: a QEMU, Xen for amd64, kernels, and what runs in dom0 and in guests, all
# from Debian's packages. Prints the folder in which it then lies. Root is not needed.
#
# It is kept beside the test bed for Arm. With --cached nothing is built, and what is not there is an
# error.
set -eu
cd "$(dirname "$0")/../.."
. testbed/parts.sh
. testbed/x86/contents.sh
. testbed/x86/roots.sh

bed_open testbed/x86/build.sh "$@"
needs apt-get apt-cache dpkg-deb cpio xz zstd readelf python3
triplet=x86_64-linux-gnu
x86_recipe() {
	recipe testbed/x86/contents.sh testbed/x86/build.sh "$@"
}

build_amd64() {
	new_recipe=$(x86_recipe)
	made amd64 "$new_recipe" && return
	fresh amd64
	say "packages for amd64 from $AMD64_SUITE: downloading"
	opened "$bed/apt-amd64" amd64 deb "$AMD64_SUITE" "$AMD64_SUITE-backports"
	set -- $AMD64_PACKAGES
	for package in $AMD64_NEW_PACKAGES; do
		set -- "$@" "$package/$AMD64_SUITE-backports"
	done
	install_tree amd64 "$@"
	gzip -dc "$new/boot/xen-$XEN_RELEASE-amd64.gz" >"$new/xen"
	printf '%s\n' "$XEN_RELEASE" >"$new/xen-release"
	finish amd64 "$new_recipe"
}

build_linux() {
	name=linux-$1 suite=$2
	new_recipe=$(x86_recipe)
	made "$name" "$new_recipe" && return
	fresh "$name"
	say "Linux from $suite: downloading"
	case $suite in
	*-backports) opened "$bed/apt-$name" amd64 deb "${suite%-backports}" "$suite" ;;
	*) opened "$bed/apt-$name" amd64 deb "$suite" ;;
	esac
	image=$(apt_run apt-cache depends -t "$suite" linux-image-amd64 |
		sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
	[ -n "$image" ] || fail "$suite has no linux-image-amd64"
	release=${image#linux-image-}
	packages=$image
	# Split since 7.0.
	if apt_run apt-cache show "linux-modules-$release" >/dev/null 2>&1; then
		packages="linux-binary-$release linux-modules-$release linux-base-$release"
	fi
	mkdir -p "$bed/debs"
	(cd "$bed/debs" && logged "$name-download" apt_run apt-get download $packages)
	tree=$new/tree
	mkdir "$tree"
	(
		new=$tree
		unpack "$name" "$bed/debs" $packages
	)
	printf '%s\n' "$release" >"$new/release"
	logged "$name-parts" python3 testbed/x86/linux.py "$tree" "$new" $DOM0_MODULES $GUEST_MODULES
	rm -rf "$tree"
	finish "$name" "$new_recipe"
}

# The guest's module needs the headers of its kernel, and kbuild's programs and the C library that they
# want for this machine.
build_module() {
	release=$(cat "$bed/linux-$GUEST_LINUX/release")
	new_recipe=$release-$(x86_recipe testbed/guest/build.sh testbed/x86/guest/*)
	made x86-module "$new_recipe" && return
	fresh x86-module
	say "the guest's module"
	opened "$bed/apt-linux-$GUEST_LINUX" amd64 deb "$GUEST_SUITE"
	common=${release%-amd64}
	packages="linux-headers-$release linux-headers-$common-common"
	(cd "$bed/debs" && logged x86-module-download apt_run apt-get download $packages)
	headers=$new/headers kbuild=$new/kbuild
	module=$new
	mkdir "$headers" "$kbuild"
	new=$headers
	unpack x86-module "$bed/debs" $packages
	opened "$bed/apt-x86-kbuild" "$(dpkg --print-architecture)" deb "$GUEST_SUITE"
	packages="linux-kbuild-$common libc6"
	(cd "$bed/debs" && logged x86-module-download apt_run apt-get download $packages)
	new=$kbuild
	unpack x86-module "$bed/debs" $packages
	new=$module
	logged x86-module testbed/guest/build.sh testbed/x86/guest/edu.c amd64 "$headers" "$kbuild" "$new"
	rm -rf "$headers" "$kbuild"
	finish x86-module "$new_recipe"
}

build_qemu qemu-x86 "$(x86_recipe)" qemu-system-x86_64 $QEMU_BASE $QEMU_SUITE $QEMU_PACKAGES
build_amd64
for pair in $LINUX; do
	build_linux "${pair%%=*}" "${pair#*=}"
done
build_module
build_roots
[ $mode = cached ] || say "ready"
printf '%s\n' "$bed"
