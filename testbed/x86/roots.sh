# SPDX-License-Identifier: MIT
# To be sourced by build.sh: the root file systems of dom0 and of guests.

XEN_PROGRAMS="xl xenstored xenconsoled xenconsole xen-init-dom0 libxl-save-helper"
# seabios of hvmloader, what QEMU boots a kernel with, and without which it does not start.
FIRMWARE="usr/share/seabios/bios-256k.bin usr/share/seabios/vgabios-stdvga.bin
	usr/share/qemu/linuxboot_dma.bin usr/share/qemu/kvmvapic.bin usr/share/qemu/keymaps/en-us"
# What dom0 loads as it starts: without Xen only the latter.
DOM0_XEN="xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs"
DOM0_EARLY="ahci sd_mod"

# program FILE...: copies programs of $amd64 into $dom0 with the libraries that they need.
program() {
	for file; do
		[ -e "$amd64/$file" ] || fail "the packages hold no $file"
		mkdir -p "$dom0/$(dirname "$file")"
		cp -L "$amd64/$file" "$dom0/$file"
		libraries "$dom0/$file"
	done
}

libraries() {
	for library in $(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		[ ! -e "$dom0/usr/lib/$triplet/$library" ] || continue
		[ -e "$amd64/usr/lib/$triplet/$library" ] || fail "the packages hold no $library"
		cp -L "$amd64/usr/lib/$triplet/$library" "$dom0/usr/lib/$triplet/$library"
		libraries "$dom0/usr/lib/$triplet/$library"
	done
}

skeleton() {
	mkdir -p "$1/bin" "$1/dev" "$1/proc" "$1/root" "$1/run" "$1/sys" "$1/tmp"
	cp "$amd64/usr/bin/busybox" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
}

build_roots() {
	amd64=$bed/amd64 guest_linux=$bed/linux-$GUEST_LINUX
	new_recipe=$(cat "$amd64/.recipe" "$guest_linux/.recipe" "$bed/x86-module/.recipe" | cksum | tr ' ' -)-$(x86_recipe testbed/x86/roots.sh testbed/x86/*-init)
	made x86-roots "$new_recipe" && return
	fresh x86-roots
	say "root file systems of dom0 and of guests"
	guest=$new/guest dom0=$new/dom0
	skeleton "$guest"
	mkdir -p "$guest/lib/modules"
	cp "$guest_linux/lib/modules"/* "$bed/x86-module/edu.ko" "$guest/lib/modules/"
	echo "edu: edu" >>"$guest/lib/modules/order"
	install -m 755 testbed/x86/guest-init "$guest/init"
	pack "$guest" "$new/guest.cpio"

	skeleton "$dom0"
	mkdir -p "$dom0/boot" "$dom0/etc/xen" "$dom0/lib64" "$dom0/usr/lib/$triplet" "$dom0/usr/share/misc" \
		"$dom0/var/lib/xen" "$dom0/var/log/xen/console"
	ln -s ../usr/lib/$triplet "$dom0/lib/$triplet" 2>/dev/null || {
		mkdir -p "$dom0/lib"
		ln -s ../usr/lib/$triplet "$dom0/lib/$triplet"
	}
	program usr/lib64/ld-linux-x86-64.so.2
	cp -L "$amd64/usr/lib64/ld-linux-x86-64.so.2" "$dom0/lib64/"
	for name in $XEN_PROGRAMS; do
		program "usr/lib/xen-$XEN_RELEASE/bin/$name"
	done
	(cd "$amd64" && find usr/bin -type f -name "xenstore*") >"$new/programs"
	program $(cat "$new/programs") usr/libexec/xen-qemu-system-i386 usr/bin/lspci
	rm "$new/programs"
	cp -a "$amd64/usr/lib/xen-$XEN_RELEASE/boot" "$dom0/usr/lib/xen-$XEN_RELEASE/"
	for file in $FIRMWARE; do
		mkdir -p "$dom0/$(dirname "$file")"
		cp -L "$amd64/$file" "$dom0/$file"
	done
	cp -L "$amd64/usr/share/misc/pci.ids" "$dom0/usr/share/misc/"
	cp -a "$amd64/etc/xen/scripts" "$dom0/etc/xen/"
	echo 'autoballoon="off"' >"$dom0/etc/xen/xl.conf"
	ln -s ../run "$dom0/var/run"
	install -m 755 testbed/x86/dom0-init "$dom0/init"
	printf "XEN_RELEASE='%s'\nDOM0_XEN='%s'\nDOM0_EARLY='%s'\n" "$XEN_RELEASE" "$DOM0_XEN" "$DOM0_EARLY" >"$dom0/etc/bed.conf"
	cp "$guest_linux/vmlinuz" "$new/guest.cpio" "$dom0/boot/"
	pack "$dom0" "$new/dom0.cpio"
	rm -rf "$dom0" "$guest"
	# What differs with dom0's kernel goes behind it.
	for pair in $LINUX; do
		linux=linux-${pair%%=*}
		mkdir -p "$new/add/boot"
		cp -r "$bed/$linux/lib" "$new/add/"
		cp "$bed/$linux/config" "$new/add/boot/config-$(cat "$bed/$linux/release")"
		pack "$new/add" "$new/$linux.cpio"
		rm -rf "$new/add"
	done
	finish x86-roots "$new_recipe"
}
