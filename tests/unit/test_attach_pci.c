/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "fake_xen.h"

/* Functions of PCI, over a Xen in memory. */

#define GUEST 3u
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define HOST \
	"release 4.20\ndomain 0 Domain-0\ndomain 3 gpu\ndomain 4 other\nroom 3 128\n" \
	"node /soc/a\npages 9000 20\nirq 40\n" \
	"function 0000:03:00.0\ndriver 0000:03:00.0 amdgpu\n" \
	"function 0000:03:00.1\ndriver 0000:03:00.1 snd_hda_intel\n" \
	"function 0000:04:00.0\ndriver 0000:04:00.0 pciback\n" \
	"function 0000:05:00.0\n" \
	"function 0000:00:1c.0\nbridge 0000:00:1c.0\ndriver 0000:00:1c.0 pcieport\n" \
	"function 0000:06:00.0\ndriver 0000:06:00.0 pciback\ngiven 4 0000:06:00.0 0 ----\n"

#define FUNCTIONS "pci = [ \"03:00.0\", \"05:00.0\", \"03:00.1\" ]\n"
static const char *const FILES[] = {
	"pci = [ \"03:00.0\" ]\n",
	"pci = [ \"05:00.0\" ]\n",
	"pci = [ \"03:00.*\", \"04:00.0@5,permissive=1\" ]\n",
	FUNCTIONS "dtdev = [ \"/soc/a\" ]\niomem = [ \"9000,1\" ]\n",
};
#define MIXED "pci = [ \"03:00.0\" ]\ndtdev = [ \"/soc/a\" ]\nirqs = [ 40 ]\n"

struct bench {
	struct sp_xen *xen;
	struct sp_attach *attach;
	struct sp_attach_failure failure;
	char *before;
};

static bool create(struct sp_attach **attach, const char *text, struct sp_error *error) {
	struct sp_xl_config *config;
	struct sp_xl_guest *guest;
	bool created;

	if (!sp_xl_config_parse(&config, text, strlen(text), "attach.cfg", error))
		fail_msg("%s", error->message);
	if (!sp_xl_guest_create(&guest, config, error))
		fail_msg("%s", error->message);
	created = sp_attach_create(attach, guest, error);
	sp_xl_guest_destroy(guest);
	sp_xl_config_destroy(config);
	return created;
}

static void begin(struct bench *bench, const char *state, const char *file) {
	struct sp_error error = {0};

	*bench = (struct bench){.xen = fake_create(state)};
	if (!create(&bench->attach, file, &error))
		fail_msg("%s", error.message);
	bench->before = fake_state(bench->xen);
}

static bool look(struct bench *bench) {
	return sp_attach_look(bench->attach, bench->xen, GUEST, &bench->failure);
}

static bool run(struct bench *bench) {
	return look(bench) && sp_attach_run(bench->attach, bench->xen, GUEST, &bench->failure);
}

static bool take_back(struct bench *bench) {
	return sp_detach_look(bench->attach, bench->xen, GUEST, &bench->failure) &&
		sp_detach_run(bench->attach, bench->xen, GUEST, &bench->failure);
}

static void finish(struct bench *bench) {
	sp_attach_destroy(bench->attach);
	sp_xen_close(bench->xen);
	free(bench->before);
}

static void assert_state(const struct bench *bench, const char *expected) {
	char *state = fake_state(bench->xen);

	assert_string_equal(state, expected);
	free(state);
}

static void assert_steps(const struct bench *bench, const char *const *expected, size_t count) {
	struct sp_buf text = {0};

	assert_int_equal(bench->attach->steps.count, count);
	for (uint32_t i = 0; i < count; i++) {
		text.size = 0;
		sp_attach_describe(&text, &bench->attach->steps.data[i]);
		assert_string_equal(text.data, expected[i]);
	}
	sp_buf_release(&text);
}

