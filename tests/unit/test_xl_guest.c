/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "xl/guest.h"

static struct sp_xl_guest *create(const char *text) {
	struct sp_error error = {0};
	struct sp_xl_config *config;
	struct sp_xl_guest *guest;

	if (!sp_xl_config_parse(&config, text, strlen(text), "guest.cfg", &error))
		fail_msg("%s", error.message);
	if (!sp_xl_guest_create(&guest, config, &error))
		fail_msg("%s", error.message);
	sp_xl_config_destroy(config);
	return guest;
}

/* "LINE! SETTING: MESSAGE" for each, without the mark where xl goes on. */
static void assert_troubles(const struct sp_xl_guest *guest, const char *expected) {
	struct sp_buf out = {0};

	for (uint32_t i = 0; i < guest->troubles.count; i++) {
		const struct sp_xl_trouble *trouble = &guest->troubles.data[i];

		sp_buf_printf(&out, "%s%u%s %s: %s", i ? "\n" : "", trouble->line,
			trouble->refused ? "!" : "", trouble->setting, trouble->message);
	}
	assert_string_equal(out.data ? out.data : "", expected);
	sp_buf_release(&out);
}

static void whole(void **state) {
	struct sp_xl_guest *guest = create("name = 'driver'\n"
					   "memory = 512\n"
					   "maxmem = 0x400\n"
					   "iomem = [ 'fe201,1', \"0xfd000,0x10@90000\",\n"
					   "	'1,2' ]\n"
					   "irqs = [ 33,\n"
					   "	'112' ]\n"
					   "dtdev = [ '/soc/gpu@fd000000',\n"
					   "	'/soc/du@fe000000' ]\n"
					   "device_tree = '/root/guest.dtb'\n"
					   "passthrough = 'Enabled'\n"
					   "nr_spis = 200\n"
					   "vuart = \"SBSA_uart\"\n"
					   "pci = [\n"
					   "	'01:00.0', '02:00.0,permissive=1' ]\n"
					   "disk = [ 'file,raw,xvda,rw',\n"
					   "	'raw, xvdb, specification=virtio, target=x' ]\n"
					   "virtio = [ 'type=virtio,device22,transport=mmio' ]\n");

	(void)state;
	assert_troubles(guest, "");
	assert_string_equal(guest->file, "guest.cfg");
	assert_string_equal(guest->name, "driver");
	assert_int_equal(guest->memory, 512);
	assert_int_equal(guest->maxmem, 1024);
	assert_int_equal(guest->iomem.count, 3);
	assert_int_equal(guest->iomem.data[0].host, 0xfe201);
	assert_int_equal(guest->iomem.data[0].count, 1);
	assert_int_equal(guest->iomem.data[0].guest, 0xfe201);
	assert_int_equal(guest->iomem.data[0].line, 4);
	assert_int_equal(guest->iomem.data[1].host, 0xfd000);
	assert_int_equal(guest->iomem.data[1].count, 0x10);
	assert_int_equal(guest->iomem.data[1].guest, 0x90000);
	assert_int_equal(guest->iomem.data[2].line, 5);
	assert_int_equal(guest->irqs.count, 2);
	assert_int_equal(guest->irqs.data[0].number, 33);
	assert_int_equal(guest->irqs.data[1].number, 112);
	assert_int_equal(guest->irqs.data[1].line, 7);
	assert_int_equal(guest->dtdev.count, 2);
	assert_string_equal(guest->dtdev.data[1].path, "/soc/du@fe000000");
	assert_int_equal(guest->dtdev.data[1].line, 9);
	assert_string_equal(guest->device_tree.path, "/root/guest.dtb");
	assert_int_equal(guest->device_tree.line, 10);
	assert_int_equal(guest->passthrough, SP_XL_PASSTHROUGH_ENABLED);
	assert_int_equal(guest->passthrough_line, 11);
	assert_int_equal(guest->nr_spis, 200);
	assert_int_equal(guest->nr_spis_line, 12);
	assert_int_equal(guest->vuart_line, 13);
	assert_string_equal(guest->pci.path, "01:00.0");
	assert_int_equal(guest->pci.line, 15);
	assert_int_equal(guest->virtio_line, 17);
	sp_xl_guest_destroy(guest);
}

static void empty(void **state) {
	struct sp_xl_guest *guest = create("");

	(void)state;
	assert_troubles(guest, "");
	assert_null(guest->name);
	assert_int_equal(guest->memory, 32);
	assert_int_equal(guest->maxmem, 32);
	assert_int_equal(guest->iomem.count + guest->irqs.count + guest->dtdev.count, 0);
	assert_null(guest->device_tree.path);
	assert_null(guest->pci.path);
	assert_int_equal(guest->passthrough, SP_XL_PASSTHROUGH_DEFAULT);
	assert_int_equal(guest->passthrough_line + guest->nr_spis_line + guest->vuart_line +
			guest->virtio_line,
		0);
	sp_xl_guest_destroy(guest);
	sp_xl_guest_destroy(NULL);
}

