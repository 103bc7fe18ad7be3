# SPDX-License-Identifier: MIT
"""
Set-ups as people write them by hand, all of which work: what is added to the host's tree, and for
each guest its configuration and its partial tree, as text.
"""

import dataclasses

RTC, UART, BRIDGE = "/pl031@9010000", "/pl011@9040000", "/pcie@10000000"

CLOCK = """\
		clk: clk {
			compatible = "fixed-clock";
			clock-frequency = <24000000>;
			#clock-cells = <0>;
		};
"""
RTC_NODE = """\
		pl031@9010000 {
			compatible = "arm,pl031", "arm,primecell";
			reg = <0 0x9010000 0 0x1000>;
			interrupts = <0 2 4>;
			clocks = <&clk>;
			clock-names = "apb_pclk";
		};
"""
UART_NODE = """\
		pl011@9040000 {
			compatible = "arm,pl011", "arm,primecell";
			reg = <0 0x9040000 0 0x1000>;
			interrupts = <0 8 4>;
			clocks = <&clk>, <&clk>;
			clock-names = "uartclk", "apb_pclk";
		};
"""


def lines(*rows):
    return ", ".join(rows)


# Four slots of four pins each; the interrupts of slot s, pin p are SPIs 3 to 6 in turn.
MAP = lines(*(f"<{s << 11} 0 0 {p} GIC 0 {3 + (s + p - 1) % 4} 4>" for s in range(4) for p in range(1, 5)))
BRIDGE_NODE = """\
		pcie@3f000000 {
			compatible = "pci-host-ecam-generic";
			device_type = "pci";
			#address-cells = <3>;
			#size-cells = <2>;
			#interrupt-cells = <1>;
			linux,pci-domain = <0>;
			bus-range = <0 15>;
			dma-coherent;
			reg = <0 0x3f000000 0 0x1000000>;
			ranges = <0x2000000 0 0x10000000 0 0x10000000 0 0x1000000>;
			interrupt-map-mask = <0x1800 0 0 7>;
			interrupt-map = %s;
		};
"""


def partial(*nodes, root="", head="\t\tinterrupt-parent = <65000>;\n"):
    """The partial tree of a guest."""
    return (
        "/dts-v1/;\n\n/ {\n\t#address-cells = <2>;\n\t#size-cells = <2>;\n" + root +
        "\n\tpassthrough {\n\t\tcompatible = \"simple-bus\";\n\t\tranges;\n"
        "\t\t#address-cells = <2>;\n\t\t#size-cells = <2>;\n" + head + "".join(nodes) + "\t};\n};\n"
    )


# Labels lead to what only the host's tree has: SMMU is its phandle.
GIVE_RTC = "&{/pl031@9010000} { xen,passthrough; iommus = <SMMU 0x1002>; };\n"
GIVE_UART = "&{/pl011@9040000} { xen,passthrough; iommus = <SMMU 0x1003>; };\n"

RTC_CONFIG = """\
name = "rtc"
memory = 256
device_tree = "rtc.dtb"
dtdev = [ "/pl031@9010000" ]
iomem = [ "9010,1" ]
irqs = [ 34 ]
"""
UART_CONFIG = """\
name = "uart"
memory = 256
device_tree = "uart.dtb"
dtdev = [ "/pl011@9040000" ]
iomem = [ "9040,1" ]
irqs = [ 40 ]
"""
BRIDGE_CONFIG = """\
name = "bridge"
memory = 256
device_tree = "bridge.dtb"
dtdev = [ "/pcie@10000000" ]
iomem = [ "3f000,1000", "10000,1000" ]
irqs = [ 35, 36, 37, 38 ]
"""


@dataclasses.dataclass(frozen=True)
class Setup:
    """
    `files` has "host" and "NAME.cfg", "NAME.dts" for each guest. `guests` are started in this
    order; `trials` says what each tries. `boot` is "xl" or "dom0less".
    """

    name: str
    files: tuple  # of (file, text)
    guests: tuple
    trials: tuple  # one for each guest
    boot: str = "xl"
    disks: bool = False
    check: tuple = ()  # arguments for `sallyport check`

    def text(self, file):
        return dict(self.files)[file]

    def changed(self, file, old, new):
        text = self.text(file)
        if text.count(old) != 1:
            raise ValueError(f"{self.name}: {file} has {text.count(old)} times {old!r}")
        files = tuple((name, text.replace(old, new) if name == file else text) for name, text in
                      ((name, body) for name, body in self.files))
        return dataclasses.replace(self, files=files)


def domain(name, index, cells="", module=True):
    """A dom0less guest's node, as the boot loader would complete it."""
    base = 0x60000000 + index * 0x4000000
    tree = f"""\
		module@{base + 0x3800000:x} {{
			compatible = "multiboot,device-tree", "multiboot,module";
			reg = <0 {base + 0x3800000:#x} 0 0x4000>;
		}};
""" if module else ""
    return f"""\
&{{/chosen}} {{
	{name} {{
		compatible = "xen,domain";
		#address-cells = <2>;
		#size-cells = <2>;
		memory = <0 0x40000>;
		cpus = <1>;
		vpl011;
{cells}		module@{base:x} {{
			compatible = "multiboot,kernel", "multiboot,module";
			reg = <0 {base:#x} 0 KERNEL>;
			bootargs = "ARGUMENTS";
		}};
		module@{base + 0x3000000:x} {{
			compatible = "multiboot,ramdisk", "multiboot,module";
			reg = <0 {base + 0x3000000:#x} 0 RAMDISK>;
		}};
{tree}	}};
}};
"""


