/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_MODELS_H
#define SP_SERVE_MODELS_H

#include <sallyport/device.h>
#include <sallyport/input.h>
#include <sallyport/scanout.h>

/* The devices that there are to be served. */

/* What can be said about one; each model takes some of them. */
enum sp_setting {
	SP_SETTING_NAME,
	SP_SETTING_IRQ,
	SP_SETTING_MEMORY,
	SP_SETTING_MODE,
	SP_SETTING_ROM,
	SP_SETTING_PACKED,
	SP_SETTING_COUNT
};

struct sp_model;

#define SP_DEVICE_NAME_MAX 48 /* bytes, without the NUL */

/* One that was asked for, and how it is to be. */
struct sp_device_request {
	const struct sp_model *model;
	char name[SP_DEVICE_NAME_MAX + 1]; /* of its socket; empty: the model's */
	bool intx; /* no MSI nor MSI-X */
	uint64_t memory; /* bytes; 0: the model's own */
	uint32_t width, height; /* of the screen; 0: the model's own */
	char *rom; /* a path; the request's; NULL: none */
	bool packed;
};

/* One that was made. */
struct sp_made {
	struct sp_device *device;
	struct sp_scanout *scanout; /* the device's; NULL: it has no screen */
	struct sp_input *input; /* the device's; NULL: nothing is typed into it */
	int memory; /* before: a file of an earlier process's to be used; -1: none */
	char *rom; /* malloc'ed, and longer there than the device */
};

struct sp_model {
	const char *name;
	const char *summary;
	uint32_t settings; /* bits 1 << enum sp_setting */
	bool screen;
	bool experimental;
	/* After an error nothing is left. `made` is all zeros before, but for `memory`. */
	bool (*create)(struct sp_made *made, const struct sp_device_request *request,
		struct sp_budget *budget, struct sp_error *error);
};

const struct sp_model *sp_models(uint32_t *count);
/* An error that tells what there is, and what may have been meant. */
const struct sp_model *sp_model_find(const char *name, struct sp_error *error);

/* Reads what it needs from files, now. `memory` is the device's, but not after an error. */
bool sp_model_create(struct sp_made *made, const struct sp_device_request *request, int memory,
	struct sp_budget *budget, struct sp_error *error);
/* The device is gone already. */
void sp_made_release(struct sp_made *made);

#endif
