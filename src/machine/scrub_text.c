/* SPDX-License-Identifier: MIT */
#include "machine/scrub.h"

#include <string.h>

#include "machine/letters.h"

#define PAIRS 6u /* of a MAC address; BOOTIF and InfiniBand have more */
#define BARE 12u /* digits of one without marks, as in the name enx001122334455 */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static size_t hex_digits(const char *text, size_t size) {
	size_t count = 0;

	while (count < size && is_hex(text[count]))
		count++;
	return count;
}

static void zero_digits(char *text, size_t size) {
	for (size_t i = 0; i < size; i++) {
		if (is_hex(text[i]))
			text[i] = '0';
	}
}

/* "00:1b:21:3a:4f:5e": the length of all pairs in a row; 0 if they are too few. */
static size_t mac_length(const char *text, size_t size) {
	size_t pairs = 0, at = 0;
	char mark = size > 2 ? text[2] : '\0';

	if (mark != ':' && mark != '-')
		return 0;
	while (hex_digits(text + at, size - at) == 2) {
		pairs++;
		at += 2;
		if (at == size || text[at] != mark)
			break;
		at++;
	}
	return pairs >= PAIRS ? at : 0;
}

void scrub_macs(char *text, size_t size) {
	for (size_t i = 0; i < size; i++) {
		size_t length;

		if (i + 3 + BARE <= size && text[i + 2] == 'x' &&
			(!memcmp(text + i, "enx", 3) || !memcmp(text + i, "wlx", 3) ||
				!memcmp(text + i, "wwx", 3)) &&
			hex_digits(text + i + 3, size - i - 3) >= BARE)
			zero_digits(text + i + 3, BARE);
		if ((i && is_word(text[i - 1])) || !is_hex(text[i]))
			continue;
		length = mac_length(text + i, size - i);
		zero_digits(text + i, length);
		i += length ? length - 1 : 0;
	}
}

/* The lengths of an identifier's parts, with dashes between them. */
static size_t parts_length(const char *text, size_t size, const unsigned char *parts) {
	size_t at = 0;

	for (; *parts; parts++) {
		if (at && (at == size || text[at++] != '-'))
			return 0;
		if (hex_digits(text + at, size - at) != *parts)
			return 0;
		at += *parts;
	}
	return at < size && is_word(text[at]) ? 0 : at;
}

void scrub_uuids(char *text, size_t size) {
	static const unsigned char uuid[] = {8, 4, 4, 4, 12, 0};

	for (size_t i = 0; i < size; i++) {
		size_t length;

		if ((i && is_word(text[i - 1])) || !is_hex(text[i]))
			continue;
		length = parts_length(text + i, size - i, uuid);
		zero_digits(text + i, length);
		i += length ? length - 1 : 0;
	}
}

/* Their values are kept; a name that ends with a dot or an underscore stands for all that begin so.
 */
static const char *const KEPT[] = {"acpi", "acpi_", "amd_iommu", "amd_iommu_", "amdgpu.", "console",
	"crashkernel", "default_hugepagesz", "dom0_", "earlyprintk", "efi", "fbcon", "hugepages",
	"hugepagesz", "i915.", "initcall_blacklist", "intel_iommu", "intremap", "iommu", "iommu.",
	"irqpoll", "isolcpus", "kvm.", "kvm_amd.", "kvm_intel.", "lockdown", "loglevel", "maxcpus",
	"mem", "memmap", "mitigations", "modprobe.blacklist", "module_blacklist", "nouveau.",
	"nr_cpus", "nvidia-drm.", "nvidia.", "pci", "pci-stub.", "pci_", "pci_stub.", "pciback.",
	"pcie_", "radeon.", "rd.driver.blacklist", "rd.driver.pre", "rd.qubes.", "simpledrm.",
	"swiotlb", "tsc", "vfio.", "vfio-pci.", "vfio_", "vga", "video", "xe.", "xen",
	"xen-pciback.", "xen.", "xen_"};

static bool is_blank(char c) {
	return c == ' ' || c == '\t' || c == '\n';
}

static bool is_kept(const char *name, size_t size) {
	for (size_t i = 0; i < COUNT(KEPT); i++) {
		size_t length = strlen(KEPT[i]);
		char last = KEPT[i][length - 1];

		if (size >= length && memcmp(name, KEPT[i], length) == 0 &&
			(size == length || last == '.' || last == '_'))
			return true;
	}
	return false;
}

void scrub_command_line(struct sp_buf *out, const char *line, size_t size) {
	size_t at = 0;

	while (at < size) {
		const char *word = line + at, *value;
		size_t length = 0;
		bool quoted = false;

		for (; at < size && (quoted || !is_blank(line[at])); at++, length++)
			quoted ^= line[at] == '"';
		value = memchr(word, '=', length);
		if (!value || is_kept(word, (size_t)(value - word))) {
			sp_buf_put(out, word, length);
		} else {
			sp_buf_put(out, word, (size_t)(value - word) + 1);
			sp_buf_char(out, '?');
		}
		/* What follows is for the first program, and nobody knows what it may be. */
		if (length == 2 && memcmp(word, "--", 2) == 0) {
			sp_buf_str(out, " ?");
			return;
		}
		while (at < size && is_blank(line[at]))
			sp_buf_char(out, line[at++]);
	}
}
