#!/bin/sh
# Takes the functions from their drivers, for the use of guest "guest"
# Planned by sallyport VERSION for xen-4.20, dom0 pv, guest hvm
# Machine: bed-pv.snapshot
# It may be run again; nothing is done twice.
set -eu

die() {
	echo "$0: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "run this as root"
grep -qs control_d /proc/xen/capabilities ||
	die "this is not dom0 of Xen, or xenfs is not mounted at /proc/xen"
command -v xl >/dev/null || die "there is no xl here"
[ -d /sys/bus/pci/drivers/pciback ] || modprobe xen-pciback ||
	die "the kernel has no xen-pciback"

# expect ADDRESS VENDOR DEVICE: the function is there, and the one that was planned.
expect() {
	device=/sys/bus/pci/devices/$1
	[ -e "$device" ] || die "there is no function $1"
	found="$(cat "$device/vendor") $(cat "$device/device")"
	[ "$found" = "$2 $3" ] ||
		die "$1 is $found, not $2 $3: the machine has changed; plan anew"
}

# idle ADDRESS NAME: nothing uses the disk or the partition.
idle() {
	for holder in "/sys/class/block/$2/holders"/*; do
		[ ! -e "$holder" ] || die "$1 is in use: ${holder##*/} is made of $2"
	done
	number=$(cat "/sys/class/block/$2/dev" 2>/dev/null) || number=none
	while read -r _ _ mounted _ where rest; do
		case " $mounted $rest " in
		*" $number "* | *" /dev/$2 "*) die "$1 is in use: $where is mounted" ;;
		esac
	done </proc/self/mountinfo
	[ -r /proc/swaps ] || return 0
	while read -r swap _; do
		[ "$swap" != "/dev/$2" ] || die "$1 is in use: $2 is swap"
	done </proc/swaps
}

# unused ADDRESS: nothing uses the disks that lie behind the function.
unused() {
	for disk in /sys/class/block/*; do
		case $(readlink -f "$disk") in
		*"/$1/"*) ;;
		*) continue ;;
		esac
		name=${disk##*/}
		case $name in
		nvme*c*n*) name=${name%%c*}n${name##*n} ;;
		esac
		for part in "/sys/class/block/$name" "/sys/class/block/${name}p"*; do
			[ ! -e "$part" ] || idle "$1" "${part##*/}"
		done
	done
}

# take ADDRESS: pciback holds it, and Xen keeps it from the host.
take() {
	if [ ! -e "/sys/bus/pci/drivers/pciback/$1" ]; then
		xl pci-assignable-add "$1" ||
			die "xl could not take $1; the kernel's log and Xen's say why"
	fi
	[ -e "/sys/bus/pci/drivers/pciback/$1" ] ||
		die "pciback does not hold $1; give-back.sh undoes what was done"
	echo "$1 can be given away"
}

# All is looked at before anything is taken.
# 0000:00:09.0: Display controller [1234:1111]
expect 0000:00:09.0 0x1234 0x1111

unused 0000:00:09.0

take 0000:00:09.0
