/* SPDX-License-Identifier: MIT */
#include "xl/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char SPACES[] = " \t\v\f\r\n"; /* isspace() in every locale that xl runs in */

/* What has one character and one meaning. */
static const struct {
	char character;
	enum sp_xl_token_kind kind;
} SIGNS[] = {
	{'\n', SP_XL_TOKEN_NEWLINE},
	{'=', SP_XL_TOKEN_ASSIGN},
	{',', SP_XL_TOKEN_COMMA},
	{';', SP_XL_TOKEN_SEMICOLON},
	{'[', SP_XL_TOKEN_OPEN},
	{']', SP_XL_TOKEN_CLOSE},
};

bool sp_xl_lexer_fail(const struct sp_xl_lexer *lexer, uint32_t line, const char *format, ...) {
	char message[sizeof(lexer->error->message)];
	va_list args;

	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	return sp_error_set(lexer->error, SP_ERROR_INPUT, "%s:%u: %s", lexer->name, line, message);
}

static bool is_lower(char c) {
	return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static bool in_name(char c) {
	return is_lower(c) || is_digit(c) || c == '.' || c == '_';
}

static bool in_number(char c) {
	return is_digit(c) || (c >= 'a' && c <= 'f') || c == 'x';
}

/* The bytes from lexer->at that `is` holds for. */
static size_t span(const struct sp_xl_lexer *lexer, bool (*is)(char)) {
	const char *at = lexer->at;

	while (at < lexer->end && is(*at))
		at++;
	return (size_t)(at - lexer->at);
}

/* The size of the string that begins at lexer->at, 0 if it does not end on its line. */
static size_t string_size(const struct sp_xl_lexer *lexer) {
	char quote = *lexer->at;

	for (const char *at = lexer->at + 1; at < lexer->end && *at != '\n'; at++) {
		if (*at == quote)
			return (size_t)(at + 1 - lexer->at);
		if (*at == '\\' && (++at == lexer->end || *at == '\n'))
			break;
	}
	return 0;
}

static bool refuse(const struct sp_xl_lexer *lexer) {
	unsigned char c = (unsigned char)*lexer->at;

	switch (c) {
	case '"':
	case '\'':
		return sp_xl_lexer_fail(
			lexer, lexer->line, "the string has no closing quote on its line");
	case '#':
		return sp_xl_lexer_fail(
			lexer, lexer->line, "the comment is not ended by a newline");
	case '\r':
		return sp_xl_lexer_fail(lexer, lexer->line,
			"there is a carriage return, which xl does not take as the end of a line");
	case '\0':
		return sp_xl_lexer_fail(lexer, lexer->line, "there is a NUL byte");
	default:
		break;
	}
	if (c >= 'A' && c <= 'Z')
		return sp_xl_lexer_fail(lexer, lexer->line,
			"'%c' outside quotes: names are written in small letters", c);
	if (c < 0x20 || c > 0x7e)
		return sp_xl_lexer_fail(lexer, lexer->line, "byte 0x%02x outside quotes", c);
	return sp_xl_lexer_fail(lexer, lexer->line, "'%c' outside quotes", c);
}

static bool take(struct sp_xl_lexer *lexer, struct sp_xl_token *token, enum sp_xl_token_kind kind,
	size_t size) {
	*token = (struct sp_xl_token){
		.kind = kind, .line = lexer->line, .start = lexer->at, .size = size};
	lexer->at += size;
	if (kind == SP_XL_TOKEN_NEWLINE)
		lexer->line++;
	return true;
}

bool sp_xl_lexer_next(struct sp_xl_lexer *lexer, struct sp_xl_token *token) {
	const char *newline;
	size_t left, size;
	char c;

	while (lexer->at < lexer->end && (*lexer->at == ' ' || *lexer->at == '\t'))
		lexer->at++;
	left = (size_t)(lexer->end - lexer->at);
	if (!left)
		return take(lexer, token, SP_XL_TOKEN_END, 0);
	c = *lexer->at;
	if (is_lower(c))
		return take(lexer, token, SP_XL_TOKEN_NAME, span(lexer, in_name));
	if (is_digit(c))
		return take(lexer, token, SP_XL_TOKEN_NUMBER, span(lexer, in_number));
	for (size_t i = 0; i < sizeof(SIGNS) / sizeof(SIGNS[0]); i++) {
		if (c == SIGNS[i].character)
			return take(lexer, token, SIGNS[i].kind, 1);
	}
	if (c == '+' && left > 1 && lexer->at[1] == '=')
		return take(lexer, token, SP_XL_TOKEN_ADD, 2);
	if (c == '#') {
		newline = memchr(lexer->at, '\n', left);
		if (newline)
			return take(lexer, token, SP_XL_TOKEN_NEWLINE,
				(size_t)(newline + 1 - lexer->at));
	}
	if (c == '"' || c == '\'') {
		size = string_size(lexer);
		if (size && memchr(lexer->at, '\0', size))
			return sp_xl_lexer_fail(
				lexer, lexer->line, "there is a NUL byte in the string");
		if (size)
			return take(lexer, token, SP_XL_TOKEN_STRING, size);
	}
	/* xl's lexer wants a second byte to see that the first is wrong. */
	if (left == 1) {
		lexer->at++;
		return take(lexer, token, SP_XL_TOKEN_END, 0);
	}
	return refuse(lexer);
}

/*
 * The size of an escape by number after its first digit. xl reads up to three further characters
 * as strtoul() does, wants two of them, and then puts nothing into the text.
 */
static size_t number_escape(const char *at, const char *end) {
	const char *start = at, *digits;

	if (end - at > 3)
		end = at + 3;
	while (at < end && strchr(SPACES, *at))
		at++;
	if (at < end && (*at == '+' || *at == '-'))
		at++;
	for (digits = at; at < end && is_digit(*at);)
		at++;
	return at > digits && at - start >= 2 ? (size_t)(at - start) : 0;
}

char *sp_xl_lexer_text(
	struct sp_xl_lexer *lexer, struct sp_arena *arena, const struct sp_xl_token *token) {
	static const char LETTERS[] = "\"'\\abfnrtv", MEANT[] = "\"'\\\a\b\f\n\r\t\v";
	bool quoted = token->kind == SP_XL_TOKEN_STRING;
	const char *at = token->start + quoted, *end = token->start + token->size - quoted;
	char *text = sp_arena_alloc(arena, token->size + 1), *to = text;

	if (!text) {
		sp_error_memory(lexer->error);
		return NULL;
	}
	while (at < end) {
		const char *letter;
		size_t size;

		if (!quoted || *at != '\\') {
			*to++ = *at++;
			continue;
		}
		/* The string's end is not escaped, so that a character follows. */
		letter = strchr(LETTERS, at[1]);
		if (letter) {
			*to++ = MEANT[letter - LETTERS];
			at += 2;
			continue;
		}
		size = at[1] >= '0' && at[1] <= '7' ? number_escape(at + 2, end) : 0;
		if (!size) {
			sp_xl_lexer_fail(lexer, token->line,
				at[1] > ' ' && at[1] <= '~'
					? "xl does not take the escape \\%c"
					: "xl does not take an escape of byte 0x%02x",
				(unsigned char)at[1]);
			return NULL;
		}
		at += 2 + size;
	}
	return text;
}
