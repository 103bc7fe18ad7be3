# U-Boot commands for the host's device tree
# Planned by sallyport VERSION for xen-4.17
# Host: Freescale i.MX8QM MEK DOM0, imx8qm-mek-legacy.dtb
#
# To be run after the tree was loaded and before Xen is started:
#     fdt addr ${fdt_addr_r}
#     mkimage -A arm64 -T script -d uboot.cmd uboot.scr     (then: source ADDRESS)
# Lines are longer than U-Boot's prompt may take; its shell must be hush.

fdt resize 0x1000

# given away
fdt set /gpu@53100000 xen,passthrough

# given away
fdt set /dpu@56180000 xen,passthrough

# given away
fdt set /usdhc@5b010000 xen,passthrough

# holds a clock, a power domain of /gpu@53100000
fdt mknode / sallyport-holder-0
fdt set /sallyport-holder-0 compatible "regulator-fixed-clock"
fdt set /sallyport-holder-0 regulator-name "sallyport-holder-0"
fdt set /sallyport-holder-0 regulator-always-on
fdt set /sallyport-holder-0 clocks "<0x5 0x1>"
fdt set /sallyport-holder-0 power-domains "<0x6>"

# holds a clock of /gpu@53100000
fdt mknode / sallyport-holder-1
fdt set /sallyport-holder-1 compatible "regulator-fixed-clock"
fdt set /sallyport-holder-1 regulator-name "sallyport-holder-1"
fdt set /sallyport-holder-1 regulator-always-on
fdt set /sallyport-holder-1 clocks "<0x5 0x2>"

# holds a clock of /usdhc@5b010000
fdt mknode / sallyport-holder-2
fdt set /sallyport-holder-2 compatible "regulator-fixed-clock"
fdt set /sallyport-holder-2 regulator-name "sallyport-holder-2"
fdt set /sallyport-holder-2 regulator-always-on
fdt set /sallyport-holder-2 clocks "<0x5 0x4>"

# holds a clock of /usdhc@5b010000
fdt mknode / sallyport-holder-3
fdt set /sallyport-holder-3 compatible "regulator-fixed-clock"
fdt set /sallyport-holder-3 regulator-name "sallyport-holder-3"
fdt set /sallyport-holder-3 regulator-always-on
fdt set /sallyport-holder-3 clocks "<0x5 0x5>"

# holds a clock of /usdhc@5b010000
fdt mknode / sallyport-holder-4
fdt set /sallyport-holder-4 compatible "regulator-fixed-clock"
fdt set /sallyport-holder-4 regulator-name "sallyport-holder-4"
fdt set /sallyport-holder-4 regulator-always-on
fdt set /sallyport-holder-4 clocks "<0x5 0x6>"
