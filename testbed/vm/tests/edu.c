// SPDX-License-Identifier: MIT
/*
 * Drives edu for the kernel's own tests of VFIO, as their lib/drivers do for other devices: copies by
 * DMA, through the buffer of 4096 bytes in the device.
 */
#include <stdint.h>

#include <linux/errno.h>
#include <linux/io.h>
#include <linux/pci_regs.h>

#include <libvfio.h>

#define RAISE 0x60
#define ACKNOWLEDGE 0x64
#define FROM 0x80
#define TO 0x88
#define COUNT 0x90
#define COMMAND 0x98

#define BUFFER 0x40000
#define BUFFER_SIZE 4096
#define RUN 1
#define TO_GUEST 2

static int edu_probe(struct vfio_pci_device *device)
{
	return vfio_pci_device_match(device, 0x1234, 0x11e8) ? 0 : -EINVAL;
}

static void *edu_bar(struct vfio_pci_device *device)
{
	return device->bars[0].vaddr;
}

static void edu_init(struct vfio_pci_device *device)
{
	vfio_pci_config_writew(device, PCI_COMMAND,
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	vfio_pci_msi_enable(device, 0, 1);
	device->driver.msi = 0;
	device->driver.max_memcpy_size = BUFFER_SIZE;
	device->driver.max_memcpy_count = 64;
}

static void edu_remove(struct vfio_pci_device *device)
{
	vfio_pci_msi_disable(device);
}

static void edu_move(struct vfio_pci_device *device, u64 from, u64 to, u64 size, u64 direction)
{
	void *bar = edu_bar(device);

	writeq(from, bar + FROM);
	writeq(to, bar + TO);
	writeq(size, bar + COUNT);
	writeq(RUN | direction, bar + COMMAND);
	while (readq(bar + COMMAND) & RUN)
		;
}

static void edu_memcpy_start(
	struct vfio_pci_device *device, iova_t src, iova_t dst, u64 size, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		edu_move(device, src, BUFFER, size, 0);
		edu_move(device, BUFFER, dst, size, TO_GUEST);
	}
}

static int edu_memcpy_wait(struct vfio_pci_device *device)
{
	(void)device;
	return 0;
}

static void edu_send_msi(struct vfio_pci_device *device)
{
	writel(1, edu_bar(device) + RAISE);
	writel(1, edu_bar(device) + ACKNOWLEDGE);
}

const struct vfio_pci_driver_ops edu_ops = {
	.name = "edu",
	.probe = edu_probe,
	.init = edu_init,
	.remove = edu_remove,
	.memcpy_start = edu_memcpy_start,
	.memcpy_wait = edu_memcpy_wait,
	.send_msi = edu_send_msi,
};
