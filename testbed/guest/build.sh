#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the guest's module enable.ko for Debian's arm64 kernel, with this machine's cross compiler.
#
#	testbed/guest/build.sh HEADERS KBUILD OUT
#
# HEADERS holds linux-headers-RELEASE-arm64 and linux-headers-RELEASE-common, unpacked. KBUILD holds
# linux-kbuild-RELEASE and libc6 of the same suite for this machine: kbuild's programs may need a
# newer C library than this machine has, and are run with that one. OUT is the folder for enable.ko.
set -eu
headers=$(cd "$1" && pwd)
kbuild=$(cd "$2" && pwd)
mkdir -p "$3"
out=$(cd "$3" && pwd)
source=$(cd "$(dirname "$0")" && pwd)/enable.c

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

set -- "$headers"/usr/src/linux-headers-*-arm64
[ $# = 1 ] && [ -d "$1" ] || {
	echo "$headers must hold one linux-headers-RELEASE-arm64" >&2
	exit 1
}
arm64=$1
release=$(basename "$arm64" | sed 's/^linux-headers-//; s/-arm64$//')
common=$headers/usr/src/linux-headers-$release-common
tools=$kbuild/usr/lib/linux-kbuild-$release
loader=$(find "$kbuild/usr/lib64" "$kbuild/usr/lib" -name 'ld-linux-*.so.*' | head -n 1)
libraries=$(dirname "$(find "$kbuild/usr/lib" -name 'libc.so.6' | head -n 1)")

# The two folders of headers, with kbuild's programs in them. Without vmlinux no BTF is made, which
# would need pahole.
build=$work/build tree=$work/source
mkdir "$build" "$tree"
ln -s "$common/Makefile" "$common/arch" "$common/include" "$tree/"
cp -r "$tools/scripts" "$tools/tools" "$tree/"
ln -s "$tree/scripts" "$tree/tools" "$arm64/arch" "$arm64/.config" "$arm64/Module.symvers" "$build/"
cp -r "$arm64/include" "$build/"
echo "include $tree/Makefile" >"$build/Makefile"
# The kernel's compiler may know an option that ours does not.
sed -i /^CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=/d "$build/include/config/auto.conf"
# modpost only chooses among its kinds.
mv "$tree/scripts/mod/modpost.real-lsb-64" "$tree/scripts/mod/modpost"
for program in basic/fixdep mod/modpost; do
	file=$tree/scripts/$program
	mv "$file" "$file.real"
	printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
		"$loader" "$libraries" "$file.real" >"$file"
	chmod +x "$file"
done

module=$work/module
mkdir "$module"
cp "$source" "$module/"
echo 'obj-m := enable.o' >"$module/Makefile"
make -C "$build" ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- CC=aarch64-linux-gnu-gcc \
	KERNELRELEASE="$release-arm64" M="$module" modules >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}
aarch64-linux-gnu-strip --strip-debug -o "$out/enable.ko" "$module/enable.ko"
