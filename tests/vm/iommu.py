# SPDX-License-Identifier: MIT
"""Behind an IOMMU of the guest's, and driven by the guest's own VFIO: the kernel's tests of it."""

import re
import time

from bed.tools import Failure
from guest import IOMMU, IOMMU_KERNEL, vfio_user
from life import await_no_client, show

LIMIT = 180

# What must pass, by program: with type 1 and version 2 of it, as iommufd is not in Debian's kernels.
DEVICE = ("vfio_pci_device_test.config_space_read_write", "vfio_pci_device_test.validate_bars")
RESET = ("vfio_pci_device_test.reset",)  # edu has none
MSI = ("vfio_pci_irq_test.msi.enable_trigger_disable",)
TYPES = ("vfio_type1_iommu", "vfio_type1v2_iommu")


def each(pattern, names):
    return tuple(pattern.format(type=kind, name=name) for kind in TYPES for name in names)


MAPPING = each("vfio_dma_mapping_test.{type}_{name}.dma_map_unmap", ("anonymous", "anonymous_hugetlb_2mb")) + each(
    "vfio_dma_map_limit_test.{type}.{name}", ("unmap_range", "unmap_all", "overflow"))
BARS = each("vfio_dma_mapping_mmio_test.{type}.{name}", ("map_full_bar", "map_partial_bar", "map_bar_misaligned"))
INIT = each("vfio_pci_device_init_perf_test.{type}.{name}", ("init",))
DRIVER = each("vfio_pci_driver_test.{type}.{name}", (
    "init_remove", "memcpy_success", "memcpy_from_unmapped_iova", "memcpy_to_unmapped_iova", "send_msi",
    "mix_and_match", "memcpy_storm"))
PROGRAMS = {
    "bochs": {"vfio_pci_device_test": DEVICE + RESET, "vfio_dma_mapping_test": MAPPING,
              "vfio_dma_mapping_mmio_test": BARS, "vfio_pci_device_init_perf_test": INIT},
    "edu": {"vfio_pci_device_test": DEVICE + MSI, "vfio_dma_mapping_test": MAPPING, "vfio_pci_driver_test": DRIVER},
}
PAGES = {"bochs": 8, "edu": 10000}
IDS = {"bochs": (0x1234, 0x1111), "edu": (0x1234, 0x11E8)}


def judge_program(case, guest, address, program, wanted):
    judge_said(case, guest.shell(f"{program} {address} 2>&1", LIMIT)[1], program, wanted)


def judge_said(case, said, program, wanted):
    results = dict(reversed(pair) for pair in re.findall(r"^(ok|not ok) \d+ (\S+)(?! # SKIP)", said, re.MULTILINE))
    skipped = set(re.findall(r"^ok \d+ (\S+) # SKIP", said, re.MULTILINE))
    wrong = [name for name in wanted if results.get(name) != "ok" or name in skipped]
    # Only those of iommufd may fail, for want of it.
    wrong += [name for name, result in results.items() if result != "ok" and "iommufd" not in name]
    case.judge(not wrong, f"{program}: {len(wanted)} tests", " ".join(wrong) if wrong else "all pass")


def tests(case, model):
    with case.server(model) as server:
        with case.guest([IOMMU, vfio_user(server.socket(model))], memory=768, kernel=IOMMU_KERNEL) as guest:
            address = guest.address(*IDS[model])
            guest.must("load vfio-pci vfio_iommu_type1; echo 8 >/proc/sys/vm/nr_hugepages")
            guest.must(f"rebind {address} vfio-pci")
            case.judge(guest.must(f"driver {address}") == "vfio-pci", "the guest's vfio-pci has the function", address)
            before = server.device(model)
            for program, wanted in PROGRAMS[model].items():
                judge_program(case, guest, address, program, wanted)
            after = server.device(model)
            maps, unmaps = (after["messages"].get(name, 0) - before["messages"].get(name, 0)
                            for name in ("DMA_MAP", "DMA_UNMAP"))
            files = after["files_received"] - before["files_received"]
            least = PAGES[model]
            case.judge(maps >= least and files >= least, "pages were mapped one by one, each with a descriptor",
                       f"{maps} DMA_MAP, {unmaps} DMA_UNMAP, {files} descriptors, {after['ranges_peak']} at a time")
            case.judge(after["errors"] == before["errors"], "none was an error", after["errors"] - before["errors"])
            guest.must(f"echo >/sys/bus/pci/devices/{address}/driver_override; rebind {address}")
            if model == "bochs":
                guest.must(f"load bochs; echo {address} >/sys/bus/pci/drivers_probe")
                guest.screen()
                show(case, server, guest, "and then the display's own driver has it")
            case.judge(guest.end() == 0, "QEMU ends with 0")
        await_no_client(server)
        state = server.device(model)
        case.judge(state["ranges"] == 0 and state["mapped"] == 0 and state["files"] == 0, "no range is left")
        case.judge(server.end() == 0, "serve ends with 0")


KILLS = 8
STORM = "vfio_pci_driver_test"


def await_messages(server, count):
    """Each question takes a turn of the server's loop."""
    end = time.monotonic() + LIMIT
    wanted = sum(server.device("edu")["messages"].values()) + count
    while sum(server.device("edu")["messages"].values()) < wanted:
        if time.monotonic() > end:
            raise Failure(f"{LIMIT} s went by without {count} messages")


def survives(case):
    """The worker is killed while the guest's VFIO maps, unmaps and lets edu copy."""
    with case.server("edu") as server:
        with case.guest([IOMMU, vfio_user(server.socket("edu"))], memory=768, kernel=IOMMU_KERNEL) as guest:
            address = guest.address(*IDS["edu"])
            guest.must(f"load vfio-pci vfio_iommu_type1; rebind {address} vfio-pci")
            # It does not end: a child's end makes the guest's shell forget what it has read of a line.
            guest.must(f"({STORM} {address} >/tmp/said 2>&1; echo END >/dev/ttyS2; exec sleep 100000) & true")
            workers = set()
            while len(workers) < KILLS:
                await_messages(server, 200)
                workers.add(server.kill_worker())
            guest.streams.expect({"end": ("events", "^END$")}, LIMIT)
            judge_said(case, guest.must("cat /tmp/said; true"), STORM, DRIVER)
            case.judge(len(workers) == KILLS, "workers were killed meanwhile", len(workers))
            case.judge(server.device("edu")["clients"] == 1, "its QEMU is the same client")
            case.judge(guest.end() == 0, "QEMU ends with 0")
        case.judge(server.end() == 0, "serve ends with 0")


CASES = [
    ("vfio-bochs", "the guest's VFIO and the display", lambda case: tests(case, "bochs")),
    ("vfio-edu", "the guest's VFIO and edu: DMA and MSI", lambda case: tests(case, "edu")),
    ("vfio-survives", "the server's worker killed under the guest's VFIO", survives),
]
