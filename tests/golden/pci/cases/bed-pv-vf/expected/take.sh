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

# virtual ADDRESS PHYSICAL COUNT: the virtual function is there; if the physical one has
# none at all, COUNT of them are made.
virtual() {
	[ ! -e "/sys/bus/pci/devices/$1" ] || return 0
	count=/sys/bus/pci/devices/$2/sriov_numvfs
	[ -e "$count" ] || die "$2 cannot make virtual functions: has it its driver?"
	[ "$(cat "$count")" = 0 ] ||
		die "$2 has $(cat "$count") virtual functions, and $1 is none of them"
	echo "$3" >"$count"
	[ -e "/sys/bus/pci/devices/$1" ] || die "$2 did not make $1"
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
# 0000:01:10.0: Ethernet controller [8086:10ca], Intel Corporation 82576 Virtual Function
virtual 0000:01:10.0 0000:01:00.0 2
# To keep its MAC address, before the guest starts:
#   ip link set dev "$(ls /sys/bus/pci/devices/0000:01:00.0/net)" vf 0 mac 02:00:00:00:00:01
expect 0000:01:10.0 0x8086 0x10ca

unused 0000:01:10.0

take 0000:01:10.0
