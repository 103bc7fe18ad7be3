/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "serve/loop.h"
#include "wire/dma.h"
#include "wire/irq.h"

/*
 * What a process leaves in a record when it ends at some point, and what the next one makes of it.
 */
static struct sp_record *make_record(void) {
	struct sp_record *record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(record != MAP_FAILED);
	sp_record_init(record);
	return record;
}

static int make_memory(void) {
	int file = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(file, 16 * SP_PAGE), 0);
	return file;
}

struct owner {
	struct sp_dma dma;
	struct sp_drops drops;
	uint64_t allocations;
};

static void begin(struct owner *owner, struct sp_record *record) {
	*owner = (struct owner){.drops.later = true};
	sp_dma_init(&owner->dma, NULL, &owner->allocations);
	sp_record_clean(record);
	assert_true(sp_dma_keep(&owner->dma, record, &owner->drops));
	assert_int_equal(sp_dma_restore(&owner->dma), 0);
}

static void end(struct owner *owner) {
	sp_dma_clear(&owner->dma);
	sp_dma_release(&owner->dma);
	sp_drops_release(&owner->drops);
}

/* As if its process were no more: its memory is, and nothing else happens. */
static void vanish(struct owner *owner) {
	owner->dma.record = NULL;
	sp_dma_clear(&owner->dma);
	sp_dma_release(&owner->dma);
	owner->drops.count = 0;
	sp_drops_release(&owner->drops);
}

static void map(struct owner *owner, uint64_t address, int file) {
	assert_int_equal(sp_dma_map(&owner->dma, address, SP_PAGE, SP_DMA_READ | SP_DMA_WRITE,
				 fcntl(file, F_DUPFD_CLOEXEC, 0), address, false),
		0);
}

static void unmap(struct owner *owner, uint64_t address) {
	sp_dma_unmap_end(&owner->dma, address, address + SP_PAGE - 1);
}

static void commit(struct owner *owner, struct sp_record *record) {
	sp_record_commit(record);
	sp_drops_close(&owner->drops);
}

static bool has(const struct owner *owner, uint64_t page) {
	return sp_dma_find(&owner->dma, page * SP_PAGE);
}

/* Ranges that came and went, and whose slots were used again, count with the commit only. */
static void test_ranges(void **state) {
	struct sp_record *record = make_record();
	struct owner first, second;
	int file = make_memory(), other = make_memory();

	(void)state;
	begin(&first, record);
	for (uint64_t i = 0; i < 4; i++)
		map(&first, i * SP_PAGE, file);
	commit(&first, record);
	unmap(&first, 0);
	unmap(&first, SP_PAGE);
	map(&first, 5 * SP_PAGE, other);
	map(&first, 0, other);
	map(&first, 6 * SP_PAGE, other);
	vanish(&first);

	begin(&second, record);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(has(&second, i), i < 4);
	assert_int_equal(second.dma.file_count, 1);
	/* It goes on, with a commit of its own, in which the first one's work has no part. */
	unmap(&second, 3 * SP_PAGE);
	map(&second, 7 * SP_PAGE, other);
	commit(&second, record);
	vanish(&second);
	begin(&first, record);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(has(&first, i), i < 3 || i == 7);
	assert_int_equal(first.dma.file_count, 2);
	sp_dma_clear(&first.dma);
	commit(&first, record);
	vanish(&first);
	begin(&second, record);
	assert_int_equal(second.dma.count, 0);
	end(&second);
	munmap(record, sizeof(*record));
	close(file);
	close(other);
}

/* A slot is not used again before its range's end is committed. */
static void test_slots(void **state) {
	struct sp_record *record = make_record();
	struct owner first, second;
	int file = make_memory();

	(void)state;
	begin(&first, record);
	for (uint64_t i = 0; i < 100; i++) {
		map(&first, 3 * SP_PAGE, file);
		commit(&first, record);
		unmap(&first, 3 * SP_PAGE);
		map(&first, 4 * SP_PAGE, file);
		unmap(&first, 4 * SP_PAGE);
		map(&first, 5 * SP_PAGE, file);
		vanish(&first);
		begin(&second, record);
		assert_true(has(&second, 3) && !has(&second, 4) && !has(&second, 5));
		/* As if it had gone on in the first one's place. */
		unmap(&second, 3 * SP_PAGE);
		commit(&second, record);
		vanish(&second);
		begin(&first, record);
		assert_int_equal(first.dma.count, 0);
	}
	end(&first);
	assert_true(record->ranges_used < 16);
	munmap(record, sizeof(*record));
	close(file);
}

static void test_interrupts(void **state) {
	const uint32_t counts[SP_WIRE_IRQS] = {1, 4, 0, 1, 1};
	struct sp_wire_counters counters = {0};
	struct sp_record *record = make_record();
	struct sp_drops drops = {.later = true};
	struct sp_irqs first, second;
	struct sp_loop *loop;
	struct sp_error error;
	uint64_t count;
	int events[3];

	(void)state;
	assert_true(sp_loop_create(&loop, &error));
	assert_true(sp_irqs_init(&first, counts, loop, &counters));
	for (int i = 0; i < 3; i++) {
		struct sp_wire_body body = {.argsz = 20,
			.flags = SP_WIRE_SET_EVENTFD | SP_WIRE_SET_TRIGGER,
			.index = SP_WIRE_MSI,
			.start = (uint64_t)i + 1,
			.count = 1};

		events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		assert_int_equal(
			sp_irqs_set(&first, &body, &(int){fcntl(events[i], F_DUPFD_CLOEXEC, 0)}, 1),
			0);
	}
	assert_int_equal(sp_irqs_set(&first,
				 &(struct sp_wire_body){.argsz = 20,
					 .flags = SP_WIRE_SET_NONE | SP_WIRE_SET_MASK,
					 .index = SP_WIRE_MSI,
					 .start = 2,
					 .count = 1},
				 NULL, 0),
		0);
	sp_irqs_keep(&first, &record->irqs[0]);
	record->irqs[0].number = record->committed;

	assert_true(sp_irqs_init(&second, counts, loop, &counters));
	assert_true(sp_irqs_restore(&second, &record->irqs[0]));
	assert_int_equal(second.assigned[SP_WIRE_MSI], 3);
	assert_int_equal(second.vectors[SP_WIRE_MSI][0].trigger, -1);
	assert_true(second.vectors[SP_WIRE_MSI][2].masked);
	/* Whatever may have been raised is signalled, but what is masked. */
	sp_irqs_repeat(&second);
	assert_int_equal(read(events[0], &count, sizeof(count)), sizeof(count));
	assert_int_equal(read(events[1], &count, sizeof(count)), -1);
	assert_int_equal(read(events[2], &count, sizeof(count)), sizeof(count));
	sp_irqs_release(&second);

	/* Of another device. */
	record->irqs[0].counts[SP_WIRE_MSI] = 8;
	assert_true(sp_irqs_init(&second, counts, loop, &counters));
	assert_false(sp_irqs_restore(&second, &record->irqs[0]));
	sp_irqs_release(&second);
	/* Its descriptors are closed already. */
	first.drops = &drops;
	sp_irqs_release(&first);
	drops.count = 0;
	sp_drops_release(&drops);
	sp_loop_destroy(loop);
	for (int i = 0; i < 3; i++)
		close(events[i]);
	munmap(record, sizeof(*record));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
