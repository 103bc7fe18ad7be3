/* SPDX-License-Identifier: MIT */
/*
 * The reader of configuration spaces beside libpci, which lspci is made of: on functions of real
 * and emulated machines, and on some thousand spaces made from them by changing bytes. Further
 * files of lspci -xxxx may be given as arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pci/pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci/address.h"
#include "pci/config.h"

#define FUNCTIONS_MAX 512u
#define CHANGES 400u /* spaces made from each */

struct function {
	sp_bdf bdf;
	uint32_t size;
	uint8_t bytes[SP_PCI_CONFIG_MAX];
};

struct fixture {
	struct function *functions;
	uint32_t count;
	struct pci_access *access;
	char dump[32]; /* what libpci reads */
};

static const char *fixture_path;

/* What the walk along libpci's list found, first ones only. */
struct expected {
	const struct pci_cap *pm, *vpd, *msi, *subsystem, *express, *msix, *af;
	const struct pci_cap *serial, *acs, *ari, *ats, *sriov, *rebar, *pasid;
};

static void ignore(char *message, ...) {
	(void)message;
}

static void read_row(struct function *function, const char *line) {
	unsigned long at;
	char *end;

	at = strtoul(line, &end, 16);
	for (unsigned long byte; *end++ && at < SP_PCI_CONFIG_MAX; at++) {
		const char *start = end;

		byte = strtoul(start, &end, 16);
		if (end == start)
			break;
		function->bytes[at] = (uint8_t)byte;
		if (at >= function->size)
			function->size = (uint32_t)at + 1;
	}
}

/* Rows that are missing are zeros. */
static void read_functions(struct fixture *fix, const char *path) {
	FILE *file = fopen(path, "r");
	struct function *function = NULL;
	char line[512];

	if (!file)
		fail_msg("%s cannot be opened", path);
	while (fgets(line, sizeof(line), file)) {
		char *space = strchr(line, ' ');
		sp_bdf bdf;

		if (!space) {
			function = NULL;
			continue;
		}
		*space = '\0';
		if (sp_bdf_parse(line, &bdf)) {
			assert_true(fix->count < FUNCTIONS_MAX);
			function = &fix->functions[fix->count++];
			function->bdf = bdf;
		} else if (function && space > line && space[-1] == ':' &&
			strspn(line, "0123456789abcdef") == strlen(line) - 1) {
			*space = ' ';
			read_row(function, line);
		}
	}
	fclose(file);
	assert_true(fix->count > 0);
}

static void write_dump(struct fixture *fix) {
	FILE *file;
	int descriptor;

	snprintf(fix->dump, sizeof(fix->dump), "/tmp/sp-pci-XXXXXX");
	descriptor = mkstemp(fix->dump);
	assert_true(descriptor >= 0);
	file = fdopen(descriptor, "w");
	assert_non_null(file);
	for (uint32_t i = 0; i < fix->count; i++) {
		const struct function *function = &fix->functions[i];
		char text[SP_BDF_SIZE];

		sp_bdf_format(text, function->bdf);
		fprintf(file, "%s device", text);
		for (uint32_t at = 0; at < function->size; at++) {
			if (at % 16 == 0)
				fprintf(file, "\n%02x:", at);
			fprintf(file, " %02x", function->bytes[at]);
		}
		fprintf(file, "\n\n");
	}
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state) {
	static char name[] = "dump.name";
	struct fixture *fix = calloc(1, sizeof(*fix));

	if (!fix)
		return -1;
	fix->functions = calloc(FUNCTIONS_MAX, sizeof(*fix->functions));
	if (!fix->functions)
		return -1;
	read_functions(fix, fixture_path);
	write_dump(fix);
	fix->access = pci_alloc();
	fix->access->method = PCI_ACCESS_DUMP;
	fix->access->warning = ignore;
	assert_int_equal(pci_set_param(fix->access, name, fix->dump), 0);
	pci_init(fix->access);
	pci_scan_bus(fix->access);
	*state = fix;
	return 0;
}

static int teardown(void **state) {
	struct fixture *fix = *state;

	pci_cleanup(fix->access);
	unlink(fix->dump);
	free(fix->functions);
	free(fix);
	return 0;
}

