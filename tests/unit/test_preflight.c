/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <string.h>

#include "preflight/rules.h"
#include "preflight/words.h"
#include "preflight_cases.h"
#include "preflight_scene.h"

static const struct sp_answer *find(
	const struct sp_preflight *preflight, const struct preflight_case *wanted) {
	uint32_t count;
	const struct sp_answer *answers = sp_preflight_answers(preflight, &count);
	sp_bdf about = SP_BDF_NONE;

	if (wanted->about)
		assert_true(sp_bdf_parse(wanted->about, &about));
	for (uint32_t i = 0; i < count; i++)
		if (answers[i].code == wanted->code && answers[i].function == about)
			return &answers[i];
	return NULL;
}

static void print_all(const struct sp_preflight *preflight) {
	uint32_t count;
	const struct sp_answer *answers = sp_preflight_answers(preflight, &count);
	char name[SP_BDF_SIZE];

	for (uint32_t i = 0; i < count; i++) {
		const struct sp_finding_info *info = sp_finding_info(answers[i].code);

		strcpy(name, "machine");
		if (answers[i].function != SP_BDF_NONE)
			sp_bdf_format(name, answers[i].function);
		print_message("\t%s %s %s %s: %s\n", sp_result_name(answers[i].result), name,
			sp_question_info(answers[i].question)->name, info ? info->code : "",
			answers[i].message);
	}
}

static enum sp_result result_of(enum sp_code code) {
	switch (sp_finding_info(code)->severity[SP_COLUMN_PCI]) {
	case SP_SEVERITY_ERROR:
		return SP_RESULT_FAIL;
	case SP_SEVERITY_WARN:
		return SP_RESULT_WARN;
	default:
		return SP_RESULT_PASS;
	}
}

/* What is wrong with the answers to a trigger; NULL for nothing. */
static const char *judge(
	const struct sp_preflight *preflight, const struct preflight_case *wanted) {
	const struct sp_answer *found = find(preflight, wanted);

	if (!found)
		return "is not found";
	if (found->question != wanted->question)
		return "answers another question";
	if (found->result != result_of(wanted->code))
		return "has another result";
	if (!strstr(found->message, wanted->says))
		return "does not say what is at fault";
	if (found->remedy && wanted->about && strstr(found->remedy, "ADDRESS"))
		return "has a remedy with a gap";
	if (!found->remedy != (found->result == SP_RESULT_PASS))
		return "has a remedy that it should not have, or none";
	if (found->result == SP_RESULT_FAIL && sp_preflight_verdict(preflight) != SP_VERDICT_NO)
		return "fails, and the verdict is not no";
	return NULL;
}

static unsigned complain(const struct sp_preflight *preflight, const struct preflight_case *wanted,
	const char *trouble) {
	print_message("%s (%s: %s; %s) %s; there are:\n", sp_finding_info(wanted->code)->code,
		wanted->base, wanted->trigger, wanted->miss, trouble);
	print_all(preflight);
	return 1;
}

static unsigned check(const struct preflight_case *wanted) {
	unsigned failures = 0;
	struct sp_preflight *preflight;
	struct scene scene;
	const char *trouble;

	scene_make(&scene, wanted->base);
	scene_change(&scene, wanted->trigger);
	preflight = scene_judge(&scene);
	trouble = judge(preflight, wanted);
	if (trouble)
		failures += complain(preflight, wanted, trouble);
	sp_preflight_destroy(preflight);
	scene_release(&scene);

	scene_make(&scene, wanted->base);
	scene_change(&scene, wanted->trigger);
	scene_change(&scene, wanted->miss);
	preflight = scene_judge(&scene);
	if (find(preflight, wanted))
		failures += complain(preflight, wanted, "is found for its near miss");
	sp_preflight_destroy(preflight);
	scene_release(&scene);
	return failures;
}

static void each_is_found_and_nearly_missed(void **state) {
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < PREFLIGHT_CASE_COUNT; i++)
		failures += check(&PREFLIGHT_CASES[i]);
	assert_int_equal(failures, 0);
}

/* Those that a plan adds; tests/unit/test_assign.c shows them. */
static const enum sp_code PLANS[] = {SP_CODE_PCI_SLOT_APART, SP_CODE_PCI_BOOT_VF,
	SP_CODE_PCI_BOOT_IDS, SP_CODE_PCI_HOLE_SET, SP_CODE_PCI_VECTORS};

