/* SPDX-License-Identifier: MIT */
#include "pci/config.h"

#define ANY 0xffu /* of a subclass: what has no row of its own */

/* PCI Code and ID Assignment Specification 1.12, in the words that lspci has. A base class has its
 * row with ANY after its other ones. */
static const struct {
	uint8_t base, sub;
	const char *name;
} CLASSES[] = {
	{0x00, 0x01, "VGA compatible unclassified device"},
	{0x00, ANY, "Unclassified device"},
	{0x01, 0x00, "SCSI storage controller"},
	{0x01, 0x01, "IDE interface"},
	{0x01, 0x04, "RAID bus controller"},
	{0x01, 0x06, "SATA controller"},
	{0x01, 0x07, "Serial Attached SCSI controller"},
	{0x01, 0x08, "Non-Volatile memory controller"},
	{0x01, ANY, "Mass storage controller"},
	{0x02, 0x00, "Ethernet controller"},
	{0x02, 0x07, "Infiniband controller"},
	{0x02, 0x08, "Fabric controller"},
	{0x02, ANY, "Network controller"},
	{0x03, 0x00, "VGA compatible controller"},
	{0x03, 0x01, "XGA compatible controller"},
	{0x03, 0x02, "3D controller"},
	{0x03, ANY, "Display controller"},
	{0x04, 0x00, "Multimedia video controller"},
	{0x04, 0x01, "Multimedia audio controller"},
	{0x04, 0x03, "Audio device"},
	{0x04, ANY, "Multimedia controller"},
	{0x05, 0x00, "RAM memory"},
	{0x05, 0x01, "FLASH memory"},
	{0x05, 0x02, "CXL memory"},
	{0x05, ANY, "Memory controller"},
	{0x06, 0x00, "Host bridge"},
	{0x06, 0x01, "ISA bridge"},
	{0x06, 0x04, "PCI bridge"},
	{0x06, 0x07, "CardBus bridge"},
	{0x06, 0x09, "Semi-transparent PCI-to-PCI bridge"},
	{0x06, ANY, "Bridge"},
	{0x07, 0x00, "Serial controller"},
	{0x07, 0x01, "Parallel controller"},
	{0x07, 0x03, "Modem"},
	{0x07, ANY, "Communication controller"},
	{0x08, 0x00, "PIC"},
	{0x08, 0x01, "DMA controller"},
	{0x08, 0x02, "Timer"},
	{0x08, 0x03, "RTC"},
	{0x08, 0x05, "SD Host controller"},
	{0x08, 0x06, "IOMMU"},
	{0x08, ANY, "System peripheral"},
	{0x09, ANY, "Input device controller"},
	{0x0a, ANY, "Docking station"},
	{0x0b, 0x40, "Co-processor"},
	{0x0b, ANY, "Processor"},
	{0x0c, 0x00, "FireWire (IEEE 1394)"},
	{0x0c, 0x03, "USB controller"},
	{0x0c, 0x04, "Fibre Channel"},
	{0x0c, 0x05, "SMBus"},
	{0x0c, 0x06, "InfiniBand"},
	{0x0c, 0x07, "IPMI Interface"},
	{0x0c, ANY, "Serial bus controller"},
	{0x0d, 0x11, "Bluetooth"},
	{0x0d, ANY, "Wireless controller"},
	{0x0e, ANY, "Intelligent controller"},
	{0x0f, ANY, "Satellite communications controller"},
	{0x10, ANY, "Encryption controller"},
	{0x11, ANY, "Signal processing controller"},
	{0x12, ANY, "Processing accelerators"},
	{0x13, ANY, "Non-Essential Instrumentation"},
	{0x40, ANY, "Coprocessor"},
	{0xff, ANY, "Unassigned class"},
};

static const char *const TYPES[] = {
	[SP_PCIE_ENDPOINT] = "endpoint",
	[SP_PCIE_LEGACY_ENDPOINT] = "legacy endpoint",
	[SP_PCIE_ROOT_PORT] = "root port",
	[SP_PCIE_UPSTREAM] = "upstream port",
	[SP_PCIE_DOWNSTREAM] = "downstream port",
	[SP_PCIE_TO_PCI] = "PCI Express to PCI bridge",
	[SP_PCI_TO_PCIE] = "PCI to PCI Express bridge",
	[SP_PCIE_INTEGRATED] = "integrated endpoint",
	[SP_PCIE_EVENT_COLLECTOR] = "event collector",
};

const char *sp_pci_class_name(uint32_t class) {
	uint32_t base = class >> 16, sub = class >> 8 & 0xff;

	for (size_t i = 0; i < sizeof(CLASSES) / sizeof(CLASSES[0]); i++)
		if (CLASSES[i].base == base && (CLASSES[i].sub == sub || CLASSES[i].sub == ANY))
			return CLASSES[i].name;
	return NULL;
}

bool sp_pci_class_is_gpu(uint32_t class) {
	uint32_t base = class >> 16;

	/* The second is of graphics cards from before there were base classes. */
	return base == 0x03 || class >> 8 == 0x0001 || base == 0x12;
}

const char *sp_pcie_type_name(enum sp_pcie_type type) {
	size_t index = (size_t)type;

	if (type == SP_PCIE_NONE)
		return "conventional PCI";
	if (index >= sizeof(TYPES) / sizeof(TYPES[0]) || !TYPES[index])
		return "PCI Express function of a reserved type";
	return TYPES[index];
}
