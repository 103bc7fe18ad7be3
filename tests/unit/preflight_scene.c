/* SPDX-License-Identifier: MIT */
#include "preflight_scene.h"

#include "fixture.h"

#include <string.h>

#include "pci/address.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MIB (UINT64_C(1) << 20)

/* What is the same on all machines: a function's name here, its address and its identity. */
static const struct {
	const char *name;
	sp_bdf bdf;
	uint16_t vendor, device;
	uint32_t class;
	const char *driver;
	enum sp_pcie_type pcie;
	const char *bridge; /* that it is behind */
	int gsi;
} PARTS[] = {
	{"host", SP_BDF(0, 0, 0, 0), 0x8086, 0x3e30, 0x060000, NULL, SP_PCIE_INTEGRATED, NULL, -1},
	{"port", SP_BDF(0, 0, 1, 0), 0x8086, 0x1901, 0x060400, "pcieport", SP_PCIE_ROOT_PORT, NULL,
		16},
	{"igd", SP_BDF(0, 0, 2, 0), 0x8086, 0x3e92, 0x030000, "i915", SP_PCIE_INTEGRATED, NULL, 17},
	{"usb", SP_BDF(0, 0, 0x14, 0), 0x8086, 0xa36d, 0x0c0330, "xhci_hcd", SP_PCIE_INTEGRATED,
		NULL, 18},
	{"bridge", SP_BDF(0, 0, 0x1c, 0), 0x8086, 0xa340, 0x060400, NULL, SP_PCIE_TO_PCI, NULL, 19},
	{"isa", SP_BDF(0, 0, 0x1f, 0), 0x8086, 0xa305, 0x060100, NULL, SP_PCIE_INTEGRATED, NULL,
		-1},
	{"gpu", SP_BDF(0, 3, 0, 0), 0x1002, 0x744c, 0x030000, "pciback", SP_PCIE_LEGACY_ENDPOINT,
		"port", 32},
	{"audio", SP_BDF(0, 3, 0, 1), 0x1002, 0xab30, 0x040300, "pciback", SP_PCIE_LEGACY_ENDPOINT,
		"port", 33},
	{"switch", SP_BDF(0, 4, 0, 0), 0x10b5, 0x8747, 0x060400, "pcieport", SP_PCIE_UPSTREAM,
		"port", -1},
	{"down0", SP_BDF(0, 5, 0, 0), 0x10b5, 0x8747, 0x060400, "pcieport", SP_PCIE_DOWNSTREAM,
		"switch", -1},
	{"down1", SP_BDF(0, 5, 1, 0), 0x10b5, 0x8747, 0x060400, "pcieport", SP_PCIE_DOWNSTREAM,
		"switch", -1},
	{"nvme", SP_BDF(0, 6, 0, 0), 0x1b36, 0x0010, 0x010802, "pciback", SP_PCIE_ENDPOINT, "down0",
		34},
	{"disk", SP_BDF(0, 7, 0, 0), 0x1b4b, 0x9230, 0x010601, "ahci", SP_PCIE_LEGACY_ENDPOINT,
		"down1", 35},
	{"pf", SP_BDF(0, 8, 0, 0), 0x8086, 0x10c9, 0x020000, "igb", SP_PCIE_ENDPOINT, NULL, 36},
	{"vf", SP_BDF(0, 8, 0x10, 0), 0x8086, 0x10ca, 0x020000, "pciback", SP_PCIE_ENDPOINT, NULL,
		-1},
	{"sound", SP_BDF(0, 9, 0, 0), 0x1274, 0x1371, 0x040100, "pciback", SP_PCIE_NONE, "bridge",
		37},
	{"modem", SP_BDF(0, 9, 1, 0), 0x127a, 0x1025, 0x078000, NULL, SP_PCIE_NONE, "bridge", 38},
};

