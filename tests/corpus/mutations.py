# SPDX-License-Identifier: MIT
"""Ways to make a right plan wrong, each with the faults of which one must be found."""

from __future__ import annotations

import struct

import confirm
import fdt
import flatten
import overlay
import required
import xen
from broken import MUTATIONS, Broken, mutation

__all__ = ["MUTATIONS"]


def _word(value: int) -> bytes:
    return struct.pack(">I", value)


def _set_cell(node: fdt.Node, name: str, at: int, value: int) -> None:
    data = node.props[name]
    node.props[name] = data[:4 * at] + _word(value) + data[4 * at + 4:]


# Pages

@mutation("pages")
def frame_off_by_one(broken: Broken) -> bool:
    entry = broken.pick("iomem")
    if entry is not None:
        entry["start"] += broken.rng.choice((-1, 1))
    return entry is not None


@mutation("pages", "pages-twice")
def one_page_more(broken: Broken) -> bool:
    entry = broken.pick("iomem")
    if entry is not None:
        entry["count"] += 1
    return entry is not None


@mutation("pages")
def one_page_less(broken: Broken) -> bool:
    entry = broken.pick("iomem")
    if entry is not None:
        entry["count"] -= 1
    return entry is not None


@mutation("pages")
def mapping_left_out(broken: Broken) -> bool:
    entry = broken.pick("iomem")
    if entry is not None:
        broken.guest["iomem"].remove(entry)
    return entry is not None


@mutation("pages-twice")
def mapping_listed_twice(broken: Broken) -> bool:
    entry = broken.pick("iomem")
    if entry is not None:
        broken.guest["iomem"].append(dict(entry))
    return entry is not None


# Interrupts

@mutation("irqs")
def irq_left_out(broken: Broken) -> bool:
    entry = broken.pick("irqs")
    if entry is not None:
        broken.guest["irqs"].remove(entry)
    return entry is not None


@mutation("irqs")
def irq_of_another(broken: Broken) -> bool:
    listed = {entry["spi"] for entry in broken.guest["irqs"]}
    spi = next(spi for spi in range(960) if spi not in listed)
    broken.guest["irqs"].append({"irq": spi + 32, "spi": spi, "type": 4, "for": None})
    return True


@mutation("irq-twice")
def irq_listed_twice(broken: Broken) -> bool:
    entry = broken.pick("irqs")
    if entry is not None:
        broken.guest["irqs"].append(dict(entry))
    return entry is not None


@mutation("irq-number")
def irq_without_32(broken: Broken) -> bool:
    entry = broken.pick("irqs")
    if entry is not None:
        entry["irq"] = entry["spi"]
    return entry is not None


@mutation("irq-type")
def irq_of_wrong_type(broken: Broken) -> bool:
    entry = broken.pick("irqs")
    if entry is not None:
        entry["type"] = 2 if entry["type"] != 2 else 8
    return entry is not None


@mutation("nr-spis")
def too_few_spis(broken: Broken) -> bool:
    spis = [entry["spi"] for entry in broken.guest["irqs"]]
    if spis:
        broken.guest["nr_spis"] = max(spis)
    return bool(spis)


# Stream IDs

@mutation("streams")
def stream_id_changed(broken: Broken) -> bool:
    entry = broken.pick("streams")
    if entry is None or not entry["specifier"]:
        return False
    entry["specifier"][0] ^= 1 << 13
    return True


@mutation("streams")
def stream_left_out(broken: Broken) -> bool:
    entry = broken.pick("streams")
    if entry is not None:
        broken.guest["streams"].remove(entry)
    return entry is not None


@mutation("streams")
def wrong_controller(broken: Broken) -> bool:
    entry = broken.pick("streams")
    if entry is not None:
        entry["controller"] = broken.host.tree.root.children[0].path
    return entry is not None


@mutation("dtdev")
def dtdev_left_out(broken: Broken) -> bool:
    dtdev = broken.guest["dtdev"]
    if not dtdev or any(finding["severity"] == "error" for finding in broken.plan["findings"]):
        return False
    dtdev.pop(broken.rng.randrange(len(dtdev)))
    return True


@mutation("dtdev")
def dtdev_twice(broken: Broken) -> bool:
    dtdev = broken.guest["dtdev"]
    dtdev.extend(dtdev[:1])
    return bool(dtdev)


# Placement

def _move(broken: Broken, address: int) -> bool:
    entry = broken.placed()
    if entry is not None:
        entry["guest"] = address // xen.PAGE
    return entry is not None


@mutation("place-overlap")
def over_ram(broken: Broken) -> bool:
    return _move(broken, 0x40000000 + xen.PAGE * broken.rng.randrange(0x20000))


