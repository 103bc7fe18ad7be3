/* SPDX-License-Identifier: MIT */
/* Configuration spaces, and addresses of functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"
#include "mutate.h"
#include "pci/address.h"
#include "pci/config.h"

/* What is read is written as the same again, but for the segment and capitals. */
static void check_address(const uint8_t *data, size_t size) {
	char text[24] = {0}, written[SP_BDF_SIZE];
	sp_bdf bdf, again;

	memcpy(text, data, size < sizeof(text) ? size : sizeof(text) - 1);
	if (!sp_bdf_parse(text, &bdf))
		return;
	CHECK(bdf != SP_BDF_NONE);
	sp_bdf_format(written, bdf);
	CHECK(strlen(written) == 12 && (strlen(text) == 12 || strlen(text) == 7));
	CHECK(!strcasecmp(written + 12 - strlen(text), text));
	CHECK(sp_bdf_parse(written, &again) && again == bdf);
}

static void check_bars(const struct sp_bar *bars) {
	for (unsigned i = 0; i < SP_PCI_BARS; i++) {
		const struct sp_bar *bar = &bars[i];

		CHECK(!bar->size);
		CHECK(bar->present || (!bar->address && !bar->io && !bar->wide && !bar->prefetch));
		CHECK(!bar->io || (!bar->wide && !bar->prefetch));
		CHECK(bar->wide || bar->address <= UINT32_MAX);
		CHECK(!bar->wide || i + 1 == SP_PCI_BARS || !bars[i + 1].present);
	}
}

static void check_config(const struct sp_pci_config *config, size_t size) {
	const struct sp_sriov *sriov = &config->sriov;
	uint32_t seen = 0;

	CHECK(config->known == (size < SP_PCI_CONFIG_MAX ? size : SP_PCI_CONFIG_MAX));
	CHECK(config->class <= 0xffffff && config->header <= SP_PCI_HEADER_UNKNOWN);
	CHECK(config->pin <= 4 && config->power <= 3);
	CHECK(config->pcie >= SP_PCIE_NONE && config->pcie <= 15);
	CHECK(sp_pcie_type_name(config->pcie));
	CHECK(config->has_caps || config->header == SP_PCI_HEADER_UNKNOWN || size < 256);
	CHECK(!config->has_extended || (size > 256 && config->pcie != SP_PCIE_NONE));
	CHECK(!config->msi_vectors == !config->has_msi && config->msi_vectors <= 32);
	CHECK(!config->msix.vectors == !config->has_msix && config->msix.vectors <= 2048);
	CHECK(config->vpd_at == 0 || (config->vpd_at >= 64 && config->vpd_at <= 248));
	CHECK(config->has_serial == (config->serial_at >= 256) && config->serial_at <= 4084);
	CHECK(config->has_sriov || (!sriov->total && !sriov->enabled && !sriov->on));
	CHECK(sriov->enabled <= sriov->total && (sriov->on || !sriov->enabled));
	CHECK(sriov->enabled < 2 || sriov->stride);
	CHECK(config->rebar_count <= SP_PCI_BARS);
	for (unsigned i = 0; i < config->rebar_count; i++) {
		CHECK(config->rebar[i].bar < SP_PCI_BARS && config->rebar[i].current < 44);
		CHECK(config->rebar[i].sizes >> 44 == 0);
		CHECK(!(seen >> config->rebar[i].bar & 1));
		seen |= 1u << config->rebar[i].bar;
	}
	check_bars(config->bars);
	check_bars(sriov->bars);
	(void)sp_pci_class_name(config->class);
	(void)sp_pci_class_is_gpu(config->class);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct sp_pci_config config;
	struct sp_error error = {0};

	check_address(data, size);
	if (!sp_pci_config_read(&config, data, size, &error)) {
		CHECK(error.kind == SP_ERROR_INPUT && error.message[0]);
		CHECK(size < SP_PCI_CONFIG_MIN || !memcmp(data, "\xff\xff\xff\xff", 4));
		return 0;
	}
	check_config(&config, size);
	return 0;
}
