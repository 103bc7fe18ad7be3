#!/bin/sh
# Gives the functions back to the host, from the use of guest "guest"
# Planned by sallyport VERSION for xen-4.20, dom0 pv, guest hvm
# Machine: bed-pv.snapshot
set -eu

die() {
	echo "$0: $*" >&2
	exit 1
}

[ "$(id -u)" = 0 ] || die "run this as root"
grep -qs control_d /proc/xen/capabilities ||
	die "this is not dom0 of Xen, or xenfs is not mounted at /proc/xen"
command -v xl >/dev/null || die "there is no xl here"

# give ADDRESS: back to the driver that it had. What a guest has is listed no more.
give() {
	if [ -e "/sys/bus/pci/drivers/pciback/$1" ]; then
		xl pci-assignable-list | grep -q "^$1" || die "a guest has $1"
		xl pci-assignable-remove -r "$1"
	fi
	[ ! -e "/sys/bus/pci/drivers/pciback/$1" ] || die "pciback keeps $1"
	[ -e "/sys/bus/pci/devices/$1/driver" ] ||
		echo "$1" >/sys/bus/pci/drivers_probe || :
	echo "$1 is the host's"
}

give 0000:00:09.0
