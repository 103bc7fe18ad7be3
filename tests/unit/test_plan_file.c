/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sallyport/request.h>

static struct sp_plan_file *parse(const char *text) {
	struct sp_error error = {0};
	struct sp_plan_file *file = NULL;

	if (!sp_plan_file_parse(&file, text, strlen(text), "dir/plan.conf", &error))
		fail_msg("%s", error.message);
	return file;
}

static void assert_refused(const char *text, size_t size, const char *message) {
	struct sp_error error = {0};
	struct sp_plan_file *file = (void *)&error;

	if (sp_plan_file_parse(&file, text, size, "dir/plan.conf", &error))
		fail_msg("accepted: %s", text);
	assert_null(file);
	assert_int_equal(error.kind, SP_ERROR_INPUT);
	if (!strstr(error.message, message))
		fail_msg("\"%s\" does not say \"%s\"", error.message, message);
}

static void whole(void **state) {
	struct sp_plan_file *file = parse("# A comment, and a carriage return\r\n"
					  "[host]\n"
					  "\ttree = boards/h3.dtb   # behind a value\n"
					  "target=xen-4.19\n"
					  "xen-has = multi-iommu-masters\n"
					  "; another comment\n"
					  "\n"
					  "[guest driver]\n"
					  "mode = dom0less\n"
					  "memory = 2G\n"
					  "device = /soc/gpu@fd000000\n"
					  "device = renesas,du-r8a7795\n"
					  "with-companions = yes\n"
					  "pci = on\n"
					  "hotplug = 1\n"
					  "iommus = /soc/gpu@fd000000=ipmmu_pv0:0-7,ipmmu_pv1:0\n"
					  "iommus = du=ipmmu_vi0:1/0x3\n"
					  "bdf = 01:00.0\n"
					  "clock = core=600M\n"
					  "clock = mem=300M\n"
					  "module = kernel=0x48000000+0x1000\n"
					  "module = tree=0x4a000000\n"
					  "[ guest  small ]\n"
					  "device=serial0\n"
					  "pci=no\n");
	const struct sp_request *request = sp_plan_file_request(file);
	const struct sp_request_guest *guest;
	(void)state;

	assert_string_equal(sp_plan_file_host(file), "dir/boards/h3.dtb");
	assert_int_equal(request->target, SP_TARGET_XEN_4_19);
	assert_true(request->multi_iommu_masters);
	assert_false(request->keep_going);
	assert_int_equal(request->guest_count, 2);

	guest = &request->guests[0];
	assert_string_equal(guest->name, "driver");
	assert_int_equal(guest->mode, SP_MODE_DOM0LESS);
	assert_int_equal(guest->memory, 2048);
	assert_true(guest->companions && guest->pci && guest->hotplug);
	assert_int_equal(guest->device_count, 2);
	assert_string_equal(guest->devices[0], "/soc/gpu@fd000000");
	assert_string_equal(guest->devices[1], "renesas,du-r8a7795");
	assert_int_equal(guest->stream_count, 10);
	assert_string_equal(guest->streams[8].controller, "ipmmu_pv1");
	assert_string_equal(guest->streams[9].device, "du");
	assert_int_equal(guest->streams[9].mask, 3);
	assert_int_equal(guest->bdf_count, 1);
	assert_int_equal(guest->bdfs[0].bdf, 0x100);
	assert_int_equal(guest->clock_count, 2);
	assert_string_equal(guest->clocks[1].name, "mem");
	assert_int_equal(guest->clocks[1].hz, 300000000);
	assert_true(guest->modules[SP_MODULE_KERNEL].set && guest->modules[SP_MODULE_TREE].set);

	guest = &request->guests[1];
	assert_string_equal(guest->name, "small");
	assert_int_equal(guest->mode, SP_MODE_XL);
	assert_int_equal(guest->memory, SP_GUEST_MEMORY_DEFAULT);
	assert_false(guest->companions || guest->pci || guest->hotplug);
	assert_int_equal(guest->device_count, 1);
	assert_int_equal(guest->stream_count, 0);
	assert_false(guest->modules[SP_MODULE_KERNEL].set);
	sp_plan_file_destroy(file);
}

