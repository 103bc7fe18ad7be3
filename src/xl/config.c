/* SPDX-License-Identifier: MIT */
#include "xl/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "xl/lexer.h"

/* One assignment or addition, as it stands in the file. */
struct statement {
	struct sp_xl_setting setting;
	bool in_force;
};

/* Statements in the order of their names, and of the file among those of one name. */
struct place {
	const char *name;
	uint32_t statement;
};

struct sp_xl_config {
	struct sp_arena arena;
	const char *name;
	struct sp_xl_setting *settings;
	const struct sp_xl_setting **by_name;
	uint32_t count;
};

struct parser {
	struct sp_xl_config *config;
	struct sp_xl_lexer lexer;
	struct sp_xl_token token; /* the one to be looked at */
	SP_VEC(struct statement) statements;
};

static bool next(struct parser *parser) {
	return sp_xl_lexer_next(&parser->lexer, &parser->token);
}

static bool no_memory(const struct parser *parser) {
	return sp_error_memory(parser->lexer.error);
}

static bool skip_newlines(struct parser *parser) {
	while (parser->token.kind == SP_XL_TOKEN_NEWLINE) {
		if (!next(parser))
			return false;
	}
	return true;
}

static bool no_value(const struct parser *parser) {
	const struct sp_xl_token *token = &parser->token;

	if (token->kind == SP_XL_TOKEN_NAME)
		return sp_xl_lexer_fail(&parser->lexer, token->line, "\"%.*s\" must be in quotes",
			(int)(token->size < 80 ? token->size : 80), token->start);
	if (token->kind == SP_XL_TOKEN_NEWLINE || token->kind == SP_XL_TOKEN_END)
		return sp_xl_lexer_fail(&parser->lexer, token->line,
			"the line ends where a value or a list must begin");
	return sp_xl_lexer_fail(&parser->lexer, token->line,
		"'%c' stands where a value or a list must begin", *token->start);
}

static bool parse_value(struct parser *parser, struct sp_xl_value *value, unsigned depth);

/* From behind the opening bracket to behind the closing one. */
static bool parse_items(struct parser *parser, struct sp_xl_value *list, unsigned depth) {
	struct sp_arena *arena = &parser->config->arena;
	SP_VEC(struct sp_xl_value) items = {0};

	if (!next(parser) || !skip_newlines(parser))
		return false;
	while (parser->token.kind != SP_XL_TOKEN_CLOSE) {
		struct sp_xl_value item = {0}, *slot;

		if (parser->token.kind == SP_XL_TOKEN_END)
			break;
		if (!parse_value(parser, &item, depth) || !skip_newlines(parser))
			return false;
		slot = sp_vec_push(arena, &items);
		if (!slot)
			return no_memory(parser);
		*slot = item;
		if (parser->token.kind == SP_XL_TOKEN_COMMA) {
			if (!next(parser) || !skip_newlines(parser))
				return false;
		} else if (parser->token.kind != SP_XL_TOKEN_CLOSE &&
			parser->token.kind != SP_XL_TOKEN_END) {
			return sp_xl_lexer_fail(&parser->lexer, parser->token.line,
				"neither ',' nor ']' follows an entry of the list that begins in "
				"line %u",
				list->line);
		}
	}
	if (parser->token.kind == SP_XL_TOKEN_END)
		return sp_xl_lexer_fail(&parser->lexer, list->line, "the list has no end");
	list->items = items.data;
	list->count = items.count;
	return next(parser);
}

static bool parse_value(struct parser *parser, struct sp_xl_value *value, unsigned depth) {
	const struct sp_xl_token *token = &parser->token;

	value->line = token->line;
	switch (token->kind) {
	case SP_XL_TOKEN_OPEN:
		if (depth == SP_XL_MAX_DEPTH)
			return sp_xl_lexer_fail(&parser->lexer, token->line,
				"lists are nested more than %u deep", SP_XL_MAX_DEPTH);
		value->kind = SP_XL_LIST;
		return parse_items(parser, value, depth + 1);
	case SP_XL_TOKEN_STRING:
	case SP_XL_TOKEN_NUMBER:
		value->kind = SP_XL_ATOM;
		value->quoted = token->kind == SP_XL_TOKEN_STRING;
		value->text = sp_xl_lexer_text(&parser->lexer, &parser->config->arena, token);
		return value->text && next(parser);
	default:
		return no_value(parser);
	}
}

