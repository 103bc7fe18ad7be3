#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make run` does: plans GPUs of real boards, two that can be given to a guest and one that
# cannot; looks at PCs through snapshots; then boots real Xen on an emulated board with the files of its
# plans, and shows the guests' drivers at work; last it serves a display to a guest of QEMU's and saves what
# that shows. Ends with 0 only if all came out as it must.
set -eu
cd "$(dirname "$0")/.."
sallyport=build/sallyport
out=build/demo

heading() {
	printf '\n== %s\n' "$1"
}

heading "Device trees of real boards"
trees=$(tools/fetch-trees.sh)
echo "$(find "$trees" -name '*.dtb' | wc -l) of them, in $trees"

heading "What some of them could give away"
for board in qcom/sm8550-hdk renesas/r8a77961-salvator-xs qcom/apq8096-db820c; do
	printf '\n%s.dtb\n' "$board"
	$sallyport list "$trees/$board.dtb"
done

# plan NAME VERDICTS HOST ARGUMENT...: VERDICTS are those that are right.
failed=no
plan() {
	name=$1 expected=$2 host=$3
	shift 3
	heading "sallyport plan -o $out/$name ${host##*/} $*"
	status=0
	$sallyport plan --quiet --force -o "$out/$name" "$host" "$@" || status=$?
	if [ "$status" -gt 1 ]; then
		failed=yes
		return
	fi
	cat "$out/$name/report.txt"
	verdict=$(sed -n 's/^  "verdict": "\([a-z]*\)".*/\1/p' "$out/$name/plan.json" | head -n 1)
	case " $expected " in
	*" $verdict "*) ;;
	*)
		echo "The verdict is \"$verdict\", and it should be one of: $expected" >&2
		failed=yes
		;;
	esac
}

mkdir -p "$out"
# An Adreno behind an Arm MMU-500, whose stream IDs the tree tells.
plan adreno "ok warn" "$trees/qcom/sm8550-hdk.dtb" /soc@0/gpu@3d00000 --with-companions
# The R-Car M3-W+ has its GPU behind two IPMMUs, but the tree does not say so.
plan r-car "ok warn" "$trees/renesas/r8a77961-salvator-xs.dtb" /soc/gpu@fd000000 \
	--iommus /soc/gpu@fd000000=ipmmu_pv0:0-7,ipmmu_pv1:0-7
# An Adreno behind an SMMU that Xen has no driver for.
plan refused "no" "$trees/qcom/apq8096-db820c.dtb" /soc@0/gpu@b00000

# Made by hand, a PC with an AMD GPU and one with Intel's: what is told of them needs neither.
pcs=tests/fixtures/snapshots
heading "What PCs could give away, by their snapshots"
for pc in amd-gpu intel-igd; do
	printf '\n%s\n' "$pc.snapshot"
	$sallyport list "$pcs/$pc.snapshot"
done
heading "sallyport doctor amd-gpu.snapshot 03:00 --dom0 pv"
$sallyport doctor "$pcs/amd-gpu.snapshot" 03:00 --dom0 pv || failed=yes
plan amd-pv "ok warn" "$pcs/amd-gpu.snapshot" 03:00 --dom0 pv --memory 8G
# What real Xen 4.20 with a PVH dom0 told of itself: this one has no INTx pin.
plan bochs-pvh "no" "$pcs/bed-pvh.snapshot" 00:05.0 --dom0 pvh

heading "The files"
find "$out" -type f | LC_ALL=C sort

heading "Real Xen on an emulated board"
echo "What is built for it once is kept for the next time; that takes some minutes."
python3 tests/xen/story.py $sallyport build/story || failed=yes

heading "A display that is served to a guest of QEMU's"
if testbed/vm/build.sh >/dev/null; then
	if python3 tests/vm/story.py build/serve build/demo-guest --only desk; then
		cp build/demo-guest/desk/desk.png "$out/guest.png"
		printf '\nThe guest'"'"'s screen:  %s\n' "$PWD/$out/guest.png"
	else
		failed=yes
	fi
else
	echo "What such a guest needs could not be built here, so that this part is left out."
fi
[ $failed = no ] || exit 1
