/* SPDX-License-Identifier: MIT */
#include "xen/pci.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* They tell that something failed that was told before, or nothing that matters. */
static const char *const WEAK[] = {
	"libxl__device_pci_add failed",
	"unable to add device",
	"unable to remove device",
	"Couldn't bind device to pciback",
	"Couldn't unbind",
	"doesn't support reset from sysfs",
	"Failed to access reset path",
	"/reset failed",
	"xc_physdev_unmap_pirq",
	"Device Model didn't respond in time",
};

static bool is_weak(const char *line) {
	for (size_t i = 0; i < sizeof(WEAK) / sizeof(WEAK[0]); i++) {
		if (strstr(line, WEAK[i]))
			return true;
	}
	return false;
}

/* "libxl_pci.c:1500:libxl__device_pci_add: Domain 3:" goes; `line` is what follows. */
static const char *without_place(const char *line) {
	const char *at = strstr(line, ".c:");
	unsigned domain;
	int size = 0;

	if (at && isdigit((unsigned char)at[3])) {
		at = strstr(at, ": ");
		if (at)
			line = at + 2;
	}
	if (sscanf(line, "Domain %u:%n", &domain, &size) == 1 && size)
		line += size;
	return line;
}

static void message(xentoollog_logger *logger, xentoollog_level level, int number,
	const char *context, const char *format, va_list args)
	__attribute__((format(printf, 5, 0)));

static void message(xentoollog_logger *logger, xentoollog_level level, int number,
	const char *context, const char *format, va_list args) {
	struct log *log = (struct log *)logger;
	char line[2 * SP_XEN_SAID_SIZE];
	int length;

	(void)context;
	if (level < XTL_ERROR || vsnprintf(line, sizeof(line), format, args) < 0)
		return;
	if (is_weak(line) && log->said[0])
		return;
	length = snprintf(
		log->said, sizeof(log->said), "%.*s", SP_XEN_SAID_SIZE - 64, without_place(line));
	if (number >= 0 && length >= 0)
		snprintf(log->said + length, sizeof(log->said) - (size_t)length, ": %s",
			strerror(number));
	/* It becomes a part of one line. */
	for (char *at = log->said; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	}
}

static void destroy(xentoollog_logger *logger) {
	(void)logger;
}

void log_init(struct log *log) {
	*log = (struct log){.logger = {.vmessage = message, .destroy = destroy}};
}