static bool parse_statement(struct parser *parser) {
	struct statement *statement;
	struct sp_xl_setting *setting;

	if (parser->token.kind != SP_XL_TOKEN_NAME)
		return sp_xl_lexer_fail(&parser->lexer, parser->token.line,
			"'%c' stands where the name of a setting must begin", *parser->token.start);
	statement = sp_vec_push(&parser->config->arena, &parser->statements);
	if (!statement)
		return no_memory(parser);
	setting = &statement->setting;
	setting->line = parser->token.line;
	setting->name = sp_xl_lexer_text(&parser->lexer, &parser->config->arena, &parser->token);
	if (!setting->name || !next(parser))
		return false;
	if (parser->token.kind != SP_XL_TOKEN_ASSIGN && parser->token.kind != SP_XL_TOKEN_ADD)
		return sp_xl_lexer_fail(&parser->lexer, setting->line,
			"neither '=' nor '+=' follows \"%.80s\"", setting->name);
	setting->added = parser->token.kind == SP_XL_TOKEN_ADD;
	if (!next(parser) || !parse_value(parser, &setting->value, 0))
		return false;
	if (parser->token.kind != SP_XL_TOKEN_NEWLINE &&
		parser->token.kind != SP_XL_TOKEN_SEMICOLON &&
		parser->token.kind != SP_XL_TOKEN_END)
		return sp_xl_lexer_fail(&parser->lexer, parser->token.line,
			"neither a new line nor ';' follows the value of \"%.80s\"", setting->name);
	return true;
}

static bool parse_statements(struct parser *parser) {
	if (!next(parser))
		return false;
	while (parser->token.kind != SP_XL_TOKEN_END) {
		if (parser->token.kind == SP_XL_TOKEN_NEWLINE ||
			parser->token.kind == SP_XL_TOKEN_SEMICOLON) {
			if (!next(parser))
				return false;
		} else if (!parse_statement(parser)) {
			return false;
		}
	}
	return true;
}

/* Puts the values of `count` statements, all atoms or all lists, one behind the other. */
static bool join(struct parser *parser, const struct place *places, uint32_t count) {
	struct sp_arena *arena = &parser->config->arena;
	struct statement *statements = parser->statements.data;
	struct sp_xl_value *last = &statements[places[count - 1].statement].setting.value;
	struct sp_xl_value *items, joined = *last;
	size_t size = 0;
	char *text;

	if (count == 1)
		return true;
	joined.count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_xl_value *value = &statements[places[i].statement].setting.value;

		joined.count += value->count;
		joined.quoted |= value->quoted;
		size += value->text ? strlen(value->text) : 0;
	}
	text = last->kind == SP_XL_ATOM ? sp_arena_alloc(arena, size + 1) : NULL;
	items = joined.count ? sp_arena_array(arena, joined.count, sizeof(*items)) : NULL;
	if (arena->failed)
		return no_memory(parser);
	joined.text = text;
	joined.items = items;
	for (uint32_t i = 0; i < count; i++) {
		const struct sp_xl_value *value = &statements[places[i].statement].setting.value;

		if (text)
			text = stpcpy(text, value->text);
		if (value->count)
			memcpy(items, value->items, value->count * sizeof(*items));
		if (value->count)
			items += value->count;
	}
	*last = joined;
	return true;
}

