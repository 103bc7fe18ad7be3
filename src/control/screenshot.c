/* SPDX-License-Identifier: MIT */
#include "control/control.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "show/png.h"

/* How often a picture is taken anew because the screen changed meanwhile. */
#define ATTEMPTS 3

enum { OPTION_DEVICE, OPTION_OUTPUT };

static const struct cli_option OPTIONS[] = {
	[OPTION_DEVICE] = {'d', "device", "NAME", "Whose screen, if several devices have one."},
	[OPTION_OUTPUT] = {'o', "output", "FILE",
		"Where the picture goes, in place of VM.png here; - is standard output."},
};

static const struct cli_usage USAGE = {
	.verb = "screenshot",
	.arguments = "[OPTION]… VM",
	.about = "Writes as a PNG what a virtual machine's screen shows. VM is a name, or the path "
		 "of a directory given to `sallyport serve`. The guest may draw while it is read, "
		 "so that a picture may be of more than one moment.",
	.example = "sallyport screenshot desktop",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(OPTIONS[0]),
};

struct shot {
	struct sp_picture picture;
	uint8_t *pixels;
};

/* What the answer says is believed only as far as it makes sense together. */
static bool read_picture(struct shot *shot, const json_t *answer, struct sp_error *error) {
	const char *format = control_string(answer, "format");
	struct sp_picture *picture = &shot->picture;
	uint64_t bytes;

	*picture = (struct sp_picture){.file = 0, .file_size = control_number(answer, "size")};
	picture->width = (uint32_t)control_number(answer, "width");
	picture->height = (uint32_t)control_number(answer, "height");
	if (strlen(format) == 4)
		picture->format = SP_FOURCC((uint8_t)format[0], (uint8_t)format[1],
			(uint8_t)format[2], (uint8_t)format[3]);
	picture->stride = picture->width * sp_picture_pixel(picture->format);
	if (!sp_picture_fits(picture, &bytes) || bytes != picture->file_size)
		return sp_error_set(error, SP_ERROR_INPUT, "its answer is of no possible picture");
	free(shot->pixels);
	shot->pixels = malloc(picture->file_size);
	return shot->pixels || sp_error_memory(error);
}

static bool take_once(struct shot *shot, struct control_talk *talk, const char *device,
	bool *changed, struct sp_error *error) {
	json_t *answer = control_ask(talk,
		device ? json_pack("{s:s, s:s}", "do", "screenshot", "device", device)
		       : json_pack("{s:s}", "do", "screenshot"),
		error);
	bool good = answer && read_picture(shot, answer, error) &&
		control_read(talk, shot->pixels, shot->picture.file_size, error);

	json_decref(answer);
	answer = good ? control_answer(talk, error) : NULL;
	*changed = json_is_true(json_object_get(answer, "changed"));
	json_decref(answer);
	return answer != NULL;
}

static bool take(
	struct shot *shot, const char *directory, const char *device, struct sp_error *error) {
	struct control_talk talk;
	bool changed = true, good = true;
	int failure;

	if (!control_open(&talk, directory, &failure))
		return control_refused(directory, failure, error);
	for (int i = 0; i < ATTEMPTS && good && changed; i++)
		good = take_once(shot, &talk, device, &changed, error);
	control_close(&talk);
	return good || sp_error_prefix(error, directory);
}

static enum cli_status write_file(const char *path, const struct sp_buf *png) {
	FILE *file = fopen(path, "wbe");
	bool good = file && fwrite(png->data, 1, png->size, file) == png->size;
	int failure = errno;

	if (file && fclose(file) != 0) {
		failure = good ? errno : failure;
		good = false;
	}
	if (!good)
		cli_complain(NULL, "%s: %s", path, strerror(failure));
	return good ? CLI_GOOD : CLI_BAD;
}

static enum cli_status write_out(
	struct cli *cli, const struct shot *shot, const char *vm, const char *output) {
	size_t length = strlen(vm);
	struct sp_buf png = {0};
	enum cli_status status = CLI_GOOD;
	char *path = NULL;

	if (!sp_png_write(&shot->picture, shot->pixels, &png)) {
		cli_complain(NULL, "out of memory");
		status = CLI_BAD;
	} else if (output && strcmp(output, "-") == 0) {
		fwrite(png.data, 1, png.size, cli->out);
	} else if (output) {
		status = write_file(output, &png);
	} else {
		const char *slash;

		while (length > 1 && vm[length - 1] == '/')
			length--;
		slash = memrchr(vm, '/', length);
		length -= slash ? (size_t)(slash + 1 - vm) : 0;
		if (asprintf(&path, "%.*s.png", (int)length, slash ? slash + 1 : vm) < 0)
			path = NULL;
		status = path ? write_file(path, &png) : CLI_BAD;
		if (status == CLI_GOOD) {
			cli_text(cli->out, path);
			putc('\n', cli->out);
		}
		free(path);
	}
	sp_buf_release(&png);
	return status;
}

enum cli_status control_screenshot(struct cli *cli, int argc, char **argv) {
	const char *device = NULL, *output = NULL;
	enum cli_status status = CLI_BAD;
	struct shot shot = {0};
	struct sp_error error;
	char *directory;
	int option;

	optind = 0;
	while ((option = cli_next_option(cli, &USAGE, argc, argv, &status)) >= 0) {
		if (option == OPTION_DEVICE)
			device = optarg;
		if (option == OPTION_OUTPUT)
			output = optarg;
	}
	if (option == CLI_OPTION_STOP)
		return status;
	if (argc - optind != 1)
		return cli_misuse(&USAGE, "name one VM; `sallyport ps` lists them");
	if (output && strcmp(output, "-") == 0 && cli->columns)
		return cli_misuse(&USAGE, "a picture is not written to a terminal");
	directory = control_find(argv[optind], &error);
	if (directory && take(&shot, directory, device, &error))
		status = write_out(cli, &shot, argv[optind], output);
	else
		status = cli_fail(&error, NULL, control_remedy(&error));
	free(shot.pixels);
	free(directory);
	return status;
}
