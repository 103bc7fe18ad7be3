/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "check/check.h"
#include "plan/rules.h"
#include "plan/steps.h"

static int compare_number(const void *key, const void *item) {
	uint32_t number = *(const uint32_t *)key;
	const struct sp_check_irq *irq = item;
	return number < irq->number ? -1 : number > irq->number;
}

bool sp_check_has_irq(const struct sp_check_guest *guest, uint32_t number) {
	return guest->irqs.count > 0 &&
		bsearch(&number, guest->irqs.data, guest->irqs.count, sizeof(*guest->irqs.data),
			compare_number) != NULL;
}

/* xen/include/public/arch-arm.h, GUEST_VPL011_SPI and GUEST_VIRTIO_MMIO_SPI_FIRST. */
#define VPL011_IRQ 32u
#define VIRTIO_FIRST_IRQ 33u

static struct sp_check_place at_irq(
	const struct sp_check_guest *guest, const struct sp_check_irq *irq) {
	return irq->line != 0 ? sp_check_at_line(guest, irq->line)
			      : sp_check_at_tree(guest, irq->at);
}

/* Who else has it. */
static void check_owners(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_irq *irq) {
	const struct sp_host *host = check->host;
	uint32_t steps = 0, number = irq->number;
	bool known = false, told = false;

	for (uint32_t i = sp_host_irqs_from(host, number); i < host->irq_owners.count &&
		host->irq_owners.data[i].number == number && steps++ < SP_CHECK_MAX_STEPS;
		i++) {
		sp_node node = host->devices.data[host->irq_owners.data[i].device].node;
		struct sp_check_place place = sp_check_on_host(check, at_irq(guest, irq), node);
		known = true;
		if (told || sp_check_device_of(check, guest, node) != NULL)
			continue;
		told = true;
		if (sp_xen_keeps(host, node, check->target) != NULL)
			sp_check_add(check, guest, SP_CODE_IRQ_SHARED, place,
				"interrupt %u (SPI %u) is this device's, which Xen keeps: \"IRQ %u is "
				"already used by Xen\" (-16)",
				number, number - SP_GIC_FIRST_SPI, number);
		else if (sp_check_is_dom0s(check, node))
			sp_check_add(check, guest, SP_CODE_IRQ_SHARED, place,
				"interrupt %u (SPI %u) is also this device's, which is not marked "
				"with xen,passthrough: \"IRQ %u is already used by domain 0\" (-16)",
				number, number - SP_GIC_FIRST_SPI, number);
		else
			told = false;
	}
	if (!known)
		sp_check_add(check, guest, SP_CODE_CFG_IRQ_UNKNOWN, at_irq(guest, irq),
			"no node of the host's tree has interrupt %u (SPI %u), so that dom0 may "
			"not pass it on (-1)",
			number, number - SP_GIC_FIRST_SPI);
}

static void check_irq(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_irq *irq) {
	uint32_t highest = sp_rule_value(SP_RULE_GUEST_SPI_MAX, check->target);
	uint32_t number = irq->number;
	struct sp_check_place place = at_irq(guest, irq);

	if (number < SP_GIC_FIRST_SPI) {
		sp_check_add(check, guest, SP_CODE_CFG_IRQ_LOW, place,
			"interrupt %u is private to each CPU; irqs counts from the GIC's first, so "
			"that SPI %u is %u",
			number, number, number + SP_GIC_FIRST_SPI);
		return;
	}
	if (number - SP_GIC_FIRST_SPI > highest) {
		sp_check_add(check, guest, SP_CODE_IRQ_TOO_HIGH, place,
			"interrupt %u (SPI %u) is beyond SPI %u, the last that a guest can have",
			number, number - SP_GIC_FIRST_SPI, highest);
		return;
	}
	if (number == VPL011_IRQ && guest->vuart && guest->mode != SP_MODE_DIRECT)
		sp_check_add(check, guest, SP_CODE_CFG_IRQ_RESERVED, place,
			"interrupt %u is that of the emulated PL011, which the guest has too",
			number);
	else if (number == VIRTIO_FIRST_IRQ && guest->xl != NULL && guest->xl->virtio_line != 0)
		sp_check_add(check, guest, SP_CODE_CFG_IRQ_RESERVED, place,
			"interrupt %u is that of the guest's first virtio device (line %u)", number,
			guest->xl->virtio_line);
	check_owners(check, guest, irq);
}

