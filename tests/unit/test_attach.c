/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attach/attach.h"
#include "fake_xen.h"

#define GUEST 3u
#define HOST \
	"release 4.20\ndomain 0 Domain-0\ndomain 3 net\nroom 3 128\n" \
	"node /soc/a\nnode /soc/b\npages 9000 20\n" \
	"irq 40\nirq 41\nirq 100\nirq 127\nirq 200\n"

#define NODES "dtdev = [ \"/soc/a\", \"/soc/b\" ]\n"
#define PAGES "iomem = [ \"9000,1\", \"9010,2@10\" ]\n"
#define IRQS "irqs = [ 40, 127, 41 ]\n"

static const char *const FILES[] = {
	"dtdev = [ \"/soc/a\" ]\n",
	PAGES,
	IRQS,
	NODES PAGES,
	NODES IRQS,
	NODES PAGES IRQS,
};
#define FILE_COUNT (sizeof(FILES) / sizeof(FILES[0]))
#define ALL FILES[FILE_COUNT - 1]

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

struct bench {
	struct sp_xen *xen;
	struct sp_attach *attach;
	struct sp_attach_failure failure;
	char *before;
};

static void begin(struct bench *bench, const char *state, const char *file) {
	struct sp_error error = {0};

	*bench = (struct bench){.xen = fake_create(state)};
	if (!create(&bench->attach, file, &error))
		fail_msg("%s", error.message);
	bench->before = fake_state(bench->xen);
}

