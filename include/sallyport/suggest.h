/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_SUGGEST_H
#define SALLYPORT_SUGGEST_H

#include <stddef.h>

/*
 * The candidate that `word` was most likely meant to be: the one with the fewest letters changed,
 * left out, added or swapped, the case of letters aside. The first of equals. NULL if even that one
 * differs too much to be worth naming, and for words of more than SP_SUGGEST_MAX bytes.
 */
#define SP_SUGGEST_MAX 63

const char *sp_suggest(const char *word, const char *const *candidates, size_t count);

#endif
