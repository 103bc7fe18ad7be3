/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_COLUMNS 80
#define NARROWEST 20 /* columns of text below which wrapping does more harm than good */

static ssize_t write_out(void *cookie, const char *data, size_t size) {
	struct cli *cli = cookie;
	size_t done = 0;

	while (done < size && !cli->out_error) {
		ssize_t n = write(STDOUT_FILENO, data + done, size - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			cli->out_error = errno;
	}
	/* All is swallowed after an error, which is told of once, at the end. */
	return (ssize_t)size;
}

static unsigned columns(void) {
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return DEFAULT_COLUMNS;
}

bool cli_open(struct cli *cli) {
	cookie_io_functions_t functions = {.write = write_out};
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	cli->out_error = 0;
	cli->out = fopencookie(cli, "w", functions);
	if (!cli->out)
		return false;
	cli->columns = isatty(STDOUT_FILENO) ? columns() : 0;
	cli->colour = cli->columns && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
	return true;
}

enum cli_status cli_close(struct cli *cli, enum cli_status status) {
	if (fclose(cli->out) != 0 && !cli->out_error)
		cli->out_error = errno;
	if (!cli->out_error || cli->out_error == EPIPE)
		return status;
	cli_complain(NULL, "standard output: %s", strerror(cli->out_error));
	return CLI_BAD;
}

void cli_style(struct cli *cli, enum cli_style style) {
	static const char *const CODES[] = {
		[CLI_PLAIN] = "0",
		[CLI_RED] = "31",
		[CLI_YELLOW] = "33",
		[CLI_BLUE] = "34",
		[CLI_GREEN] = "32",
		[CLI_BOLD] = "1",
	};

	if (cli->colour)
		fprintf(cli->out, "\033[%sm", CODES[style]);
}

static bool is_control(char c) {
	return (unsigned char)c < ' ' || c == 0x7f;
}

void cli_text(FILE *out, const char *text) {
	for (; *text; text++)
		if (is_control(*text))
			fprintf(out, "\\x%02x", (unsigned char)*text);
		else
			putc(*text, out);
}

/* Columns that the bytes take: those that continue a UTF-8 character take none. */
static unsigned width(const char *text, size_t length) {
	unsigned count = 0;

	for (size_t i = 0; i < length; i++)
		if (is_control(text[i]))
			count += 4;
		else if (((unsigned char)text[i] & 0xc0) != 0x80)
			count++;
	return count;
}

unsigned cli_width(const char *text) {
	return width(text, strlen(text));
}

void cli_put(struct cli *cli, unsigned *column, const char *text) {
	cli_text(cli->out, text);
	*column += cli_width(text);
}

void cli_wrap(struct cli *cli, unsigned column, unsigned indent, const char *text) {
	unsigned limit = cli->columns > indent + NARROWEST ? cli->columns : UINT_MAX;
	bool first = true;

	if (column < indent)
		fprintf(cli->out, "%*s", (int)(indent - column), "");
	column = column < indent ? indent : column;
	while (*text) {
		size_t length = strcspn(text, " ");
		unsigned wide = width(text, length);

		if (column > indent && column + !first + wide > limit) {
			fprintf(cli->out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			putc(' ', cli->out);
			column++;
		}
		first = false;
		for (size_t i = 0; i < length; i++)
			cli_text(cli->out, (const char[]){text[i], '\0'});
		column += wide;
		text += length;
		text += strspn(text, " ");
	}
	putc('\n', cli->out);
}

void cli_complain(const char *remedy, const char *format, ...) {
	char message[1024];
	va_list args;

	va_start(args, format);
	if (vsnprintf(message, sizeof(message), format, args) < 0)
		message[0] = '\0';
	va_end(args);
	fputs("sallyport: ", stderr);
	cli_text(stderr, message);
	fputc('\n', stderr);
	if (remedy) {
		fputs("  ", stderr);
		cli_text(stderr, remedy);
		fputc('\n', stderr);
	}
}

enum cli_status cli_fail(const struct sp_error *error, const char *prefix, const char *remedy) {
	cli_complain(remedy, "%s%s%s", prefix ? prefix : "", prefix ? ": " : "", error->message);
	return CLI_BAD;
}