static const char OPTIONS[] =
	"CONFIG_XEN_DOM0=y\nCONFIG_XEN_PV=y\nCONFIG_XEN_PVH=y\nCONFIG_XEN_PCIDEV_BACKEND=y\n"
	"CONFIG_XEN_PCIDEV_STUB=y\nCONFIG_XEN_ACPI=y\nCONFIG_XEN_PRIVCMD=y\nCONFIG_SWIOTLB_XEN=y\n"
	"CONFIG_XEN_GNTDEV=y\nCONFIG_XEN_UNPOPULATED_ALLOC=y\nCONFIG_KVM=y\nCONFIG_KVM_INTEL=m\n"
	"CONFIG_KVM_AMD=m\nCONFIG_VFIO_PCI=y\nCONFIG_VFIO_IOMMU_TYPE1=y\nCONFIG_INTEL_IOMMU=y\n"
	"CONFIG_AMD_IOMMU=y\nCONFIG_IRQ_REMAP=y\nCONFIG_INTEL_IOMMU_DEFAULT_ON=y\n"
	"CONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=n\n";

static const struct {
	const char *name, *words;
} BASES[] = {
	{"amd", "give=gpu give=audio"},
	{"pvh", "runs=pvh dom0=pvh +xen=dom0=pvh,pf-fixup give=gpu give=audio"},
	{"kvm",
		"runs=none hypervisor=kvm gpu.driver=vfio-pci audio.driver=vfio-pci "
		"nvme.driver=vfio-pci give=gpu give=audio"},
	{"intel",
		"cpu=GenuineIntel table=dmar igd.driver=pciback usb.driver=pciback gpu.boot=1 "
		"gfx=1 igd.rmrr=0x8d000000 give=igd"},
	{"igb", "give=vf"},
};

static struct sp_function *find(struct scene *scene, const char *name) {
	for (size_t i = 0; i < LENGTH(PARTS); i++)
		if (strcmp(PARTS[i].name, name) == 0)
			return sp_machine_find(scene->machine, PARTS[i].bdf);
	fail_msg("no function is called %s", name);
	return NULL;
}

static void make_function(struct scene *scene, struct sp_function *function, size_t part) {
	struct sp_pci_config *config = &function->config;

	function->bdf = PARTS[part].bdf;
	function->driver = PARTS[part].driver;
	function->translated = SP_YES;
	function->irq = PARTS[part].gsi < 0 ? -1 : PARTS[part].gsi;
	function->gsi = PARTS[part].gsi;
	function->group = (int32_t)part;
	function->numa = -1;
	function->resets_known = true;
	function->resets[0] = "flr";
	function->resets[1] = "bus";
	function->reset_count = 2;
	function->rom_readable = SP_YES;
	function->bridge = PARTS[part].bridge ? find(scene, PARTS[part].bridge) : NULL;
	config->known = SP_PCI_CONFIG_MAX;
	config->vendor = PARTS[part].vendor;
	config->device = PARTS[part].device;
	config->class = PARTS[part].class;
	config->header =
		PARTS[part].class >> 8 == 0x0604 ? SP_PCI_HEADER_BRIDGE : SP_PCI_HEADER_NORMAL;
	config->pin = PARTS[part].gsi < 0 ? 0 : 1;
	config->has_caps = config->has_extended = config->has_acs = true;
	config->acs.able = config->acs.on = SP_ACS_SV | SP_ACS_RR | SP_ACS_CR | SP_ACS_UF;
	config->pcie = PARTS[part].pcie;
	config->has_msi = true;
	config->msi_vectors = 1;
	config->bars[0] = (struct sp_bar){.address = 0x4000000000 + part * 0x10000000,
		.size = 256 * MIB,
		.present = true,
		.wide = true,
		.prefetch = true};
	config->bars[2] = (struct sp_bar){
		.address = 0xf0000000 + part * 0x100000, .size = MIB / 4, .present = true};
}

