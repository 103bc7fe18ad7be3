#!/bin/sh
# Takes the functions from their drivers, for the use of guest "guest"
# Planned by sallyport VERSION for kvm
# Machine: bed-kvm.snapshot
# It may be run again; nothing is done twice.
set -eu

die() {
	echo "$0: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "run this as root"
[ ! -e /proc/xen/capabilities ] || die "KVM is not to be had under Xen"
[ -d /sys/kernel/iommu_groups/0 ] ||
	die "the kernel has no IOMMU groups: see bootargs.txt"
[ -d /sys/bus/pci/drivers/vfio-pci ] || modprobe vfio-pci ||
	die "the kernel has no vfio-pci"

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

# take ADDRESS: vfio-pci holds it.
take() {
	device=/sys/bus/pci/devices/$1
	if [ ! -e "/sys/bus/pci/drivers/vfio-pci/$1" ]; then
		echo vfio-pci >"$device/driver_override"
		[ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
		echo "$1" >/sys/bus/pci/drivers_probe || :
	fi
	[ -e "/sys/bus/pci/drivers/vfio-pci/$1" ] ||
		die "vfio-pci does not hold $1; give-back.sh undoes what was done"
	echo "$1 can be given away"
}

# whole ADDRESS: nobody else drives a member of its IOMMU group, as vfio demands.
whole() {
	for member in "/sys/bus/pci/devices/$1/iommu_group/devices"/*; do
		[ -e "$member/driver" ] || continue
		driver=$(basename "$(readlink -f "$member/driver")")
		case $driver in
		vfio-pci | pci-stub | pcieport) ;;
		*) die "$driver drives $(basename "$member"), of the IOMMU group of $1" ;;
		esac
	done
}

# All is looked at before anything is taken.
# 0000:00:06.0: Unclassified device [1234:11e8]
expect 0000:00:06.0 0x1234 0x11e8
# 0000:00:06.1: Unclassified device [1b36:0005], Red Hat, Inc. QEMU PCI Test Device
expect 0000:00:06.1 0x1b36 0x0005
# 0000:00:07.0: Ethernet controller [8086:10d3], Intel Corporation 82574L Gigabit Network Connection
expect 0000:00:07.0 0x8086 0x10d3
# 0000:01:10.0: Ethernet controller [8086:10ca], Intel Corporation 82576 Virtual Function
virtual 0000:01:10.0 0000:01:00.0 2
# To keep its MAC address, before the guest starts:
#   ip link set dev "$(ls /sys/bus/pci/devices/0000:01:00.0/net)" vf 0 mac 02:00:00:00:00:01
expect 0000:01:10.0 0x8086 0x10ca

unused 0000:00:06.0
unused 0000:00:06.1
unused 0000:00:07.0
unused 0000:01:10.0

take 0000:00:06.0
take 0000:00:06.1
take 0000:00:07.0
take 0000:01:10.0

whole 0000:00:06.0
whole 0000:00:06.1
whole 0000:00:07.0
whole 0000:01:10.0
