/* SPDX-License-Identifier: MIT */
#include "xen/pci.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices/"
#define DRIVERS "/sys/bus/pci/drivers/"
#define PCIBACK "pciback"
#define CLASS_BRIDGE 0x0604u

struct path {
	char text[PATH_MAX];
};

static struct path device_path(const char *root, sp_bdf bdf, const char *name) {
	char address[SP_BDF_SIZE];
	struct path path;

	sp_bdf_format(address, bdf);
	snprintf(path.text, sizeof(path.text), "%s" DEVICES "%s%s", root, address, name);
	return path;
}

static bool is_there(const char *root, sp_bdf bdf) {
	return access(device_path(root, bdf, "").text, F_OK) == 0;
}

int sysfs_slot(const char *root, sp_bdf bdf, uint8_t *functions) {
	*functions = 0;
	for (uint32_t f = 0; f < 8; f++) {
		if (is_there(root, (bdf & ~7u) | f))
			*functions |= (uint8_t)(1u << f);
	}
	return *functions ? 0 : ENODEV;
}

/* The last part of where the link leads; "" if there is no driver. */
static int read_driver(const char *root, sp_bdf bdf, char *driver, size_t size) {
	struct path target;
	ssize_t length = readlink(
		device_path(root, bdf, "/driver").text, target.text, sizeof(target.text) - 1);
	const char *name;

	*driver = '\0';
	if (length < 0)
		return errno == ENOENT ? 0 : errno;
	target.text[length] = '\0';
	name = strrchr(target.text, '/');
	name = name ? name + 1 : target.text;
	if (strlen(name) >= size || name[strcspn(name, "\n\r")])
		return ENAMETOOLONG;
	strcpy(driver, name);
	return 0;
}

static bool is_bridge(const char *root, sp_bdf bdf) {
	FILE *file = fopen(device_path(root, bdf, "/class").text, "r");
	unsigned class = 0;
	bool read = file && fscanf(file, "%x", &class) == 1;

	if (file)
		fclose(file);
	return read && class >> 8 == CLASS_BRIDGE;
}

/* Xen 4.20 has no owner for a function that it could not set up for a PVH dom0, as it cannot for a
 * virtual one, and follows the pointer when dom0 resets it (xen/drivers/pci/physdev.c:102). */
static bool is_deadly(const char *root, sp_bdf bdf) {
	char path[PATH_MAX], kind[8] = "";
	FILE *file;

	if (access(device_path(root, bdf, "/physfn").text, F_OK) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/sys/hypervisor/guest_type", root);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (fscanf(file, "%7s", kind) != 1)
		kind[0] = '\0';
	fclose(file);
	return strcmp(kind, "PVH") == 0;
}

int sysfs_look(const char *root, sp_bdf bdf, struct sp_xen_function *function) {
	int error;

	if (!is_there(root, bdf))
		return ENODEV;
	error = read_driver(root, bdf, function->driver, sizeof(function->driver));
	if (error)
		return error;
	function->bridge = is_bridge(root, bdf);
	function->deadly = is_deadly(root, bdf);
	function->assignable = strcmp(function->driver, PCIBACK) == 0;
	if (function->assignable)
		function->driver[0] = '\0';
	return 0;
}

static int write_address(const char *root, const char *driver, const char *file, sp_bdf bdf) {
	char address[SP_BDF_SIZE], path[PATH_MAX];
	int out, error = 0;

	sp_bdf_format(address, bdf);
	snprintf(path, sizeof(path), "%s" DRIVERS "%s/%s", root, driver, file);
	out = open(path, O_WRONLY | O_CLOEXEC);
	if (out < 0)
		return errno;
	if (write(out, address, strlen(address)) < 0)
		error = errno;
	close(out);
	return error;
}

int sysfs_rebind(const char *root, sp_bdf bdf, const char *driver) {
	char has[SP_XEN_DRIVER_SIZE];
	int error = read_driver(root, bdf, has, sizeof(has));

	if (error || strcmp(has, driver) == 0)
		return error;
	if (*has)
		error = write_address(root, has, "unbind", bdf);
	/* A slot that is left over would have pciback take it again when it appears anew. One that
	 * there is not is refused. */
	if (!error)
		write_address(root, PCIBACK, "remove_slot", bdf);
	if (!error && *driver)
		error = write_address(root, driver, "bind", bdf);
	return error;
}
