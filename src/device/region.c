/* SPDX-License-Identifier: MIT */
#include <sallyport/device.h>

#include <errno.h>
#include <unistd.h>

static bool area_valid(const struct sp_region *region, const struct sp_area *area) {
	switch (area->kind) {
	case SP_AREA_TRAPPED:
		return true;
	case SP_AREA_MAPPED:
	case SP_AREA_READ_ONLY:
		return region->file >= 0 && area->file_offset % SP_PAGE == 0 &&
			area->offset % SP_PAGE == 0 && area->size % SP_PAGE == 0 &&
			area->file_offset <= INT64_MAX - area->size;
	case SP_AREA_DOORBELL:
		return (area->width == 1 || area->width == 2 || area->width == 4 ||
			       area->width == 8) &&
			area->width <= area->size;
	case SP_AREA_WINDOW:
		return area->offset % SP_PAGE == 0 && area->size % SP_PAGE == 0;
	}
	return false;
}

bool sp_region_valid(const struct sp_region *region) {
	uint64_t at = 0;

	if (region->size > INT64_MAX)
		return false;
	for (uint32_t i = 0; i < region->area_count; i++) {
		const struct sp_area *area = &region->areas[i];

		if (area->offset != at || !area->size || area->size > region->size - at ||
			!area_valid(region, area))
			return false;
		at += area->size;
	}
	return at == region->size;
}

const struct sp_area *sp_region_area(const struct sp_region *region, uint64_t offset) {
	uint32_t low = 0, high = region->area_count;

	if (offset >= region->size || !high)
		return NULL;
	/* The last one that begins at or before `offset`. */
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (region->areas[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return &region->areas[low];
}

int sp_region_memory(const struct sp_region *region, const struct sp_area *area, uint64_t offset,
	uint8_t *data, uint32_t size, bool write) {
	uint64_t at;

	if (offset < area->offset || !sp_within(offset - area->offset, size, area->size) ||
		region->file < 0)
		return EINVAL;
	at = area->file_offset + (offset - area->offset);
	while (size) {
		ssize_t done = write ? pwrite(region->file, data, size, (off_t)at)
				     : pread(region->file, data, size, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done < 0 ? errno : EIO;
		data += done;
		at += (uint64_t)done;
		size -= (uint32_t)done;
	}
	return 0;
}
