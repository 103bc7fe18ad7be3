/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT _Alignof(max_align_t)
#define FIRST_CHUNK ((size_t)4 << 10)
#define LAST_CHUNK ((size_t)512 << 10)
#define FIRST_VEC 8

/* Memory is cleared as it is given out: clearing whole chunks touches pages that nobody may need.
 */
struct sp_arena_chunk {
	struct sp_arena_chunk *next;
	size_t size, used;
	_Alignas(max_align_t) unsigned char bytes[];
};

void sp_arena_release(struct sp_arena *arena) {
	while (arena->chunk) {
		struct sp_arena_chunk *next = arena->chunk->next;

		free(arena->chunk);
		arena->chunk = next;
	}
	arena->failed = false;
}

static void *fail(struct sp_arena *arena) {
	arena->failed = true;
	return NULL;
}

static void *alloc_chunk(struct sp_arena *arena, size_t size) {
	struct sp_arena_chunk *head = arena->chunk, *chunk;
	size_t chunk_size = FIRST_CHUNK;

	if (head && head->size >= FIRST_CHUNK)
		chunk_size = head->size < LAST_CHUNK / 2 ? head->size * 2 : LAST_CHUNK;
	if (size > chunk_size / 4)
		chunk_size = size;
	if (chunk_size > SIZE_MAX - sizeof(*chunk))
		return fail(arena);
	/* What is large comes from the system, which has cleared it. */
	chunk = chunk_size == size ? calloc(1, sizeof(*chunk) + size)
				   : malloc(sizeof(*chunk) + chunk_size);
	if (!chunk)
		return fail(arena);
	if (chunk_size != size)
		memset(chunk->bytes, 0, size);
	chunk->size = chunk_size;
	chunk->used = size;
	/* A chunk for one large object goes behind the head, which may have room yet. */
	if (head && chunk_size == size) {
		chunk->next = head->next;
		head->next = chunk;
	} else {
		chunk->next = head;
		arena->chunk = chunk;
	}
	return chunk->bytes;
}

void *sp_arena_alloc(struct sp_arena *arena, size_t size) {
	struct sp_arena_chunk *chunk = arena->chunk;

	if (size > SIZE_MAX - ALIGNMENT)
		return fail(arena);
	size = size ? (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1) : ALIGNMENT;
	if (chunk && size <= chunk->size - chunk->used) {
		void *bytes = chunk->bytes + chunk->used;

		chunk->used += size;
		return memset(bytes, 0, size);
	}
	return alloc_chunk(arena, size);
}

void *sp_arena_array(struct sp_arena *arena, size_t count, size_t size) {
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return fail(arena);
	return sp_arena_alloc(arena, bytes);
}

char *sp_arena_strndup(struct sp_arena *arena, const char *text, size_t length) {
	char *copy = length < SIZE_MAX ? sp_arena_alloc(arena, length + 1) : fail(arena);

	if (copy && length)
		memcpy(copy, text, length);
	return copy;
}

char *sp_arena_strdup(struct sp_arena *arena, const char *text) {
	return sp_arena_strndup(arena, text, strlen(text));
}

char *sp_arena_printf(struct sp_arena *arena, const char *format, ...) {
	char text[256];
	char *copy = NULL;
	va_list args, again;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(text, sizeof(text), format, args);
	if (length < 0) {
		fail(arena);
	} else if ((size_t)length < sizeof(text)) {
		copy = sp_arena_strndup(arena, text, (size_t)length);
	} else {
		copy = sp_arena_alloc(arena, (size_t)length + 1);
		if (copy)
			vsnprintf(copy, (size_t)length + 1, format, again);
	}
	va_end(again);
	va_end(args);
	return copy;
}

void *sp_arena_copy(struct sp_arena *arena, const void *bytes, size_t size) {
	void *copy = sp_arena_alloc(arena, size);

	if (copy && size)
		memcpy(copy, bytes, size);
	return copy;
}

/* Makes the array at the end of the head chunk longer without moving it. */
static bool extend(struct sp_arena *arena, const void *data, size_t from, size_t to) {
	struct sp_arena_chunk *chunk = arena->chunk;
	size_t grown;

	from = (from + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	to = (to + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
	if (!chunk || !data || from > chunk->used || data != chunk->bytes + chunk->used - from)
		return false;
	grown = to - from;
	if (grown > chunk->size - chunk->used)
		return false;
	memset(chunk->bytes + chunk->used, 0, grown);
	chunk->used += grown;
	return true;
}

bool sp_vec_grow(struct sp_arena *arena, void **data, uint32_t *capacity, size_t size) {
	uint32_t wanted = *capacity ? *capacity * 2 : FIRST_VEC;
	size_t bytes;
	void *old, *grown;

	if (*capacity > UINT32_MAX / 2 || __builtin_mul_overflow((size_t)wanted, size, &bytes) ||
		bytes > SIZE_MAX - ALIGNMENT) {
		fail(arena);
		return false;
	}
	/* *data is a pointer of another type, so it is not accessed as one to void. */
	memcpy(&old, (const void *)data, sizeof(old));
	if (!extend(arena, old, *capacity * size, bytes)) {
		grown = sp_arena_alloc(arena, bytes);
		if (!grown)
			return false;
		if (*capacity)
			memcpy(grown, old, *capacity * size);
		memcpy((void *)data, &grown, sizeof(grown));
	}
	*capacity = wanted;
	return true;
}
