#!/bin/sh
# SPDX-License-Identifier: MIT
# Checks that each layer includes only what stands to its right:
#     cli -> emit -> check -> plan -> host -> fdt -> xl -> base
# that what plans PCI devices stands beside them:
#     cli -> assign -> preflight -> machine -> pci, acpi -> base,  assign -> xl
# that transports (wire), devices (gpu) and what shows their pictures (show) know nothing of each other:
#     serve -> wire, gpu, input, show, sandbox;  sandbox -> base;  wire, gpu -> device -> base;  input -> virtio -> device;  show -> base
# that what asks the program that serves stands apart from it:
#     control -> cli, base, show/png.h
# that what talks to Xen stands apart from these, over a part of them:
#     dom0 -> attach -> xen -> pci, base,  attach -> xl, pci,  dom0 -> cli, plan/rules.h
# that src/xen alone knows Xen's libraries, that src/cli uses the library through its public headers
# alone, and that the public headers use only each other.
set -u
root=${1:-.}
cd "$root" || exit 2

awk '
BEGIN {
	split("base xl fdt host plan check emit", order, " ")
	for (i in order)
		rank[order[i]] = i
	apart["pci"] = " base pci "
	apart["acpi"] = " base acpi "
	apart["machine"] = " base pci acpi machine "
	apart["preflight"] = " base pci acpi machine preflight "
	apart["assign"] = " base xl pci acpi machine preflight assign "
	apart["device"] = " base device "
	apart["wire"] = " base device wire "
	apart["gpu"] = " base device gpu "
	apart["virtio"] = " base device virtio "
	apart["input"] = " base virtio input "
	apart["show"] = " base show "
	apart["hold"] = " base hold "
	apart["sandbox"] = " base sandbox "
	apart["serve"] = " base device wire gpu input show hold sandbox serve cli examples "
	apart["control"] = " base cli show/png.h control "
	apart["xen"] = " base pci xen "
	apart["attach"] = " base pci xl xen attach "
	apart["dom0"] = " base pci xl xen attach dom0 cli plan/rules.h "
}
# A path such as src/fdt/tree.c or include/sallyport/tree.h.
FNR == 1 {
	split(FILENAME, part, "/")
	layer = part[1] == "include" ? "public" : part[2]
	files++
}
/^[ \t]*#[ \t]*include[ \t]/ {
	line = $0
	sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
	if (line ~ /^</) {
		# The program reaches libfdt through the library.
		if (line ~ /^<(lib)?fdt/ && (layer == "cli" || layer in apart))
			complain(line)
		if (line ~ /^<(xen|libxl)/ && layer != "xen")
			complain(line)
		if (line ~ /^<rfb\// && layer != "show")
			complain(line)
		# Ways to devices, devices, and screens are parts that only src/gpu and src/serve join.
		if (line ~ /^<sallyport\/scanout/ && (layer ~ /^(device|wire|xen)$/ ||
			FILENAME ~ /sallyport\/(device|pci|registers)\.h$/))
			complain(line)
		if (line ~ /^<sallyport\/(device|pci|registers)\.h/ && (layer == "show" ||
			FILENAME ~ /sallyport\/scanout\.h$/))
			complain(line)
		next
	}
	sub(/^"/, "", line)
	sub(/".*/, "", line)
	split(line, target, "/")
	if (layer == "public")
		complain(line)
	else if (layer == "cli") {
		if (line ~ /\//)
			complain(line)
	} else if (layer in apart) {
		if (line !~ /\// || (!index(apart[layer], " " target[1] " ") &&
			!index(apart[layer], " " line " ")))
			complain(line)
	} else if (!(target[1] in rank) || line !~ /\//)
		complain(line)
	else if (!(layer in rank) || rank[target[1]] > rank[layer])
		complain(line)
}
function complain(what) {
	printf "%s:%d: must not include %s\n", FILENAME, FNR, what
	bad = 1
}
END {
	if (files < 10) {
		print "too few sources were found to be checked"
		bad = 1
	}
	exit bad
}
' $(find src include -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort)
