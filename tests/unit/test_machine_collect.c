/* SPDX-License-Identifier: MIT */
#include "machine_text.h"

#include <errno.h>

#include "machine/collect.h"
#include "machine_root.h"

#define DEV "/sys/bus/pci/devices/"

static char root[] = "/tmp/sallyport-root-XXXXXX";

static int make_root(void **state) {
	(void)state;
	strcpy(root + sizeof(root) - 7, "XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
	(void)state;
	root_remove(root);
	return 0;
}

static struct sp_machine *read_root(void) {
	struct sp_error error = {0};
	struct sp_machine *machine;

	if (!sp_machine_read(&machine, root, &error))
		fail_msg("%s", error.message);
	return machine;
}

static void put(const char *name, enum sp_record_kind kind, const char *data) {
	root_put(root,
		&(struct sp_record){
			.kind = kind, .name = name, .data = data, .size = strlen(data)});
}

static void assert_same_snapshot(const struct sp_machine *machine) {
	struct sp_error error = {0};
	size_t size, written_size;
	char *data, *written;

	assert_true(sp_machine_snapshot(root, &data, &size, &error));
	assert_true(sp_machine_write(machine, &written, &written_size, &error));
	assert_int_equal(size, written_size);
	assert_memory_equal(data, written, size);
	free(data);
	free(written);
}

/* A machine that is read again is the same, except for what folders do not hold. */
static void reads_a_machine_again(void **state) {
	struct sp_machine *told = machine_load("snapshots/intel-igd.snapshot"), *machine;
	uint32_t files = 0;

	(void)state;
	root_make(root, &told->files);
	machine = read_root();
	assert_int_equal(sp_machine_source(machine), SP_MACHINE_LIVE);
	assert_string_equal(sp_machine_name(machine), root);
	for (uint32_t i = 0; i < told->files.records.count; i++) {
		const struct sp_record *record = &told->files.records.data[i], *same;

		if (record->name[0] != '/' || root_is_device(record))
			continue;
		same = sp_files_get(&machine->files, record->name);
		if (!same)
			fail_msg("%s was not read", record->name);
		assert_int_equal(same->kind, record->kind);
		assert_int_equal(same->size, record->size);
		assert_memory_equal(same->data, record->data, record->size);
		files++;
	}
	assert_in_range(files, 50, 1000);
	assert_string_equal(
		sp_files_text(&machine->files, "list /sys/firmware/acpi/tables"), "DMAR");
	assert_int_equal(machine_function(machine, "00:02.0")->rmrrs.count, 1);
	assert_true(machine->has_dmar);
	assert_string_equal(machine_function(machine, "00:02.0")->user, "console");
	assert_same_snapshot(machine);
	sp_machine_destroy(machine);
	sp_machine_destroy(told);
}

/* The images are left out of VFCT, and its checksum is right all the same. */
static void blanks_images(void **state) {
	struct sp_machine *told = machine_load("snapshots/amd-gpu.snapshot"), *machine;
	static const char name[] = "/sys/firmware/acpi/tables/VFCT";
	const struct sp_record *table = sp_files_get(&told->files, name), *read;
	char *bytes = malloc(table->size);
	struct sp_record changed = *table;

	(void)state;
	assert_non_null(bytes);
	memcpy(bytes, table->data, table->size);
	/* The sum stays as it was. */
	bytes[table->size - 1] = 'R';
	bytes[table->size - 2] = (char)-'R';
	changed.data = bytes;
	root_make(root, &told->files);
	root_put(root, &changed);
	machine = read_root();
	assert_non_null(machine_function(machine, "03:00.0")->vfct);
	assert_null(machine->table_error);
	read = sp_files_get(&machine->files, name);
	assert_int_equal(read->size, table->size);
	assert_memory_equal(read->data, table->data, table->size);
	free(bytes);
	sp_machine_destroy(machine);
	sp_machine_destroy(told);
}

/* One pass over the list of names; sections for subsystems and classes are no devices. */
static void finds_names(void **state) {
	struct sp_machine *machine;

	(void)state;
	put(DEV "0000:00:02.0/vendor", SP_RECORD_TEXT, "0x8086");
	put(DEV "0000:00:02.0/device", SP_RECORD_TEXT, "0x3e92");
	put(DEV "0000:00:03.0/vendor", SP_RECORD_TEXT, "0x8086");
	put(DEV "0000:00:03.0/device", SP_RECORD_TEXT, "0xffff");
	put(DEV "0000:00:04.0/vendor", SP_RECORD_TEXT, "0x1234");
	put(DEV "0000:00:04.0/device", SP_RECORD_TEXT, "0x3e92");
	put(DEV "0000:00:05.0/vendor", SP_RECORD_TEXT, "0x8086");
	put(DEV "0000:00:05.0/device", SP_RECORD_TEXT, "0x3e92");
	put("/usr/share/misc/pci.ids", SP_RECORD_TEXT,
		"# A comment.\n"
		"0e11  Compaq\n"
		"\t3e92  Wrong vendor\n"
		"8086  Intel Corporation\n"
		"\t3e91  Another one\n"
		"\t3e92  UHD Graphics 630\n"
		"\t\t1028 3e92  Subsystem\n"
		"\n"
		"C 03  Display controller\n"
		"\t00  VGA compatible controller\n"
		"\t3e92  Wrong section\n");
	machine = read_root();
	assert_string_equal(
		machine_function(machine, "00:02.0")->name, "Intel Corporation UHD Graphics 630");
	assert_string_equal(
		machine_function(machine, "00:03.0")->name, "Intel Corporation device ffff");
	assert_null(machine_function(machine, "00:04.0")->name);
	assert_string_equal(
		machine_function(machine, "00:05.0")->name, "Intel Corporation UHD Graphics 630");
	sp_machine_destroy(machine);
}

/* Through a volume that lies on a partition, and through an array's own number. */
static void finds_mounts(void **state) {
	struct sp_machine *machine;

	(void)state;
	put(DEV "0000:00:04.0/class", SP_RECORD_TEXT, "0x010802");
	put(DEV "0000:00:05.0/class", SP_RECORD_TEXT, "0x010802");
	put(DEV "0000:00:06.0/class", SP_RECORD_TEXT, "0x010802");
	put(DEV "0000:00:07.0/class", SP_RECORD_TEXT, "0x010802");
	put("/sys/devices/pci0000:00/0000:00:04.0/block/sda/sda2/dev", SP_RECORD_TEXT, "8:2");
	put("/sys/devices/pci0000:00/0000:00:04.0/block/sda/sda2/holders/dm-0/x", SP_RECORD_TEXT,
		"");
	put("/sys/devices/virtual/block/dm-0/dev", SP_RECORD_TEXT, "253:0");
	put("/sys/devices/pci0000:00/0000:00:05.0/block/sdb/dev", SP_RECORD_TEXT, "8:16");
	put("/sys/devices/pci0000:00/0000:00:06.0/block/sdc/dev", SP_RECORD_TEXT, "8:32");
	put("/sys/devices/pci0000:00/0000:00:07.0/block/sdd/dev", SP_RECORD_TEXT, "8:48");
	put("/sys/class/block/sda2", SP_RECORD_LINK,
		"../../devices/pci0000:00/0000:00:04.0/block/sda/sda2");
	put("/sys/class/block/dm-0", SP_RECORD_LINK, "../../devices/virtual/block/dm-0");
	put("/sys/class/block/sdb", SP_RECORD_LINK,
		"../../devices/pci0000:00/0000:00:05.0/block/sdb");
	put("/sys/class/block/sdc", SP_RECORD_LINK,
		"../../devices/pci0000:00/0000:00:06.0/block/sdc");
	put("/sys/class/block/sdd", SP_RECORD_LINK,
		"../../devices/pci0000:00/0000:00:07.0/block/sdd");
	put("/dev/mapper/root", SP_RECORD_LINK, "../dm-0");
	put("/proc/self/mountinfo", SP_RECORD_TEXT,
		"22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n"
		"23 22 0:40 / /home/alice/x rw shared:1 - btrfs /dev/sdb rw\n"
		"24 22 0:41 / /proc rw - proc proc rw\n");
	put("/proc/swaps", SP_RECORD_TEXT, "Filename Type Size\n/dev/sdc partition 100 0 -2");
	machine = read_root();
	assert_string_equal(machine_function(machine, "00:04.0")->user, "mounted at /");
	/* Where people keep their things is nobody's business. */
	assert_string_equal(machine_function(machine, "00:05.0")->user, "mounted at a folder");
	assert_string_equal(machine_function(machine, "00:06.0")->user, "used as swap");
	assert_false(machine_function(machine, "00:07.0")->has_users);
	assert_null(sp_files_get(&machine->files, "/proc/self/mountinfo"));
	sp_machine_destroy(machine);
}

/* The disk of a controller that could have a second path belongs to none of them. */
static void finds_mounts_of_paths(void **state) {
	static const char subsystem[] = "../../devices/virtual/nvme-subsystem/nvme-subsys0/";
	struct sp_machine *machine;
	char link[128];

	(void)state;
	put(DEV "0000:00:04.0/class", SP_RECORD_TEXT, "0x010802");
	put(DEV "0000:00:05.0/class", SP_RECORD_TEXT, "0x010802");
	put("/sys/class/block/nvme0c1n1", SP_RECORD_LINK,
		"../../devices/pci0000:00/0000:00:04.0/nvme/nvme1/nvme0c1n1");
	put("/sys/class/block/nvme2c2n1", SP_RECORD_LINK,
		"../../devices/pci0000:00/0000:00:05.0/nvme/nvme2/nvme2c2n1");
	snprintf(link, sizeof(link), "%snvme0n1", subsystem);
	put("/sys/class/block/nvme0n1", SP_RECORD_LINK, link);
	snprintf(link, sizeof(link), "%snvme0n1/nvme0n1p2", subsystem);
	put("/sys/class/block/nvme0n1p2", SP_RECORD_LINK, link);
	put("/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p2/dev",
		SP_RECORD_TEXT, "259:2");
	put("/proc/self/mountinfo", SP_RECORD_TEXT, "22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
	machine = read_root();
	assert_string_equal(machine_function(machine, "00:04.0")->user, "mounted at /");
	assert_false(machine_function(machine, "00:05.0")->has_users);
	sp_machine_destroy(machine);
}

/* What tells more than is needed is cut down while it is read. */
static void keeps_what_matters(void **state) {
	struct sp_machine *machine;

	(void)state;
	put(DEV "0000:00:02.0/class", SP_RECORD_TEXT, "0x030000");
	put("/proc/sys/kernel/osrelease", SP_RECORD_TEXT, "6.12.1");
	put("/lib/modules/6.12.1/config", SP_RECORD_TEXT,
		"#\n# Linux\n#\nCONFIG_LOCALVERSION=\"-alice\"\nCONFIG_XEN=y\n"
		"CONFIG_XEN_PVHVM=y\n# CONFIG_VFIO is not set\nCONFIG_XEN_PVH=m");
	put("/proc/iomem", SP_RECORD_TEXT,
		"00001000-0009ffff : System RAM\n"
		"100000000-1ffffffff : System RAM\n  100000000-100ffffff : Kernel code");
	put("/proc/meminfo", SP_RECORD_TEXT, "MemTotal: 4 kB\nMemFree: 2 kB");
	put("/proc/cpuinfo", SP_RECORD_TEXT,
		"vendor_id\t: GenuineIntel\nflags: a\nmodel name\t: x\naddress sizes\t: 39\n"
		"vendor_id\t: GenuineIntel");
	put("/sys/firmware/efi/systab", SP_RECORD_TEXT, "");
	machine = read_root();
	assert_string_equal(sp_files_text(&machine->files, "/lib/modules/6.12.1/config"),
		"CONFIG_XEN=y\n# CONFIG_VFIO is not set\nCONFIG_XEN_PVH=m");
	assert_int_equal(sp_machine_config(machine, "CONFIG_XEN_PVH"), 'm');
	assert_int_equal(sp_machine_config(machine, "CONFIG_VFIO"), 'n');
	assert_string_equal(sp_files_text(&machine->files, "/proc/iomem"),
		"00001000-0009ffff : System RAM\n100000000-1ffffffff : System RAM");
	assert_int_equal(machine->ram_below_4g, 0x9f000);
	assert_string_equal(sp_files_text(&machine->files, "/proc/meminfo"), "MemTotal: 4 kB");
	assert_string_equal(sp_files_text(&machine->files, "/proc/cpuinfo"),
		"vendor_id\t: GenuineIntel\nmodel name\t: x\naddress sizes\t: 39");
	assert_string_equal(machine->cpu, "GenuineIntel");
	assert_int_equal(machine->kernel.efi, SP_YES);
	assert_int_equal(machine->xen.dom0, SP_DOM0_NONE);
	sp_machine_destroy(machine);
}

static void needs_functions(void **state) {
	struct sp_error error = {0};
	struct sp_machine *machine;

	(void)state;
	assert_false(sp_machine_read(&machine, root, &error));
	assert_null(machine);
	assert_string_equal(error.message, "no PCI function is to be found");
}

static void runs_programs(void **state) {
	static const char *const prints[] = {"/bin/sh", "-c", "echo out; echo err >&2", NULL};
	static const char *const fails[] = {"sh", "-c", "echo out; exit 3", NULL};
	static const char *const floods[] = {"sh", "-c", "yes | head -c 100000", NULL};
	static const char *const absent[] = {"/nonexistent/xl", NULL};
	struct sp_buf out = {0};

	(void)state;
	assert_true(collect_run(prints, 100, &out));
	assert_string_equal(out.data, "out\n");
	out.size = 0;
	assert_false(collect_run(fails, 100, &out));
	out.size = 0;
	assert_true(collect_run(floods, 10000, &out));
	assert_in_range(out.size, 1, 10000);
	out.size = 0;
	assert_false(collect_run(absent, 100, &out));
	sp_buf_release(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reads_a_machine_again, make_root, remove_root),
		cmocka_unit_test_setup_teardown(blanks_images, make_root, remove_root),
		cmocka_unit_test_setup_teardown(finds_names, make_root, remove_root),
		cmocka_unit_test_setup_teardown(finds_mounts, make_root, remove_root),
		cmocka_unit_test_setup_teardown(finds_mounts_of_paths, make_root, remove_root),
		cmocka_unit_test_setup_teardown(keeps_what_matters, make_root, remove_root),
		cmocka_unit_test_setup_teardown(needs_functions, make_root, remove_root),
		cmocka_unit_test(runs_programs),
	};

	return cmocka_run_group_tests_name("machine-collect", tests, NULL, NULL);
}
