/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_PREFLIGHT_CASES_H
#define SP_UNIT_PREFLIGHT_CASES_H

#include <stddef.h>

#include <sallyport/preflight.h>

/* A finding, words that lead to it, and a word more that makes it a near miss. */
struct preflight_case {
	enum sp_code code;
	enum sp_question question;
	const char *base, *trigger, *miss; /* see preflight_scene.h */
	const char *about; /* the function; NULL: the machine */
	const char *says; /* the message has this */
};

extern const struct preflight_case PREFLIGHT_CASES[];
extern const size_t PREFLIGHT_CASE_COUNT;

#endif
