/* SPDX-License-Identifier: MIT */
#include "assign_machine.h"

#include <stdio.h>
#include <unistd.h>

/* What a machine may be called, whose owner wishes us ill. */
static const char *const EVIL[] = {
	"a\nEVIL b",
	"$(EVIL)",
	"`EVIL`",
	"'; EVIL; '",
	"\"EVIL\"",
	"EVIL --> <x>",
	"\\\nEVIL",
	"\r\x1b[2JEVIL",
	"EVIL\x80\xff",
	"EVIL]\npci = [",
};

/* The word stands in comments alone. */
static void check_comments(const char *name, const char *text, const char *marks) {
	for (const char *line = text; *line;) {
		size_t size = strcspn(line, "\n");
		const char *evil = memmem(line, size, "EVIL", 4);

		if (evil && !strchr(marks, line[strspn(line, "\t ")]))
			fail_msg("%s: %.*s", name, (int)size, line);
		line += size + (line[size] == '\n');
	}
}

static void check_bytes(const char *name, const char *text) {
	for (; *text; text++) {
		if ((*text < ' ' || *text > '~') && *text != '\n' && *text != '\t')
			fail_msg("%s has byte %02x", name, (unsigned char)*text);
	}
}

static void spoil(struct assign_machine *made, const char *evil) {
	for (int i = 0; i < FUNCTIONS; i++) {
		made->functions[i].name = evil;
		made->functions[i].driver = evil;
		made->functions[i].user = evil;
		made->functions[i].has_users = true;
		made->functions[i].gsi_error = evil;
		made->functions[i].resets[0] = evil;
	}
	made->machine.name = evil;
	made->machine.cpu = evil;
	made->machine.table_error = evil;
	made->machine.kernel.release = made->machine.kernel.command_line = evil;
	made->machine.xen.version = made->machine.xen.command_line = evil;
	made->machine.xen.log = made->machine.xen.qemu = evil;
}

static void check_files(struct assign_machine *made) {
	static const enum sp_assign_artefact run[] = {SP_ASSIGN_XL, SP_ASSIGN_TAKE,
		SP_ASSIGN_GIVE_BACK, SP_ASSIGN_MODPROBE, SP_ASSIGN_BOOTARGS, SP_ASSIGN_COMMANDS};

	for (size_t i = 0; i < sizeof(run) / sizeof(run[0]); i++) {
		char *text = emit(made, run[i]);

		if (text) {
			check_comments(sp_assign_artefact_name(run[i]), text, "#");
			check_bytes(sp_assign_artefact_name(run[i]), text);
		}
		free(text);
	}
	for (int i = SP_ASSIGN_QEMU; i <= SP_ASSIGN_LIBVIRT; i++) {
		char *text = emit(made, (enum sp_assign_artefact)i);

		if (text)
			assert_null(strstr(text, "EVIL"));
		free(text);
	}
	for (int i = 0; i < SP_ASSIGN_ARTEFACT_COUNT; i++) {
		char *text = emit(made, (enum sp_assign_artefact)i);

		if (text && i != SP_ASSIGN_JSON)
			check_bytes(sp_assign_artefact_name((enum sp_assign_artefact)i), text);
		free(text);
	}
}

static void test_names(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(EVIL) / sizeof(EVIL[0]); i++) {
		for (int kind = 0; kind < 4; kind++) {
			struct assign_machine made;

			make_machine(&made);
			spoil(&made, EVIL[i]);
			want(&made, VIRTUAL);
			made.request.at_boot = made.request.whole_slot = true;
			made.request.situation.hypervisor =
				kind ? SP_HYPERVISOR_XEN : SP_HYPERVISOR_KVM;
			made.request.toolstack =
				kind ? (enum sp_toolstack)(kind - 1) : SP_TOOLSTACK_XL;
			make_assign(&made);
			check_files(&made);
			release_machine(&made);
		}
	}
}

/* The guest's own words are the user's, but a quote in them must not end a word either. */
static void test_own_words(void **state) {
	static const char *const words[] = {"it's", "$(touch x)", "a\"b", "\\", "-->", "a,b"};
	struct assign_machine made;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char *text;

		make_machine(&made);
		made.request.kernel = made.request.command_line = words[i];
		made.request.situation.hypervisor = SP_HYPERVISOR_KVM;
		made.request.rom = words[i];
		make_assign(&made);
		text = emit(&made, SP_ASSIGN_LIBVIRT);
		assert_null(strstr(text, "a\"b"));
		free(text);
		release_machine(&made);
	}
}

/* Numbers that a broken configuration space has. */
static void test_numbers(void **state) {
	struct assign_machine made;

	(void)state;
	make_machine(&made);
	for (int i = 0; i < FUNCTIONS; i++) {
		struct sp_pci_config *config = &made.functions[i].config;

		config->pin = 255;
		config->has_msix = config->has_msi = true;
		config->msix.vectors = config->msi_vectors = UINT16_MAX;
		config->msix.table_bar = config->msix.pba_bar = 7;
		config->sriov.offset = config->sriov.stride = UINT16_MAX;
		config->class = UINT32_MAX;
		config->rom = (struct sp_bar){.present = true, .size = UINT64_MAX};
		for (uint32_t k = 0; k < SP_PCI_BARS; k++)
			config->bars[k] = (struct sp_bar){.present = true,
				.size = UINT64_MAX,
				.wide = true,
				.address = UINT64_MAX};
		made.functions[i].reset_count = 0;
		made.functions[i].gsi = INT32_MAX;
	}
	want(&made, VIRTUAL);
	made.request.memory = UINT32_MAX;
	made.request.whole_slot = true;
	make_assign(&made);
	for (int i = 0; i < SP_ASSIGN_ARTEFACT_COUNT; i++)
		free(emit(&made, (enum sp_assign_artefact)i));
	release_machine(&made);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_own_words),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
