#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds sallyport, and attach and detach with it, for the architecture and the Xen whose libraries
# SYSROOT has.
#
#	testbed/cross.sh SYSROOT BUILD
#
# SYSROOT holds Debian's packages for arm64 or amd64, unpacked: libxen-dev, the libraries that it links
# to, libfdt-dev and libfdt1, and uuid-dev if PCI functions are to be attached. They may be newer than
# this machine's compiler. BUILD/tree then has what would be installed below /usr.
set -eu
sysroot=$(cd "$1" && pwd)
mkdir -p "$2"
build=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."

if [ -e "$sysroot/usr/lib/aarch64-linux-gnu" ]; then
	triplet=aarch64-linux-gnu family=aarch64 cpu=cortex-a57
else
	triplet=x86_64-linux-gnu family=x86_64 cpu=x86_64
fi
libraries=$sysroot/usr/lib/$triplet

# The headers of SYSROOT's C library must not be found, since ours is linked: only those named here are.
headers=$build/headers
rm -rf "$headers"
mkdir -p "$headers"
for header in "$sysroot"/usr/include/xen* "$sysroot"/usr/include/*libxl* "$sysroot"/usr/include/uuid \
	"$sysroot"/usr/include/fdt.h "$sysroot"/usr/include/libfdt*; do
	[ ! -e "$header" ] || ln -s "$header" "$headers/"
done

# Nor its C library itself. libfdt is linked in, so that one file is all that a dom0 needs.
links=$build/libraries
rm -rf "$links"
mkdir -p "$links"
ln -s "$libraries"/libxen*.so* "$links/"
ln -s "$libraries/libfdt.a" "$links/"

# pkg-config's files name /usr/include and the libraries' folder.
packages=$build/pkgconfig
rm -rf "$packages"
mkdir -p "$packages"
names="xencontrol xenstore"
[ ! -e "$headers/uuid" ] || names="$names xenlight"
for file in $names; do
	sed -e '/^Requires/d' -e "s|^includedir=.*|includedir=$headers|" -e "s|^libdir=.*|libdir=$links|" \
		"$libraries/pkgconfig/$file.pc" >"$packages/$file.pc"
done

cat >"$build/cross.ini" <<CROSS
[binaries]
c = '$triplet-gcc'
ar = '$triplet-ar'
strip = '$triplet-strip'
pkgconfig = 'pkg-config'

[built-in options]
c_args = ['-isystem', '$headers']
c_link_args = ['-L$links', '-Wl,-rpath-link,$links', '-Wl,--allow-shlib-undefined']

[properties]
pkg_config_libdir = '$packages'
needs_exe_wrapper = true

[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$cpu'
endian = 'little'
CROSS

if [ -e "$build/meson/build.ninja" ]; then
	reconfigure=--reconfigure
else
	reconfigure=
fi
meson setup $reconfigure --cross-file "$build/cross.ini" --prefix /usr --libdir "lib/$triplet" \
	--libexecdir libexec -Dxen=enabled -Dman=disabled -Dtests=disabled -Dwerror=true \
	"$build/meson" . >"$build/meson.log" 2>&1 || {
	tail -n 20 "$build/meson.log" >&2
	exit 1
}
ninja -C "$build/meson" sallyport attach >"$build/ninja.log" 2>&1 || {
	tail -n 30 "$build/ninja.log" >&2
	exit 1
}
rm -rf "$build/tree"
DESTDIR=$build/tree meson install -C "$build/meson" --no-rebuild >"$build/install.log" 2>&1 || {
	tail -n 20 "$build/install.log" >&2
	exit 1
}
