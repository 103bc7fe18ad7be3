/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "xen/pci.h"

/* The calls for PCI, over functions of the test in place of libxl's, and over files for /sys. */

#define BDF UINT32_C(0x00010318) /* 0001:03:03.0 */
#define ADDRESS "0001:03:03.0"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What libxl does when it is called; its child inherits it. */
static struct {
	int rc, wait; /* seconds */
	const char *lines[8]; /* it says before it fails */
	int number; /* an errno that goes with the last, or -1 */
	bool dies, no_ctx, keeps;
	uint32_t owner;
	bool assigned;
	xentoollog_logger *logger;
} xl;

static struct {
	struct sp_xen xen;
	struct xen_pci pci;
	char root[64];
} bench;

struct xen_pci *xen_pci_of(struct sp_xen *xen) {
	assert_ptr_equal(xen, &bench.xen);
	return &bench.pci;
}

int xen_pci_assigned(struct sp_xen *xen, sp_bdf bdf) {
	(void)xen;
	assert_int_equal(bdf, BDF);
	return xl.assigned ? EBUSY : 0;
}

static void say(xentoollog_level level, int number, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void say(xentoollog_level level, int number, const char *format, ...) {
	va_list args;

	va_start(args, format);
	xl.logger->vmessage(xl.logger, level, number, "libxl", format, args);
	va_end(args);
}

static int answer(void) {
	say(XTL_INFO, -1, "nothing that matters");
	for (size_t i = 0; xl.lines[i]; i++)
		say(XTL_ERROR, xl.lines[i + 1] ? -1 : xl.number, "%s", xl.lines[i]);
	if (xl.wait)
		nanosleep(&(struct timespec){.tv_sec = xl.wait}, NULL);
	if (xl.dies)
		_exit(255);
	return xl.rc;
}

int libxl_ctx_alloc(libxl_ctx **ctx, int version, unsigned flags, xentoollog_logger *logger) {
	(void)version;
	(void)flags;
	xl.logger = logger;
	*ctx = xl.no_ctx ? NULL : (libxl_ctx *)&xl;
	return xl.no_ctx ? ERROR_FAIL : 0;
}

int libxl_ctx_free(libxl_ctx *ctx) {
	(void)ctx;
	return 0;
}

void libxl_device_pci_init(libxl_device_pci *pci) {
	memset(pci, 0, sizeof(*pci));
	pci->rdm_policy = LIBXL_RDM_RESERVE_POLICY_INVALID;
}

void libxl_device_pci_dispose(libxl_device_pci *pci) {
	(void)pci;
}

void libxl_dominfo_init(libxl_dominfo *info) {
	memset(info, 0, sizeof(*info));
}

void libxl_dominfo_dispose(libxl_dominfo *info) {
	(void)info;
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t id) {
	(void)ctx;
	info->domain_type = id == 3 ? LIBXL_DOMAIN_TYPE_PV
		: id == 4           ? LIBXL_DOMAIN_TYPE_HVM
				    : LIBXL_DOMAIN_TYPE_PVH;
	return id > 9 ? ERROR_DOMAIN_NOTFOUND : 0;
}

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *count) {
	libxl_dominfo *list = calloc(4, sizeof(*list));

	(void)ctx;
	for (uint32_t i = 0; i < 4; i++)
		list[i].domid = i ? i + 2 : 0;
	*count = 4;
	return list;
}

void libxl_dominfo_list_free(libxl_dominfo *list, int count) {
	(void)count;
	free(list);
}

int libxl_is_stubdom(libxl_ctx *ctx, uint32_t id, uint32_t *target) {
	(void)ctx;
	(void)target;
	return id == 4;
}

static libxl_device_pci *list_of(const libxl_device_pci *one, int *count) {
	libxl_device_pci *list = calloc(1, sizeof(*list));

	*list = *one;
	*count = 1;
	return list;
}

static const libxl_device_pci ONE = {.domain = 1, .bus = 3, .dev = 3};

/* The stub domain 4 has what 5 has. */
libxl_device_pci *libxl_device_pci_list(libxl_ctx *ctx, uint32_t id, int *count) {
	(void)ctx;
	*count = 0;
	return xl.owner && (id == xl.owner || (id == 4 && xl.owner == 5)) ? list_of(&ONE, count)
									  : NULL;
}

void libxl_device_pci_list_free(libxl_device_pci *list, int count) {
	(void)count;
	free(list);
}

libxl_device_pci *libxl_device_pci_assignable_list(libxl_ctx *ctx, int *count) {
	(void)ctx;
	*count = 0;
	return xl.keeps ? NULL : list_of(&ONE, count);
}