@mutation("place-overlap")
def over_an_extended_region(broken: Broken) -> bool:
    return _move(broken, broken.rng.choice((0x60000000, 0xFFFFF000, 0x200000000, 0x1000000000)))


@mutation("place-overlap")
def over_the_gic(broken: Broken) -> bool:
    return _move(broken, 0x03001000)


@mutation("place-overlap")
def over_the_grant_table(broken: Broken) -> bool:
    return _move(broken, 0x38000000 + xen.PAGE * broken.rng.randrange(0x2000))


@mutation("place-overlap")
def over_the_virtual_pci(broken: Broken) -> bool:
    broken.guest["pci"] = True
    return _move(broken, broken.rng.choice((0x10000000, 0x23000000, 0x100000000)))


@mutation("place-self")
def over_another_mapping(broken: Broken) -> bool:
    found = [entry for entry in broken.guest["iomem"] if entry["guest"] is not None]
    if len(found) < 2:
        return False
    one, other = broken.rng.sample(found, 2)
    one["guest"] = other["guest"]
    return True


@mutation("place-limit")
def beyond_40_bits(broken: Broken) -> bool:
    return _move(broken, xen.ADDRESS_LIMIT)


@mutation("place-moved")
def moved_without_need(broken: Broken) -> bool:
    found = [entry for entry in broken.guest["iomem"] if entry["guest"] == entry["start"]]
    if not found:
        return False
    broken.rng.choice(found)["guest"] += 0x10
    return True


@mutation("place-offset")
def listed_elsewhere(broken: Broken) -> bool:
    regs = [reg for device in broken.guest["devices"] for reg in device["regs"]
            if reg["guest"] is not None and int(reg["size"], 16)]
    if regs:
        reg = broken.rng.choice(regs)
        reg["guest"] = hex(int(reg["guest"], 16) + xen.PAGE)
    return bool(regs)


# The guest's tree

@mutation("tree-reg")
def offset_in_page_lost(broken: Broken) -> bool:
    node = broken.device()
    cells = node.cells("reg") if node is not None else ()
    for at in range(1, len(cells), 4):
        if cells[at] % xen.PAGE:
            assert node is not None
            _set_cell(node, "reg", at, cells[at] & -xen.PAGE)
            return True
    return False


@mutation("tree-reg")
def register_at_another_page(broken: Broken) -> bool:
    node = broken.device()
    if node is None or len(node.cells("reg")) < 4:
        return False
    _set_cell(node, "reg", 1, node.cells("reg")[1] + xen.PAGE)
    return True


@mutation("tree-reg")
def register_left_out(broken: Broken) -> bool:
    node = broken.device()
    if node is None or len(node.cells("reg")) < 4:
        return False
    node.props["reg"] = node.props["reg"][16:]
    return True


@mutation("tree-irq")
def guest_irq_changed(broken: Broken) -> bool:
    node = broken.with_prop("interrupts")
    if node is None or len(node.cells("interrupts")) % 3:
        return False
    _set_cell(node, "interrupts", 1, node.cells("interrupts")[1] + 1)
    return True


@mutation("tree-irq")
def guest_irq_of_wrong_type(broken: Broken) -> bool:
    node = broken.with_prop("interrupts")
    if node is None or len(node.cells("interrupts")) % 3:
        return False
    _set_cell(node, "interrupts", 2, 2 if node.cells("interrupts")[2] != 2 else 8)
    return True


@mutation("tree-irq")
def guest_irq_private(broken: Broken) -> bool:
    node = broken.with_prop("interrupts")
    if node is None or len(node.cells("interrupts")) % 3:
        return False
    _set_cell(node, "interrupts", 0, 1)
    return True


@mutation("tree-dangling")
def dangling_phandle(broken: Broken) -> bool:
    node = broken.with_prop("clocks")
    if node is None:
        return False
    _set_cell(node, "clocks", 0, 0x7777)
    return True


@mutation("tree-dangling")
def dangling_vendor_phandle(broken: Broken) -> bool:
    node = broken.device()
    if node is not None:
        node.props["qcom,gmu"] = _word(0x7777)
    return node is not None


@mutation("tree-reserved")
def phandle_65001_used(broken: Broken) -> bool:
    node = broken.device()
    if node is not None:
        node.props["phandle"] = _word(xen.GUEST_IOMMU_PHANDLE)
    return node is not None


@mutation("tree-reserved")
def gic_as_clock(broken: Broken) -> bool:
    node, gic = broken.with_prop("clocks"), broken.tree.by_path.get("/gic")
    if node is None or gic is None:
        return False
    gic.props["#clock-cells"] = _word(0)
    _set_cell(node, "clocks", 0, xen.GUEST_GIC_PHANDLE)
    return True


