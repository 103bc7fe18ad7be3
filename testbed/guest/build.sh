#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a guest's module for a kernel of Debian's, with this machine's compiler for it.
#
#	testbed/guest/build.sh SOURCE arm64|amd64 HEADERS KBUILD OUT
#
# HEADERS holds linux-headers-RELEASE-ARCHITECTURE and linux-headers-RELEASE-common, unpacked. KBUILD
# holds linux-kbuild-RELEASE and libc6 of the same suite for this machine: kbuild's programs may need
# a newer C library than this machine has, and are run with that one. OUT is the folder for the module.
set -eu
source=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
architecture=$2
headers=$(cd "$3" && pwd)
kbuild=$(cd "$4" && pwd)
mkdir -p "$5"
out=$(cd "$5" && pwd)
module=$(basename "$source" .c)
case $architecture in
arm64) linux=arm64 prefix=aarch64-linux-gnu- ;;
amd64) linux=x86 prefix=x86_64-linux-gnu- ;;
*) echo "there is no module for $architecture" >&2 && exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

set -- "$headers"/usr/src/linux-headers-*-"$architecture"
[ $# = 1 ] && [ -d "$1" ] || {
	echo "$headers must hold one linux-headers-RELEASE-$architecture" >&2
	exit 1
}
own=$1
release=$(basename "$own" | sed "s/^linux-headers-//; s/-$architecture\$//")
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
ln -s "$tree/scripts" "$tree/tools" "$own/arch" "$own/.config" "$own/Module.symvers" "$build/"
cp -r "$own/include" "$build/"
echo "include $tree/Makefile" >"$build/Makefile"
# The kernel's compiler may know an option that ours does not.
sed -i /^CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=/d "$build/include/config/auto.conf"
# These only choose among their kinds.
mv "$tree/scripts/mod/modpost.real-lsb-64" "$tree/scripts/mod/modpost"
[ $linux != x86 ] || mv "$tree/tools/objtool/objtool.real-x86" "$tree/tools/objtool/objtool"
for program in scripts/basic/fixdep scripts/mod/modpost tools/objtool/objtool; do
	file=$tree/$program
	[ -e "$file" ] || continue # arm64 has no use for objtool
	mv "$file" "$file.real"
	printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
		"$loader" "$libraries" "$file.real" >"$file"
	chmod +x "$file"
done

folder=$work/module
mkdir "$folder"
cp "$source" "$folder/"
echo "obj-m := $module.o" >"$folder/Makefile"
make -C "$build" ARCH=$linux CROSS_COMPILE=$prefix CC=${prefix}gcc \
	KERNELRELEASE="$release-$architecture" M="$folder" modules >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}
${prefix}strip --strip-debug -o "$out/$module.ko" "$folder/$module.ko"