void libxl_device_pci_assignable_list_free(libxl_device_pci *list, int count) {
	(void)count;
	free(list);
}

static void tell(const char *what, const libxl_device_pci *pci, int how) {
	say(XTL_ERROR, -1, "%s %x:%x:%x.%x @%x &%x %d%d%d%d %d how %d", what, (unsigned)pci->domain,
		pci->bus, pci->dev, pci->func, pci->vdevfn, pci->vfunc_mask, pci->permissive,
		pci->msitranslate, pci->power_mgmt, pci->seize, pci->rdm_policy, how);
}

int libxl_device_pci_assignable_add(libxl_ctx *ctx, libxl_device_pci *pci, int rebind) {
	(void)ctx;
	tell("take", pci, rebind);
	return answer();
}

int libxl_device_pci_assignable_remove(libxl_ctx *ctx, libxl_device_pci *pci, int rebind) {
	(void)ctx;
	tell("restore", pci, rebind);
	return answer();
}

int libxl_device_pci_add(
	libxl_ctx *ctx, uint32_t id, libxl_device_pci *pci, const libxl_asyncop_how *how) {
	(void)ctx;
	(void)how;
	tell("add", pci, (int)id);
	return answer();
}

int libxl_device_pci_remove(
	libxl_ctx *ctx, uint32_t id, libxl_device_pci *pci, const libxl_asyncop_how *how) {
	(void)ctx;
	(void)how;
	tell("remove", pci, (int)id);
	return answer();
}

int libxl_device_pci_destroy(
	libxl_ctx *ctx, uint32_t id, libxl_device_pci *pci, const libxl_asyncop_how *how) {
	(void)ctx;
	(void)how;
	tell("destroy", pci, (int)id);
	xl.owner = 0;
	return xl.rc == ERROR_QMP_DEVICE_NOT_FOUND ? 0 : answer();
}

int libxl_qemu_monitor_command(libxl_ctx *ctx, uint32_t id, const char *command, char **output,
	const libxl_asyncop_how *how) {
	(void)ctx;
	(void)id;
	(void)how;
	*output = NULL;
	say(XTL_ERROR, -1, "model %s", command);
	return 0;
}

static void write_file(const char *name, const char *text) {
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/%s", bench.root, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_written(const char *name, const char *expected) {
	char path[256], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/%s", bench.root, name);
	file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, expected);
}

static void run_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run_shell(const char *format, ...) {
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static void drive(const char *driver) {
	run_shell("rm -f %s/sys/bus/pci/devices/" ADDRESS "/driver", bench.root);
	if (driver)
		run_shell("ln -s ../../drivers/%s %s/sys/bus/pci/devices/" ADDRESS "/driver",
			driver, bench.root);
}

static int setup(void **state) {
	static const char *const DRIVERS[] = {"e1000e", "pciback"};
	static const char *const FILES[] = {"bind", "unbind", "new_slot", "remove_slot"};
	char name[64];

	(void)state;
	memset(&bench, 0, sizeof(bench));
	memset(&xl, 0, sizeof(xl));
	xl.number = -1;
	bench.pci = (struct xen_pci)XEN_PCI_INIT;
	snprintf(bench.root, sizeof(bench.root), "/tmp/sallyport-XXXXXX");
	assert_non_null(mkdtemp(bench.root));
	bench.pci.sysfs = bench.root;
	bench.pci.libxl.limit = 5000;
	for (size_t d = 0; d < COUNT(DRIVERS); d++) {
		run_shell("mkdir -p %s/sys/bus/pci/drivers/%s", bench.root, DRIVERS[d]);
		for (size_t f = 0; f < COUNT(FILES); f++) {
			snprintf(name, sizeof(name), "drivers/%s/%s", DRIVERS[d], FILES[f]);
			write_file(name, "");
		}
	}
	run_shell("mkdir -p %s/sys/bus/pci/devices/" ADDRESS, bench.root);
	write_file("devices/" ADDRESS "/class", "0x020000\n");
	drive("e1000e");
	return 0;
}

static int teardown(void **state) {
	(void)state;
	run_shell("rm -r %s", bench.root);
	return 0;
}

static void looking(void **state) {
	struct sp_xen_function function;
	uint8_t functions;

	(void)state;
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF, &function), 0);
	assert_string_equal(function.driver, "e1000e");
	assert_false(function.assignable || function.bridge || function.stale);
	assert_int_equal(function.owner, SP_XEN_NOBODY);
	write_file("devices/" ADDRESS "/class", "0x060400\n");
	drive(NULL);
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF, &function), 0);
	assert_string_equal(function.driver, "");
	assert_true(function.bridge && !function.assignable);
	assert_false(function.deadly);
	run_shell("mkdir -p %s/sys/hypervisor", bench.root);
	write_file("devices/" ADDRESS "/physfn", "");
	write_file("../../hypervisor/guest_type", "PV\n");
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF, &function), 0);
	assert_false(function.deadly);
	write_file("../../hypervisor/guest_type", "PVH\n");
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF, &function), 0);
	assert_true(function.deadly);
	drive("pciback");
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF, &function), 0);
	assert_string_equal(function.driver, "");
	assert_true(function.assignable && !function.stale);
	xl.keeps = true;
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF, &function), 0);
	assert_true(function.stale);
	xl.owner = 5;
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF, &function), 0);
	assert_int_equal(function.owner, 5);
	assert_false(function.stale);
	assert_int_equal(XEN_PCI_OPS.look(&bench.xen, BDF + 1, &function), ENODEV);
	assert_int_equal(XEN_PCI_OPS.slot(&bench.xen, BDF, &functions), 0);
	assert_int_equal(functions, 1);
	run_shell("mkdir %s/sys/bus/pci/devices/0001:03:03.7", bench.root);
	assert_int_equal(XEN_PCI_OPS.slot(&bench.xen, BDF, &functions), 0);
	assert_int_equal(functions, 0x81);
	assert_int_equal(XEN_PCI_OPS.slot(&bench.xen, BDF + 8, &functions), ENODEV);
}