static void smallest(void **state) {
	struct sp_plan_file *file = parse("\xef\xbb\xbf[guest a]\ndevice=x");
	(void)state;

	assert_null(sp_plan_file_host(file));
	assert_int_equal(sp_plan_file_request(file)->target, SP_TARGET_DEFAULT);
	assert_int_equal(sp_plan_file_request(file)->guest_count, 1);
	sp_plan_file_destroy(file);
	sp_plan_file_destroy(NULL);
}

static void direct(void **state) {
	struct sp_plan_file *file =
		parse("[guest a]\ndevice=x\nwithout-iommu=yes\nstatic-memory=0x60000000\n"
		      "[guest b]\nmode=dom0less\ndevice=y\nwithout-iommu=yes\n"
		      "[guest c]\ndevice=z\nwithout-iommu=no\nmode=xl\n");
	const struct sp_request *request = sp_plan_file_request(file);
	(void)state;

	assert_int_equal(request->guests[0].mode, SP_MODE_DIRECT);
	assert_int_equal(request->guests[0].static_memory, 0x60000000);
	assert_int_equal(request->guests[1].mode, SP_MODE_DIRECT);
	assert_int_equal(request->guests[2].mode, SP_MODE_XL);
	assert_null(request->guests[0].kernel);
	sp_plan_file_destroy(file);
}

static void passed_on(void **state) {
	struct sp_plan_file *file =
		parse("[guest a]\ndevice=x\nkernel = /boot/Image\n"
		      "ramdisk=r.cpio\ncmdline = console=hvc0 root=/dev/xvda\n");
	const struct sp_request *request = sp_plan_file_request(file);
	(void)state;

	assert_string_equal(request->guests[0].kernel, "/boot/Image");
	assert_string_equal(request->guests[0].ramdisk, "r.cpio");
	assert_string_equal(request->guests[0].command_line, "console=hvc0 root=/dev/xvda");
	sp_plan_file_destroy(file);
}