static bool is_of_a_plan(enum sp_code code) {
	for (size_t i = 0; i < sizeof(PLANS) / sizeof(PLANS[0]); i++)
		if (PLANS[i] == code)
			return true;
	return false;
}

static void every_code_has_a_case(void **state) {
	unsigned failures = 0;

	(void)state;
	for (unsigned code = 0; code < SP_CODE_COUNT; code++) {
		const struct sp_finding_info *info = sp_finding_info((enum sp_code)code);
		bool shown = info->severity[SP_COLUMN_PCI] == SP_SEVERITY_NONE ||
			is_of_a_plan((enum sp_code)code);

		for (size_t i = 0; !shown && i < PREFLIGHT_CASE_COUNT; i++)
			shown = PREFLIGHT_CASES[i].code == (enum sp_code)code;
		if (!shown) {
			print_message("%s has no case\n", info->code);
			failures++;
		}
	}
	assert_int_equal(failures, 0);
}

/* The bases have no errors, so that what a case finds is its trigger's. */
static void bases_are_good(void **state) {
	static const char *const BASES[] = {"amd", "pvh", "kvm", "intel", "igb"};

	(void)state;
	for (size_t i = 0; i < sizeof(BASES) / sizeof(BASES[0]); i++) {
		struct sp_preflight *preflight;
		struct scene scene;

		scene_make(&scene, BASES[i]);
		preflight = scene_judge(&scene);
		if (sp_preflight_verdict(preflight) == SP_VERDICT_NO) {
			print_all(preflight);
			fail_msg("%s", BASES[i]);
		}
		sp_preflight_destroy(preflight);
		scene_release(&scene);
	}
}

/* What a machine runs today is no fault of what it is planned for. */
static void what_runs_today_does_not_fail(void **state) {
	static const char *const TODAY[] = {"runs=none", "runs=guest", "xen.hvm=no", "xen.iommu=no",
		"+xen=iommu=off", "+linux=iommu=off", "+xen=iommu=no-intremap", "release=4.11",
		"linux=5.10 linux.gsi=no", "-CONFIG_XEN_DOM0", "disk.user=mounted", "qemu=7.2",
		"disk.driver=ahci"};

	(void)state;
	for (size_t i = 0; i < sizeof(TODAY) / sizeof(TODAY[0]); i++) {
		for (unsigned kind = 0; kind < 3; kind++) {
			struct sp_preflight *preflight;
			struct scene scene;

			scene_make(&scene, "amd");
			scene_change(&scene, "now=0 give=disk");
			scene_change(&scene,
				kind == 0           ? "dom0=pv"
					: kind == 1 ? "dom0=pvh"
						    : "hypervisor=kvm");
			scene_change(&scene, TODAY[i]);
			preflight = scene_judge(&scene);
			if (sp_preflight_verdict(preflight) == SP_VERDICT_NO) {
				print_all(preflight);
				fail_msg("%s, %u", TODAY[i], kind);
			}
			sp_preflight_destroy(preflight);
			scene_release(&scene);
		}
	}
}

/* Answers stand in the order of the questions, the machine's before the functions'. */
static void order(void **state) {
	const struct sp_answer *answers;
	struct sp_preflight *preflight;
	struct scene scene;
	uint32_t count;

	(void)state;
	scene_make(&scene, "amd");
	/* In no order, and one twice. */
	scene_change(&scene, "give=nvme give=audio give=gpu give=nvme");
	preflight = scene_judge(&scene);
	assert_int_equal(preflight->function_count, 3);
	answers = sp_preflight_answers(preflight, &count);
	assert_true(count > 30);
	for (uint32_t i = 1; i < count; i++) {
		assert_true(answers[i - 1].question <= answers[i].question);
		if (answers[i - 1].question != answers[i].question)
			continue;
		assert_true(answers[i].function != SP_BDF_NONE ||
			answers[i - 1].function == SP_BDF_NONE);
		if (answers[i - 1].function != SP_BDF_NONE)
			assert_true(answers[i - 1].function <= answers[i].function);
	}
	sp_preflight_destroy(preflight);
	scene_release(&scene);
}