static void kinds(void **state) {
	static const enum sp_xen_kind EXPECTED[] = {SP_XEN_PV, SP_XEN_HVM, SP_XEN_PVH};
	enum sp_xen_kind kind;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(XEN_PCI_OPS.kind(&bench.xen, 3 + i, &kind), 0);
		assert_int_equal(kind, EXPECTED[i]);
	}
	assert_int_equal(XEN_PCI_OPS.kind(&bench.xen, 10, &kind), ESRCH);
}

static void what_libxl_is_given(void **state) {
	const struct sp_xen_pci pci = {.bdf = BDF,
		.slot = 0x1f,
		.permissive = true,
		.power_mgmt = true,
		.policy = SP_XEN_POLICY_RELAXED};

	(void)state;
	xl.rc = ERROR_FAIL;
	assert_int_equal(XEN_PCI_OPS.add(&bench.xen, 3, &pci), EIO);
	assert_string_equal(bench.xen.said, "add 1:3:3.0 @f8 &1 1010 1 how 3");
	assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), EIO);
	assert_string_equal(bench.xen.said, "take 1:3:3.0 @0 &1 0000 -1 how 1");
	assert_int_equal(XEN_PCI_OPS.remove(&bench.xen, 3, BDF, false), EIO);
	assert_string_equal(bench.xen.said, "remove 1:3:3.0 @0 &1 0000 -1 how 3");
	assert_int_equal(XEN_PCI_OPS.remove(&bench.xen, 3, BDF, true), EIO);
	assert_string_equal(bench.xen.said, "destroy 1:3:3.0 @0 &1 0000 -1 how 3");
	xl.rc = 0;
	assert_int_equal(XEN_PCI_OPS.add(&bench.xen, 3, &pci), 0);
	assert_string_equal(bench.xen.said, "");
}

static void what_libxl_says(void **state) {
	static const struct {
		const char *lines[4];
		int number;
		const char *said;
	} CASES[] = {
		{{"libxl_pci.c:1500:libxl__device_pci_add: Domain 3:PCI device is odd"}, -1,
			"PCI device is odd"},
		{{"libxl_pci.c:379:sysfs_write_bdf: write to /sys/x returned -1"}, EBUSY,
			"write to /sys/x returned -1: Device or resource busy"},
		{{"libxl_pci.c:1:f: write to /x/bind returned -1",
			 "libxl_pci.c:1:f: Couldn't bind device to pciback!"},
			-1, "write to /x/bind returned -1"},
		{{"libxl_pci.c:1:f: The kernel doesn't support reset from sysfs for PCI device",
			 "libxl_pci.c:2:f: Domain 3:xc_assign_device failed"},
			EPERM, "xc_assign_device failed: Operation not permitted"},
		{{"first", "second", "libxl_device.c:1:f: unable to add device"}, -1, "second"},
		{{"a\nb\x1b[0m"}, -1, "a b [0m"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		memcpy(xl.lines, CASES[i].lines, sizeof(CASES[i].lines));
		xl.number = CASES[i].number;
		xl.rc = ERROR_FAIL;
		assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), EIO);
		assert_string_equal(bench.xen.said, CASES[i].said);
	}
}