static bool run(struct bench *bench) {
	assert_true(sp_attach_look(bench->attach, bench->xen, GUEST, &bench->failure));
	return sp_attach_run(bench->attach, bench->xen, GUEST, &bench->failure);
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

static void steps_in_order(void **state) {
	static const char *const EXPECTED[] = {"assign /soc/a", "assign /soc/b",
		"permit 4 KiB at 0x9000000", "map 4 KiB at 0x9000000 to the guest's 0x9000000",
		"permit 8 KiB at 0x9010000", "map 8 KiB at 0x9010000 to the guest's 0x10000",
		"bind interrupt 127 (SPI 95)", "bind interrupt 41 (SPI 9)",
		"bind interrupt 40 (SPI 8)"};
	struct bench bench;
	struct sp_buf text = {0};

	(void)state;
	/* What is listed twice is given once. */
	begin(&bench, HOST,
		"name = \"x\"\ndtdev = [ \"/soc/a\", \"/soc/b\", \"/soc/a\" ]\n"
		"iomem = [ \"9000,1\", \"9000,1@9000\", \"9010,2@10\" ]\nirqs = [ 40, 127, 41, 127 ]\n");
	assert_int_equal(bench.attach->steps.count, sizeof(EXPECTED) / sizeof(EXPECTED[0]));
	for (uint32_t i = 0; i < bench.attach->steps.count; i++) {
		text.size = 0;
		sp_attach_describe(&text, &bench.attach->steps.data[i]);
		assert_string_equal(text.data, EXPECTED[i]);
	}
	sp_buf_release(&text);
	finish(&bench);
}

static void files_that_are_refused(void **state) {
	static const char *const CASES[][2] = {
		{"memory = 1\n",
			"attach.cfg: it lists nothing to attach: no dtdev, iomem, irqs or pci"},
		{"irqs = [ \"0x20\" ]\n", "attach.cfg:1: irqs: \"0x20\" is no decimal number"},
		{"irqs = 40\n", "attach.cfg:1: irqs: a single value stands where a list is wanted"},
		{"\nirqs = [ 31 ]\n",
			"attach.cfg:2: irqs: only the GIC's numbers from 32 upwards can be given"},
		{"irqs = [ 65536 ]\n",
			"attach.cfg:1: irqs: only the GIC's numbers from 32 upwards can be given"},
		{"dtdev = [ \"gpu\" ]\n", "attach.cfg:1: dtdev: it is not the full path of a node"},
		{"dtdev = [ \"\" ]\n", "attach.cfg:1: dtdev: it is not the full path of a node"},
		{"iomem = [ \"9000\" ]\n",
			"attach.cfg:1: iomem: \"9000\" is not START,COUNT or START,COUNT@GUEST in "
			"hexadecimal"},
		{"iomem = [ \"9000,0\" ]\n", "attach.cfg:1: iomem: no page is asked for"},
		{"iomem = [ \"10000000000,1@1\" ]\n", "attach.cfg:1: iomem: there is no such page"},
		{"iomem = [ \"1,1@10000000000\" ]\n", "attach.cfg:1: iomem: there is no such page"},
		{"iomem = [ \"1,ffffffffffffffff\" ]\n",
			"attach.cfg:1: iomem: there is no such page"},
		{"iomem = [ \"9000,1@fffff\" ]\n",
			"attach.cfg:1: iomem: it would lie over the guest's own memory"},
		{"iomem = [ \"3ffff,2\" ]\n",
			"attach.cfg:1: iomem: it would lie over the guest's own memory"},
		{"iomem = [ \"9000,1@fffffff\" ]\n",
			"attach.cfg:1: iomem: it would lie over the guest's own memory"},
		{"iomem = [ \"9000,2\",\n\"9001,1@10\" ]\n",
			"attach.cfg:2: iomem: it overlaps with an entry before it"},
		{"iomem = [ \"9000,2\",\n\"8000,1@9001\" ]\n",
			"attach.cfg:2: iomem: it overlaps with an entry before it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct sp_error error = {0};
		struct sp_attach *attach;

		assert_false(create(&attach, CASES[i][0], &error));
		assert_null(attach);
		assert_int_equal(error.kind, SP_ERROR_INPUT);
		assert_string_equal(error.message, CASES[i][1]);
	}
}

static void files_at_the_limits(void **state) {
	static const char *const CASES[] = {"irqs = [ 32, 65535 ]\n",
		"iomem = [ \"9000,1@3ffff\", \"9001,1@100000\" ]\n",
		"iomem = [ \"9000,1\", \"9001,1\", \"9002,1@8fff\" ]\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct bench bench;

		begin(&bench, HOST, CASES[i]);
		finish(&bench);
	}
}

static void too_many_entries(void **state) {
	struct sp_error error = {0};
	struct sp_attach *attach;
	struct sp_buf text = {0};

	(void)state;
	sp_buf_str(&text, "irqs = [ ");
	for (unsigned i = 0; i <= SP_ATTACH_MAX; i++)
		sp_buf_printf(&text, "%u, ", 32 + i);
	sp_buf_str(&text, "]\n");
	assert_false(create(&attach, text.data, &error));
	assert_non_null(strstr(error.message, "more than 1024 entries"));
	sp_buf_release(&text);
}

static void attached(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, ALL);
	assert_true(run(&bench));
	assert_state(&bench,
		"assigned 3 /soc/a\nassigned 3 /soc/b\nbound 3 127\nbound 3 40\nbound 3 41\n"
		"domain 0 Domain-0\ndomain 3 net\nirq 100\nirq 127\nirq 200\nirq 40\nirq 41\n"
		"mapped 3 10 9010 2\nmapped 3 9000 9000 1\nnode /soc/a\nnode /soc/b\n"
		"pages 9000 20\npermitted 3 9000 1\npermitted 3 9010 2\n"
		"record 3 dtdev /soc/a\nrecord 3 dtdev /soc/b\nrecord 3 iomem 9000,1@9000\n"
		"record 3 iomem 9010,2@10\nrecord 3 pages 9000,1\nrecord 3 pages 9010,2\n"
		"release 4.20\nroom 3 128\n");
	finish(&bench);
}

static void attached_again(void **state) {
	struct bench bench;
	unsigned calls;
	char *once;

	(void)state;
	begin(&bench, HOST, ALL);
	assert_true(run(&bench));
	once = fake_state(bench.xen);
	calls = fake_calls(bench.xen);
	assert_true(sp_attach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_false(sp_attach_pending(bench.attach));
	assert_true(sp_attach_run(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_int_equal(fake_calls(bench.xen), calls);
	assert_state(&bench, once);
	free(once);

	/* What only a part of is there is completed. */
	fake_remove(bench.xen, "assigned 3 /soc/b");
	fake_remove(bench.xen, "record 3 dtdev /soc/b");
	assert_true(sp_attach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_true(sp_attach_pending(bench.attach));
	assert_true(sp_attach_run(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_int_equal(fake_calls(bench.xen), calls + 2);
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

/* The state is as before, but for the interrupts that were bound before the call that failed. */
static void any_call_fails(void **state) {
	(void)state;
	for (size_t f = 0; f < FILE_COUNT; f++) {
		unsigned calls = count_calls(FILES[f]);

		assert_true(calls > 0);
		for (unsigned n = 1; n <= calls; n++) {
			struct sp_xen *expected;
			struct bench bench;
			uint32_t failed;
			char *after;

			begin(&bench, HOST, FILES[f]);
			fake_add(bench.xen, "fail %u %d", n, ENOMEM);
			assert_false(run(&bench));
			assert_non_null(bench.failure.step);
			assert_int_equal(bench.failure.error, ENOMEM);
			assert_int_equal(bench.failure.step->state, SP_ATTACH_FAILED);
			failed = (uint32_t)(bench.failure.step - bench.attach->steps.data);
			expected = fake_create(bench.before);
			for (uint32_t i = 0; i < bench.attach->steps.count; i++) {
				const struct sp_attach_step *step = &bench.attach->steps.data[i];

				if (i > failed)
					assert_int_equal(step->state, SP_ATTACH_PLANNED);
				else if (i < failed && step->kind != SP_ATTACH_BIND)
					assert_int_equal(step->state, SP_ATTACH_UNDONE);
				else if (i < failed) {
					assert_int_equal(step->state, SP_ATTACH_STAYS);
					fake_add(expected, "bound %u %u", GUEST, step->irq);
				}
			}
			after = fake_state(expected);
			assert_state(&bench, after);
			free(after);
			sp_xen_close(expected);
			finish(&bench);
		}
	}
}

/* What is given, and what is recorded, is what is told to be stuck, or to stay. */
static void assert_told(const struct bench *bench) {
	for (uint32_t i = 0; i < bench->attach->steps.count; i++) {
		const struct sp_attach_step *step = &bench->attach->steps.data[i];
		bool left = step->state == SP_ATTACH_STUCK;
		char line[128], record[128] = "";

		if (step->kind == SP_ATTACH_ASSIGN)
			snprintf(line, sizeof(line), "assigned 3 %s", step->path);
		else if (step->kind == SP_ATTACH_PERMIT)
			snprintf(line, sizeof(line), "permitted 3 %" PRIx64 " %" PRIx64, step->host,
				step->count);
		else if (step->kind == SP_ATTACH_MAP)
			snprintf(line, sizeof(line), "mapped 3 %" PRIx64 " %" PRIx64 " %" PRIx64,
				step->guest, step->host, step->count);
		else
			snprintf(line, sizeof(line), "bound 3 %u", step->irq);
		assert_int_equal(fake_has(bench->xen, line),
			left || (step->kind == SP_ATTACH_BIND && step->state == SP_ATTACH_STAYS));
		if (left)
			assert_int_not_equal(step->error, 0);
		if (!step->record)
			continue;
		snprintf(record, sizeof(record), "record 3 %s", step->record);
		/* Where the record itself failed, what could not be undone has none. */
		if (bench->failure.step != step)
			assert_int_equal(fake_has(bench->xen, record), left);
	}
}

static void undoing_fails_too(void **state) {
	unsigned stuck = 0;

	(void)state;
	for (size_t f = 0; f < FILE_COUNT; f++) {
		unsigned calls = count_calls(FILES[f]);

		for (unsigned n = 1; n <= calls; n++) {
			for (unsigned m = n + 1; m <= n + 2 * calls; m++) {
				struct bench bench;
				uint32_t count = 0;

				begin(&bench, HOST, FILES[f]);
				fake_add(bench.xen, "fail %u %d", n, EIO);
				fake_add(bench.xen, "fail %u %d", m, EPERM);
				assert_false(run(&bench));
				assert_int_equal(bench.failure.error, EIO);
				assert_told(&bench);
				for (uint32_t i = 0; i < bench.attach->steps.count; i++)
					count += bench.attach->steps.data[i].state ==
						SP_ATTACH_STUCK;
				/* A mapping that is stuck keeps the right to its pages. */
				assert_true(count <= 2);
				stuck += count;
				finish(&bench);
			}
		}
	}
	assert_true(stuck > 20);
}

/* A guest with an interrupt that stayed can be attached to again, and then all is there. */
static void attaching_goes_on(void **state) {
	struct bench bench;
	char *whole, *after;

	(void)state;
	begin(&bench, HOST, ALL);
	assert_true(run(&bench));
	whole = fake_state(bench.xen);
	finish(&bench);

	begin(&bench, HOST, ALL);
	fake_add(bench.xen, "fail %u %d", count_calls(ALL), EBUSY);
	assert_false(run(&bench));
	assert_true(fake_has(bench.xen, "bound 3 127"));
	assert_true(run(&bench));
	after = fake_state(bench.xen);
	assert_string_equal(after, whole);
	free(after);
	free(whole);
	finish(&bench);
}

static void looking_finds_what_would_be_refused(void **state) {
	static const struct {
		const char *state, *file, *step;
		int error;
	} CASES[] = {
		{HOST, NODES "irqs = [ 40, 99 ]\n", "bind interrupt 99 (SPI 67)", EPERM},
		{HOST "record 3 iomem 9000,2@9000\n", PAGES,
			"map 4 KiB at 0x9000000 to the guest's 0x9000000", EEXIST},
		{HOST "record 3 iomem 9001,1@11\n", PAGES,
			"map 8 KiB at 0x9010000 to the guest's 0x10000", EEXIST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct sp_buf text = {0};
		struct bench bench;

		begin(&bench, CASES[i].state, CASES[i].file);
		assert_false(sp_attach_look(bench.attach, bench.xen, GUEST, &bench.failure));
		assert_int_equal(bench.failure.error, CASES[i].error);
		sp_attach_describe(&text, bench.failure.step);
		assert_string_equal(text.data, CASES[i].step);
		assert_non_null(bench.failure.words);
		assert_int_equal(fake_calls(bench.xen), 0);
		sp_buf_release(&text);
		finish(&bench);
	}
}

static void neighbours_do_not_collide(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST "record 3 iomem 9001,1@9001\nrecord 3 iomem 9012,1@12\n", PAGES);
	assert_true(run(&bench));
	finish(&bench);
}

/* The guest's room is not known beforehand: the highest interrupt finds out. */
static void no_room_for_an_interrupt(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, NODES PAGES "irqs = [ 40, 200, 41 ]\n");
	assert_false(run(&bench));
	assert_int_equal(bench.failure.step->irq, 200);
	assert_non_null(strstr(bench.failure.remedy, "nr_spis"));
	assert_state(&bench, bench.before);
	finish(&bench);
}

static void detached(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, NODES PAGES);
	assert_true(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_false(sp_attach_pending(bench.attach));
	assert_true(run(&bench));
	assert_true(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_null(sp_attach_pending_irq(bench.attach));
	assert_true(sp_detach_run(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_state(&bench, bench.before);
	finish(&bench);
}

/* Another guest may have the node by then. */
static void detaching_takes_only_what_is_the_guests(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, NODES);
	assert_true(run(&bench));
	fake_remove(bench.xen, "assigned 3 /soc/a");
	assert_true(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_true(sp_detach_run(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_state(&bench, bench.before);
	finish(&bench);
}

static void detaching_sees_interrupts(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, ALL);
	assert_true(run(&bench));
	assert_true(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
	assert_int_equal(sp_attach_pending_irq(bench.attach)->irq, 127);
	finish(&bench);
}

/* All that the file lists is given, and nothing is recorded twice. */
static void assert_all(const struct bench *bench) {
	struct bench fresh;
	char *whole;

	begin(&fresh, HOST, NODES PAGES);
	assert_true(run(&fresh));
	whole = fake_state(fresh.xen);
	assert_state(bench, whole);
	free(whole);
	finish(&fresh);
}

/* What is told to be undone is, and nothing is recorded of a guest that is being ended. The fake
 * aborts when a node is deassigned that is not the guest's. */
static void assert_ended(const struct bench *bench) {
	for (uint32_t i = 0; i < bench->attach->steps.count; i++) {
		const struct sp_attach_step *step = &bench->attach->steps.data[i];
		char line[128];

		if (step->record) {
			snprintf(line, sizeof(line), "record 3 %s", step->record);
			assert_false(fake_has(bench->xen, line));
		}
		if (step->kind == SP_ATTACH_ASSIGN) {
			snprintf(line, sizeof(line), "assigned 3 %s", step->path);
			assert_false(fake_has(bench->xen, line));
		}
	}
}

static const char *const HEIRS[] = {HOST, HOST "domain 4 other\nheir 4\n"};

/* Looks, too, are in the middle. */
static void guest_dies_while_attaching(void **state) {
	(void)state;
	for (size_t h = 0; h < 2; h++) {
		bool died = true;

		for (unsigned n = 1; died; n++) {
			/* What fails later is undone when the guest has died. */
			for (unsigned m = 0; m <= count_calls(ALL); m++) {
				struct bench bench;

				begin(&bench, HEIRS[h], ALL);
				fake_add(bench.xen, "dies %u %u", n, GUEST);
				if (m)
					fake_add(bench.xen, "fail %u %d", m, EBUSY);
				if (sp_attach_look(
					    bench.attach, bench.xen, GUEST, &bench.failure) &&
					!sp_attach_run(
						bench.attach, bench.xen, GUEST, &bench.failure))
					assert_non_null(bench.failure.words);
				died = fake_has(bench.xen, "dying 3");
				if (died)
					assert_ended(&bench);
				finish(&bench);
				if (died && !m)
					assert_true(n < 100);
				else if (!m)
					break;
			}
		}
	}
}

static void guest_dies_while_detaching(void **state) {
	(void)state;
	for (size_t h = 0; h < 2; h++) {
		bool died = true;

		for (unsigned n = 1; died; n++) {
			struct bench bench;

			begin(&bench, HEIRS[h], NODES PAGES);
			assert_true(run(&bench));
			fake_add(bench.xen, "dies %u %u", fake_asked(bench.xen) + n, GUEST);
			if (sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure))
				sp_detach_run(bench.attach, bench.xen, GUEST, &bench.failure);
			died = fake_has(bench.xen, "dying 3");
			if (died)
				assert_ended(&bench);
			finish(&bench);
			assert_true(n < 100);
		}
	}
}

/* Attaching after a detach that failed at any call gives what is missing; detaching takes the rest.
 */
static void detaching_fails(void **state) {
	unsigned calls, seen = 0;
	struct bench bench;
	bool done = false;

	(void)state;
	begin(&bench, HOST, NODES PAGES);
	assert_true(run(&bench));
	calls = fake_calls(bench.xen);
	finish(&bench);
	for (unsigned n = calls + 1; !done; n++) {
		for (unsigned again = 0; again < 2 && !done; again++) {
			begin(&bench, HOST, NODES PAGES);
			fake_add(bench.xen, "fail %u %d", n, EIO);
			assert_true(run(&bench));
			assert_true(sp_detach_look(bench.attach, bench.xen, GUEST, &bench.failure));
			done = sp_detach_run(bench.attach, bench.xen, GUEST, &bench.failure);
			if (!done) {
				assert_int_equal(bench.failure.error, EIO);
				assert_int_equal(bench.failure.step->state, SP_ATTACH_FAILED);
				seen++;
				if (again) {
					assert_true(run(&bench));
					assert_all(&bench);
				}
				assert_true(sp_detach_look(
					bench.attach, bench.xen, GUEST, &bench.failure));
				assert_true(sp_detach_run(
					bench.attach, bench.xen, GUEST, &bench.failure));
			}
			assert_state(&bench, bench.before);
			finish(&bench);
		}
	}
	assert_int_equal(seen, 24);
}

static void guest_is_ended(void **state) {
	struct bench bench;

	(void)state;
	begin(&bench, HOST, ALL);
	assert_true(run(&bench));
	assert_true(sp_detach_end(bench.xen, GUEST, 1000, &bench.failure));
	assert_state(&bench,
		"domain 0 Domain-0\nirq 100\nirq 127\nirq 200\nirq 40\nirq 41\nnode /soc/a\n"
		"node /soc/b\npages 9000 20\nrelease 4.20\n");
	finish(&bench);

	begin(&bench, HOST "lingers 3\n", ALL);
	assert_false(sp_detach_end(bench.xen, GUEST, 20, &bench.failure));
	assert_int_equal(bench.failure.error, ETIMEDOUT);
	assert_non_null(bench.failure.words);
	finish(&bench);

	begin(&bench, HOST "fail 1 5\n", ALL);
	assert_false(sp_detach_end(bench.xen, GUEST, 1000, &bench.failure));
	assert_int_equal(bench.failure.error, EIO);
	finish(&bench);
}

static void words(void **state) {
	static const struct {
		enum sp_attach_kind kind;
		int error;
		const char *words;
	} CASES[] = {
		{SP_ATTACH_ASSIGN, ESRCH, "no node of this path"},
		{SP_ATTACH_ASSIGN, EBUSY, "another guest, or dom0"},
		{SP_ATTACH_ASSIGN, EINVAL, "no IOMMU that Xen drives"},
		{SP_ATTACH_ASSIGN, EOPNOTSUPP, "without an IOMMU"},
		{SP_ATTACH_MAP, ESRCH, "the guest has gone"},
		{SP_ATTACH_MAP, ENOMEM, "page tables"},
		{SP_ATTACH_PERMIT, ENOMEM, "Xen has no memory left"},
		{SP_ATTACH_PERMIT, EPERM, "dom0 itself"},
		{SP_ATTACH_BIND, EIO, "edge or a level"},
		{SP_ATTACH_BIND, EACCES, "no orders"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		struct sp_attach_step step = {.kind = CASES[i].kind};
		struct sp_attach_failure failure = {0};

		assert_false(sp_attach_fail(&failure, &step, CASES[i].error));
		assert_non_null(failure.words);
		assert_non_null(strstr(failure.words, CASES[i].words));
		assert_non_null(failure.remedy);
	}
	for (int error = 1; error < 134; error++) {
		struct sp_attach_failure failure = {0};

		sp_attach_fail(&failure, NULL, error);
		assert_non_null(failure.words);
		assert_non_null(failure.remedy);
		failure.record = true;
		sp_attach_fail(&failure, NULL, error);
		assert_non_null(failure.words);
		assert_non_null(failure.remedy);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_in_order),
		cmocka_unit_test(files_that_are_refused),
		cmocka_unit_test(files_at_the_limits),
		cmocka_unit_test(too_many_entries),
		cmocka_unit_test(attached),
		cmocka_unit_test(attached_again),
		cmocka_unit_test(any_call_fails),
		cmocka_unit_test(undoing_fails_too),
		cmocka_unit_test(attaching_goes_on),
		cmocka_unit_test(looking_finds_what_would_be_refused),
		cmocka_unit_test(neighbours_do_not_collide),
		cmocka_unit_test(no_room_for_an_interrupt),
		cmocka_unit_test(detached),
		cmocka_unit_test(detaching_takes_only_what_is_the_guests),
		cmocka_unit_test(detaching_sees_interrupts),
		cmocka_unit_test(guest_dies_while_attaching),
		cmocka_unit_test(guest_dies_while_detaching),
		cmocka_unit_test(detaching_fails),
		cmocka_unit_test(guest_is_ended),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