static void functions_that_are_refused(void **state) {
	static const struct {
		const char *entries, *message;
	} CASES[] = {
		{"\"gpu\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"03:00\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"03:20.0\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"03:00.8\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"03:00.0x\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"03:00.01\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"10000:03:00.0\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"1:2:3:4.0\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\":::.0\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"permissive=1\"", "it is not the address of a function, as 0000:03:00.0"},
		{"\"03:00.0@20\"", "the guest's slots are 0 to 1f"},
		{"\"03:00.0@\"", "the guest's slots are 0 to 1f"},
		{"\"03:00.0,vslot=100\"", "the guest's slots are 0 to 1f"},
		{"\"03:00.0,permissive\"", "its options are not KEY=VALUE"},
		{"\"03:00.0,,\"", "its options are not KEY=VALUE"},
		{"\"03:00.0,permissive=yes\"",
			"permissive, msitranslate, power_mgmt and seize are 0 or 1"},
		{"\"03:00.0,rdm_policy=lax\"", "rdm_policy is strict or relaxed"},
		{"\"03:00.0,colour=red\"", "it has an option that xl does not know"},
		{"\"name=gpu\"", "functions are known by their addresses alone here, not by name="},
		{"\"03:00.0\", \"0000:03:00.0\"", "it is listed already"},
		{"\"03:00.1\", \"0000:03:00.*\"", "it is listed already"},
		{"\"03:00.*\", \"0000:03:00.2\"", "it is listed already"},
		{"\"03:00.0@5\", \"04:00.0,vslot=5\"",
			"another function has this slot of the guest"},
		{"\"03:00.*@5\"",
			"each function has a slot of its own in the guest; * goes without @"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct sp_error error = {0};
		struct sp_attach *attach;
		char text[128], message[160];

		snprintf(text, sizeof(text), "pci = [ %s ]\n", CASES[i].entries);
		snprintf(message, sizeof(message), "attach.cfg:1: pci: %s", CASES[i].message);
		assert_false(create(&attach, text, &error));
		assert_null(attach);
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		assert_string_equal(error.message, message);
	}
}

static void options_are_read(void **state) {
	static const struct {
		const char *file, *given;
	} CASES[] = {
		{"pci = [ \"03:00.0\" ]\n", "given 3 0000:03:00.0 0 ----"},
		{"pci = [ \"3:0.0\" ]\n", "given 3 0000:03:00.0 0 ----"},
		{"pci = [ \"0000:03:00.0@1f,seize=1\" ]\n", "given 3 0000:03:00.0 1f ----"},
		{"pci = [ \"bdf=03:00.0,vslot=a\" ]\n", "given 3 0000:03:00.0 a ----"},
		{"pci = [ \"03:00.0,permissive=1,msitranslate=1,power_mgmt=1\" ]\n",
			"given 3 0000:03:00.0 0 pmw-"},
		{"pci = [ \"03:00.0,rdm_policy=relaxed\" ]\n", "given 3 0000:03:00.0 0 ---r"},
		{"pci = [ \"03:00.0,rdm_policy=strict,\" ]\n", "given 3 0000:03:00.0 0 ---s"},
		{"pci_permissive = 1\npci_msitranslate = 1\n"
		 "pci = [ \"03:00.0,msitranslate=0\" ]\n",
			"given 3 0000:03:00.0 0 p---"},
		{"pci_power_mgmt = 1\npci = [ \"03:00.0\" ]\n", "given 3 0000:03:00.0 0 --w-"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct bench bench;

		begin(&bench, HOST, CASES[i].file);
		assert_true(run(&bench));
		if (!fake_has(bench.xen, CASES[i].given))
			fail_msg("no %s", CASES[i].given);
		finish(&bench);
	}
}

static void functions_of_the_command_line(void **state) {
	static const char *const NAMED[] = {"03:00.0", "0000:04:00.0@5,permissive=1"};
	static const char *const WRONG[] = {"03:00.0", "03:00.0"};
	struct sp_error error = {0};
	struct sp_attach *attach;

	(void)state;
	assert_true(sp_attach_create_functions(&attach, NAMED, 2, &error));
	assert_int_equal(attach->functions.count, 2);
	sp_attach_destroy(attach);
	assert_false(sp_attach_create_functions(&attach, WRONG, 2, &error));
	assert_null(attach);
	assert_int_equal(error.kind, SP_ERROR_USE);
	assert_string_equal(error.message, "03:00.0: it is listed already");
	assert_true(sp_attach_is_function("0000:03:00.0"));
	assert_true(sp_attach_is_function("03:00.*,permissive=1"));
	assert_true(sp_attach_is_function("03:00.0@5"));
	assert_false(sp_attach_is_function("./03:00.0"));
	assert_false(sp_attach_is_function("attach.cfg"));
	assert_false(sp_attach_is_function("03:00.cfg"));
	assert_false(sp_attach_is_function(""));
}

static void steps_in_order(void **state) {
	static const char *const SLOT[] = {"take 0000:05:00.0",
		"take 0000:03:00.1 from snd_hda_intel", "take 0000:03:00.0 from amdgpu",
		"add 0000:05:00.0 at the guest's slot 1f", "add 0000:03:00.1", "add 0000:03:00.0"};
	static const char *const BOTH[] = {"assign /soc/a", "take 0000:03:00.0 from amdgpu",
		"add 0000:03:00.0", "bind interrupt 40 (SPI 8)"};
	struct bench bench;

	(void)state;
	begin(&bench, HOST, "pci = [ \"05:00.0@1f\", \"03:00.*\" ]\n");
	assert_true(look(&bench));
	assert_steps(&bench, SLOT, COUNT(SLOT));
	finish(&bench);
	begin(&bench, HOST, "pci = [ \"03:00.0\", \"05:00.0@1f\", \"03:00.1\" ]\n");
	assert_true(look(&bench));
	assert_int_equal(bench.attach->steps.data[0].pci.bdf & 7, 1);
	assert_int_equal(bench.attach->steps.data[1].pci.bdf & 7, 0);
	finish(&bench);
	begin(&bench, HOST, MIXED);
	assert_true(look(&bench));
	assert_true(look(&bench));
	assert_steps(&bench, BOTH, COUNT(BOTH));
	assert_int_equal(fake_calls(bench.xen), 0);
	assert_state(&bench, bench.before);
	finish(&bench);
}

static void given(void **state) {
	static const char *const LINES[] = {"given 3 0000:03:00.0 0 ----",
		"given 3 0000:03:00.1 0 ----", "given 3 0000:04:00.0 5 p---",
		"driver 0000:03:00.0 pciback", "driver 0000:03:00.1 pciback",
		"was 0000:03:00.0 amdgpu", "record 3 taken 0000:03:00.0 amdgpu",
		"record 3 taken 0000:03:00.1 snd_hda_intel", "quarantined 0000:03:00.0"};
	struct bench bench;
	unsigned calls;

	(void)state;
	begin(&bench, HOST, FILES[2]);
	assert_true(run(&bench));
	for (size_t i = 0; i < COUNT(LINES); i++) {
		if (!fake_has(bench.xen, LINES[i]))
			fail_msg("no %s", LINES[i]);
	}
	/* It was pciback's before, and is nobody's to give back. */
	assert_false(fake_has(bench.xen, "record 3 taken 0000:04:00.0 "));
	calls = fake_calls(bench.xen);
	assert_true(look(&bench));
	assert_false(sp_attach_pending(bench.attach));
	assert_true(run(&bench));
	assert_int_equal(fake_calls(bench.xen), calls);
	assert_true(take_back(&bench));
	assert_state(&bench, bench.before);
	assert_true(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_false(sp_attach_pending(bench.attach));
	finish(&bench);
}

static void looking_finds_what_would_be_refused(void **state) {
	static const struct {
		const char *state, *entry, *words;
		int error;
	} CASES[] = {
		{HOST, "09:00.0", "dom0 sees no such function", ENODEV},
		{HOST, "09:00.*", "dom0 sees no such function", ENODEV},
		{HOST, "06:00.0", "another guest has it", EBUSY},
		{HOST, "00:1c.0", "what is behind a bridge is given", EINVAL},
		{HOST "deadly 0000:04:00.0\n", "04:00.0", "crashes Xen", EINVAL},
		{HOST "stale 0000:04:00.0\n", "04:00.0", "libxl believes", EUCLEAN},
		{HOST "kind 3 pvh\n", "03:00.0", "PVH guests", EOPNOTSUPP},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct bench bench;
		char file[64];

		snprintf(file, sizeof(file), "pci = [ \"%s\" ]\n", CASES[i].entry);
		begin(&bench, CASES[i].state, file);
		assert_false(look(&bench));
		assert_int_equal(bench.failure.error, CASES[i].error);
		assert_non_null(strstr(bench.failure.words, CASES[i].words));
		assert_non_null(bench.failure.remedy);
		assert_int_equal(fake_calls(bench.xen), 0);
		assert_state(&bench, bench.before);
		finish(&bench);
	}
}

static void built_without_libxl(void **state) {
	struct sp_xen_ops ops;
	struct bench bench;

	(void)state;
	begin(&bench, HOST, FILES[0]);
	ops = *bench.xen->ops;
	ops.pci = NULL;
	bench.xen->ops = &ops;
	assert_false(look(&bench));
	assert_int_equal(bench.failure.error, EOPNOTSUPP);
	assert_non_null(strstr(bench.failure.words, "without libxl"));
	assert_false(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	finish(&bench);
}

static unsigned count_calls(const char *file) {
	struct bench bench;
	unsigned calls;

	begin(&bench, HOST, file);
	assert_true(run(&bench));
	calls = fake_calls(bench.xen);
	finish(&bench);
	return calls;
}

static void any_call_fails(void **state) {
	static const char *const WAYS[] = {"fail", "half"};

	(void)state;
	for (size_t f = 0; f < COUNT(FILES); f++) {
		unsigned calls = count_calls(FILES[f]);

		for (unsigned n = 1; n <= 2 * calls; n++) {
			struct bench bench;

			begin(&bench, HOST, FILES[f]);
			fake_add(bench.xen, "%s %u %d", WAYS[n > calls], (n - 1) % calls + 1, EIO);
			/* What has no half is done whole. */
			if (run(&bench)) {
				assert_true(n > calls);
				assert_true(take_back(&bench));
			} else {
				assert_non_null(bench.failure.step);
				assert_int_equal(bench.failure.error, EIO);
				assert_int_equal(bench.failure.step->state, SP_ATTACH_FAILED);
			}
			assert_state(&bench, bench.before);
			finish(&bench);
		}
	}
}

/* What is not as before is told: a function that the guest has still, or that pciback has. */
static void assert_told(const struct bench *bench) {
	for (uint32_t i = 0; i < bench->attach->steps.count; i++) {
		const struct sp_attach_step *step = &bench->attach->steps.data[i];
		char address[SP_BDF_SIZE], line[96];
		bool stuck = step->state == SP_ATTACH_STUCK;

		if (stuck)
			assert_int_not_equal(step->error, 0);
		sp_bdf_format(address, step->pci.bdf);
		if (step->kind == SP_ATTACH_ADD) {
			snprintf(line, sizeof(line), "pirq 3 %s", address);
			assert_true(stuck || !fake_has(bench->xen, line));
		} else if (step->kind == SP_ATTACH_TAKE && step->driver[0]) {
			snprintf(line, sizeof(line), "driver %s %s", address, step->driver);
			assert_true(stuck || fake_has(bench->xen, line));
		}
	}
}

static void undoing_fails_too(void **state) {
	unsigned stuck = 0;

	(void)state;
	for (size_t f = 0; f < COUNT(FILES); f++) {
		unsigned calls = count_calls(FILES[f]);

		for (unsigned n = 1; n <= calls; n++) {
			for (unsigned m = n + 1; m <= n + 2 * calls; m++) {
				struct bench bench;

				begin(&bench, HOST, FILES[f]);
				fake_add(bench.xen, "half %u %d", n, EIO);
				fake_add(bench.xen, "fail %u %d", n, EIO);
				fake_add(bench.xen, "fail %u %d", m, EPERM);
				assert_false(run(&bench));
				assert_int_equal(bench.failure.error, EIO);
				assert_told(&bench);
				for (uint32_t i = 0; i < bench.attach->steps.count; i++)
					stuck += bench.attach->steps.data[i].state ==
						SP_ATTACH_STUCK;
				finish(&bench);
			}
		}
	}
	assert_true(stuck > 20);
}

/* A call that is still at work leaves its function alone, and the others are undone. */
static void a_call_does_not_end(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, "pci = [ \"05:00.0\", \"03:00.0\" ]\n");
	fake_add(bench.xen, "half 3 %d", SP_XEN_AT_WORK);
	assert_false(run(&bench));
	assert_int_equal(bench.failure.error, SP_XEN_AT_WORK);
	assert_int_equal(bench.failure.step->state, SP_ATTACH_STUCK);
	assert_int_equal(bench.attach->steps.data[0].state, SP_ATTACH_UNDONE);
	assert_true(fake_has(bench.xen, "was 0000:03:00.0 amdgpu"));
	finish(&bench);
}

static void detaching_fails(void **state) {
	unsigned seen = 0;

	(void)state;
	for (size_t f = 0; f < COUNT(FILES); f++) {
		unsigned calls = count_calls(FILES[f]);
		bool done = false;
		char *whole;

		for (unsigned n = calls + 1; !done; n++) {
			for (unsigned way = 0; way < 4 && !done; way++) {
				struct bench bench;

				begin(&bench, HOST, FILES[f]);
				assert_true(run(&bench));
				whole = fake_state(bench.xen);
				fake_add(bench.xen, "%s %u %d", way & 1 ? "half" : "fail", n, EIO);
				done = take_back(&bench) && !(way & 1);
				if (!done && bench.failure.step) {
					assert_int_equal(bench.failure.error, EIO);
					seen++;
				}
				/* What is given in part counts as given. */
				if (!done && way == 2) {
					assert_true(run(&bench));
					assert_state(&bench, whole);
				}
				assert_true(take_back(&bench));
				assert_state(&bench, bench.before);
				free(whole);
				finish(&bench);
			}
		}
	}
	assert_true(seen > 30);
}

static void only_what_was_taken_goes_back(void **state) {
	struct bench bench;

	(void)state;
	/* xl gave it, and it was pciback's since the machine was started. */
	begin(&bench, HOST "given 3 0000:04:00.0 0 ----\n", "pci = [ \"04:00.0\" ]\n");
	assert_true(take_back(&bench));
	assert_true(fake_has(bench.xen, "driver 0000:04:00.0 pciback"));
	assert_false(fake_has(bench.xen, "given 3 0000:04:00.0 0 ----"));
	finish(&bench);
	/* Somebody else has it by now. */
	begin(&bench, HOST, FILES[0]);
	assert_true(run(&bench));
	fake_remove(bench.xen, "given 3 0000:03:00.0 0 ----");
	fake_add(bench.xen, "given 4 0000:03:00.0 0 ----");
	assert_true(take_back(&bench));
	assert_true(fake_has(bench.xen, "given 4 0000:03:00.0 0 ----"));
	assert_true(fake_has(bench.xen, "driver 0000:03:00.0 pciback"));
	assert_false(fake_has(bench.xen, "record 3 taken 0000:03:00.0 amdgpu"));
	finish(&bench);
}

static void a_guest_that_does_not_let_go(void **state) {
	struct bench bench;
	char *whole;

	(void)state;
	begin(&bench, HOST, FILES[2]);
	assert_true(run(&bench));
	whole = fake_state(bench.xen);
	fake_add(bench.xen, "deaf 3");
	assert_false(take_back(&bench));
	assert_int_equal(bench.failure.error, ETIMEDOUT);
	assert_non_null(strstr(bench.failure.remedy, "--force"));
	fake_remove(bench.xen, "deaf 3");
	assert_state(&bench, whole);
	free(whole);
	fake_add(bench.xen, "deaf 3");
	bench.attach->force = true;
	assert_true(take_back(&bench));
	fake_remove(bench.xen, "deaf 3");
	assert_state(&bench, bench.before);
	finish(&bench);
	/* What was just given is taken from it all the same when a later step fails. */
	begin(&bench, HOST "deaf 3\n", FILES[2]);
	fake_add(bench.xen, "fail %u %d", count_calls(FILES[2]), EIO);
	assert_false(run(&bench));
	assert_state(&bench, bench.before);
	finish(&bench);
}

/* Functions go back to their drivers; the guest has gone. */
static void assert_free(const struct bench *bench) {
	static const char *const LINES[] = {"driver 0000:03:00.0 amdgpu",
		"driver 0000:03:00.1 snd_hda_intel", "driver 0000:04:00.0 pciback"};
	char *state = fake_state(bench->xen);

	for (size_t i = 0; i < COUNT(LINES); i++) {
		if (!fake_has(bench->xen, LINES[i]))
			fail_msg("no %s in:\n%s", LINES[i], state);
	}
	assert_null(strstr(state, "given 3"));
	assert_null(strstr(state, "quarantined"));
	assert_null(strstr(state, "record 3"));
	free(state);
}

static void guest_dies_while_attaching(void **state) {
	(void)state;
	for (size_t f = 0; f < COUNT(FILES); f++) {
		bool died = true;

		for (unsigned n = 1; died; n++) {
			struct bench bench;
			bool done;

			begin(&bench, HOST, FILES[f]);
			fake_add(bench.xen, "dies %u %u", n, GUEST);
			done = run(&bench);
			died = !fake_has(bench.xen, "domain 3 gpu") ||
				fake_has(bench.xen, "dying 3");
			if (died && !done) {
				assert_non_null(bench.failure.words);
				assert_free(&bench);
			}
			finish(&bench);
			assert_true(n < 200);
		}
	}
}

static void guest_dies_while_detaching(void **state) {
	(void)state;
	for (size_t f = 0; f < 3; f++) {
		bool died = true;

		for (unsigned n = 1; died; n++) {
			struct bench bench;
			bool looked;

			begin(&bench, HOST, FILES[f]);
			assert_true(run(&bench));
			fake_add(bench.xen, "dies %u %u", fake_asked(bench.xen) + n, GUEST);
			looked = sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure);
			if (looked)
				sp_detach_run(bench.attach, bench.xen, GUEST, &bench.failure);
			died = !fake_has(bench.xen, "domain 3 gpu") ||
				fake_has(bench.xen, "dying 3");
			if (looked)
				assert_free(&bench);
			finish(&bench);
			assert_true(n < 200);
		}
	}
}

static void guest_is_ended(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, FILES[2]);
	assert_true(run(&bench));
	assert_true(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_true(sp_detach_end(bench.xen, GUEST, 1000, &bench.failure));
	assert_true(sp_detach_rest(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_free(&bench);
	finish(&bench);
}

static void words(void **state) {
	static const struct {
		enum sp_attach_kind kind;
		const char *said, *words;
	} CASES[] = {
		{SP_ATTACH_TAKE, "Looks like pciback driver is not loaded", "no xen-pciback"},
		{SP_ATTACH_TAKE,
			"write to /sys/bus/pci/drivers/nvme/unbind returned -1: Device or resource "
			"busy",
			"does not let go"},
		{SP_ATTACH_TAKE, "failed to quarantine 0000:03:00.0", "want of an IOMMU"},
		{SP_ATTACH_ADD, "PCI device 0000:03:00.0 cannot be assigned - no IOMMU?",
			"no IOMMU"},
		{SP_ATTACH_ADD, "xc_assign_device failed: Operation not permitted",
			"firmware reserves"},
		{SP_ATTACH_ADD, "xc_assign_device failed: Device or resource busy",
			"does not assign"},
		{SP_ATTACH_ADD, "libxl__arch_hvm_map_gsi failed", "no GSI"},
		{SP_ATTACH_ADD, "received an error message from QMP server: no", "device model"},
		{SP_ATTACH_ADD, "something new", "libxl refused it"},
		{SP_ATTACH_ASSIGN, "no IOMMU", "Xen refused it"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		struct sp_attach_step step = {.kind = CASES[i].kind, .driver = ""};
		struct sp_attach_failure failure = {0};

		snprintf(failure.said, sizeof(failure.said), "%s", CASES[i].said);
		sp_attach_fail(&failure, &step, EIO);
		if (!strstr(failure.words, CASES[i].words))
			fail_msg("%s: %s", CASES[i].said, failure.words);
		assert_non_null(failure.remedy);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_that_are_refused),
		cmocka_unit_test(options_are_read),
		cmocka_unit_test(functions_of_the_command_line),
		cmocka_unit_test(steps_in_order),
		cmocka_unit_test(given),
		cmocka_unit_test(looking_finds_what_would_be_refused),
		cmocka_unit_test(built_without_libxl),
		cmocka_unit_test(any_call_fails),
		cmocka_unit_test(undoing_fails_too),
		cmocka_unit_test(a_call_does_not_end),
		cmocka_unit_test(detaching_fails),
		cmocka_unit_test(only_what_was_taken_goes_back),
		cmocka_unit_test(a_guest_that_does_not_let_go),
		cmocka_unit_test(guest_dies_while_attaching),
		cmocka_unit_test(guest_dies_while_detaching),
		cmocka_unit_test(guest_is_ended),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
