/* SPDX-License-Identifier: MIT */
/* What Xen's own libxlutil finds in the entries of pci=: pci-spec FILE */
#include <stdio.h>
#include <string.h>

#include <libxlutil.h>

static const char *policy(libxl_rdm_reserve_policy policy) {
	return policy == LIBXL_RDM_RESERVE_POLICY_STRICT     ? "strict"
		: policy == LIBXL_RDM_RESERVE_POLICY_RELAXED ? "relaxed"
							     : "default";
}

static int print_entry(XLU_Config *config, const char *entry) {
	libxl_device_pci pci;

	libxl_device_pci_init(&pci);
	if (xlu_pci_parse_spec_string(config, &pci, entry)) {
		fprintf(stderr, "not understood: %s\n", entry);
		return 1;
	}
	printf("%04x:%02x:%02x.%x slot %u policy %s permissive %d seize %d\n", pci.domain, pci.bus,
		pci.dev, pci.func, pci.vdevfn >> 3, policy(pci.rdm_policy), pci.permissive,
		pci.seize);
	libxl_device_pci_dispose(&pci);
	return 0;
}

int main(int argc, char **argv) {
	XLU_Config *config = xlu_cfg_init(stderr, "guest.cfg");
	XLU_ConfigList *entries;
	int count, wrong = 0;

	if (argc != 2 || !config || xlu_cfg_readfile(config, argv[1]) ||
		xlu_cfg_get_list(config, "pci", &entries, &count, 0))
		return 2;
	for (int i = 0; i < count; i++)
		wrong |= print_entry(config, xlu_cfg_get_listitem(entries, i));
	xlu_cfg_destroy(config);
	return wrong;
}
