# SPDX-License-Identifier: MIT
# Completion of sallyport for fish.

function __sallyport_devices
    for word in (commandline -opc)[3..]
        if test -f $word -o -d $word
            sallyport list --all --json -- $word 2>/dev/null | string match -rg '^ *"path": "(.*)",$'
            return
        end
    end
end

function __sallyport_codes
    sallyport explain 2>/dev/null | string replace -r '^(\S+) +\S+ +\S+ +\S+ +\S+ +' '$1\t'
end

set -l first '__fish_is_nth_token 1'
set -l list '__fish_seen_subcommand_from list'
set -l plan '__fish_seen_subcommand_from plan'
set -l check '__fish_seen_subcommand_from check'
set -l doctor '__fish_seen_subcommand_from doctor'
set -l snapshot '__fish_seen_subcommand_from snapshot'
set -l attach '__fish_seen_subcommand_from attach'
set -l detach '__fish_seen_subcommand_from detach'
set -l explain '__fish_seen_subcommand_from explain'
set -l targets 'xen-4.17 xen-4.18 xen-4.19 xen-4.20 xen-4.21 xen-4.22'

complete -c sallyport -n $first -f -a list -d 'list the devices that a host could give away'
complete -c sallyport -n $first -f -a plan -d 'work out the files that give devices to a guest'
complete -c sallyport -n $first -f -a check -d 'foretell what Xen makes of guests that are described already'
complete -c sallyport -n $first -f -a doctor -d 'say what stands in the way of giving PCI functions to a guest'
complete -c sallyport -n $first -f -a attach -d 'give devices to a guest that runs, in dom0'
complete -c sallyport -n $first -f -a detach -d 'take them from it again'
complete -c sallyport -n $first -f -a explain -d 'say what a finding means and what to do'
complete -c sallyport -n $first -f -a snapshot -d 'write down what a machine with PCI devices tells of itself'
complete -c sallyport -n $first -f -a help -d 'print help'
complete -c sallyport -n $first -s V -l version -d 'print the version'
complete -c sallyport -s h -l help -d 'print help'

complete -c sallyport -n $list -s a -l all -d 'every device, not only GPUs and displays'
complete -c sallyport -n $list -s c -l compatible -x -d 'devices whose compatible matches'
complete -c sallyport -n "$list; or $plan; or $check; or $attach; or $detach; or $explain; or $doctor" -s j -l json -d 'print JSON'
complete -c sallyport -n "$list; or $plan" -s m -l mode -x -a 'xl dom0less' -d 'how the guest is built'
complete -c sallyport -n "$list; or $plan; or $check" -s t -l target -x -a $targets -d 'the Xen to plan for'