/* Nobody asks about functions where none is given; what is not there is bad use. */
static void functions(void **state) {
	static const sp_bdf ABSENT = 0x1234;
	const struct sp_answer *answers;
	struct sp_preflight *preflight;
	struct sp_error error;
	struct scene scene;
	uint32_t count;

	(void)state;
	scene_make(&scene, "amd");
	scene_change(&scene, "give=");
	preflight = scene_judge(&scene);
	answers = sp_preflight_answers(preflight, &count);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(answers[i].function, SP_BDF_NONE);
	assert_int_equal(sp_preflight_verdict(preflight), SP_VERDICT_OK);
	sp_preflight_destroy(preflight);
	assert_false(sp_preflight_create(
		&preflight, scene.machine, &scene.situation, &ABSENT, 1, &error));
	assert_null(preflight);
	assert_int_equal(error.kind, SP_ERROR_USE);
	assert_non_null(strstr(error.message, "0000:12:06.4"));
	sp_preflight_destroy(NULL);
	scene_release(&scene);
}

/* What is not known is said, and never passes. */
static void what_is_not_known(void **state) {
	static const struct {
		const char *words;
		enum sp_question question;
	} CASES[] = {
		{"release=?", SP_QUESTION_HYPERVISOR},
		{"dom0=pvh xen.line=", SP_QUESTION_DOM0},
		{"firmware=? table=none xen.iommu=? gpu.group=?", SP_QUESTION_RMRR},
		{"table=none gpu.group=?", SP_QUESTION_RMRR},
		{"linux.config=0", SP_QUESTION_KERNEL},
		{"dom0=pvh linux.gsi=? linux=", SP_QUESTION_GSI_CALL},
		{"gpu.known=64", SP_QUESTION_FUNCTION},
		{"gpu.known=0", SP_QUESTION_FUNCTION},
		{"dom0=pvh gpu.known=0 gpu.pin=0", SP_QUESTION_INTX},
		{"gpu.caps=0", SP_QUESTION_MSI},
		{"nvme.resets=? give=nvme", SP_QUESTION_RESET},
		{"gpu.bar.size=0", SP_QUESTION_BARS},
		{"gpu.rom=?", SP_QUESTION_ROM},
		{"gpu.extended=0", SP_QUESTION_ISOLATION},
		{"give=sound give=modem sound.caps=0 sound.extended=0", SP_QUESTION_ISOLATION},
		{"give=nvme down0.extended=0 down0.has_acs=0", SP_QUESTION_ISOLATION},
		{"source=lspci", SP_QUESTION_DISPLAY},
		{"dom0=pvh qemu=", SP_QUESTION_DEVICE_MODEL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const struct sp_answer *answers;
		struct sp_preflight *preflight;
		struct scene scene;
		bool found = false;
		uint32_t count;

		scene_make(&scene, "amd");
		scene_change(&scene, CASES[i].words);
		preflight = scene_judge(&scene);
		answers = sp_preflight_answers(preflight, &count);
		for (uint32_t j = 0; j < count; j++)
			found |= answers[j].question == CASES[i].question &&
				answers[j].result == SP_RESULT_UNKNOWN && answers[j].remedy;
		if (!found) {
			print_all(preflight);
			fail_msg("%s", CASES[i].words);
		}
		assert_true(sp_preflight_verdict(preflight) != SP_VERDICT_OK);
		sp_preflight_destroy(preflight);
		scene_release(&scene);
	}
}

/* What is said of a function, word for word where the words carry the verdict. */
static void sentences(void **state) {
	static const struct {
		const char *base, *words;
		enum sp_question question;
		const char *says, *remedy;
	} CASES[] = {
		{"igb", "", SP_QUESTION_BARS, "its BARs take 256 KiB", NULL},
		{"amd", "gpu.known=0", SP_QUESTION_FUNCTION, "does not answer", "power/control"},
		{"amd", "audio.class=0x060100 give=gpu", SP_QUESTION_SLOT, "left behind",
			"stays with the host"},
		{"intel", "give=usb usb.rmrr=0xe8000", SP_QUESTION_RMRR, "0xe8000",
			"rdm_policy=relaxed"},
		{"amd", "linux.config=0", SP_QUESTION_KERNEL, "not known", "/boot/config-6.12.94"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		const struct sp_answer *answers;
		struct sp_preflight *preflight;
		struct scene scene;
		bool found = false;
		uint32_t count;

		scene_make(&scene, CASES[i].base);
		scene_change(&scene, CASES[i].words);
		preflight = scene_judge(&scene);
		answers = sp_preflight_answers(preflight, &count);
		for (uint32_t j = 0; j < count; j++)
			found |= answers[j].question == CASES[i].question &&
				strstr(answers[j].message, CASES[i].says) &&
				!answers[j].remedy == !CASES[i].remedy &&
				(!answers[j].remedy || strstr(answers[j].remedy, CASES[i].remedy));
		if (!found) {
			print_all(preflight);
			fail_msg("%s: %s", CASES[i].words, CASES[i].says);
		}
		sp_preflight_destroy(preflight);
		scene_release(&scene);
	}
}

/* GPUs come with their slots, and no more are written than there is room for. */
static void gpus(void **state) {
	sp_bdf found[3] = {0};
	struct scene scene;

	(void)state;
	scene_make(&scene, "amd");
	assert_int_equal(sp_preflight_gpus(scene.machine, found, 2), 3);
	assert_int_equal(found[0], 0x10);
	assert_int_equal(found[1], 0x300);
	assert_int_equal(found[2], 0);
	scene_release(&scene);
}

static void situations(void **state) {
	struct sp_machine machine = {.xen = {.dom0 = SP_DOM0_NONE}};
	struct sp_situation situation;
	enum sp_guest_kind guest;
	enum sp_dom0 dom0;

	(void)state;
	sp_situation_read(&situation, &machine);
	assert_int_equal(situation.hypervisor, SP_HYPERVISOR_KVM);
	assert_true(situation.now);
	machine.xen.dom0 = SP_DOM0_UNKNOWN;
	sp_situation_read(&situation, &machine);
	assert_int_equal(situation.hypervisor, SP_HYPERVISOR_XEN);
	assert_int_equal(situation.target, SP_TARGET_DEFAULT);
	assert_false(situation.now);
	machine.xen = (struct sp_xen_facts){
		.dom0 = SP_DOM0_IS_PVH, .release_known = true, .major = 4, .minor = 22};
	sp_situation_read(&situation, &machine);
	assert_int_equal(situation.target, SP_TARGET_XEN_4_22);
	assert_int_equal(situation.dom0, SP_DOM0_PVH);
	assert_int_equal(situation.guest, SP_GUEST_HVM);
	machine.xen.minor = 11;
	sp_situation_read(&situation, &machine);
	assert_int_equal(situation.target, SP_TARGET_XEN_4_17);
	machine.xen.major = 5;
	sp_situation_read(&situation, &machine);
	assert_int_equal(situation.target, SP_TARGET_XEN_4_22);

	assert_true(sp_dom0_parse("pvh", &dom0) && dom0 == SP_DOM0_PVH);
	assert_false(sp_dom0_parse("hvm", &dom0));
	assert_true(sp_guest_kind_parse("pv", &guest) && guest == SP_GUEST_PV);
	assert_false(sp_guest_kind_parse("", &guest));
	assert_string_equal(sp_dom0_name(SP_DOM0_PV), "pv");
	assert_string_equal(sp_guest_kind_name(SP_GUEST_HVM), "hvm");
	assert_string_equal(sp_result_name(SP_RESULT_WARN), "WARN");
	assert_string_equal(sp_result_name((enum sp_result)9), "?");
	assert_null(sp_question_info(SP_QUESTION_COUNT));
}

static void command_lines(void **state) {
	(void)state;
	assert_int_equal(sp_words_switch(NULL, "iommu", NULL), SP_UNKNOWN);
	assert_int_equal(sp_words_switch("", "iommu", NULL), SP_UNKNOWN);
	assert_int_equal(sp_words_switch("a iommu=verbose,off", "iommu", NULL), SP_NO);
	assert_int_equal(sp_words_switch("iommu=off iommu=on", "iommu", NULL), SP_YES);
	assert_int_equal(sp_words_switch("xiommu=off iommux=off", "iommu", NULL), SP_UNKNOWN);
	assert_int_equal(sp_words_switch("iommu=no-intremap", "iommu", "intremap"), SP_NO);
	assert_int_equal(sp_words_switch("iommu=intremap=yes,debug", "iommu", "intremap"), SP_YES);
	assert_int_equal(sp_words_switch("iommu=intremapx", "iommu", "intremap"), SP_UNKNOWN);
	assert_int_equal(sp_words_switch("iommu=,,intremap", "iommu", "intremap"), SP_YES);
	assert_int_equal(sp_words_switch("iommu=intremap=", "iommu", "intremap"), SP_UNKNOWN);
	assert_int_equal(sp_words_switch("iommu", "iommu", NULL), SP_UNKNOWN);
	assert_true(sp_words_has("intel_iommu=sm_on,on", "intel_iommu", "on"));
	assert_false(sp_words_has("intel_iommu=sm_on", "intel_iommu", "on"));
	assert_false(sp_words_has(NULL, "intel_iommu", "on"));
	assert_true(sp_words_find("quiet nointremap", "nointremap"));
	assert_false(sp_words_find("a=\"x nointremap y\"", "nointremap"));
	assert_true(sp_words_find("a=\"x y\" nointremap", "nointremap"));
	assert_true(sp_words_find("a=1\tiommu=pt\n", "iommu=pt"));
	assert_false(sp_words_find("intel_iommu=pt iommu=pt,strict", "iommu=pt"));
	assert_false(sp_words_find(NULL, "iommu"));
	assert_false(sp_words_find("quiet nointremapped", "nointremap"));
}

static void json(void **state) {
	struct sp_preflight *preflight;
	struct sp_error error;
	struct scene scene;
	size_t size;
	char *data;

	(void)state;
	scene_make(&scene, "pvh");
	scene_change(&scene, "gpu.pin=0");
	preflight = scene_judge(&scene);
	assert_true(sp_preflight_json(preflight, &data, &size, &error));
	assert_int_equal(strlen(data), size);
	assert_non_null(strstr(data, "\"schema\": \"sallyport-doctor\""));
	assert_non_null(strstr(data, "\"verdict\": \"no\""));
	assert_non_null(strstr(data, "\"code\": \"SP-PCI-INTX-NONE-PVH\""));
	assert_non_null(strstr(data, "\"function\": \"0000:03:00.0\""));
	free(data);
	sp_preflight_destroy(preflight);
	scene_release(&scene);
}

/* Each release has its place in each citation, in order. */
static void rules(void **state) {
	static const char *const RELEASES[SP_TARGET_COUNT] = {
		"4.17.7 ", "4.18.6 ", "4.19.6 ", "4.20.4 ", "4.21.2 ", "4.22.0 "};

	(void)state;
	for (unsigned i = 0; i < SP_PCI_RULE_COUNT; i++) {
		const struct sp_pci_rule_info *info = sp_pci_rule_info((enum sp_pci_rule)i);
		const char *at = info->citation;

		for (unsigned t = 0; t < SP_TARGET_COUNT; t++) {
			if (strncmp(at, RELEASES[t], strlen(RELEASES[t])) != 0)
				fail_msg("%s: no %s in \"%s\"", info->name, RELEASES[t], at);
			at = strstr(at, "; ");
			at = at ? at + 2 : "";
			assert_int_equal(info->values[t],
				sp_pci_rule_value((enum sp_pci_rule)i, (enum sp_target)t));
		}
		assert_string_equal(at, "");
	}
	assert_int_equal(sp_pci_rule_value(SP_PCI_RULE_PVH_MAP_PIRQ, SP_TARGET_XEN_4_19), 0);
	assert_int_equal(sp_pci_rule_value(SP_PCI_RULE_PVH_MAP_PIRQ, SP_TARGET_XEN_4_20), 1);
	assert_int_equal(sp_pci_rule_value(SP_PCI_RULE_PF_FIXUP_DEFAULT, SP_TARGET_XEN_4_21), 0);
	assert_int_equal(sp_pci_rule_value(SP_PCI_RULE_PF_FIXUP_DEFAULT, SP_TARGET_XEN_4_22), 1);
	assert_int_equal(sp_pci_rule_value(SP_PCI_RULE_VPCI_REBAR, SP_TARGET_XEN_4_20), 0);
	assert_int_equal(sp_pci_rule_value(SP_PCI_RULE_VPCI_REBAR, SP_TARGET_XEN_4_21), 1);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_found_and_nearly_missed),
		cmocka_unit_test(every_code_has_a_case),
		cmocka_unit_test(bases_are_good),
		cmocka_unit_test(what_runs_today_does_not_fail),
		cmocka_unit_test(order),
		cmocka_unit_test(functions),
		cmocka_unit_test(what_is_not_known),
		cmocka_unit_test(sentences),
		cmocka_unit_test(gpus),
		cmocka_unit_test(situations),
		cmocka_unit_test(command_lines),
		cmocka_unit_test(json),
		cmocka_unit_test(rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