/* The bytes that must be there, by what the specifications say, not by our tables. */
static uint32_t cap_size(struct pci_dev *dev, const struct pci_cap *cap) {
	uint16_t flags;

	if (cap->type == PCI_CAP_EXTENDED) {
		switch (cap->id) {
		case PCI_EXT_CAP_ID_DSN:
			return 12;
		case PCI_EXT_CAP_ID_SRIOV:
			return PCI_IOV_MSAO + 4;
		case PCI_EXT_CAP_ID_REBAR:
			return 4 + 8u * (pci_read_long(dev, (int)cap->addr + 8) >> 5 & 7);
		default:
			return 8;
		}
	}
	switch (cap->id) {
	case PCI_CAP_ID_MSI:
		flags = pci_read_word(dev, (int)cap->addr + PCI_MSI_FLAGS);
		if (flags & PCI_MSI_FLAGS_MASK_BIT)
			return flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_PENDING_64 + 4
							   : PCI_MSI_PENDING_32 + 4;
		return flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_DATA_64 + 2 : PCI_MSI_DATA_32 + 2;
	case PCI_CAP_ID_EXP:
	case PCI_CAP_ID_MSIX:
		return 12;
	case PCI_CAP_ID_AF:
		return 6;
	default:
		return 8;
	}
}

static const struct pci_cap **slot_of(struct expected *expected, const struct pci_cap *cap) {
	if (cap->type == PCI_CAP_NORMAL) {
		switch (cap->id) {
		case PCI_CAP_ID_PM:
			return &expected->pm;
		case PCI_CAP_ID_VPD:
			return &expected->vpd;
		case PCI_CAP_ID_MSI:
			return &expected->msi;
		case PCI_CAP_ID_SSVID:
			return &expected->subsystem;
		case PCI_CAP_ID_EXP:
			return &expected->express;
		case PCI_CAP_ID_MSIX:
			return &expected->msix;
		case PCI_CAP_ID_AF:
			return &expected->af;
		default:
			return NULL;
		}
	}
	switch (cap->id) {
	case PCI_EXT_CAP_ID_DSN:
		return &expected->serial;
	case PCI_EXT_CAP_ID_ACS:
		return &expected->acs;
	case PCI_EXT_CAP_ID_ARI:
		return &expected->ari;
	case PCI_EXT_CAP_ID_ATS:
		return &expected->ats;
	case PCI_EXT_CAP_ID_SRIOV:
		return &expected->sriov;
	case PCI_EXT_CAP_ID_REBAR:
		return &expected->rebar;
	case PCI_EXT_CAP_ID_PASID:
		return &expected->pasid;
	default:
		return NULL;
	}
}

/* Up to where a list leaves its place, which libpci does not mind. */
static void walk(struct pci_dev *dev, unsigned type, uint32_t size, struct expected *expected) {
	uint32_t begin = type == PCI_CAP_NORMAL ? 0x40 : 0x100;
	uint32_t end = type == PCI_CAP_NORMAL ? 0x100 : 0x1000;

	if (size < end)
		end = size;
	for (const struct pci_cap *cap = dev->first_cap; cap; cap = cap->next) {
		const struct pci_cap **slot;

		if (cap->type != type)
			continue;
		if (cap->addr < begin)
			return;
		slot = slot_of(expected, cap);
		if (!slot || *slot)
			continue;
		/* The registers that tell the size must be there themselves. */
		if (cap->addr + 8 > end || cap->addr + cap_size(dev, cap) > end)
			if (cap->id != PCI_CAP_ID_AF || type != PCI_CAP_NORMAL ||
				cap->addr + 6 > end)
				return;
		if (type == PCI_CAP_EXTENDED && cap->id == PCI_EXT_CAP_ID_REBAR &&
			cap->addr + 12 > end)
			return;
		*slot = cap;
	}
}

static uint16_t word(struct pci_dev *dev, const struct pci_cap *cap, int offset) {
	return pci_read_word(dev, (int)cap->addr + offset);
}

