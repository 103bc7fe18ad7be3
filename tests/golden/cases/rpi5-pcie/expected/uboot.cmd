# U-Boot commands for the host's device tree
# Planned by sallyport VERSION for xen-4.20
# Host: Raspberry Pi 5 Model B Rev 1.0, bcm2712-rpi-5.dtb
#
# To be run after the tree was loaded and before Xen is started:
#     fdt addr ${fdt_addr_r}
#     mkimage -A arm64 -T script -d uboot.cmd uboot.scr     (then: source ADDRESS)
# Lines are longer than U-Boot's prompt may take; its shell must be hush.

fdt resize 0x1000

# given away
fdt set /axi/pcie@1000120000 xen,passthrough

# given away
fdt set /soc@107c000000/reset-controller@1504318 xen,passthrough

# dom0less reads no interrupt-map
fdt set /axi/pcie@1000120000 interrupts "<0x0 0xe9 0x4 0x0 0xea 0x4 0x0 0xe5 0x4 0x0 0xe6 0x4 0x0 0xe7 0x4 0x0 0xe8 0x4>"
