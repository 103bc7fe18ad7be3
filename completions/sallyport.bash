# SPDX-License-Identifier: MIT
# Completion of sallyport for bash.

# Paths of the devices in the host's tree, the first word that is none of an option.
_sallyport_devices()
{
	local host=$1
	[[ -e $host ]] || return
	sallyport list --all --json -- "$host" 2>/dev/null |
		sed -n 's/^ *"path": "\(.*\)",$/\1/p'
}

_sallyport()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} host= i
	local targets="xen-4.17 xen-4.18 xen-4.19 xen-4.20 xen-4.21 xen-4.22"
	COMPREPLY=()

	if ((COMP_CWORD == 1)); then
		COMPREPLY=($(compgen -W "list plan check doctor snapshot attach detach serve ps top screenshot control conformance explain help --help --version" -- "$cur"))
		return
	fi
	case $verb:$prev in
	serve:-d | serve:--device)
		COMPREPLY=($(compgen -W "bochs virtio-keyboard virtio-tablet edu" -- "$cur"))
		return
		;;
	serve:--irq)
		COMPREPLY=($(compgen -W "auto intx" -- "$cur"))
		return
		;;
	serve:-s | serve:--socket | serve:--directory | serve:--vnc | serve:--vnc-password-file)
		compopt -o default 2>/dev/null
		return
		;;
	serve:--user)
		COMPREPLY=($(compgen -u -- "$cur"))
		return
		;;
	serve:-n | serve:--vm | serve:--check-journal | top:-i | top:--interval | top:-n | top:--count | \
		screenshot:-d | screenshot:--device | control:-d | control:--device)
		return
		;;
	control:reset | control:state | control:quit | control:upgrade | control:resize)
		return
		;;
	esac
	case $prev in
	-t | --target)
		COMPREPLY=($(compgen -W "$targets" -- "$cur"))
		return
		;;
	-m | --mode)
		COMPREPLY=($(compgen -W "xl dom0less" -- "$cur"))
		return
		;;
	--dom0)
		COMPREPLY=($(compgen -W "pv pvh" -- "$cur"))
		return
		;;
	--guest)
		COMPREPLY=($(compgen -W "hvm pv pvh" -- "$cur"))
		return
		;;
	--for)
		COMPREPLY=($(compgen -W "qubes xcp-ng" -- "$cur"))
		return
		;;
	--rdm)
		COMPREPLY=($(compgen -W "strict relaxed" -- "$cur"))
		return
		;;
	--xen-has)
		COMPREPLY=($(compgen -W "multi-iommu-masters" -- "$cur"))
		return
		;;
	-g | --guest-tree | -o | --output | -f | --file | --kernel | --ramdisk | --rom)
		compopt -o default 2>/dev/null
		return
		;;
	-c | --compatible | -n | --name | --memory | --iommus | --bdf | --clock | --static-memory | --module | --cmdline)
		return
		;;
	esac
	case $verb:$cur in
	list:-*)
		COMPREPLY=($(compgen -W "--all --compatible --help --json --mode --target" -- "$cur"))
		;;
	plan:-*)
		COMPREPLY=($(compgen -W "--at-boot --bdf --clock --cmdline --dom0 --file --for --force
			--gfx-passthru --guest --help --hotplug --iommus --json --keep-going --kernel
			--memory --mode --module --name --no-graph-svg --output --patched-tree --pci
			--permissive --quiet --ramdisk --rdm --rom --static-memory --stubdomain --target
			--whole-slot --with-companions --without-iommu --xen-has" -- "$cur"))
		;;
	check:-*)
		COMPREPLY=($(compgen -W "--bdf --guest-tree --help --iommus --json --quiet --target
			--xen-has" -- "$cur"))
		;;
	doctor:-*)
		COMPREPLY=($(compgen -W "--dom0 --gfx-passthru --guest --help --json --permissive --quiet
			--rdm --stubdomain --target" -- "$cur"))
		;;
	doctor:*)
		COMPREPLY=($(compgen -W "$(ls /sys/bus/pci/devices 2>/dev/null)" -- "$cur"))
		compopt -o default 2>/dev/null
		;;
	snapshot:-*)
		COMPREPLY=($(compgen -W "--force --help --output --quiet" -- "$cur"))
		;;
	attach:-*)
		COMPREPLY=($(compgen -W "--dry-run --help --json --quiet" -- "$cur"))
		;;
	detach:-*)
		COMPREPLY=($(compgen -W "--dry-run --end-guest --force --help --json --quiet" -- "$cur"))
		;;
	attach:* | detach:*)
		COMPREPLY=($(compgen -W "$(xl list 2>/dev/null | sed '1,2d; s/ .*//')
			$(ls /sys/bus/pci/devices 2>/dev/null)" -- "$cur"))
		compopt -o default 2>/dev/null
		;;
	serve:-*)
		COMPREPLY=($(compgen -W "--check-journal --device --directory --help --irq --json
			--list-devices --no-holder --no-sandbox --socket --user --verbose --vm --vnc
			--vnc-password-file" -- "$cur"))
		;;
	ps:-*)
		COMPREPLY=($(compgen -W "--help --json --quiet" -- "$cur"))
		;;
	top:-*)
		COMPREPLY=($(compgen -W "--count --help --interval --json" -- "$cur"))
		;;
	screenshot:-*)
		COMPREPLY=($(compgen -W "--device --help --output" -- "$cur"))
		;;
	control:-*)
		COMPREPLY=($(compgen -W "--device --help" -- "$cur"))
		;;
	screenshot:*)
		COMPREPLY=($(compgen -W "$(sallyport ps --quiet 2>/dev/null)" -- "$cur"))
		;;
	control:*)
		if ((COMP_CWORD == 2)); then
			COMPREPLY=($(compgen -W "$(sallyport ps --quiet 2>/dev/null)" -- "$cur"))
		else
			COMPREPLY=($(compgen -W "state reset resize quit upgrade" -- "$cur"))
		fi
		;;
	conformance:-*)
		COMPREPLY=($(compgen -W "--connect --dma --expect --help --json --limit --list --markdown
			--only --quiet --skip" -- "$cur"))
		;;
	explain:-*)
		COMPREPLY=($(compgen -W "--help --json --markdown" -- "$cur"))
		;;
	explain:*)
		COMPREPLY=($(compgen -W "$(sallyport explain 2>/dev/null | cut -d' ' -f1)" -- "$cur"))
		;;
	help:*)
		COMPREPLY=($(compgen -W "list plan check doctor snapshot attach detach serve ps top screenshot control conformance explain" -- "$cur"))
		;;
	plan:*)
		for ((i = 2; i < COMP_CWORD; i++)); do
			if [[ -f ${COMP_WORDS[i]} || -d ${COMP_WORDS[i]} ]] &&
				[[ ${COMP_WORDS[i - 1]} != -o && ${COMP_WORDS[i - 1]} != --output ]]; then
				host=${COMP_WORDS[i]}
				break
			fi
		done
		if [[ -n $host ]]; then
			COMPREPLY=($(compgen -W "$(_sallyport_devices "$host")" -- "$cur"))
		else
			COMPREPLY=($(compgen -W "$(ls /sys/bus/pci/devices 2>/dev/null)" -- "$cur"))
			compopt -o default 2>/dev/null
		fi
		;;
	list:* | check:* | snapshot:* | conformance:*)
		compopt -o default 2>/dev/null
		;;
	esac
}
complete -F _sallyport sallyport
