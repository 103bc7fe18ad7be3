# U-Boot commands for the host's device tree
# Planned by sallyport VERSION for xen-4.20
# Host: ZynqMP ZCU102 Rev1.0, zynqmp-amba.dtb
#
# To be run after the tree was loaded and before Xen is started:
#     fdt addr ${fdt_addr_r}
#     mkimage -A arm64 -T script -d uboot.cmd uboot.scr     (then: source ADDRESS)
# Lines are longer than U-Boot's prompt may take; its shell must be hush.

fdt resize 0x1000

# given away
fdt set /amba/ethernet@ff0e0000 xen,passthrough
