// SPDX-License-Identifier: MIT
/*
 * Tries QEMU's device "edu", which no stock driver knows: its identification, liveness, arithmetic, DMA
 * both ways with data that is compared, and an interrupt for each. What came out is one line:
 *
 *	edu: id=0x010000ed live=ok factorial=ok dma=ok interrupts=3 kind=intx irq=24
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

static bool msi;
module_param(msi, bool, 0);
MODULE_PARM_DESC(msi, "take a message-signalled interrupt, if the device has one");

enum edu_register {
	EDU_ID = 0x00,
	EDU_LIVE = 0x04,
	EDU_FACTORIAL = 0x08,
	EDU_STATUS = 0x20,
	EDU_CAUSE = 0x24,
	EDU_ACKNOWLEDGE = 0x64,
	EDU_DMA_SOURCE = 0x80,
	EDU_DMA_TARGET = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_COMMAND = 0x98,
};

/* The device's own memory, as its DMA engine sees it. */
#define EDU_BUFFER 0x40000
#define EDU_SIZE 4096
#define EDU_FACTORIAL_INTERRUPT 0x80
#define EDU_FACTORIAL_BUSY 1
#define EDU_START 1
#define EDU_TO_MEMORY 2
#define EDU_DMA_INTERRUPT 4

struct edu {
	void __iomem *registers;
	struct completion interrupted;
	unsigned int interrupts;
};

static irqreturn_t edu_interrupt(int irq, void *data)
{
	struct edu *edu = data;
	u32 cause = readl(edu->registers + EDU_CAUSE);

	if (!cause)
		return IRQ_NONE;
	writel(cause, edu->registers + EDU_ACKNOWLEDGE);
	edu->interrupts++;
	complete(&edu->interrupted);
	return IRQ_HANDLED;
}

/* Whether the interrupt has come, and what was busy is not. */
static bool finished(struct edu *edu, u32 offset, u32 busy)
{
	unsigned int tries;

	for (tries = 0; (readl(edu->registers + offset) & busy) && tries < 2000; tries++)
		msleep(1);
	wait_for_completion_timeout(&edu->interrupted, HZ);
	return !(readl(edu->registers + offset) & busy);
}

/* QEMU's device takes a register's two halves for the whole one each. */
static bool transfer(struct edu *edu, u64 source, u64 target, u32 command)
{
	reinit_completion(&edu->interrupted);
	writeq(source, edu->registers + EDU_DMA_SOURCE);
	writeq(target, edu->registers + EDU_DMA_TARGET);
	writeq(EDU_SIZE, edu->registers + EDU_DMA_COUNT);
	writeq(command | EDU_START | EDU_DMA_INTERRUPT, edu->registers + EDU_DMA_COMMAND);
	return finished(edu, EDU_DMA_COMMAND, EDU_START);
}

/* Through the device and back; the second buffer begins as something else. */
static const char *try_dma(struct edu *edu, struct device *dev)
{
	dma_addr_t from, to;
	u32 *there = dma_alloc_coherent(dev, EDU_SIZE, &from, GFP_KERNEL);
	u32 *back = dma_alloc_coherent(dev, EDU_SIZE, &to, GFP_KERNEL);
	const char *result = "no-memory";
	unsigned int i;

	if (there && back) {
		for (i = 0; i < EDU_SIZE / sizeof(*there); i++) {
			there[i] = i * 2654435761u + 1;
			back[i] = 0xdeadbeef;
		}
		if (!transfer(edu, from, EDU_BUFFER, 0) || !transfer(edu, EDU_BUFFER, to, EDU_TO_MEMORY))
			result = "stuck";
		else
			result = memcmp(there, back, EDU_SIZE) ? "wrong" : "ok";
	}
	if (there)
		dma_free_coherent(dev, EDU_SIZE, there, from);
	if (back)
		dma_free_coherent(dev, EDU_SIZE, back, to);
	return result;
}

static void try_all(struct edu *edu, struct pci_dev *pdev)
{
	u32 id = readl(edu->registers + EDU_ID), live, factorial;
	const char *dma;

	writel(0x12345678, edu->registers + EDU_LIVE);
	live = readl(edu->registers + EDU_LIVE);
	reinit_completion(&edu->interrupted);
	writel(EDU_FACTORIAL_INTERRUPT, edu->registers + EDU_STATUS);
	writel(10, edu->registers + EDU_FACTORIAL);
	finished(edu, EDU_STATUS, EDU_FACTORIAL_BUSY);
	factorial = readl(edu->registers + EDU_FACTORIAL);
	dma = try_dma(edu, &pdev->dev);
	pr_info("edu: id=0x%08x live=%s factorial=%s dma=%s interrupts=%u kind=%s irq=%d\n", id,
		live == ~0x12345678u ? "ok" : "wrong", factorial == 3628800 ? "ok" : "wrong", dma,
		edu->interrupts, pdev->msi_enabled ? "msi" : "intx", pci_irq_vector(pdev, 0));
}

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct edu *edu = devm_kzalloc(&pdev->dev, sizeof(*edu), GFP_KERNEL);
	int ret;

	if (!edu)
		return -ENOMEM;
	init_completion(&edu->interrupted);
	pci_set_drvdata(pdev, edu);
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	edu->registers = pcim_iomap(pdev, 0, 0);
	if (!edu->registers)
		return -ENOMEM;
	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, msi ? PCI_IRQ_MSI : PCI_IRQ_INTX);
	if (ret < 0)
		pr_info("edu: no interrupt: %d\n", ret);
	else
		ret = request_irq(pci_irq_vector(pdev, 0), edu_interrupt, msi ? 0 : IRQF_SHARED, "edu", edu);
	if (ret < 0) {
		pr_info("edu: no handler: %d\n", ret);
		return ret;
	}
	try_all(edu, pdev);
	return 0;
}

static void edu_remove(struct pci_dev *pdev)
{
	free_irq(pci_irq_vector(pdev, 0), pci_get_drvdata(pdev));
	pci_free_irq_vectors(pdev);
}

static const struct pci_device_id edu_ids[] = { { PCI_DEVICE(0x1234, 0x11e8) }, {} };
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("Tries QEMU's device edu");
MODULE_LICENSE("Dual MIT/GPL");