static void compare_caps(
	struct pci_dev *dev, const struct sp_pci_config *config, struct expected *expected) {
	assert_int_equal(config->has_pm, expected->pm != NULL);
	if (expected->pm) {
		uint16_t control = word(dev, expected->pm, PCI_PM_CTRL);

		assert_int_equal(config->power, control & PCI_PM_CTRL_STATE_MASK);
		assert_int_equal(config->pm_reset, !(control & PCI_PM_CTRL_NO_SOFT_RST));
	}
	assert_int_equal(config->vpd_at, expected->vpd ? expected->vpd->addr : 0);
	assert_int_equal(config->has_msi, expected->msi != NULL);
	if (expected->msi) {
		uint16_t flags = word(dev, expected->msi, PCI_MSI_FLAGS);
		unsigned log = flags >> 1 & 7u;

		assert_int_equal(config->msi_on, !!(flags & PCI_MSI_FLAGS_ENABLE));
		assert_int_equal(config->msi_wide, !!(flags & PCI_MSI_FLAGS_64BIT));
		assert_int_equal(config->msi_maskable, !!(flags & PCI_MSI_FLAGS_MASK_BIT));
		assert_int_equal(config->msi_vectors, log > 5 ? 32 : 1 << log);
	}
	assert_int_equal(config->has_msix, expected->msix != NULL);
	if (expected->msix) {
		uint16_t flags = word(dev, expected->msix, 2);
		uint32_t table = pci_read_long(dev, (int)expected->msix->addr + PCI_MSIX_TABLE);
		uint32_t pba = pci_read_long(dev, (int)expected->msix->addr + PCI_MSIX_PBA);

		assert_int_equal(config->msix.on, !!(flags & PCI_MSIX_ENABLE));
		assert_int_equal(config->msix.vectors, (flags & PCI_MSIX_TABSIZE) + 1);
		assert_int_equal(config->msix.table_bar, table & PCI_MSIX_BIR);
		assert_int_equal(config->msix.table_offset, table & ~(uint32_t)PCI_MSIX_BIR);
		assert_int_equal(config->msix.pba_bar, pba & PCI_MSIX_BIR);
		assert_int_equal(config->msix.pba_offset, pba & ~(uint32_t)PCI_MSIX_BIR);
	}
	assert_int_equal(config->pcie,
		expected->express
			? (word(dev, expected->express, PCI_EXP_FLAGS) & PCI_EXP_FLAGS_TYPE) >> 4
			: SP_PCIE_NONE);
	assert_int_equal(config->flr,
		(expected->express &&
			(pci_read_long(dev, (int)expected->express->addr + PCI_EXP_DEVCAP) &
				PCI_EXP_DEVCAP_FLRESET)) ||
			(expected->af &&
				(pci_read_byte(dev, (int)expected->af->addr + PCI_AF_CAP) &
					(PCI_AF_CAP_TP | PCI_AF_CAP_FLR)) ==
					(PCI_AF_CAP_TP | PCI_AF_CAP_FLR)));
}

static void compare_extended(
	struct pci_dev *dev, const struct sp_pci_config *config, struct expected *expected) {
	assert_int_equal(config->has_serial, expected->serial != NULL);
	if (expected->serial)
		assert_int_equal(config->serial_at, expected->serial->addr);
	assert_int_equal(config->has_acs, expected->acs != NULL);
	if (expected->acs) {
		assert_int_equal(config->acs.able, word(dev, expected->acs, PCI_ACS_CAP));
		assert_int_equal(config->acs.on, word(dev, expected->acs, PCI_ACS_CTRL));
	}
	assert_int_equal(config->has_ari, expected->ari != NULL);
	assert_int_equal(config->has_ats, expected->ats != NULL);
	assert_int_equal(config->has_pasid, expected->pasid != NULL);
	assert_int_equal(config->has_sriov, expected->sriov != NULL);
	if (expected->sriov) {
		uint16_t control = word(dev, expected->sriov, PCI_IOV_CTRL);

		assert_int_equal(config->sriov.on, !!(control & PCI_IOV_CTRL_VFE));
		assert_int_equal(
			config->sriov.initial, word(dev, expected->sriov, PCI_IOV_INITIALVF));
		assert_int_equal(config->sriov.total, word(dev, expected->sriov, PCI_IOV_TOTALVF));
		assert_int_equal(config->sriov.offset, word(dev, expected->sriov, PCI_IOV_OFFSET));
		assert_int_equal(config->sriov.stride, word(dev, expected->sriov, PCI_IOV_STRIDE));
		assert_int_equal(config->sriov.device, word(dev, expected->sriov, PCI_IOV_DID));
		if (!config->broken)
			assert_int_equal(config->sriov.enabled,
				control & PCI_IOV_CTRL_VFE
					? word(dev, expected->sriov, PCI_IOV_NUMVF)
					: 0);
	}
	if (!expected->rebar)
		assert_int_equal(config->rebar_count, 0);
	else if (!config->broken)
		assert_int_equal(config->rebar_count,
			pci_read_long(dev, (int)expected->rebar->addr + 8) >> 5 & 7);
}