GIC_STUB = """\
	gic: gic {
		#interrupt-cells = <3>;
		interrupt-controller;
	};
"""
GIC_PARENT = "\t\tinterrupt-parent = <&gic>;\n"


def assigned(node, path, *rows):
    """A partial tree's node with what Xen wants to know for a dom0less guest."""
    more = "".join(f"\t\t\t{row}\n" for row in (f'xen,path = "{path}";', *rows))
    return node.replace("\t\t};\n", more + "\t\t};\n", 1)


RTC_REG = "xen,reg = <0 0x9010000 0 0x1000 0 0x9010000>;"
BRIDGE_REG = "xen,reg = <0 0x3f000000 0 0x1000000 0 0x3f000000>, <0 0x10000000 0 0x1000000 0 0x10000000>;"
FUNCTIONS = ("--bdf", "00:01.0", "--bdf", "00:02.0")

RTC_ALONE = Setup("rtc", (
    ("host", GIVE_RTC + GIVE_UART),
    ("rtc.cfg", RTC_CONFIG), ("rtc.dts", partial(CLOCK, RTC_NODE)),
), ("rtc",), ("rtc",))

MOVED = (RTC_ALONE.changed("rtc.cfg", "9010,1", "9010,1@4020").changed("rtc.dts", "reg = <0 0x9010000", "reg = <0 0x4020000"))

TWO_GUESTS = Setup("two", (
    ("host", GIVE_RTC + GIVE_UART),
    ("rtc.cfg", RTC_CONFIG), ("rtc.dts", partial(CLOCK, RTC_NODE)),
    ("uart.cfg", UART_CONFIG), ("uart.dts", partial(CLOCK, UART_NODE)),
), ("rtc", "uart"), ("rtc", "uart"))

DISKS = Setup("bridge", (
    ("host", "&{/pcie@10000000} { xen,passthrough; iommus = <SMMU 0x08>, <SMMU 0x10>; };\n"),
    ("bridge.cfg", BRIDGE_CONFIG), ("bridge.dts", partial(BRIDGE_NODE % MAP.replace("GIC", "65000 "))),
), ("bridge",), ("pci",), disks=True, check=FUNCTIONS)

PROXY = Setup("proxy", (
    ("host", "&{/pcie@10000000} { xen,passthrough; iommus = <SMMU 0x08>; };\n"
             "&{/} { proxy { xen,passthrough; iommus = <SMMU 0x10>; }; };\n"),
    ("bridge.cfg", BRIDGE_CONFIG.replace('"/pcie@10000000" ]', '"/pcie@10000000", "/proxy" ]')),
    ("bridge.dts", DISKS.text("bridge.dts")),
), ("bridge",), ("pci",), disks=True, check=FUNCTIONS)

XEN_MADE = Setup("dom0less", (
    ("host", GIVE_RTC + domain("rtc", 0)),
    ("rtc.dts", partial(CLOCK, assigned(RTC_NODE, RTC, RTC_REG), root=GIC_STUB, head=GIC_PARENT)),
), ("rtc",), ("rtc",), boot="dom0less")

FORCED = Setup("forced", (
    ("host", "&{/pl031@9010000} { xen,passthrough; };\n" + domain("rtc", 0)),
    ("rtc.dts", partial(CLOCK, assigned(RTC_NODE, RTC, RTC_REG, "xen,force-assign-without-iommu;"),
                        root=GIC_STUB, head=GIC_PARENT)),
), ("rtc",), ("rtc",), boot="dom0less")

DIRECT = Setup("direct", (
    ("host", "&{/pl031@9010000} { xen,passthrough; };\n" + domain(
        "rtc", 0, "\t\tdirect-map;\n\t\txen,static-mem = <0 0xf0000000 0 0x10000000>;\n")),
    ("rtc.dts", FORCED.text("rtc.dts")),
), ("rtc",), ("rtc",), boot="dom0less")

XEN_MADE_DISKS = Setup("dom0less-bridge", (
    ("host", "&{/pcie@10000000} { xen,passthrough; iommus = <SMMU 0x08>, <SMMU 0x10>;\n"
             "\tinterrupts = <0 3 4>, <0 4 4>, <0 5 4>, <0 6 4>; };\n" + domain("bridge", 0)),
    ("bridge.dts", partial(assigned(BRIDGE_NODE % MAP.replace("GIC", "&gic"), BRIDGE, BRIDGE_REG),
                           root=GIC_STUB.replace("interrupt-controller;", "interrupt-controller;\n\t\t#address-cells = <0>;"),
                           head=GIC_PARENT)),
), ("bridge",), ("pci",), boot="dom0less", disks=True, check=FUNCTIONS)
