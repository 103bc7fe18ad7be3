#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the bed for guests of QEMU: what testbed/x86/build.sh builds, and firmware, modules, programs of
# ours and the kernel's own tests of VFIO. Prints the folder in which it then lies. Root is not needed.
#
# It is kept beside the other beds. With --cached nothing is built, and what is not there is an error.
set -eu
cd "$(dirname "$0")/../.."
. testbed/parts.sh
. testbed/vm/contents.sh

testbed/x86/build.sh "$@" >/dev/null
bed_open testbed/vm/build.sh "$@"
compiler=gcc
[ "$(uname -m)" = x86_64 ] || compiler=x86_64-linux-gnu-gcc
needs apt-get apt-cache dpkg-deb cpio xz zstd $compiler python3 tar
vm_recipe() {
	recipe testbed/vm/contents.sh testbed/vm/build.sh "$@"
}

# download NAME SUITE PACKAGE…: into $bed/debs.
download() {
	download=$1 suite=$2
	shift 2
	case $suite in
	*-backports) opened "$bed/apt-$download" amd64 deb "${suite%-backports}" "$suite" ;;
	*) opened "$bed/apt-$download" amd64 deb "$suite" ;;
	esac
	mkdir -p "$bed/debs"
	for package; do
		version=$(apt_run apt-cache policy -t "$suite" "$package" | sed -n 's/^  Candidate: //p')
		file=$bed/debs/${package}_$(printf '%s' "$version" | sed 's/:/%3a/')_all.deb
		[ -e "$file" ] || (cd "$bed/debs" && logged "$download-download" apt_run apt-get download "$package=$version")
		printf '%s\n' "$file"
	done
}

build_firmware() {
	new_recipe=$(vm_recipe)
	made vm-firmware "$new_recipe" && return
	fresh vm-firmware
	say "firmware for guests: downloading"
	for file in $(download vm-firmware "$VM_FIRMWARE_SUITE" $VM_FIRMWARE); do
		logged vm-firmware-unpack dpkg-deb -x "$file" "$new"
		dpkg-deb -f "$file" Version >"$new/version"
	done
	finish vm-firmware "$new_recipe"
}

# The modules of the packages that testbed/x86/build.sh has downloaded.
build_modules() {
	release=$(cat "$bed/linux-$1/release")
	new_recipe=$release-$(vm_recipe testbed/x86/linux.py)
	made "vm-linux-$1" "$new_recipe" && return
	fresh "vm-linux-$1"
	say "modules of Linux $release for guests"
	for file in "$bed/debs/linux-image-${release}_"*.deb "$bed/debs/linux-modules-${release}_"*.deb \
		"$bed/debs/linux-binary-${release}_"*.deb "$bed/debs/linux-base-${release}_"*.deb; do
		[ ! -e "$file" ] || logged "vm-linux-$1-unpack" dpkg-deb -x "$file" "$new/tree"
	done
	logged "vm-linux-$1-parts" python3 testbed/x86/linux.py "$new/tree" "$new" $VM_MODULES
	rm -rf "$new/tree" "$new/vmlinux" "$new/vmlinuz" "$new/config"
	finish "vm-linux-$1" "$new_recipe"
}

