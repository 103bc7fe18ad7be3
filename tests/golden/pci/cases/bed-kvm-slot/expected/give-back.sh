#!/bin/sh
# Gives the functions back to the host, from the use of guest "guest"
# Planned by sallyport VERSION for kvm
# Machine: bed-kvm.snapshot
set -eu

die() {
	echo "$0: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "run this as root"

# give ADDRESS: back to the driver that the kernel chooses. End the guest before.
give() {
	device=/sys/bus/pci/devices/$1
	[ -e "$device" ] || return 0
	echo >"$device/driver_override"
	if [ -e "/sys/bus/pci/drivers/vfio-pci/$1" ]; then
		echo "$1" >/sys/bus/pci/drivers/vfio-pci/unbind
	fi
	[ -e "$device/driver" ] ||
		echo "$1" >/sys/bus/pci/drivers_probe || :
	echo "$1 is the host's"
}

# Virtual functions stay. To unmake them, when no guest has one: echo 0 to sriov_numvfs
# of the physical one.

give 0000:00:06.0
give 0000:00:06.1
give 0000:00:07.0
give 0000:01:10.0
