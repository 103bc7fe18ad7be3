/* SPDX-License-Identifier: MIT */
#include "fake_pci.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pci/address.h"

struct line {
	char text[512];
};

static struct line line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct line line(const char *format, ...) {
	struct line made;
	va_list args;

	va_start(args, format);
	vsnprintf(made.text, sizeof(made.text), format, args);
	va_end(args);
	return made;
}

static struct line about(const char *what, sp_bdf bdf) {
	char address[SP_BDF_SIZE];

	sp_bdf_format(address, bdf);
	return line("%s %s", what, address);
}

static struct line of_guest(const char *what, uint32_t id, sp_bdf bdf) {
	char address[SP_BDF_SIZE];

	sp_bdf_format(address, bdf);
	return line("%s %u %s", what, id, address);
}

static bool has(const struct sp_xen *xen, struct line start) {
	return fake_find(xen, start.text) != NULL;
}

/* All lines that begin so. */
static void drop(struct sp_xen *xen, struct line start) {
	const char *found;

	while ((found = fake_find(xen, start.text)) != NULL)
		fake_remove(xen, line("%s", found).text);
}

static uint32_t owner(const struct sp_xen *xen, sp_bdf bdf) {
	for (uint32_t id = 0; id < 16; id++) {
		if (has(xen, of_guest("given", id, bdf)))
			return id;
	}
	return SP_XEN_NOBODY;
}

static struct line driver_of(const struct sp_xen *xen, sp_bdf bdf) {
	struct line start = about("driver", bdf);
	const char *found = fake_find(xen, start.text);

	return line("%s", found ? found + strlen(start.text) + 1 : "");
}

static void bind(struct sp_xen *xen, sp_bdf bdf, const char *driver) {
	drop(xen, about("driver", bdf));
	if (*driver)
		fake_add(xen, "%s %s", about("driver", bdf).text, driver);
}

/* 0, or the number to fail with: at once, or, with *half, after a part was done. */
static int begin(struct sp_xen *xen, bool *half) {
	unsigned number;
	const char *found;
	int error;

	fake_ask(xen);
	error = fake_fail(xen);
	number = fake_calls(xen);
	found = fake_find(xen, line("half %u ", number).text);
	*half = found != NULL;
	if (found)
		error = atoi(found + strlen(line("half %u ", number).text));
	found = fake_find(xen, line("says %u ", number).text);
	if (error && found)
		snprintf(xen->said, sizeof(xen->said), "%s",
			found + strlen(line("says %u ", number).text));
	return error;
}

static int kind(struct sp_xen *xen, uint32_t id, enum sp_xen_kind *kind) {
	fake_ask(xen);
	*kind = has(xen, line("kind %u pvh", id))   ? SP_XEN_PVH
		: has(xen, line("kind %u hvm", id)) ? SP_XEN_HVM
						    : SP_XEN_PV;
	return 0;
}

static int slot(struct sp_xen *xen, sp_bdf bdf, uint8_t *functions) {
	fake_ask(xen);
	*functions = 0;
	for (uint32_t f = 0; f < 8; f++) {
		if (has(xen, about("function", (bdf & ~7u) | f)))
			*functions |= (uint8_t)(1u << f);
	}
	return *functions ? 0 : ENODEV;
}

static int look(struct sp_xen *xen, sp_bdf bdf, struct sp_xen_function *function) {
	struct line driver = driver_of(xen, bdf);

	fake_ask(xen);
	*function = (struct sp_xen_function){.owner = owner(xen, bdf)};
	if (!has(xen, about("function", bdf)))
		return ENODEV;
	function->assignable = strcmp(driver.text, "pciback") == 0;
	if (!function->assignable)
		snprintf(function->driver, sizeof(function->driver), "%.63s", driver.text);
	function->bridge = has(xen, about("bridge", bdf));
	function->deadly = has(xen, about("deadly", bdf));
	function->stale = has(xen, about("stale", bdf));
	return 0;
}

static int take(struct sp_xen *xen, sp_bdf bdf) {
	bool half;
	int error = begin(xen, &half);

	if (error && !half)
		return error;
	if (*driver_of(xen, bdf).text)
		fake_add(xen, "%s %s", about("was", bdf).text, driver_of(xen, bdf).text);
	bind(xen, bdf, "");
	if (error)
		return error;
	bind(xen, bdf, "pciback");
	fake_add(xen, "%s", about("quarantined", bdf).text);
	return 0;
}

/* A driver for what a guest drives would be the end of both. */
static int restore(struct sp_xen *xen, sp_bdf bdf, const char *driver, bool given) {
	bool half;
	int error = begin(xen, &half);

	if (owner(xen, bdf) != SP_XEN_NOBODY)
		abort();
	(void)given;
	if (error && !half)
		return error;
	drop(xen, about("quarantined", bdf));
	if (error)
		return error;
	drop(xen, about("was", bdf));
	bind(xen, bdf, driver);
	return 0;
}

/* libxl forgets whose it is when it is asked for what is not free, so nobody may ask. */
static int add(struct sp_xen *xen, uint32_t id, const struct sp_xen_pci *pci) {
	bool half;
	int error = begin(xen, &half);

	if (strcmp(driver_of(xen, pci->bdf).text, "pciback") != 0 ||
		owner(xen, pci->bdf) != SP_XEN_NOBODY)
		abort();
	if (!error && has(xen, line("dying %u", id)))
		return ESRCH;
	if (error && !half)
		return error;
	fake_add(xen, "%s", of_guest("pirq", id, pci->bdf).text);
	if (error)
		return error;
	fake_add(xen, "%s %x %s%s%s%s", of_guest("given", id, pci->bdf).text, pci->slot,
		pci->permissive ? "p" : "-", pci->msitranslate ? "m" : "-",
		pci->power_mgmt ? "w" : "-",
		pci->policy == SP_XEN_POLICY_RELAXED          ? "r"
			: pci->policy == SP_XEN_POLICY_STRICT ? "s"
							      : "-");
	return 0;
}

static int remove_function(struct sp_xen *xen, uint32_t id, sp_bdf bdf, bool force) {
	bool half;
	int error = begin(xen, &half);

	if (error && !half)
		return error;
	/* Taking it from another guest's hands would reset it. */
	if (owner(xen, bdf) != id && owner(xen, bdf) != SP_XEN_NOBODY)
		abort();
	if (!force && owner(xen, bdf) != id)
		return EINVAL;
	if (!force && has(xen, line("deaf %u", id)))
		return ETIMEDOUT;
	drop(xen, of_guest("pirq", id, bdf));
	if (!error)
		drop(xen, of_guest("given", id, bdf));
	return error;
}

const struct sp_xen_pci_ops FAKE_PCI_OPS = {
	.kind = kind,
	.slot = slot,
	.look = look,
	.take = take,
	.restore = restore,
	.add = add,
	.remove = remove_function,
};
