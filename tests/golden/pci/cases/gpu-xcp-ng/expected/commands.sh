#!/bin/sh
# Commands of XCP-ng, for the use of guest "guest"
# Planned by sallyport VERSION for xen-4.17, dom0 pv, guest hvm
# Machine: amd-gpu.snapshot
set -eu

die() {
	echo "$0: $*" >&2
	exit 1
}

name='guest'
cmdline=/opt/xensource/libexec/xen-cmdline
[ -x "$cmdline" ] || die "run this in dom0 of XCP-ng"
vm=$(xe vm-list name-label="$name" is-control-domain=false params=uuid --minimal)
case $vm in
'') die "there is no VM $name" ;;
*,*) die "several VMs are called $name" ;;
esac

# hide ADDRESS: kept from dom0 from the next boot on.
hide() {
	hidden=$("$cmdline" --get-dom0 xen-pciback.hide)
	hidden=${hidden#xen-pciback.hide=}
	case $hidden in
	*"($1)"*) ;;
	*) "$cmdline" --set-dom0 "xen-pciback.hide=$hidden($1)" ;;
	esac
}

# 0000:03:00.0: VGA compatible controller [1002:744c], Advanced Micro Devi...on RX 7900 XT/7900 XTX/7900 GRE/7900M]
hide 0000:03:00.0
# 0000:03:00.1: Audio device [1002:ab30], Advanced Micro Devices, Inc. [AMD/ATI] Navi 31 HDMI/DP Audio
hide 0000:03:00.1

# All of the memory must be there from the start.
xe vm-memory-limits-set uuid="$vm" static-min=2048MiB dynamic-min=2048MiB \
	dynamic-max=2048MiB static-max=2048MiB
xe vm-param-set uuid="$vm" other-config:pci=0/0000:03:00.0,0/0000:03:00.1

for function in 0000:03:00.0 0000:03:00.1; do
	xl pci-assignable-list | grep -q "^$function" && continue
	echo "$function is still dom0's. Restart the host, its VMs being shut down:"
	echo "  xe host-disable && xe host-reboot, then run this again"
	exit 1
done
echo "all can be given away: xe vm-start uuid=$vm"
