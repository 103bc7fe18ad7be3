# SPDX-License-Identifier: MIT
"""
Wrong set-ups and what is foretold for each: the finding, and what Xen and the guest will do. Each
is one change away from a set-up that works, its twin. The page docs/predictions.md is made from this.
"""

import dataclasses
import re

from setups import (
    CLOCK, DIRECT, DISKS, FORCED, MOVED, PROXY, RTC_ALONE, TWO_GUESTS, XEN_MADE, XEN_MADE_DISKS,
)


@dataclasses.dataclass(frozen=True)
class Refused:
    """`xl create` of the last guest ends with an error."""

    step: str  # who refuses
    says: str  # what xl prints
    xen: str = None  # what Xen logs

    def sentence(self):
        text = f"refused by {self.step}: `{self.says}`"
        return text + (f"; Xen logs `{self.xen}`" if self.xen else "")


@dataclasses.dataclass(frozen=True)
class Panics:
    """Xen does not start."""

    reason: str  # what Xen prints before
    says: str = "Could not set up domain"

    def sentence(self):
        return f"Xen stops at boot: `{self.reason}`"


@dataclasses.dataclass(frozen=True)
class Broken:
    """All is accepted, and then the guest does not work."""

    how: str
    sees: str  # a pattern in the last guest's trial, or in what it says at all
    first: str = None  # a pattern of what it must have said before: how far it comes

    def sentence(self):
        return "accepted; " + self.how


@dataclasses.dataclass(frozen=True)
class Silent:
    """All is accepted, and the guest lives but never comes up."""

    how: str

    def sentence(self):
        return "accepted; " + self.how


@dataclasses.dataclass(frozen=True)
class Reaches:
    """All is accepted and works, and a guest can do what it must not: (guest, shell, pattern) each."""

    how: str
    probe: tuple

    def sentence(self):
        return "accepted; " + self.how


def appears(text, where):
    """Whether a text, in which "…" stands for anything, appears."""
    return re.search(".*".join(re.escape(part) for part in text.split("…")), where) is not None


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    code: str  # what `sallyport check` says
    twin: object
    change: tuple  # (file, old, new)
    outcome: object
    what: str  # for the page: what is wrong

    def setup(self):
        return self.twin.changed(*self.change)


HEAD = RTC_ALONE.text("rtc.dts").split("\tpassthrough {")[1].split(CLOCK)[0]
HEAD = "\n\tpassthrough {" + HEAD

# The controllers' vendors, from their configuration space: the bridge works, and only DMA does not.
VIRTIO, NVME = "BED pci 0000:00:01.0 0x1af4.*", "BED pci 0000:00:02.0 0x1b36.*"
TAKEN = 'assign "/pl031@9010000" to dom… failed (-16)'
ASSIGN = "xc_assign_dtdevice failed: -1"

