#!/bin/sh
# Commands of Qubes OS, for the use of guest "guest"
# Planned by sallyport VERSION for xen-4.17, dom0 pv, guest hvm
# Machine: amd-gpu.snapshot
set -eu

die() {
	echo "$0: $*" >&2
	exit 1
}

vm='guest'
command -v qvm-pci >/dev/null || die "run this in dom0 of Qubes OS"
qvm-check --quiet "$vm" ||
	die "there is no qube $vm; make one: qvm-create --class StandaloneVM --label red $vm"
qvm-check --quiet --running "$vm" && die "shut $vm down first"

give() {
	if qvm-pci assign --help >/dev/null 2>&1; then
		qvm-pci assign --required "$@"
	else
		qvm-pci attach --persistent "$@"
	fi
}

qvm-prefs "$vm" virt_mode hvm
# The qube starts from its own disk, not with a kernel of dom0's.
qvm-prefs "$vm" kernel ''
# A device needs all of the memory to be there: maxmem 0 switches balancing off.
qvm-prefs "$vm" memory 2048
qvm-prefs "$vm" maxmem 0

# 0000:03:00.0: VGA compatible controller [1002:744c], Advanced Micro Devi...on RX 7900 XT/7900 XTX/7900 GRE/7900M]
give --option permissive=true "$vm" dom0:03_00.0
# 0000:03:00.1: Audio device [1002:ab30], Advanced Micro Devices, Inc. [AMD/ATI] Navi 31 HDMI/DP Audio
give --option permissive=true "$vm" dom0:03_00.1
