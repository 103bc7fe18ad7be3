# U-Boot commands for the host's device tree
# Planned by sallyport VERSION for xen-4.20
# Host: Renesas Salvator-X 2nd version board based on r8a7795 ES2.0+, r8a7795-h3-gsx.dtb
#
# To be run after the tree was loaded and before Xen is started:
#     fdt addr ${fdt_addr_r}
#     mkimage -A arm64 -T script -d uboot.cmd uboot.scr     (then: source ADDRESS)
# Lines are longer than U-Boot's prompt may take; its shell must be hush.

fdt resize 0x1000

# Xen uses only IOMMUs that are enabled
fdt set /soc/mmu@fd800000 status "okay"

# Xen uses only IOMMUs that are enabled
fdt set /soc/mmu@e67b0000 status "okay"

# Xen uses only IOMMUs that are enabled
fdt set /soc/mmu@fd950000 status "okay"

# Xen uses only IOMMUs that are enabled
fdt set /soc/mmu@fd960000 status "okay"

# Xen uses only IOMMUs that are enabled
fdt set /soc/mmu@fd970000 status "okay"

# Xen takes a master of one IOMMU
fdt set /soc/gsx@fd000000 iommus "<0x8 0x0 0x8 0x1 0x8 0x2 0x8 0x3 0x8 0x4 0x8 0x5 0x8 0x6 0x8 0x7>"

fdt set /soc/mmu@fd800000 phandle "<0x8>"

# holds the stream IDs of a further IOMMU
fdt mknode / sallyport-proxy-gsx-fd000000-mmu-fd950000
fdt set /sallyport-proxy-gsx-fd000000-mmu-fd950000 xen,passthrough
fdt set /sallyport-proxy-gsx-fd000000-mmu-fd950000 iommus "<0x9 0x0 0x9 0x1 0x9 0x2 0x9 0x3 0x9 0x4 0x9 0x5 0x9 0x6 0x9 0x7>"

fdt set /soc/mmu@fd950000 phandle "<0x9>"

# holds the stream IDs of a further IOMMU
fdt mknode / sallyport-proxy-gsx-fd000000-mmu-fd960000
fdt set /sallyport-proxy-gsx-fd000000-mmu-fd960000 xen,passthrough
fdt set /sallyport-proxy-gsx-fd000000-mmu-fd960000 iommus "<0xa 0x0 0xa 0x1 0xa 0x2 0xa 0x3 0xa 0x4 0xa 0x5 0xa 0x6 0xa 0x7>"

fdt set /soc/mmu@fd960000 phandle "<0xa>"

# holds the stream IDs of a further IOMMU
fdt mknode / sallyport-proxy-gsx-fd000000-mmu-fd970000
fdt set /sallyport-proxy-gsx-fd000000-mmu-fd970000 xen,passthrough
fdt set /sallyport-proxy-gsx-fd000000-mmu-fd970000 iommus "<0xb 0x0 0xb 0x1 0xb 0x2 0xb 0x3 0xb 0x4 0xb 0x5 0xb 0x6 0xb 0x7>"

fdt set /soc/mmu@fd970000 phandle "<0xb>"

# given away
fdt set /soc/gsx@fd000000 xen,passthrough

# holds a clock, a power domain of /soc/gsx@fd000000
fdt mknode / sallyport-holder-0
fdt set /sallyport-holder-0 compatible "regulator-fixed-clock"
fdt set /sallyport-holder-0 regulator-name "sallyport-holder-0"
fdt set /sallyport-holder-0 regulator-always-on
fdt set /sallyport-holder-0 clocks "<0x5 0x1 0x70>"
fdt set /sallyport-holder-0 power-domains "<0x6 0x15>"