static void make_links(struct scene *scene) {
	struct sp_function *vf = find(scene, "vf"), *pf = find(scene, "pf");
	struct sp_pci_config *config = &find(scene, "nvme")->config;

	vf->physical = pf;
	memset(vf->config.bars, 0, sizeof(vf->config.bars));
	pf->vf_sizes[0] = MIB / 4;
	vf->config.has_msix = true;
	vf->config.msix = (struct sp_msix){.vectors = 3, .table_bar = 3, .pba_bar = 3};
	pf->config.has_sriov = true;
	pf->config.sriov = (struct sp_sriov){.total = 7, .initial = 7, .on = true, .enabled = 1};
	config->has_msix = true;
	config->msix =
		(struct sp_msix){.vectors = 65, .table_offset = 0x2000, .pba_offset = 0x3000};
	find(scene, "gpu")->config.rom = (struct sp_bar){.size = MIB / 8, .present = true};
	find(scene, "gpu")->gpu = find(scene, "audio")->gpu = find(scene, "igd")->gpu = true;
	find(scene, "gpu")->config.rebar[0] =
		(struct sp_rebar){.bar = 0, .current = 8, .sizes = 1u << 8};
}

void scene_make(struct scene *scene, const char *base) {
	struct sp_machine *machine = calloc(1, sizeof(*machine));
	size_t i = 0;

	assert_non_null(machine);
	memset(scene, 0, sizeof(*scene));
	scene->machine = machine;
	machine->name = "fixture";
	machine->source = SP_MACHINE_SNAPSHOT;
	machine->files.arena = &machine->arena;
	machine->functions =
		sp_arena_array(&machine->arena, LENGTH(PARTS), sizeof(*machine->functions));
	assert_non_null(machine->functions);
	machine->function_count = LENGTH(PARTS);
	for (i = 0; i < LENGTH(PARTS); i++)
		machine->functions[i].bdf = PARTS[i].bdf;
	for (i = 0; i < LENGTH(PARTS); i++)
		make_function(scene, &machine->functions[i], i);
	make_links(scene);
	machine->groups_known = true;
	machine->firmware_iommu = SP_YES;
	machine->has_ivrs = true;
	machine->dmar.interrupt_remapping = true;
	machine->ram = UINT64_C(16) << 30;
	machine->ram_below_4g = UINT64_C(3) << 30;
	machine->cpu = "AuthenticAMD";
	machine->xen = (struct sp_xen_facts){.dom0 = SP_DOM0_IS_PV,
		.release_known = true,
		.major = 4,
		.minor = 20,
		.version = "4.20.3",
		.command_line = "loglvl=all",
		.hvm = SP_YES,
		.hap = SP_YES,
		.pv = SP_YES,
		.hvm_directio = SP_YES,
		.iommu = SP_YES,
		.interrupt_remapping = SP_YES,
		.qemu = "10.0.2"};
	machine->kernel = (struct sp_kernel_facts){.release = "6.12.94",
		.major = 6,
		.minor = 12,
		.command_line = "root=/dev/sda1",
		.has_config = true,
		.gsi_call = SP_YES};
	scene->config = sp_arena_strdup(&machine->arena, OPTIONS);
	scene->situation = (struct sp_situation){.target = SP_TARGET_XEN_4_20, .now = true};
	for (i = 0; i < LENGTH(BASES) && strcmp(BASES[i].name, base) != 0; i++)
		;
	if (i == LENGTH(BASES))
		fail_msg("no base is called %s", base);
	scene_change(scene, BASES[i].words);
}

static bool is(const char *text, const char *word) {
	return strcmp(text, word) == 0;
}

static enum sp_known known(const char *value) {
	return is(value, "yes") ? SP_YES : is(value, "no") ? SP_NO : SP_UNKNOWN;
}

static uint64_t number(const char *value) {
	char *end;
	uint64_t result = strtoull(value, &end, 0);

	if (!*value || *end)
		fail_msg("\"%s\" is no number", value);
	return result;
}