static void refusals(void **state) {
	static const struct {
		const char *text, *message;
	} BAD[] = {
		{"", "plan.conf:1: there is no guest"},
		{"[host]\ntree=x\n", "there is no guest"},
		{"device=x\n", "dir/plan.conf:1: \"device\" stands before"},
		{"[guest a]\n\n[guest b]\ndevice=x\n",
			"dir/plan.conf:1: guest a is given no device"},
		{"[guest b]\ndevice=x\n[guest a]\n", "dir/plan.conf:3: guest a is given no device"},
		{"[guest a]\ndevice=x\n\n[guest a]\n",
			"dir/plan.conf:4: there is a guest a already, in line 1"},
		{"[guest]\n", "needs a name"},
		{"[guest ..]\n", "\"..\" cannot name a guest"},
		{"[guest a b]\n", "\"a b\" cannot name"},
		{"[guest a/b]\n", "\"a/b\" cannot name"},
		{"[gest a]\n", "unknown section [gest a]"},
		{"[host x]\n", "unknown section [host x]"},
		{"[host]\n[host]\n", "plan.conf:2: [host] is given a second time"},
		{"[guest a\n", "lacks its closing bracket"},
		{"[guest a]\ndevcie=x\n",
			"plan.conf:2: unknown key \"devcie\" in [guest]; did you mean device?"},
		{"[host]\ntargte=x\n", "did you mean target?"},
		{"[guest a]\ntree=x\n", "unknown key \"tree\" in [guest]"},
		{"[guest a]\nzzzzzz=x\n", "unknown key \"zzzzzz\" in [guest]"},
		{"[guest a]\njust words\n", "neither a section nor KEY = VALUE"},
		{"[guest a]\ndevice=\n", "device has no value"},
		{"[guest a]\ndevice= # nothing\n", "device has no value"},
		{"[guest a]\nmemory=1\nmemory=1\n", "plan.conf:3: memory is given a second time"},
		{"[guest a]\nmemory=lots\n", "plan.conf:2: \"lots\" is no amount of memory"},
		{"[guest a]\nmode=kvm\n", "unknown mode \"kvm\""},
		{"[guest a]\npci=perhaps\n", "\"perhaps\" is neither yes nor no"},
		{"[guest a]\niommus=x\n", "\"x\" gives no stream IDs"},
		{"[guest a]\niommus=x=a:0-200\niommus=x=a:0-200\n", "plan.conf:3: "},
		{"[guest a]\nbdf=x\n", "\"x\" is no PCI function"},
		{"[guest a]\nclock=x\n", "\"x\" gives no clock"},
		{"[guest a]\nstatic-memory=5\n", "\"5\" is no address of a page"},
		{"[guest a]\nmodule=kernel=0+1\nmodule=kernel=0+1\n", "a second time"},
		{"[host]\ntarget=xen-4.2x\n", "did you mean xen-4.2"},
		{"[host]\ntarget=kvm\n", "did you mean xen-4.20?"},
		{"[host]\nxen-has=luck\n", "\"luck\" is nothing that a Xen may have"},
		{"[guest a]\nmode=xl\ndevice=x\nwithout-iommu=yes\n",
			"plan.conf:1: guest a: without-iommu"},
		{"[guest a]\ndevice=a\x01z\n", "control character (0x01)"},
		{"[guest a]\ndevice=a\x7fz\n", "control character (0x7f)"},
		{"\xff\xfe[guest a]\n", "neither a section"},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		assert_refused(BAD[i].text, strlen(BAD[i].text), BAD[i].message);
	assert_refused("[guest a]\0", 10, "NUL byte");
}

static void limits(void **state) {
	size_t size = ((size_t)1 << 20) + 1;
	char *text = malloc(size), *p = text;
	struct sp_plan_file *file;
	(void)state;

	assert_non_null(text);
	memset(text, ' ', size);
	assert_refused(text, size, "longer than 1024 KiB");
	assert_refused(text, size - 1, "there is no guest");
	memset(text, '\n', size);
	assert_refused(text, size - 1, "plan.conf:1048577: there is no guest");
	for (int i = 0; i < 256; i++)
		p += sprintf(p, "[guest g%d]\ndevice=x\n", i);
	*p = '\0';
	file = parse(text);
	assert_int_equal(sp_plan_file_request(file)->guest_count, 256);
	assert_string_equal(sp_plan_file_request(file)->guests[255].name, "g255");
	sp_plan_file_destroy(file);
	p += sprintf(p, "[guest one-more]\ndevice=x\n");
	assert_refused(text, (size_t)(p - text), "more than 256 guests");
	/* A very long line, as value and as key. */
	memset(text, 'x', size);
	memcpy(text, "[guest a]\nmemory=", 17);
	assert_refused(text, size - 1, "plan.conf:2: \"xxx");
	memset(text, 'x', size);
	assert_refused(text, size - 1, "plan.conf:1: \"xxx");
	free(text);
}

static void trees(void **state) {
	struct sp_error error = {0};
	struct sp_plan_file *file;
	(void)state;

	file = parse("[host]\ntree=/abs/x.dtb\n[guest a]\ndevice=x\n");
	assert_string_equal(sp_plan_file_host(file), "/abs/x.dtb");
	sp_plan_file_destroy(file);
	assert_true(sp_plan_file_parse(
		&file, "[host]\ntree=x.dtb\n[guest a]\ndevice=x\n", 37, "plan.conf", &error));
	assert_string_equal(sp_plan_file_host(file), "x.dtb");
	sp_plan_file_destroy(file);
}

static void loading(void **state) {
	char path[] = "/tmp/sallyport-test-XXXXXX";
	static const char TEXT[] = "[guest a]\ndevice=x\n";
	struct sp_error error = {0};
	struct sp_plan_file *file;
	int fd = mkstemp(path);
	(void)state;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, TEXT, sizeof(TEXT) - 1), sizeof(TEXT) - 1);
	close(fd);
	assert_true(sp_plan_file_load(&file, path, &error));
	assert_string_equal(sp_plan_file_request(file)->guests[0].devices[0], "x");
	sp_plan_file_destroy(file);
	unlink(path);
	assert_false(sp_plan_file_load(&file, path, &error));
	assert_null(file);
	assert_int_equal(error.kind, SP_ERROR_SYSTEM);
	assert_non_null(strstr(error.message, path));
	assert_false(sp_plan_file_load(&file, "/", &error));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(smallest),
		cmocka_unit_test(direct),
		cmocka_unit_test(passed_on),
		cmocka_unit_test(refusals),
		cmocka_unit_test(limits),
		cmocka_unit_test(trees),
		cmocka_unit_test(loading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
