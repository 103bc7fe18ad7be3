/* SPDX-License-Identifier: MIT */
/*
 * Preloaded, it counts a program's allocations, and those of the processes that it forks, in the
 * file that $COUNTING names: eight bytes, which are there already.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The C library's own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static uint64_t nowhere, *counter = &nowhere;

static void count(void) {
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size) {
	count();
	return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
	count();
	return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
	count();
	return __libc_realloc(old, size);
}

__attribute__((constructor)) static void begin(void) {
	const char *path = getenv("COUNTING");
	int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *page;

	if (file < 0)
		return;
	page = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (page != MAP_FAILED)
		counter = page;
}