static bool change_situation(struct scene *scene, const char *key, const char *value) {
	struct sp_situation *situation = &scene->situation;

	if (is(key, "hypervisor"))
		situation->hypervisor = is(value, "kvm") ? SP_HYPERVISOR_KVM : SP_HYPERVISOR_XEN;
	else if (is(key, "target"))
		assert_true(sp_target_parse(value, &situation->target));
	else if (is(key, "dom0"))
		assert_true(sp_dom0_parse(value, &situation->dom0));
	else if (is(key, "guest"))
		assert_true(sp_guest_kind_parse(value, &situation->guest));
	else if (is(key, "now"))
		situation->now = number(value);
	else if (is(key, "stubdom"))
		situation->stubdomain = number(value);
	else if (is(key, "gfx"))
		situation->gfx_passthru = number(value);
	else if (is(key, "permissive"))
		situation->permissive = number(value);
	else if (is(key, "relaxed"))
		situation->relaxed_rdm = number(value);
	else if (is(key, "apart"))
		situation->apart = number(value);
	else
		return false;
	return true;
}

static const char *add_word(struct scene *scene, const char *line, const char *word) {
	return sp_arena_printf(&scene->machine->arena, "%s %s", line, word);
}

static bool change_xen(struct scene *scene, const char *key, const char *value) {
	struct sp_xen_facts *xen = &scene->machine->xen;

	if (is(key, "runs"))
		xen->dom0 = is(value, "none") ? SP_DOM0_NONE
			: is(value, "pv")     ? SP_DOM0_IS_PV
			: is(value, "pvh")    ? SP_DOM0_IS_PVH
			: is(value, "guest")  ? SP_DOM0_IS_GUEST
					      : SP_DOM0_UNKNOWN;
	else if (is(key, "+xen"))
		xen->command_line = add_word(scene, xen->command_line, value);
	else if (is(key, "release")) {
		xen->release_known = sscanf(value, "%u.%u", &xen->major, &xen->minor) == 2;
		xen->version = value;
	} else if (is(key, "xen.hvm"))
		xen->hvm = known(value);
	else if (is(key, "xen.pv"))
		xen->pv = known(value);
	else if (is(key, "xen.iommu"))
		xen->iommu = known(value);
	else if (is(key, "xen.directio"))
		xen->hvm_directio = known(value);
	else if (is(key, "xen.intremap"))
		xen->interrupt_remapping = known(value);
	else if (is(key, "qemu"))
		xen->qemu = *value ? value : NULL;
	else if (is(key, "xen.line"))
		xen->command_line = NULL;
	else
		return false;
	return true;
}

static bool change_machine(struct scene *scene, const char *key, const char *value) {
	struct sp_machine *machine = scene->machine;
	char *option;

	if (is(key, "+linux"))
		machine->kernel.command_line = add_word(scene, machine->kernel.command_line, value);
	else if (is(key, "linux")) {
		machine->kernel.release = *value ? value : NULL;
		sscanf(value, "%u.%u", &machine->kernel.major, &machine->kernel.minor);
	} else if (is(key, "linux.gsi"))
		machine->kernel.gsi_call = known(value);
	else if (is(key, "linux.config"))
		machine->kernel.has_config = number(value);
	else if (key[0] == '-') {
		option = strstr(scene->config, key + 1);
		assert_non_null(option);
		option[strlen(key + 1) + 1] = *value ? *value : 'n';
	} else if (is(key, "table")) {
		machine->has_dmar = is(value, "dmar");
		machine->has_ivrs = is(value, "ivrs");
	} else if (is(key, "table.intremap"))
		machine->dmar.interrupt_remapping = number(value);
	else if (is(key, "table.error"))
		machine->table_error = *value ? value : NULL;
	else if (is(key, "firmware"))
		machine->firmware_iommu = known(value);
	else if (is(key, "groups")) {
		machine->groups_known = number(value);
		for (uint32_t i = 0; i < machine->function_count; i++)
			machine->functions[i].group = -1;
	} else if (is(key, "cpu"))
		machine->cpu = value;
	else if (is(key, "source"))
		machine->source = is(value, "lspci") ? SP_MACHINE_LSPCI : SP_MACHINE_SNAPSHOT;
	else if (is(key, "ram"))
		machine->ram = number(value) << 30;
	else if (is(key, "low"))
		machine->ram_below_4g = number(value) * MIB;
	else
		return false;
	return true;
}