complete -c sallyport -n $plan -s o -l output -r -d 'the directory to write'
complete -c sallyport -n $plan -s f -l file -r -d 'plan the guests that a file describes'
complete -c sallyport -n "$plan; or $check" -l xen-has -x -a multi-iommu-masters -d 'something that this Xen has beyond its release'
complete -c sallyport -n $plan -l force -d 'write into a directory that exists'
complete -c sallyport -n $plan -s k -l keep-going -d 'write all files in spite of errors'
complete -c sallyport -n $plan -l patched-tree -d 'write the whole changed tree too'
complete -c sallyport -n $plan -l no-graph-svg -d 'do not run dot'
complete -c sallyport -n "$plan; or $check" -s q -l quiet -d 'print nothing'
complete -c sallyport -n $plan -s n -l name -x -d 'what the guest is called'
complete -c sallyport -n $plan -l memory -x -d 'the guest\'s memory'
complete -c sallyport -n $plan -l pci -d 'the guest will have a virtual PCI bus'
complete -c sallyport -n $plan -s w -l with-companions -d 'give along what the devices need'
complete -c sallyport -n "$plan; or $check" -l iommus -x -d 'stream IDs that the tree lacks'
complete -c sallyport -n "$plan; or $check" -l bdf -x -d 'a function behind a PCI host bridge'
complete -c sallyport -n $plan -l clock -x -d 'the rate of a clock'
complete -c sallyport -n $plan -l without-iommu -d 'a direct-mapped guest'
complete -c sallyport -n $plan -l static-memory -x -d 'where its memory lies'
complete -c sallyport -n $plan -l hotplug -d 'reserve what a later attach needs'
complete -c sallyport -n $plan -l module -x -d 'where a module is loaded'
complete -c sallyport -n $plan -l kernel -r -d 'the guest\'s kernel'
complete -c sallyport -n $plan -l ramdisk -r -d 'the guest\'s ramdisk'
complete -c sallyport -n $plan -l cmdline -x -d 'the command line of its kernel'
complete -c sallyport -n $plan -s d -l dom0 -x -a 'pv pvh' -d 'the kind of dom0'
complete -c sallyport -n $plan -s g -l guest -x -a 'hvm pv pvh' -d 'the kind of guest'
complete -c sallyport -n $plan -l stubdomain -d 'the device model runs in a domain of its own'
complete -c sallyport -n $plan -l gfx-passthru -d 'an Intel GPU becomes the guest\'s first display'
complete -c sallyport -n $plan -l permissive -d 'the guest may write any register'
complete -c sallyport -n $plan -l rdm -x -a 'strict relaxed' -d 'memory that the firmware reserves'
complete -c sallyport -n $plan -l for -x -a 'qubes xcp-ng' -d 'whose commands are written'
complete -c sallyport -n $plan -l whole-slot -d 'give along the other functions of the slots'
complete -c sallyport -n $plan -l at-boot -d 'keep the functions from drivers from the boot on'
complete -c sallyport -n $plan -l rom -r -d 'the ROM image for the first GPU'
complete -c sallyport -n $plan -a '(__sallyport_devices) (path basename /sys/bus/pci/devices/*)'

complete -c sallyport -n $check -s g -l guest-tree -r -d 'the partial tree of a guest made at boot'

complete -c sallyport -n $doctor -s t -l target -x -a "$targets kvm" -d 'what the function is given with'
complete -c sallyport -n $doctor -s d -l dom0 -x -a 'pv pvh' -d 'the kind of dom0'
complete -c sallyport -n $doctor -s g -l guest -x -a 'hvm pv pvh' -d 'the kind of guest'
complete -c sallyport -n $doctor -l stubdomain -d 'the device model runs in a domain of its own'
complete -c sallyport -n $doctor -l gfx-passthru -d 'an Intel GPU becomes the guest\'s first display'
complete -c sallyport -n $doctor -l permissive -d 'the guest may write any register'
complete -c sallyport -n $doctor -l rdm -x -a 'strict relaxed' -d 'memory that the firmware reserves'
complete -c sallyport -n $doctor -s q -l quiet -d 'print nothing'
complete -c sallyport -n $doctor -a '(path basename /sys/bus/pci/devices/*)'

complete -c sallyport -n "$attach; or $detach" -s n -l dry-run -d 'print what would be done'
complete -c sallyport -n "$attach; or $detach" -s q -l quiet -d 'print nothing unless it fails'
complete -c sallyport -n "$attach; or $detach" -a "(xl list 2>/dev/null | sed '1,2d; s/ .*//')"
complete -c sallyport -n "$attach; or $detach" -a '(path basename /sys/bus/pci/devices/*)'
complete -c sallyport -n $detach -l end-guest -d 'end the guest and wait'
complete -c sallyport -n $detach -s f -l force -d 'take functions from a guest that does not let go'

complete -c sallyport -n $explain -l markdown -d 'print a page'
complete -c sallyport -n $explain -f -a '(__sallyport_codes)'

complete -c sallyport -n $snapshot -s o -l output -r -d 'the file to write'
complete -c sallyport -n $snapshot -l force -d 'overwrite a file that exists'
complete -c sallyport -n $snapshot -s q -l quiet -d 'do not say what could not be read'