@mutation("tree-duplicate")
def duplicate_phandle(broken: Broken) -> bool:
    node = broken.device()
    taken = [phandle for phandle, one in broken.tree.by_phandle.items() if one is not node]
    if node is None or not taken:
        return False
    node.props["phandle"] = _word(broken.rng.choice(taken))
    return True


@mutation("tree-host-only")
def host_property_kept(broken: Broken) -> bool:
    node = broken.device()
    phandles = [phandle for phandle, one in broken.tree.by_phandle.items()
                if one is not node and one.path != "/gic"] or [1]
    if node is not None:
        name = broken.rng.choice(("iommus", "memory-region", "msi-parent", "xen,passthrough"))
        node.props[name] = b"" if name.startswith("xen") else _word(phandles[0])
    return node is not None


@mutation("tree-host-only")
def power_domain_kept(broken: Broken) -> bool:
    node = broken.device()
    for phandle, provider in broken.tree.by_phandle.items():
        if node is not None and provider is not node and provider.path != "/gic":
            provider.props["#power-domain-cells"] = _word(0)
            node.props["power-domains"] = _word(phandle)
            return True
    return False


@mutation("tree-top")
def node_outside_passthrough(broken: Broken) -> bool:
    clock = flatten.add_child(broken.tree.root, "clock-stray")
    clock.props["compatible"] = b"fixed-clock\0"
    return True


@mutation("tree-alias")
def alias_lost(broken: Broken) -> bool:
    aliases, device = broken.tree.by_path.get("/aliases"), broken.device()
    if aliases is None or device is None:
        return False
    found = [name for name, data in aliases.props.items()
             if data.rstrip(b"\0").decode("latin-1") == device.path]
    if found:
        del aliases.props[broken.rng.choice(found)]
    return bool(found)


@mutation("tree-alias")
def alias_into_the_void(broken: Broken) -> bool:
    aliases = broken.tree.by_path.get("/aliases")
    if aliases is None:
        return False
    aliases.props["gpu7"] = b"/passthrough/nothing@0\0"
    return True


@mutation("tree-disabled")
def guest_device_disabled(broken: Broken) -> bool:
    node = broken.device()
    if node is not None:
        node.props["status"] = b"disabled\0"
    return node is not None


@mutation("tree-malformed")
def guest_tree_cut_short(broken: Broken) -> bool:
    broken.cut = broken.rng.randrange(4, 64)
    return True


# The host's side

def _unmark(broken: Broken, device: bool) -> bool:
    roots = {entry["path"] for entry in broken.guest["devices"]}
    needed = {node.path for node in overlay.must_be_marked(broken.context())}
    found = [change for change in broken.plan["host_changes"]
             if change["property"] == "xen,passthrough" and change["path"] in needed
             and (change["path"] in roots) == device]
    if found:
        broken.plan["host_changes"].remove(broken.rng.choice(found))
    return bool(found)


@mutation("mark")
def device_not_marked(broken: Broken) -> bool:
    return _unmark(broken, True)


@mutation("mark")
def descendant_not_marked(broken: Broken) -> bool:
    return _unmark(broken, False)


@mutation("mark-extra")
def stranger_marked(broken: Broken) -> bool:
    if broken.host.gic is None:
        return False
    broken.plan["host_changes"].append({
        "path": broken.host.gic.path, "new_node": False, "property": "xen,passthrough",
        "value": "", "why": None})
    return True


# Verdicts

@mutation("verdict")
def verdict_flipped(broken: Broken) -> bool:
    broken.verdict("ok" if broken.plan["verdict"] == "no" else "no")
    return True


@mutation("missing-code")
def code_removed(broken: Broken) -> bool:
    """A finding that the tree makes plain; others may stand on less."""
    needs = required.needs(broken.context())
    if not needs:
        return False
    codes = broken.rng.choice(needs)[1]
    broken.plan["findings"] = [finding for finding in broken.plan["findings"]
                               if finding["code"] not in codes]
    broken.settle()
    return True


@mutation("severity")
def severity_lowered(broken: Broken) -> bool:
    for finding in broken.plan["findings"]:
        if finding["severity"] == "error":
            finding["severity"] = "warning"
            broken.settle()
            return True
    return False


@mutation("unconfirmed")
def error_made_up(broken: Broken) -> bool:
    context = broken.context()
    code = broken.rng.choice([code for code, predicate in sorted(confirm.CONFIRM.items())
                              if confirm.catalogue()[code][0] == "error"
                              and not predicate(context)])
    broken.plan["findings"].append({
        "code": code, "severity": "error", "guest": broken.guest["name"], "path": None,
        "message": "Words.", "remedy": "Words."})
    broken.settle()
    return True
