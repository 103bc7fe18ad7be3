/* SPDX-License-Identifier: MIT */
/*
 * The reader of lspci's output beside libpci's, which `lspci -F` uses: the same files have the same
 * functions with the same bytes. Further files of lspci -xxxx may be given as arguments.
 */
#include "machine_text.h"

#include <pci/pci.h>
#include <unistd.h>

#include "base/file.h"
#include "pci/address.h"

static char **paths;
static int path_count;

static void ignore(char *message, ...) {
	(void)message;
}

static struct pci_access *open_dump(char *path) {
	static char name[] = "dump.name";
	struct pci_access *access = pci_alloc();

	access->method = PCI_ACCESS_DUMP;
	access->warning = ignore;
	assert_int_equal(pci_set_param(access, name, path), 0);
	pci_init(access);
	pci_scan_bus(access);
	return access;
}

static void compare(const struct sp_machine *machine, struct pci_dev *dev) {
	sp_bdf bdf = SP_BDF(dev->domain, dev->bus, dev->dev, dev->func);
	char address[SP_BDF_SIZE], name[64];
	const struct sp_record *record;
	uint8_t bytes[SP_PCI_CONFIG_MAX];

	sp_bdf_format(address, bdf);
	machine_function(machine, address);
	snprintf(name, sizeof(name), "/sys/bus/pci/devices/%s/config", address);
	record = sp_files_get(&machine->files, name);
	assert_non_null(record);
	assert_int_equal(record->kind, SP_RECORD_BYTES);
	if (!pci_read_block(dev, 0, bytes, (int)record->size))
		fail_msg("%s: libpci has fewer bytes than %zu", address, record->size);
	assert_memory_equal(bytes, record->data, record->size);
	if (record->size < SP_PCI_CONFIG_MAX)
		assert_false(pci_read_block(dev, (int)record->size, bytes, 1));
}

/* Both read the text; the number of functions. */
static uint32_t compare_text(const char *text, size_t size) {
	char path[] = "/tmp/sp-lspci-XXXXXX";
	struct sp_error error = {0};
	struct sp_machine *machine;
	struct pci_access *access;
	uint32_t count = 0, ours;
	int file = mkstemp(path);

	assert_true(file >= 0);
	assert_int_equal(write(file, text, size), (ssize_t)size);
	close(file);
	if (!sp_machine_parse(&machine, text, size, "dump", &error))
		fail_msg("%s", error.message);
	access = open_dump(path);
	for (struct pci_dev *dev = access->devices; dev; dev = dev->next, count++)
		compare(machine, dev);
	ours = machine->function_count;
	assert_int_equal(count, ours);
	pci_cleanup(access);
	sp_machine_destroy(machine);
	unlink(path);
	return count;
}

/* Rows that fixtures leave out are zeros, and libpci takes them for all ones. */
static void fill(struct sp_buf *out, unsigned long from, unsigned long to, const char *end) {
	for (; from < to; from += 16)
		sp_buf_printf(
			out, "%02lx: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00%s", from, end);
}

/* The same lines with `lead` before headings and `end` at the end of each. */
static void change(struct sp_buf *out, const char *text, const char *lead, const char *end) {
	unsigned long expected = 0;

	while (*text) {
		size_t size = strcspn(text, "\n"), digits = strspn(text, "0123456789abcdef");

		if (size > 8 && text[2] == ':' && text[5] == '.') {
			sp_buf_str(out, lead);
			expected = 0;
		} else if (digits >= 2 && digits <= 3 && text[digits] == ':') {
			unsigned long at = strtoul(text, NULL, 16);

			fill(out, expected, at, end);
			expected = at + 16;
		}
		sp_buf_put(out, text, size);
		sp_buf_str(out, end);
		text += size + (text[size] == '\n');
	}
}

static void agrees(void **state) {
	static const char *const changes[][2] = {
		{"", "\n"}, {"0000:", "\n"}, {"0002:", "\n"}, {"", "\r\n"}};

	(void)state;
	assert_true(path_count > 0);
	for (int i = 0; i < path_count; i++) {
		struct sp_error error = {0};
		uint32_t count = 0, found;
		size_t size;
		char *text;

		if (!sp_file_read(paths[i], SP_FILES_LIMIT, &text, &size, &error))
			fail_msg("%s", error.message);
		for (size_t c = 0; c < sizeof(changes) / sizeof(changes[0]); c++) {
			struct sp_buf changed = {0};

			change(&changed, text, changes[c][0], changes[c][1]);
			assert_false(changed.failed);
			found = compare_text(changed.data, changed.size);
			assert_true(found > 0 && (!c || found == count));
			count = found;
			sp_buf_release(&changed);
		}
		free(text);
	}
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(agrees)};

	paths = argv + 1;
	path_count = argc - 1;
	return cmocka_run_group_tests_name("machine-libpci", tests, NULL, NULL);
}