static void compare_bars(struct pci_dev *dev, const struct sp_pci_config *config) {
	for (unsigned i = 0; i < SP_PCI_BARS; i++) {
		const struct sp_bar *bar = &config->bars[i];
		uint64_t base = dev->base_addr[i];
		bool io = base & PCI_BASE_ADDRESS_SPACE_IO;

		/* libpci drops one of 64 bits whose other half is no register. */
		if (!base && bar->present && bar->wide) {
			assert_true(config->broken);
			continue;
		}
		assert_int_equal(bar->present, base != 0);
		if (!base)
			continue;
		assert_int_equal(bar->io, io);
		assert_true(bar->address == (base & (io ? PCI_ADDR_IO_MASK : PCI_ADDR_MEM_MASK)));
		assert_int_equal(bar->prefetch, !io && (base & PCI_BASE_ADDRESS_MEM_PREFETCH));
		assert_int_equal(bar->wide,
			!io &&
				(base & PCI_BASE_ADDRESS_MEM_TYPE_MASK) ==
					PCI_BASE_ADDRESS_MEM_TYPE_64);
	}
	assert_true(
		config->rom.address == (dev->rom_base_addr & PCI_ROM_ADDRESS_MASK & UINT32_MAX));
}

static void compare_ids(struct pci_dev *dev, const struct sp_pci_config *config) {
	assert_int_equal(config->vendor, dev->vendor_id);
	assert_int_equal(config->device, dev->device_id);
	assert_int_equal(config->ids_absent, dev->vendor_id == 0xffff);
	assert_int_equal(config->class, dev->device_class << 8 | dev->prog_if);
	assert_int_equal(config->revision, dev->rev_id);
	assert_int_equal(config->status, pci_read_word(dev, PCI_STATUS));
	assert_int_equal(config->command, pci_read_word(dev, PCI_COMMAND));
}

