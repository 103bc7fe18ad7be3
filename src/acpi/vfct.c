/* SPDX-License-Identifier: MIT */
#include "acpi/table.h"

/* After the header: a UUID, the offsets of the images and of a library, and reserved words. */
#define IMAGES 52u
#define LIBRARY 56u
#define FIXED 76u

/* An image's header: bus, device, function, IDs of the device and of its subsystem, revision,
 * length. */
#define IMAGE 28u
#define IMAGE_VENDOR 12u
#define IMAGE_DEVICE 14u
#define IMAGE_LENGTH 24u

/* What is behind the last image may fill the table up. */
static bool is_padding(const struct sp_acpi_span *table, uint32_t at) {
	if (table->size - at >= IMAGE)
		return false;
	for (; at < table->size; at++)
		if (table->data[at])
			return false;
	return true;
}

static bool read_function(
	const struct sp_acpi_span *image, sp_bdf *function, struct sp_error *error) {
	uint32_t bus = sp_load_le32(image->data);
	uint32_t device = sp_load_le32(image->data + 4);
	uint32_t number = sp_load_le32(image->data + 8);

	if (bus > 0xff || device > 0x1f || number > 7)
		return sp_acpi_fail(image, error,
			"the image is for bus 0x%x, device 0x%x, function 0x%x", bus, device,
			number);
	*function = sp_acpi_function(0, bus << 8 | device << 3 | number);
	return true;
}

bool sp_vfct_read(struct sp_vfct *vfct, struct sp_arena *arena, const uint8_t *data, size_t size,
	struct sp_error *error) {
	SP_VEC(struct sp_vfct_image) images = {0};
	struct sp_acpi_span table, image, rom;
	uint32_t at, library;

	*vfct = (struct sp_vfct){0};
	if (!sp_acpi_open(&table, data, size, "VFCT", FIXED, error))
		return false;
	at = sp_load_le32(data + IMAGES);
	library = sp_load_le32(data + LIBRARY);
	if (at < FIXED || at > table.size)
		return sp_error_set(error, SP_ERROR_INPUT,
			"VFCT, offset 0x%x: the images begin at 0x%x, and the table has %u bytes",
			IMAGES, at, table.size);
	if (library > at && library < table.size)
		table.size = library;

	while (at < table.size && !is_padding(&table, at)) {
		struct sp_vfct_image *found;
		uint32_t length, room = table.size - at;
		sp_bdf function = SP_BDF_NONE;

		if (!sp_acpi_take(&image, &table, at, room < IMAGE ? room : IMAGE, IMAGE,
			    "the image's header", error))
			return false;
		length = sp_load_le32(image.data + IMAGE_LENGTH);
		at += IMAGE;
		if (!sp_acpi_take(&rom, &table, at, length, 0, "the image", error) ||
			!read_function(&image, &function, error))
			return false;
		at += length;
		if (!length)
			continue;
		found = sp_vec_push(arena, &images);
		if (!found)
			return sp_error_memory(error);
		*found = (struct sp_vfct_image){
			.function = function,
			.vendor = sp_load_le16(image.data + IMAGE_VENDOR),
			.device = sp_load_le16(image.data + IMAGE_DEVICE),
			.size = length,
			.at = rom.at,
		};
	}
	vfct->images = images.data;
	vfct->count = images.count;
	return true;
}