/* Xen reads a node's own interrupts and no interrupt-map for a guest that it makes at boot. */
static void check_unread(struct sp_check *check, const struct sp_check_guest *guest,
	const struct sp_check_dev *dev) {
	const struct sp_host *host = check->host;
	const struct sp_device *device =
		dev->node != SP_NODE_NONE ? sp_host_device(host, dev->node) : NULL;
	uint8_t read[SP_GIC_END_SPI] = {0};

	for (unsigned pass = 0; device != NULL && pass < 2; pass++) {
		for (uint32_t i = 0; i < device->irq_count; i++) {
			const struct sp_irq *irq = &host->irqs.data[device->irq + i];
			if (irq->kind != SP_IRQ_SPI || irq->number >= SP_GIC_END_SPI ||
				irq->from_map != (pass == 1))
				continue;
			if (pass == 0) {
				read[irq->number] = 1;
			} else if (!read[irq->number]) {
				sp_check_add(check, guest, SP_CODE_IRQ_UNREAD,
					sp_check_at(check, guest, dev->node, 0, dev->at),
					"interrupt %u (SPI %u) is in its interrupt-map and not in "
					"its interrupts: Xen does not give it",
					irq->number, irq->number - SP_GIC_FIRST_SPI);
				return;
			}
		}
	}
}

void sp_check_irqs(struct sp_check *check, struct sp_check_guest *guest) {
	for (uint32_t i = 0; i < guest->irqs.count; i++) {
		const struct sp_check_irq *irq = &guest->irqs.data[i];
		if (i == 0 || irq[-1].number != irq->number)
			check_irq(check, guest, irq);
		else if (guest->xl != NULL)
			sp_check_add(check, guest, SP_CODE_CFG_IRQ_TWICE, at_irq(guest, irq),
				"interrupt %u is listed in line %u already", irq->number,
				irq[-1].line);
	}
	for (uint32_t i = 0; guest->xl == NULL && i < guest->devs.count; i++)
		check_unread(check, guest, &guest->devs.data[i]);
}

struct claim {
	const struct sp_check_irq *irq;
	uint32_t guest;
};

static int compare_claims(const void *left, const void *right) {
	const struct claim *a = left, *b = right;
	if (a->irq->number != b->irq->number)
		return a->irq->number < b->irq->number ? -1 : 1;
	return a->guest < b->guest ? -1 : a->guest > b->guest;
}

void sp_check_irqs_of_all(struct sp_check *check) {
	SP_VEC(struct claim) claims = {0};

	for (uint32_t g = 0; g < check->guests.count; g++) {
		const struct sp_check_guest *guest = &check->guests.data[g];
		for (uint32_t i = 0; i < guest->irqs.count; i++) {
			const struct sp_check_irq *irq = &guest->irqs.data[i];
			struct claim *slot = irq->number < SP_GIC_FIRST_SPI ||
					(i > 0 && irq[-1].number == irq->number)
				? NULL
				: sp_vec_push(&check->arena, &claims);
			if (slot != NULL)
				*slot = (struct claim){irq, g};
		}
	}
	if (claims.count > 0)
		qsort(claims.data, claims.count, sizeof(*claims.data), compare_claims);
	for (uint32_t i = 1; i < claims.count; i++) {
		const struct claim *at = &claims.data[i];
		if (at[-1].irq->number != at->irq->number)
			continue;
		const struct sp_check_guest *guest = &check->guests.data[at->guest];
		sp_check_add(check, guest, SP_CODE_IRQ_TWO_GUESTS, at_irq(guest, at->irq),
			"interrupt %u (SPI %u) is given to guest %s too", at->irq->number,
			at->irq->number - SP_GIC_FIRST_SPI, check->guests.data[at[-1].guest].name);
	}
}