static void compare(struct pci_dev *dev, const uint8_t *bytes, uint32_t size, bool sound) {
	struct expected expected = {0};
	struct sp_pci_config config;
	struct sp_error error;
	uint8_t type = bytes[PCI_HEADER_TYPE] & 0x7f;

	pci_fill_info(dev,
		PCI_FILL_IDENT | PCI_FILL_CLASS | PCI_FILL_CLASS_EXT | PCI_FILL_SUBSYS |
			PCI_FILL_BASES | PCI_FILL_ROM_BASE | PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
	if (!sp_pci_config_read(&config, bytes, size, &error)) {
		if (size >= SP_PCI_CONFIG_MIN)
			assert_memory_equal(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
		return;
	}
	if (sound && (config.broken || !config.has_caps))
		fail_msg("%04x:%02x:%02x.%x is broken", (unsigned)dev->domain, dev->bus, dev->dev,
			dev->func);
	compare_ids(dev, &config);
	if (type > PCI_HEADER_TYPE_CARDBUS) {
		assert_int_equal(config.header, SP_PCI_HEADER_UNKNOWN);
		return;
	}
	assert_int_equal(config.header, type);
	compare_bars(dev, &config);
	/* libpci takes the pointer from where other headers have it. */
	if (type == PCI_HEADER_TYPE_CARDBUS)
		return;
	walk(dev, PCI_CAP_NORMAL, size, &expected);
	if (expected.express)
		walk(dev, PCI_CAP_EXTENDED, size, &expected);
	compare_caps(dev, &config, &expected);
	compare_extended(dev, &config, &expected);
	if (type == PCI_HEADER_TYPE_NORMAL || expected.subsystem) {
		assert_int_equal(config.subvendor, dev->subsys_vendor_id);
		assert_int_equal(config.subdevice, dev->subsys_id);
	}
}

static void functions_are_read_alike(void **state) {
	struct fixture *fix = *state;
	uint32_t count = 0;

	for (struct pci_dev *dev = fix->access->devices; dev; dev = dev->next, count++) {
		sp_bdf bdf = SP_BDF(dev->domain, dev->bus, dev->dev, dev->func);
		uint32_t i = 0;

		while (i < fix->count && fix->functions[i].bdf != bdf)
			i++;
		assert_true(i < fix->count);
		compare(dev, fix->functions[i].bytes, fix->functions[i].size, true);
	}
	assert_int_equal(count, fix->count);
}

static uint32_t draw(uint32_t *seed, uint32_t below) {
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)*seed * below >> 32);
}

/* Changes a few bytes: anywhere, in the header, or where a capability is. */
static void change(
	struct pci_dev *original, const struct function *function, uint8_t *bytes, uint32_t *seed) {
	uint32_t changes = 1 + draw(seed, 4), cap_count = 0;

	memcpy(bytes, function->bytes, function->size);
	for (const struct pci_cap *cap = original->first_cap; cap; cap = cap->next)
		cap_count++;
	for (; changes; changes--) {
		const struct pci_cap *cap = original->first_cap;
		uint32_t at;

		switch (draw(seed, 4)) {
		case 0:
			at = draw(seed, function->size);
			break;
		case 1:
			at = draw(seed, 64);
			break;
		default:
			for (uint32_t i = cap_count ? draw(seed, cap_count) : 0; i; i--)
				cap = cap->next;
			at = cap ? cap->addr + draw(seed, 8) : 0x34;
			break;
		}
		if (at < function->size)
			bytes[at] = (uint8_t)(draw(seed, 2) ? draw(seed, 256)
							    : bytes[at] ^ 1u << draw(seed, 8));
	}
}

static void changed_ones_are_read_alike(void **state) {
	static uint8_t bytes[SP_PCI_CONFIG_MAX];
	struct fixture *fix = *state;
	uint32_t seed = 1;

	for (uint32_t i = 0; i < fix->count; i++) {
		const struct function *function = &fix->functions[i];
		struct pci_dev *original = fix->access->devices;

		while (original &&
			SP_BDF(original->domain, original->bus, original->dev, original->func) !=
				function->bdf)
			original = original->next;
		assert_non_null(original);
		if (function->size < SP_PCI_CONFIG_MIN)
			continue;
		pci_fill_info(original, PCI_FILL_CAPS | PCI_FILL_EXT_CAPS);
		for (uint32_t j = 0; j < CHANGES; j++) {
			/* No function has this address, so that there is nothing behind the cache.
			 */
			struct pci_dev *dev = pci_get_dev(fix->access, 0xfffe, 0xff, 0x1f, 7);
			uint32_t size = function->size;

			if (size < SP_PCI_CONFIG_MIN)
				break;
			change(original, function, bytes, &seed);
			if (draw(&seed, 8) == 0)
				size = 64 + (draw(&seed, size - 63) & ~3u);
			pci_setup_cache(dev, bytes, (int)size);
			compare(dev, bytes, size, false);
			pci_free_dev(dev);
		}
	}
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(functions_are_read_alike, setup, teardown),
		cmocka_unit_test_setup_teardown(changed_ones_are_read_alike, setup, teardown),
	};
	int failed = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: test_pci_libpci FILE...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++) {
		fixture_path = argv[i];
		failed += cmocka_run_group_tests_name(argv[i], tests, NULL, NULL);
	}
	return failed > 0;
}
