/* SPDX-License-Identifier: MIT */
#include "serve/models.h"

#include <stdlib.h>
#include <string.h>

#include <sallyport/suggest.h>

#include "base/buf.h"
#include "base/file.h"
#include "examples/edu.h"
#include "gpu/bochs.h"
#include "input/input.h"

#define ROM_MAX (16u << 20) /* bytes */

#define BIT(setting) (1u << (setting))
#define ALL (BIT(SP_SETTING_NAME) | BIT(SP_SETTING_IRQ))

static bool make_bochs(struct sp_made *made, const struct sp_device_request *request,
	struct sp_budget *budget, struct sp_error *error) {
	struct sp_bochs_options options = {
		.memory_size = request->memory,
		.memory = made->memory,
		.width = request->width,
		.height = request->height,
	};
	size_t size = 0;

	if (request->rom) {
		if (!sp_file_read(request->rom, ROM_MAX, &made->rom, &size, error))
			return false;
		options.rom = (const uint8_t *)made->rom;
		options.rom_size = (uint32_t)size;
		/* What firmware looks for; anything else would be ignored without a word. */
		if (size < 512 || options.rom[0] != 0x55 || options.rom[1] != 0xaa)
			return sp_error_set(error, SP_ERROR_INPUT,
				"%s: it is no image of an expansion ROM", request->rom);
	}
	made->device = sp_bochs_create(&options, budget, error);
	if (made->device)
		made->scanout = sp_bochs_scanout(made->device);
	return made->device != NULL;
}

static bool make_edu(struct sp_made *made, const struct sp_device_request *request,
	struct sp_budget *budget, struct sp_error *error) {
	made->device = edu_create(!request->intx, budget, error);
	return made->device != NULL;
}

/* A function of PCI around a virtio device, which may be NULL after an error. */
static bool bind(struct sp_made *made, struct sp_virtio *device,
	const struct sp_device_request *request, struct sp_error *error) {
	const struct sp_virtio_pci_options options = {
		.intx = request->intx,
		.rings_packed = request->packed,
	};

	if (!device)
		return false;
	made->device = sp_virtio_pci_create(device, &options, error);
	if (!made->device) {
		device->ops->destroy(device);
		return false;
	}
	made->input = sp_virtio_input_sink(device);
	return true;
}

static bool make_keyboard(struct sp_made *made, const struct sp_device_request *request,
	struct sp_budget *budget, struct sp_error *error) {
	return bind(made, sp_virtio_keyboard_create(budget, error), request, error);
}

static bool make_tablet(struct sp_made *made, const struct sp_device_request *request,
	struct sp_budget *budget, struct sp_error *error) {
	return bind(made, sp_virtio_tablet_create(budget, error), request, error);
}

static const struct sp_model MODELS[] = {
	{
		.name = "bochs",
		.summary = "a display that Linux and firmware have drivers for",
		.settings =
			ALL | BIT(SP_SETTING_MEMORY) | BIT(SP_SETTING_MODE) | BIT(SP_SETTING_ROM),
		.screen = true,
		.create = make_bochs,
	},
	{
		.name = "virtio-keyboard",
		.summary = "a keyboard, into which viewers type",
		.settings = ALL | BIT(SP_SETTING_PACKED),
		.create = make_keyboard,
	},
	{
		.name = "virtio-tablet",
		.summary = "a pointer, which viewers move",
		.settings = ALL | BIT(SP_SETTING_PACKED),
		.create = make_tablet,
	},
	{
		.name = "edu",
		.summary = "QEMU's device for lessons: factorials, DMA and interrupts",
		.settings = ALL,
		.experimental = true,
		.create = make_edu,
	},
};
#define MODEL_COUNT (sizeof(MODELS) / sizeof(MODELS[0]))

const struct sp_model *sp_models(uint32_t *count) {
	*count = MODEL_COUNT;
	return MODELS;
}

static void not_found(const char *name, struct sp_error *error) {
	const char *names[MODEL_COUNT];
	struct sp_buf list = {0};
	const char *suggestion;

	for (size_t i = 0; i < MODEL_COUNT; i++) {
		names[i] = MODELS[i].name;
		sp_buf_str(&list, i ? ", " : "");
		sp_buf_str(&list, names[i]);
	}
	suggestion = sp_suggest(name, names, MODEL_COUNT);
	if (list.failed)
		sp_error_memory(error);
	else if (suggestion)
		sp_error_set(error, SP_ERROR_USE, "%s: there is no such device; did you mean %s?",
			name, suggestion);
	else
		sp_error_set(error, SP_ERROR_USE, "%s: there is no such device; there are %s", name,
			list.data);
	sp_buf_release(&list);
}

const struct sp_model *sp_model_find(const char *name, struct sp_error *error) {
	for (size_t i = 0; i < MODEL_COUNT; i++) {
		if (strcmp(MODELS[i].name, name) == 0)
			return &MODELS[i];
	}
	not_found(name, error);
	return NULL;
}

bool sp_model_create(struct sp_made *made, const struct sp_device_request *request, int memory,
	struct sp_budget *budget, struct sp_error *error) {
	*made = (struct sp_made){.memory = memory};
	if (request->model->create(made, request, budget, error))
		return true;
	sp_made_release(made);
	return false;
}

void sp_made_release(struct sp_made *made) {
	free(made->rom);
	*made = (struct sp_made){0};
}