CASES = [
    # Interrupts
    Case("irq-missing", "SP-CFG-IRQ-MISSING", RTC_ALONE, ("rtc.cfg", "irqs = [ 34 ]\n", ""),
         Broken("the RTC's interrupt never comes and its counter stays at zero",
                r"BED rtc .*before=0 after=0 woken=no"),
         "the partial tree has an interrupt that irqs does not list"),
    Case("irq-twice", "SP-CFG-IRQ-TWICE", RTC_ALONE, ("rtc.cfg", "[ 34 ]", "[ 34, 34 ]"),
         Refused("Xen's bind_pt_irq", "failed give domain access to irq 34: Device or resource busy"),
         "irqs lists a number twice"),
    Case("irq-hexadecimal", "SP-CFG-REFUSED", RTC_ALONE, ("rtc.cfg", "[ 34 ]", '[ "0x22" ]'),
         Refused("xl", "Invalid argument parsing irq: 0x22"),
         "an interrupt in hexadecimal"),
    Case("irq-private", "SP-CFG-IRQ-LOW", RTC_ALONE, ("rtc.cfg", "[ 34 ]", "[ 34, 27 ]"),
         Refused("Xen's bind_pt_irq", "failed give domain access to irq 27: Operation not permitted"),
         "a private interrupt (the timer's)"),
    Case("irq-too-high", "SP-IRQ-TOO-HIGH", RTC_ALONE, ("rtc.cfg", "[ 34 ]", "[ 34, 1000 ]"),
         Refused("Xen's createdomain", "domain creation fail: Invalid argument"),
         "an interrupt beyond the virtual GIC's last, 991"),
    Case("irq-of-dom0", "SP-IRQ-SHARED", RTC_ALONE, ("rtc.cfg", "[ 34 ]", "[ 34, 48 ]"),
         Refused("Xen's bind_pt_irq", "failed give domain access to irq 48: Device or resource busy",
                 "IRQ 48 is already used by domain 0"),
         "an interrupt of a device that dom0 keeps"),
    Case("irq-of-another-guest", "SP-IRQ-TWO-GUESTS", TWO_GUESTS, ("uart.cfg", "[ 40 ]", "[ 40, 34 ]"),
         Refused("Xen's bind_pt_irq", "failed give domain access to irq 34: Device or resource busy",
                 "IRQ 34 is already used by domain"),
         "an interrupt that another guest has"),
    Case("gic-unknown", "SP-PARTIAL-PARENT", RTC_ALONE, ("rtc.dts", "interrupt-parent = <65000>", "interrupt-parent = <64000>"),
         Broken("the guest finds no interrupt controller and the RTC's interrupt never comes",
                r"BED rtc (driver=none|.*woken=no)"),
         "interrupt-parent is not the phandle of the GIC that libxl makes"),
    Case("gic-circle", "SP-PARTIAL-PARENT", RTC_ALONE, ("rtc.dts", "interrupt-parent = <65000>", "interrupt-parent = <&clk>"),
         Silent("Linux looks for the interrupt controller in a circle, and never comes up"),
         "interrupt-parent is the phandle of another node of the guest's"),

    # Registers
    Case("iomem-missing", "SP-MAP-MISSING", RTC_ALONE, ("rtc.cfg", 'iomem = [ "9010,1" ]\n', ""),
         Broken("the guest's first access to the RTC faults", r".*(synchronous external abort|Unhandled fault|Internal error)"),
         "a node's registers without iomem"),
    Case("iomem-elsewhere", "SP-MAP-MISSING", MOVED, ("rtc.dts", "reg = <0 0x4020000", "reg = <0 0x9010000"),
         Broken("the guest looks for the RTC where nothing is", r".*(synchronous external abort|Unhandled fault|Internal error)"),
         "iomem maps the registers elsewhere than the partial tree says"),
    Case("iomem-over-ram", "SP-MAP-RAM", RTC_ALONE, ("rtc.cfg", "9010,1", '9010,1", "9040,1@40000'),
         Silent("the page takes the place of the kernel's first one, and the guest never says a word"),
         "iomem over the guest's memory"),
    Case("iomem-over-gic", "SP-MAP-AREA", RTC_ALONE, ("rtc.cfg", "9010,1", '9010,1", "9040,1@3001'),
         Broken("the guest finds a UART in its GIC's place that knows of no SPI, and the RTC's interrupt never comes",
                r"BED rtc (driver=none|.*woken=no)"),
         "iomem over the guest's virtual GIC"),
    Case("iomem-two-guests", "SP-PAGE-TWO-GUESTS", TWO_GUESTS, ("uart.cfg", '"9040,1"', '"9040,1", "9010,1"'),
         Reaches("the second guest sets the first one's clock",
                 (("uart", "devmem 0x9010008 32 0x1000; tell set", "BED set"),
                  ("rtc", "tell clock $(cat /sys/class/rtc/rtc0/since_epoch)", r"BED clock (409[6-9]|41\d\d)$"))),
         "a page of registers for two guests"),
    Case("iomem-neighbours", "SP-PAGE-SHARED", RTC_ALONE, ("rtc.cfg", '"9010,1"', '"9010,1", "a003,1"'),
         Reaches("the guest reads registers of dom0's virtio console (device ID 3), in the same page",
                 (("rtc", "tell id $(devmem 0xa003e08)", "BED id 0x00000003"),)),
         "a page in which other devices have registers too"),
    Case("iomem-xen-uart", "SP-PAGE-XEN", RTC_ALONE, ("rtc.cfg", '"9010,1"', '"9010,1", "9000,1"'),
         Refused("Xen's iomem_permission", "failed give domain access to iomem range 9000-9000: Operation not permitted"),
         "the registers of Xen's console"),
    Case("iomem-smmu", "SP-PAGE-XEN", RTC_ALONE, ("rtc.cfg", '"9010,1"', '"9010,1", "9050,1"'),
         Refused("Xen's iomem_permission", "failed give domain access to iomem range 9050-9050: Operation not permitted"),
         "the registers of the SMMU"),
    Case("iomem-memory", "SP-MAP-MEMORY", RTC_ALONE, ("rtc.cfg", '"9010,1"', '"9010,1", "b0000,1"'),
         Refused("Xen's iomem_permission", "failed give domain access to iomem range b0000-b0000: Operation not permitted"),
         "memory of the host"),

    # The IOMMU
    Case("dtdev-typo", "SP-CFG-DTDEV-UNKNOWN", RTC_ALONE, ("rtc.cfg", 'dtdev = [ "/pl031@9010000" ]', 'dtdev = [ "/pl031@901000" ]'),
         Refused("Xen's assign_device", ASSIGN),
         "dtdev names no node of the host"),
    Case("dtdev-twice", "SP-CFG-DTDEV-TWICE", RTC_ALONE, ("rtc.cfg", 'dtdev = [ "/pl031@9010000" ]', 'dtdev = [ "/pl031@9010000", "/pl031@9010000" ]'),
         Refused("Xen's assign_device", ASSIGN, TAKEN),
         "dtdev lists a node twice"),
    Case("dtdev-unmarked", "SP-DEVICE-UNMARKED", RTC_ALONE, ("host", "&{/pl031@9010000} { xen,passthrough;", "&{/pl031@9010000} {"),
         Refused("Xen's bind_pt_irq", "failed give domain access to irq 34: Device or resource busy",
                 "IRQ 34 is already used by domain 0"),
         "the host's node is not marked xen,passthrough"),
    Case("dtdev-unprotected", "SP-IOMMU-UNPROTECTED", RTC_ALONE, ("host", " iommus = <SMMU 0x1002>;", ""),
         Refused("Xen's assign_device", ASSIGN, 'assign "/pl031@9010000" to dom… failed (-22)'),
         "a node in dtdev without iommus"),
    Case("dtdev-of-another-guest", "SP-GUESTS-DEVICE", TWO_GUESTS, ("uart.cfg", '[ "/pl011@9040000" ]', '[ "/pl011@9040000", "/pl031@9010000" ]'),
         Refused("Xen's assign_device", ASSIGN, TAKEN),
         "a device that another guest has"),
    Case("dtdev-missing", "SP-IOMMU-UNLISTED", DISKS, ("bridge.cfg", 'dtdev = [ "/pcie@10000000" ]\n', ""),
         Broken("the SMMU blocks the disks' DMA", r"BED disk virtio (driver=none|read=0 wrote=no)", VIRTIO),
         "a DMA master without dtdev"),
    Case("stream-missing", "SP-IOMMU-ID-MISSING", DISKS, ("host", "<SMMU 0x08>, <SMMU 0x10>", "<SMMU 0x08>"),
         Broken("the SMMU blocks the NVMe drive's DMA without a message", r"BED disk nvme (driver=none|read=0 wrote=no)", NVME),
         "one of a bridge's functions has no stream ID"),
    Case("proxy-unlisted", "SP-IOMMU-ID-MISSING", PROXY, ("bridge.cfg", ', "/proxy"', ""),
         Broken("the SMMU blocks the NVMe drive's DMA without a message", r"BED disk nvme (driver=none|read=0 wrote=no)", NVME),
         "a proxy node has the stream ID, and dtdev leaves it out"),
    Case("passthrough-disabled", "SP-CFG-PASSTHROUGH-OFF", RTC_ALONE, ("rtc.cfg", "memory = 256\n", 'memory = 256\npassthrough = "disabled"\n'),
         Refused("libxl", "passthrough disabled but devices are specified"),
         "dtdev with passthrough disabled"),
    Case("passthrough-sync", "SP-CFG-PASSTHROUGH-SYNC", RTC_ALONE, ("rtc.cfg", "memory = 256\n", 'memory = 256\npassthrough = "sync_pt"\n'),
         Refused("libxl", 'passthrough="sync_pt" not supported on ARM'),
         "a passthrough mode that Arm has not"),
    Case("populate-on-demand", "SP-CFG-POD", RTC_ALONE, ("rtc.cfg", "memory = 256\n", "memory = 256\nmaxmem = 512\n"),
         Refused("libxl", "IOMMU required for device passthrough but not supported together with PoD"),
         "memory below maxmem with a device behind the IOMMU"),

    # The partial tree
    Case("tree-no-passthrough", "SP-PARTIAL-EMPTY", RTC_ALONE, ("rtc.dts", "\tpassthrough {", "\tpassthru {"),
         Refused("libxl", 'Can\'t copy the node "/passthrough" from the partial FDT'),
         "the partial tree has no /passthrough"),
    Case("tree-clock-outside", "SP-PARTIAL-OUTSIDE", RTC_ALONE,
         ("rtc.dts", HEAD + CLOCK, "\n" + CLOCK + HEAD),
         Broken("Xen drops the clock, and the RTC's driver never gets it", r"BED rtc driver=none"),
         "the clock stands outside /passthrough"),
    Case("tree-missing", "SP-CFG-TREE-MISSING", RTC_ALONE, ("rtc.cfg", '"rtc.dtb"', '"rtc.dbt"'),
         Refused("libxl", "failed to read the partial device file rtc.dbt: No such file or directory"),
         "device_tree names no file"),

    # dom0less
    Case("domain-no-path", "SP-DOMAIN-HALF", XEN_MADE, ("rtc.dts", '\t\t\txen,path = "/pl031@9010000";\n', ""),
         Panics("xen,reg or xen,path missing for d1"),
         "dom0less: xen,reg without xen,path"),
    Case("domain-path-typo", "SP-DOMAIN-PATH", XEN_MADE, ("rtc.dts", '"/pl031@9010000"', '"/pl031@901000"'),
         Panics("Couldn't find node /pl031@901000 in host_dt!"),
         "dom0less: xen,path names no node of the host"),
    Case("domain-unaligned", "SP-DOMAIN-UNALIGNED", XEN_MADE,
         ("rtc.dts", "xen,reg = <0 0x9010000 0 0x1000", "xen,reg = <0 0x9010000 0 0x800"),
         Panics("DomU passthrough config has not page aligned addresses/sizes"),
         "dom0less: part of a page in xen,reg"),
    Case("domain-unmarked", "SP-DEVICE-UNMARKED", FORCED, ("host", "&{/pl031@9010000} { xen,passthrough; };\n", ""),
         Panics("IRQ 34 is already used by domain 0"),
         "dom0less: the host's node is not marked xen,passthrough"),
    Case("domain-unprotected", "SP-IOMMU-UNPROTECTED", XEN_MADE, ("host", " iommus = <SMMU 0x1002>;", ""),
         Panics("Failed to assign device to d1"),
         "dom0less: neither iommus nor xen,force-assign-without-iommu"),
    Case("domain-no-static-memory", "SP-DOMAIN-NO-STATIC", DIRECT, ("host", "\t\txen,static-mem = <0 0xf0000000 0 0x10000000>;\n", ""),
         Panics("direct-map is not valid for domain rtc without static allocation", "direct-map is not valid"),
         "dom0less: direct-map without static memory"),
    Case("domain-map-unread", "SP-IRQ-UNREAD", XEN_MADE_DISKS, ("host", "\tinterrupts = <0 3 4>, <0 4 4>, <0 5 4>, <0 6 4>; };", "};"),
         Broken("no interrupt of the bridge comes, and the disks never appear", r"BED disk virtio (driver=none|read=0 wrote=no)", VIRTIO),
         "dom0less: interrupts that only an interrupt-map tells"),
]
