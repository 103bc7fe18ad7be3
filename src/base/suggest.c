/* SPDX-License-Identifier: MIT */
#include <sallyport/suggest.h>

#include <ctype.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b) {
	return a < b ? a : b;
}

static int lower(char c) {
	return tolower((unsigned char)c);
}

/* Damerau and Levenshtein's distance, in which two swapped neighbours count once. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length) {
	unsigned rows[3][SP_SUGGEST_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b_length; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned *reused = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_length; j++) {
			unsigned change = lower(a[i - 1]) != lower(b[j - 1]);

			row[j] = least(above[j - 1] + change, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = reused;
	}
	return above[b_length];
}

const char *sp_suggest(const char *word, const char *const *candidates, size_t count) {
	size_t length = strnlen(word, SP_SUGGEST_MAX + 1);
	const char *best = NULL;
	/* A third of the word may be wrong; of a word of one or two letters, one. */
	unsigned limit = (unsigned)(length / 3 > 1 ? length / 3 : 1);

	if (length == 0 || length > SP_SUGGEST_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strnlen(candidates[i], SP_SUGGEST_MAX + 1);
		unsigned d;

		if (other > SP_SUGGEST_MAX)
			continue;
		d = distance(word, length, candidates[i], other);
		if (d < length && (d < limit || (d == limit && !best))) {
			best = candidates[i];
			limit = d;
		}
	}
	return best;
}
