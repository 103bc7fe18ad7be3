/* SPDX-License-Identifier: MIT */
#ifndef SP_XL_LEXER_H
#define SP_XL_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sallyport/error.h>

#include "base/arena.h"

/* The words of xl's configuration language. */
enum sp_xl_token_kind {
	SP_XL_TOKEN_END,
	SP_XL_TOKEN_NEWLINE, /* a comment belongs to the newline that ends it */
	SP_XL_TOKEN_NAME,
	SP_XL_TOKEN_NUMBER, /* what begins with a digit; its letters are not checked */
	SP_XL_TOKEN_STRING,
	SP_XL_TOKEN_ASSIGN,
	SP_XL_TOKEN_ADD,
	SP_XL_TOKEN_COMMA,
	SP_XL_TOKEN_SEMICOLON,
	SP_XL_TOKEN_OPEN,
	SP_XL_TOKEN_CLOSE,
};

struct sp_xl_token {
	enum sp_xl_token_kind kind;
	uint32_t line; /* where it begins */
	const char *start; /* in the input, quotes included */
	size_t size;
};

struct sp_xl_lexer {
	const char *at, *end; /* what is left of the input */
	uint32_t line; /* of `at` */
	const char *name; /* what errors call the input */
	struct sp_error *error;
};

/* False with an error if no word of the language begins here. At the end it goes on giving ends. */
bool sp_xl_lexer_next(struct sp_xl_lexer *lexer, struct sp_xl_token *token);

/* The text of a name, number or string, escapes undone; NULL with an error. */
char *sp_xl_lexer_text(
	struct sp_xl_lexer *lexer, struct sp_arena *arena, const struct sp_xl_token *token);

/* An error in that line of the input; returns false. */
bool sp_xl_lexer_fail(const struct sp_xl_lexer *lexer, uint32_t line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