static void numbers(void **state) {
	static const int CASES[][2] = {{ERROR_NI, ENOSYS}, {ERROR_NOMEM, ENOMEM},
		{ERROR_INVAL, EINVAL}, {ERROR_TIMEDOUT, ETIMEDOUT}, {ERROR_FAIL, EIO},
		{ERROR_QMP_GENERIC_ERROR, EREMOTEIO}, {-1000, EIO}, {1, EIO}};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		xl.rc = CASES[i][0];
		assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), CASES[i][1]);
	}
	xl.no_ctx = true;
	xl.rc = 0;
	assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), EIO);
}

static void time_is_up(void **state) {
	struct timespec begun, now;

	(void)state;
	xl.wait = 2;
	bench.pci.libxl.limit = 100;
	clock_gettime(CLOCK_MONOTONIC, &begun);
	assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), SP_XEN_AT_WORK);
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "e1000e", true), 0);
	xl.wait = 0;
	assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), SP_XEN_AT_WORK);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(now.tv_sec - begun.tv_sec < 2);
	nanosleep(&(struct timespec){.tv_sec = 2, .tv_nsec = 300000000}, NULL);
	bench.pci.libxl.limit = 5000;
	assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), 0);
}

static void libxl_ends_the_process(void **state) {
	(void)state;
	xl.dies = true;
	assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), EIO);
	assert_string_equal(bench.xen.said, "libxl ended without an answer");
	xl.dies = false;
	assert_int_equal(XEN_PCI_OPS.take(&bench.xen, BDF), 0);
}

static void a_guest_lets_go_late(void **state) {
	(void)state;
	xl.owner = 3;
	xl.rc = ERROR_TIMEDOUT;
	assert_int_equal(XEN_PCI_OPS.remove(&bench.xen, 3, BDF, false), ETIMEDOUT);
	/* A PV guest has it still, though libxl says no word. */
	xl.rc = 0;
	assert_int_equal(XEN_PCI_OPS.remove(&bench.xen, 3, BDF, false), ETIMEDOUT);
	/* Its device model does not know it any more. */
	xl.rc = ERROR_QMP_DEVICE_NOT_FOUND;
	assert_int_equal(XEN_PCI_OPS.remove(&bench.xen, 3, BDF, false), 0);
}

static void restoring(void **state) {
	(void)state;
	/* libxl does it, and there is nothing more to do. */
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "e1000e", true), 0);
	assert_written("drivers/e1000e/bind", "");
	/* libxl refuses what it has taken in part. */
	drive("pciback");
	xl.rc = ERROR_FAIL;
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "e1000e", true), 0);
	assert_written("drivers/pciback/unbind", ADDRESS);
	assert_written("drivers/pciback/remove_slot", ADDRESS);
	assert_written("drivers/e1000e/bind", ADDRESS);
	assert_written("drivers/e1000e/unbind", "");
	/* Some guest has it after all. */
	write_file("drivers/pciback/unbind", "");
	xl.assigned = true;
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "e1000e", true), EBUSY);
	assert_written("drivers/pciback/unbind", "");
	/* Xen does not know it, and says the same. */
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "e1000e", false), 0);
	assert_written("drivers/pciback/unbind", ADDRESS);
	write_file("drivers/pciback/unbind", "");
	xl.assigned = false;
	/* To no driver. */
	write_file("drivers/e1000e/bind", "");
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "", true), 0);
	assert_written("drivers/pciback/unbind", ADDRESS);
	assert_written("drivers/e1000e/bind", "");
	/* It had lost its driver, and pciback has not got it. */
	drive(NULL);
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "e1000e", true), 0);
	assert_written("drivers/e1000e/bind", ADDRESS);
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF, "gone", true), ENOENT);
	assert_int_equal(XEN_PCI_OPS.restore(&bench.xen, BDF + 1, "e1000e", true), ENODEV);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(looking, setup, teardown),
		cmocka_unit_test_setup_teardown(kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(what_libxl_is_given, setup, teardown),
		cmocka_unit_test_setup_teardown(what_libxl_says, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(time_is_up, setup, teardown),
		cmocka_unit_test_setup_teardown(libxl_ends_the_process, setup, teardown),
		cmocka_unit_test_setup_teardown(a_guest_lets_go_late, setup, teardown),
		cmocka_unit_test_setup_teardown(restoring, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