static void memory(void **state) {
	static const struct {
		const char *text;
		uint64_t memory, maxmem;
		const char *troubles;
	} ROWS[] = {
		{"memory=64", 64, 64, ""},
		{"maxmem=64", 64, 64, ""},
		{"memory=010", 8, 8, ""},
		{"memory=' +0x10'\nmaxmem=8", 16, 8, ""},
		{"memory='1G'\nmaxmem=8", 8, 8, "1 memory: \"1G\" is no number"},
		{"memory=''", 32, 32, "1 memory: \"\" is no number"},
		{"memory=6\nmemory+=4", 32, 32, "2 memory: a number cannot be set with +="},
		{"maxmem=[1]", 32, 32, "1 maxmem: a list stands where a single value is wanted"},
		{"memory='-1'", 32, 32, "1! memory: -1 MiB is no possible size"},
		{"memory=0x100000000000", 32, 32,
			"1! memory: 17592186044416 MiB is no possible size"},
		{"memory=0xfffffffffff", 0xfffffffffff, 0xfffffffffff, ""},
		{"memory=99999999999999999999", 32, 32,
			"1 memory: \"99999999999999999999\" is out of range"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct sp_xl_guest *guest = create(ROWS[i].text);

		assert_troubles(guest, ROWS[i].troubles);
		assert_int_equal(guest->memory, ROWS[i].memory);
		assert_int_equal(guest->maxmem, ROWS[i].maxmem);
		sp_xl_guest_destroy(guest);
	}
}

/* The entries that xl's own sscanf() takes, with the same numbers. */
static void iomem(void **state) {
	static const char *const ENTRIES[] = {
		"1,2",
		"fe201,0x1",
		"0XFE201,1@0x22000",
		" 1,2",
		"1, 2",
		"1,\t+2@ 3",
		"-1,1",
		"1,2@ffffffffffffffff",
		"10000000000000000,1",
		"1,2@10000000000000000",
		"0,0",
		"",
		"1",
		"1,",
		",1",
		"1 ,2",
		"1,2 ",
		"1,2@",
		"1,2@x",
		"1,2@3 ",
		"1,2@3@4",
		"1,2 @3",
		"1,2,3",
		"1-2",
		"g,1",
		"1,g",
		"0xg,1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ENTRIES) / sizeof(ENTRIES[0]); i++) {
		uint64_t host = 0, count = 0, at = UINT64_MAX;
		int used = 0;
		char text[80];
		bool good;
		struct sp_xl_guest *guest;

		good = sscanf(ENTRIES[i], "%" SCNx64 ",%" SCNx64 "%n@%" SCNx64 "%n", &host, &count,
			       &used, &at, &used) >= 2 &&
			!ENTRIES[i][used];
		snprintf(text, sizeof(text), "iomem=['%s']", ENTRIES[i]);
		guest = create(text);
		assert_int_equal(guest->iomem.count, good);
		if (good) {
			assert_int_equal(guest->iomem.data[0].host, host);
			assert_int_equal(guest->iomem.data[0].count, count);
			assert_int_equal(guest->iomem.data[0].guest, at == UINT64_MAX ? host : at);
			assert_int_equal(guest->troubles.count,
				strstr(ENTRIES[i], "10000000000000000") != NULL);
		} else {
			assert_int_equal(guest->troubles.count, 1);
			assert_true(guest->troubles.data[0].refused);
		}
		sp_xl_guest_destroy(guest);
	}
}

static void troubles(void **state) {
	static const struct {
		const char *text, *troubles;
	} ROWS[] = {
		{"irqs=[0x22]", "1! irqs: \"0x22\" is no decimal number"},
		{"irqs=['33 ']", "1! irqs: \"33 \" is no decimal number"},
		{"irqs=[1,\n'']", "2! irqs: \"\" is no decimal number"},
		{"irqs=[4294967294]", ""},
		{"irqs=[4294967295]", "1! irqs: \"4294967295\" is too large for an interrupt"},
		{"irqs=['-1']", "1! irqs: \"-1\" is too large for an interrupt"},
		{"irqs=[\n[33], 34]", "2! irqs: a list stands in the list"},
		{"irqs=33", "1 irqs: a single value stands where a list is wanted"},
		{"iomem=[1,\n2]",
			"1! iomem: \"1\" is not START,COUNT or START,COUNT@GUEST in hexadecimal\n"
			"2! iomem: \"2\" is not START,COUNT or START,COUNT@GUEST in hexadecimal"},
		{"iomem=['1,10000000000000000']",
			"1 iomem: \"1,10000000000000000\" has a number that does not fit 64 bits"},
		{"dtdev='/soc/gpu'", "1 dtdev: a single value stands where a list is wanted"},
		{"dtdev=['/a',['/b'],'/c']",
			"1 dtdev: a list stands in the list, which ends there for xl"},
		{"device_tree=['x']",
			"1 device_tree: a list stands where a single value is wanted"},
		{"name=['x']", "1! name: a list stands where a single value is wanted"},
		{"passthrough=1", "1! passthrough: xl does not know \"1\""},
		{"passthrough=''", "1! passthrough: xl does not know \"\""},
		{"vuart='pl011'", "1! vuart: xl does not know \"pl011\""},
		{"vuart='unknown'", ""},
		{"nr_spis='-1'", "1 nr_spis: -1 is taken as 4294967295"},
		{"nr_spis=0x100000001", "1 nr_spis: 4294967297 is taken as 1"},
		{"nr_spis='some'", "1 nr_spis: \"some\" is no number"},
		/* What is shown is short and printable. */
		{"vuart='\x1b[2J\\n'", "1! vuart: xl does not know \"?[2J?\""},
		{"vuart='0123456789012345678901234567890123456789012345678901234567890123456789'",
			"1! vuart: xl does not know "
			"\"012345678901234567890123456789012345678901234567890123456789012345"
			"...\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct sp_xl_guest *guest = create(ROWS[i].text);

		assert_troubles(guest, ROWS[i].troubles);
		sp_xl_guest_destroy(guest);
	}
}

/* What xl goes on with. */
static void taken(void **state) {
	struct sp_xl_guest *guest = create("dtdev=['/a',['/b'],'/c']\n"
					   "nr_spis=0x100000001\n"
					   "irqs=['x', ' +32', 040]\n");

	(void)state;
	assert_int_equal(guest->dtdev.count, 1);
	assert_int_equal(guest->nr_spis, 1);
	assert_int_equal(guest->irqs.count, 2);
	assert_int_equal(guest->irqs.data[0].number, 32);
	assert_int_equal(guest->irqs.data[1].number, 40);
	sp_xl_guest_destroy(guest);

	guest = create("nr_spis='some'\nvuart='unknown'\npassthrough='bad'\n");
	assert_int_equal(guest->nr_spis_line, 0);
	assert_int_equal(guest->vuart_line, 0);
	assert_int_equal(guest->passthrough_line, 0);
	sp_xl_guest_destroy(guest);
}

static void passthrough(void **state) {
	static const struct {
		const char *word;
		enum sp_xl_passthrough meaning;
	} ROWS[] = {
		{"default", SP_XL_PASSTHROUGH_DEFAULT},
		{"disabled", SP_XL_PASSTHROUGH_DISABLED},
		{"enabled", SP_XL_PASSTHROUGH_ENABLED},
		{"share_pt", SP_XL_PASSTHROUGH_ENABLED},
		{"SYNC_PT", SP_XL_PASSTHROUGH_SYNC},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		char text[40];
		struct sp_xl_guest *guest;

		snprintf(text, sizeof(text), "\npassthrough='%s'", ROWS[i].word);
		guest = create(text);
		assert_troubles(guest, "");
		assert_int_equal(guest->passthrough, ROWS[i].meaning);
		assert_int_equal(guest->passthrough_line, 2);
		sp_xl_guest_destroy(guest);
	}
}

static void sizes(void **state) {
	static const struct {
		const char *text;
		uint32_t cpus, pool;
	} ROWS[] = {
		{"", 1, 0},
		{"vcpus=4\nshadow_memory=16", 4, 16},
		{"vcpus='2'\nmaxvcpus=0x8", 8, 0},
		{"vcpus='-1'\nmaxvcpus=[2]\nshadow_memory=0x100000000", 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct sp_xl_guest *guest = create(ROWS[i].text);

		assert_int_equal(guest->cpus, ROWS[i].cpus);
		assert_int_equal(guest->pool, ROWS[i].pool);
		sp_xl_guest_destroy(guest);
	}
}

static void virtio(void **state) {
	static const struct {
		const char *text;
		uint32_t line;
	} ROWS[] = {
		{"disk=['a,raw,xvda,rw']", 0},
		{"disk=['specification=virtio,vdev=xvda,target=a']", 1},
		{"disk=['raw,\t specification=virtio']", 1},
		{"disk=['raw,target=a,specification=virtio']", 0},
		{"disk=['specification=virtio ,']", 0},
		{"disk=['specification=xen','x',\n'specification=virtio']", 2},
		{"disk=['specification=virtio']\nvirtio=['transport=mmio']", 1},
		{"virtio=['transport=mmio']\ndisk=['specification=virtio']", 1},
		{"virtio=[]", 0},
		{"disk=[',,,']", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		struct sp_xl_guest *guest = create(ROWS[i].text);

		assert_int_equal(guest->virtio_line, ROWS[i].line);
		sp_xl_guest_destroy(guest);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(empty),
		cmocka_unit_test(memory),
		cmocka_unit_test(iomem),
		cmocka_unit_test(troubles),
		cmocka_unit_test(taken),
		cmocka_unit_test(passthrough),
		cmocka_unit_test(sizes),
		cmocka_unit_test(virtio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