# Only what the tests are built of is unpacked. They get a driver of ours for edu, and are told of smaller
# memory: that device reaches 256 MiB, and behind an emulated IOMMU each page is a message.
build_tests() {
	new_recipe=$(vm_recipe testbed/vm/tests/edu.c testbed/vm/tests/uuid/uuid.h)
	made vm-tests "$new_recipe" && return
	fresh vm-tests
	say "the kernel's own tests of VFIO"
	set -- $(download vm-tests "$VM_SOURCE_SUITE" $VM_SOURCE linux-libc-dev)
	logged vm-tests-unpack dpkg-deb -x "$2" "$new/headers"
	source=$new/$VM_SOURCE
	parts=
	for part in $VM_SOURCE_PARTS; do
		parts="$parts $VM_SOURCE/$part"
	done
	dpkg-deb --fsys-tarfile "$1" | tar -xO "./usr/src/$VM_SOURCE.tar.xz" | xz -dc | tar -x -C "$new" $parts
	tests=$source/tools/testing/selftests library=$source/tools/testing/selftests/vfio/lib
	sed -i 's/default_iommu_mode = MODE_IOMMUFD;/default_iommu_mode = MODE_VFIO_TYPE1V2_IOMMU;/' "$library/iommu.c"
	grep -q 'default_iommu_mode = MODE_VFIO_TYPE1V2_IOMMU;' "$library/iommu.c" ||
		fail "the tests of VFIO no longer choose their mode where they did"
	sed -i -e 's/^extern struct vfio_pci_driver_ops igb_ops;/&\nextern struct vfio_pci_driver_ops edu_ops;/' \
		-e 's/^\t&igb_ops,/&\n\t\&edu_ops,/' "$library/vfio_pci_driver.c"
	sed -i 's/SZ_1G);/SZ_4M);/; s/SZ_2M);/SZ_1M);/' "$tests/vfio/vfio_pci_driver_test.c"
	mkdir "$library/drivers/edu"
	cp testbed/vm/tests/edu.c "$library/drivers/edu/"
	mkdir "$new/bin" "$new/objects"
	options="-std=gnu11 -D_GNU_SOURCE= -O1 -w -Werror=implicit-function-declaration
		-isystem $new/headers/usr/include -isystem $new/headers/usr/include/x86_64-linux-gnu
		-Itestbed/vm/tests -I$library/include -I$source/tools/include -I$source/tools/arch/x86/include -I$tests"
	for file in "$library"/*.c "$library"/drivers/*/*.c; do
		logged vm-tests-build $compiler $options -c -o "$new/objects/$(basename "$file" .c).o" "$file"
	done
	for test in $VM_TESTS; do
		logged vm-tests-build $compiler $options -static -pthread -o "$new/bin/$test" \
			"$tests/vfio/$test.c" "$new/objects"/*.o
	done
	dpkg-deb -f "$1" Version >"$new/version"
	rm -rf "$source" "$new/headers" "$new/objects"
	finish vm-tests "$new_recipe"
}

# One file system for each kernel.
build_roots() {
	new_recipe=$(cat "$bed"/vm-linux-*/.recipe "$bed/vm-tests/.recipe" "$bed/amd64/.recipe" |
		cksum | tr ' ' -)-$(vm_recipe testbed/vm/guest/*)
	made vm-roots "$new_recipe" && return
	fresh vm-roots
	say "root file systems of guests"
	for pair in $VM_LINUX; do
		name=${pair%%=*}
		guest=$new/guest
		mkdir -p "$guest/bin" "$guest/dev" "$guest/proc" "$guest/root" "$guest/run" "$guest/sys" "$guest/tmp"
		cp "$bed/amd64/usr/bin/busybox" "$guest/bin/busybox"
		ln -s busybox "$guest/bin/sh"
		cp -r "$bed/vm-linux-$name/lib" "$guest/"
		[ "$name" = new ] && cp "$bed/vm-tests/bin"/* "$guest/bin/"
		(
			cd testbed/vm/guest
			set -- -std=gnu17 -O2 -static -Wall -Wextra
			logged vm-guest $compiler "$@" -o "$guest/bin/picture" picture.c screen.c desk.c sha256.c
			logged vm-guest $compiler "$@" -o "$guest/bin/events" events.c
		)
		install -m 755 testbed/vm/guest/init "$guest/init"
		pack "$guest" "$new/$name.cpio"
		rm -rf "$guest"
	done
	finish vm-roots "$new_recipe"
}

build_firmware
for pair in $VM_LINUX; do
	build_modules "${pair%%=*}"
done
build_tests
build_roots
[ $mode = cached ] || say "ready"
printf '%s\n' "$bed"
