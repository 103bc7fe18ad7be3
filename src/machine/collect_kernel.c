/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "machine/collect.h"
#include "machine/letters.h"

#define FILE_LIMIT ((size_t)1 << 20)
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define UNSAFE_INTERRUPTS "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The options of a kernel's configuration that anything here depends on. */
static const char *const OPTIONS[] = {
	"ACPI",
	"AMD_IOMMU",
	"DRM_SIMPLEDRM",
	"FB_EFI",
	"INTEL_IOMMU",
	"INTEL_IOMMU_DEFAULT_ON",
	"IOMMU_DEFAULT_PASSTHROUGH",
	"IOMMUFD",
	"IRQ_REMAP",
	"KVM",
	"KVM_AMD",
	"KVM_INTEL",
	"PCI_IOV",
	"PCI_STUB",
	"SWIOTLB_XEN",
	"SYSFB_SIMPLEFB",
	"VFIO",
	"VFIO_IOMMU_TYPE1",
	"VFIO_NOIOMMU",
	"VFIO_PCI",
	"VFIO_PCI_IGD",
	"VFIO_PCI_VGA",
	"XEN",
	"XEN_ACPI",
	"XEN_BACKEND",
	"XEN_DOM0",
	"XEN_GNTDEV",
	"XEN_GNTDEV_DMABUF",
	"XEN_GRANT_DMA_ALLOC",
	"XEN_PCIDEV_BACKEND",
	"XEN_PCIDEV_FRONTEND",
	"XEN_PCIDEV_STUB",
	"XEN_PCI_STUB",
	"XEN_PRIVCMD",
	"XEN_PV_DOM0",
	"XEN_PVH",
	"XEN_UNPOPULATED_ALLOC",
};

/* True if this line of a file is kept. */
typedef bool filter(const char *line, size_t size);

/* "CONFIG_XEN=y", "# CONFIG_XEN is not set" */
static bool is_option(const char *line, size_t size) {
	const char *name = line;

	if (begins(line, size, "# ")) {
		name += 2;
		size -= 2;
	}
	if (!begins(name, size, "CONFIG_"))
		return false;
	name += 7;
	size -= 7;
	for (size_t i = 0; i < COUNT(OPTIONS); i++) {
		size_t length = strlen(OPTIONS[i]);

		if (begins(name, size, OPTIONS[i]) && size > length &&
			(name[length] == '=' || name[length] == ' '))
			return true;
	}
	return false;
}

/* Where the kernel's own parts lie is nobody's business. */
static bool is_range(const char *line, size_t size) {
	return size && !memmem(line, size, "Kernel ", 7);
}

static bool is_processor(const char *line, size_t size) {
	return begins(line, size, "vendor_id") || begins(line, size, "model name") ||
		begins(line, size, "address sizes");
}

static bool is_memory(const char *line, size_t size) {
	return begins(line, size, "MemTotal:");
}

/* One record of the lines that the filter lets through, each of them once in a row. */
static bool collect_lines(
	struct collector *collector, const char *path, filter *keeps, uint32_t limit) {
	struct sp_buf text = {0}, kept = {0};
	const char *line = NULL, *end, *next;
	bool good = collect_read(collector, path, FILE_LIMIT, &text);

	if (good)
		line = text.data;
	for (; line && limit; line = next) {
		end = strchr(line, '\n');
		next = end ? end + 1 : NULL;
		if (!keeps(line, end ? (size_t)(end - line) : strlen(line)))
			continue;
		sp_buf_put(&kept, line, end ? (size_t)(end - line) : strlen(line));
		sp_buf_char(&kept, '\n');
		limit--;
	}
	if (good)
		collect_add(collector, SP_RECORD_TEXT, path, &kept);
	sp_buf_release(&text);
	sp_buf_release(&kept);
	return good;
}

static void collect_config(struct collector *collector) {
	static const char *const places[] = {
		"/boot/config-%.*s", "/lib/modules/%.*s/config", "/usr/lib/modules/%.*s/config"};
	struct sp_buf release = {0};

	if (collect_read(collector, "/proc/sys/kernel/osrelease", 256, &release) && release.data) {
		int length = (int)strcspn(release.data, "\n/");
		const char *paths[] = {
			collect_path(collector, places[0], length, release.data),
			collect_path(collector, places[1], length, release.data),
			collect_path(collector, places[2], length, release.data),
		};
		bool found = false;

		for (size_t i = 0; i < COUNT(paths) && !found; i++)
			found = paths[i] &&
				collect_lines(collector, paths[i], is_option, UINT32_MAX);
		/* It is compressed: that it is there is told, so that nobody wonders. */
		if (!found && collect_exists(collector, "/proc/config.gz"))
			collect_call(collector, "exists /proc/config.gz", "1");
	}
	sp_buf_release(&release);
}

void collect_kernel(struct collector *collector) {
	static const char *const texts[] = {"/proc/cmdline", "/proc/sys/kernel/osrelease",
		"/proc/version", "/proc/xen/capabilities", "/sys/kernel/security/lockdown",
		UNSAFE_INTERRUPTS};
	struct names names;

	for (size_t i = 0; i < COUNT(texts); i++)
		collect_text(collector, texts[i]);
	collect_lines(collector, "/proc/cpuinfo", is_processor, 3);
	collect_lines(collector, "/proc/meminfo", is_memory, 1);
	collect_lines(collector, "/proc/iomem", is_range, UINT32_MAX);
	collect_config(collector);
	collect_list(collector, "/sys/firmware", &names);
	collect_bytes(collector, SECURE_BOOT, 8);
}