/* What comes of all statements about one name. */
static bool settle(struct parser *parser, const struct place *places, uint32_t count) {
	struct statement *statements = parser->statements.data;
	uint32_t first = 0;

	for (uint32_t i = 1; i < count; i++) {
		const struct sp_xl_setting *before = &statements[places[i - 1].statement].setting;
		const struct sp_xl_setting *setting = &statements[places[i].statement].setting;

		if (!setting->added)
			first = i;
		else if (setting->value.kind != before->value.kind)
			return sp_xl_lexer_fail(&parser->lexer, setting->line,
				setting->value.kind == SP_XL_LIST
					? "a list cannot be added to \"%.80s\", which is none"
					: "only a list can be added to \"%.80s\", which is one",
				setting->name);
	}
	statements[places[count - 1].statement].in_force = true;
	return join(parser, places + first, count - first);
}

static int compare_places(const void *one, const void *other) {
	const struct place *a = one, *b = other;
	int order = strcmp(a->name, b->name);

	if (order)
		return order;
	return (a->statement > b->statement) - (a->statement < b->statement);
}

static int compare_settings(const void *one, const void *other) {
	const struct sp_xl_setting *const *a = one, *const *b = other;

	return strcmp((*a)->name, (*b)->name);
}

/* Brings the statements together by name; those of names that many share stay linear, too. */
static bool settle_all(struct parser *parser) {
	struct sp_xl_config *config = parser->config;
	struct statement *statements = parser->statements.data;
	uint32_t count = parser->statements.count;
	struct place *places;

	if (!count)
		return true;
	places = sp_arena_array(&config->arena, count, sizeof(*places));
	config->settings = sp_arena_array(&config->arena, count, sizeof(*config->settings));
	config->by_name = sp_arena_array(&config->arena, count, sizeof(const void *));
	if (config->arena.failed)
		return no_memory(parser);
	for (uint32_t i = 0; i < count; i++)
		places[i] = (struct place){statements[i].setting.name, i};
	qsort(places, count, sizeof(*places), compare_places);
	for (uint32_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && !strcmp(places[end].name, places[i].name);)
			end++;
		if (!settle(parser, places + i, end - i))
			return false;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!statements[i].in_force)
			continue;
		config->settings[config->count] = statements[i].setting;
		config->by_name[config->count] = &config->settings[config->count];
		config->count++;
	}
	qsort(config->by_name, config->count, sizeof(const void *), compare_settings);
	return true;
}

bool sp_xl_config_parse(struct sp_xl_config **config, const char *text, size_t size,
	const char *name, struct sp_error *error) {
	struct parser parser = {0};

	*config = NULL;
	if (size > SP_XL_MAX_BYTES)
		return sp_error_set(error, SP_ERROR_INPUT,
			"%s: larger than the %zu bytes that are read", name, SP_XL_MAX_BYTES);
	parser.config = calloc(1, sizeof(*parser.config));
	if (!parser.config)
		return sp_error_memory(error);
	parser.config->name = sp_arena_strdup(&parser.config->arena, name);
	if (!size)
		text = "";
	parser.lexer = (struct sp_xl_lexer){
		.at = text, .end = text + size, .line = 1, .name = name, .error = error};
	if (!parse_statements(&parser) || !settle_all(&parser) ||
		(parser.config->arena.failed && !no_memory(&parser))) {
		sp_xl_config_destroy(parser.config);
		return false;
	}
	*config = parser.config;
	return true;
}

bool sp_xl_config_load(struct sp_xl_config **config, const char *path, struct sp_error *error) {
	char *text;
	size_t size;
	bool good;

	*config = NULL;
	if (!sp_file_read(path, SP_XL_MAX_BYTES, &text, &size, error))
		return false;
	good = sp_xl_config_parse(config, text, size, path, error);
	free(text);
	return good;
}

void sp_xl_config_destroy(struct sp_xl_config *config) {
	if (!config)
		return;
	sp_arena_release(&config->arena);
	free(config);
}

const char *sp_xl_config_name(const struct sp_xl_config *config) {
	return config->name;
}

const struct sp_xl_setting *sp_xl_config_settings(
	const struct sp_xl_config *config, uint32_t *count) {
	*count = config->count;
	return config->settings;
}

const struct sp_xl_setting *sp_xl_config_find(const struct sp_xl_config *config, const char *name) {
	uint32_t low = 0, high = config->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(name, config->by_name[middle]->name);

		if (!order)
			return config->by_name[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}