static void reserve(struct scene *scene, struct sp_function *function, uint64_t base) {
	struct sp_dmar_rmrr *rmrr = sp_arena_alloc(&scene->machine->arena, sizeof(*rmrr));
	const struct sp_dmar_rmrr **slot;

	assert_non_null(rmrr);
	rmrr->base = base;
	rmrr->limit = base + 0xffff;
	rmrr->scopes.count = 1;
	slot = sp_vec_push(&scene->machine->arena, &function->rmrrs);
	assert_non_null(slot);
	*slot = rmrr;
}

/* The RMRR as the base has made it, or the last one, for others, too. */
static void share(struct scene *scene, struct sp_function *function, uint32_t count) {
	struct sp_dmar_rmrr *rmrr =
		sp_arena_copy(&scene->machine->arena, function->rmrrs.data[0], sizeof(*rmrr));

	assert_non_null(rmrr);
	rmrr->scopes.count = count;
	function->rmrrs.data[0] = rmrr;
}

static void reset_by(struct scene *scene, struct sp_function *function, const char *value) {
	char *list = sp_arena_strdup(&scene->machine->arena, value);

	function->resets_known = !is(value, "?");
	function->reset_count = 0;
	for (char *word = strtok(list, ","); word && !is(value, "?"); word = strtok(NULL, ","))
		function->resets[function->reset_count++] = word;
}

static bool change_bar(struct sp_function *function, const char *key, const char *value) {
	struct sp_bar *bar = &function->config.bars[2];

	if (is(key, "bar"))
		bar->address = number(value);
	else if (is(key, "bar.size"))
		bar->size = number(value);
	else if (is(key, "wide.size"))
		function->config.bars[0].size = number(value);
	else if (is(key, "rebar")) {
		function->config.rebar_count = 1;
		function->config.rebar[0].sizes = UINT64_C(1) << number(value) | 1u << 8;
	} else
		return false;
	return true;
}

static bool change_config(struct sp_function *function, const char *key, const char *value) {
	struct sp_pci_config *config = &function->config;

	if (is(key, "pin"))
		config->pin = (uint8_t)number(value);
	else if (is(key, "class"))
		config->class = (uint32_t)number(value);
	else if (is(key, "id")) {
		config->vendor = (uint16_t)(number(value) >> 16);
		config->device = (uint16_t)number(value);
	} else if (is(key, "known"))
		config->known = (uint32_t)number(value);
	else if (is(key, "broken"))
		config->broken = number(value);
	else if (is(key, "power"))
		config->power = (uint8_t)number(value);
	else if (is(key, "caps"))
		config->has_caps = number(value);
	else if (is(key, "extended"))
		config->has_extended = number(value);
	else if (is(key, "msi"))
		config->has_msi = number(value);
	else if (is(key, "msi.on"))
		config->msi_on = number(value);
	else if (is(key, "msix"))
		config->has_msix = number(value);
	else if (is(key, "msix.bar"))
		config->msix.table_bar = config->msix.pba_bar = (uint8_t)number(value);
	else if (is(key, "msix.at"))
		config->msix.table_offset = config->msix.pba_offset = (uint32_t)number(value);
	else if (is(key, "acs"))
		config->acs.on = (uint16_t)number(value);
	else if (is(key, "has_acs"))
		config->has_acs = number(value);
	else if (is(key, "rom.present"))
		config->rom.present = number(value);
	else if (is(key, "vfs"))
		config->sriov.enabled = (uint16_t)number(value);
	else
		return change_bar(function, key, value);
	return true;
}

