/* SPDX-License-Identifier: MIT */
#ifndef SP_BASE_ARENA_H
#define SP_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory that is given back all at once. A zeroed struct is an empty arena.
 *
 * `failed` stays true once an allocation has failed, so that a pass may go on with what it has and
 * its caller asks once at the end.
 */
struct sp_arena {
	struct sp_arena_chunk *chunk;
	bool failed;
};

void sp_arena_release(struct sp_arena *arena);

/* Zeroed and aligned for any type; NULL if no memory is left or count * size overflows. */
void *sp_arena_alloc(struct sp_arena *arena, size_t size);
void *sp_arena_array(struct sp_arena *arena, size_t count, size_t size);

/* NULL if no memory is left. */
char *sp_arena_strdup(struct sp_arena *arena, const char *text);
char *sp_arena_strndup(struct sp_arena *arena, const char *text, size_t length);
char *sp_arena_printf(struct sp_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void *sp_arena_copy(struct sp_arena *arena, const void *bytes, size_t size);

/*
 * A growing array whose memory is an arena's:
 *
 *	SP_VEC(struct thing) things = {0};
 *	struct thing *t = sp_vec_push(arena, &things);   zeroed, NULL if no memory is left
 */
#define SP_VEC(type) \
	struct { \
		type *data; \
		uint32_t count; \
		uint32_t capacity; \
	}

#define sp_vec_push(arena, vec) \
	((vec)->count < (vec)->capacity || \
				sp_vec_grow((arena), (void **)&(vec)->data, &(vec)->capacity, \
					sizeof(*(vec)->data)) \
			? &(vec)->data[(vec)->count++] \
			: NULL)

/* Doubles *capacity; the new part is zeroed. */
bool sp_vec_grow(struct sp_arena *arena, void **data, uint32_t *capacity, size_t size);

#endif