static bool change_function(
	struct scene *scene, struct sp_function *function, const char *key, const char *value) {
	static const struct sp_vfct_image IMAGE = {.size = 65536};
	static const struct sp_ivrs_memory UNITY = {
		.flags = 1, .base = 0x7c000000, .length = 0x10000};

	if (is(key, "driver"))
		function->driver = *value ? value : NULL;
	else if (is(key, "user")) {
		function->has_users = *value;
		function->user = value;
		function->network_user = strcmp(value, "network") == 0;
	} else if (is(key, "boot"))
		function->boot_display = number(value);
	else if (is(key, "rom"))
		function->rom_readable = known(value);
	else if (is(key, "vfct"))
		function->vfct = number(value) ? &IMAGE : NULL;
	else if (is(key, "irq"))
		function->irq = (int32_t)number(value);
	else if (is(key, "gsi"))
		function->gsi = is(value, "?") ? -1 : (int32_t)number(value);
	else if (is(key, "gsi.error"))
		function->gsi_error = *value ? value : NULL;
	else if (is(key, "resets"))
		reset_by(scene, function, value);
	else if (is(key, "group"))
		function->group = is(value, "?") ? -1 : (int32_t)number(value);
	else if (is(key, "dma"))
		function->dma_bits = (uint32_t)number(value);
	else if (is(key, "translated"))
		function->translated = known(value);
	else if (is(key, "rmrr"))
		reserve(scene, function, number(value));
	else if (is(key, "rmrr.devices"))
		share(scene, function, (uint32_t)number(value));
	else if (is(key, "unity")) {
		const struct sp_ivrs_memory **slot =
			sp_vec_push(&scene->machine->arena, &function->unity);

		assert_non_null(slot);
		*slot = &UNITY;
	} else
		return change_config(function, key, value);
	return true;
}

static void change_one(struct scene *scene, char *word) {
	char *value = strchr(word, '='), *dot = strchr(word, '.');

	if (value)
		*value++ = '\0';
	else
		value = word + strlen(word);
	if (is(word, "give")) {
		if (!scene->given_anew)
			scene->given_count = 0;
		scene->given_anew = true;
		if (*value)
			scene->given[scene->given_count++] = find(scene, value)->bdf;
		return;
	}
	if (change_situation(scene, word, value) || change_xen(scene, word, value) ||
		change_machine(scene, word, value))
		return;
	if (!dot || dot > value)
		fail_msg("\"%s\" is no change", word);
	*dot = '\0';
	if (!change_function(scene, find(scene, word), dot + 1, value))
		fail_msg("\"%s.%s\" is no change", word, dot + 1);
}

void scene_change(struct scene *scene, const char *words) {
	char *copy = sp_arena_strdup(&scene->machine->arena, words), *rest = copy, *word;

	assert_non_null(copy);
	scene->given_anew = false;
	while ((word = strtok_r(rest, " ", &rest)))
		change_one(scene, word);
}

struct sp_preflight *scene_judge(struct scene *scene) {
	struct sp_machine *machine = scene->machine;
	const char *release = machine->kernel.release;
	struct sp_preflight *preflight;
	struct sp_error error;
	char name[64];

	snprintf(name, sizeof(name), "/boot/config-%s", release ? release : "x");
	assert_true(sp_files_add(
		&machine->files, SP_RECORD_TEXT, name, scene->config, strlen(scene->config)));
	sp_files_sort(&machine->files);
	if (!sp_preflight_create(&preflight, machine, &scene->situation, scene->given,
		    scene->given_count, &error))
		fail_msg("%s", error.message);
	return preflight;
}

void scene_release(struct scene *scene) {
	sp_machine_destroy(scene->machine);
}
