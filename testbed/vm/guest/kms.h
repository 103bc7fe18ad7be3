/* SPDX-License-Identifier: MIT */
#ifndef KMS_H
#define KMS_H

#include <stdint.h>
#include <sys/ioctl.h>

/* What is used here of the kernel's interface for mode setting (Linux,
 * Documentation/gpu/drm-uapi.rst): the headers of neither libdrm nor the kernel are needed to
 * build. */
struct kms_resources {
	uint64_t fbs, crtcs, connectors, encoders;
	uint32_t fb_count, crtc_count, connector_count, encoder_count;
	uint32_t width_min, width_max, height_min, height_max;
};

struct kms_mode {
	uint32_t clock; /* kHz */
	uint16_t hdisplay, hsync_start, hsync_end, htotal, hskew;
	uint16_t vdisplay, vsync_start, vsync_end, vtotal, vscan;
	uint32_t vrefresh, flags, type;
	char name[32];
};

struct kms_crtc {
	uint64_t connectors;
	uint32_t connector_count, crtc, fb, x, y, gamma_size, mode_valid;
	struct kms_mode mode;
};

struct kms_connector {
	uint64_t encoders, modes, props, values;
	uint32_t mode_count, prop_count, encoder_count;
	uint32_t encoder, connector, type, type_number;
	uint32_t connection, width_mm, height_mm, subpixel, pad;
};

struct kms_fb {
	uint32_t fb, width, height, pitch, bpp, depth, handle;
};

struct kms_dirty {
	uint32_t fb, flags, color, clip_count;
	uint64_t clips;
};

struct kms_create {
	uint32_t height, width, bpp, flags, handle, pitch;
	uint64_t size;
};

struct kms_map {
	uint32_t handle, pad;
	uint64_t offset;
};

#define KMS_SET_MASTER _IO('d', 0x1e)
#define KMS_GET_RESOURCES _IOWR('d', 0xa0, struct kms_resources)
#define KMS_SET_CRTC _IOWR('d', 0xa2, struct kms_crtc)
#define KMS_GET_CONNECTOR _IOWR('d', 0xa7, struct kms_connector)
#define KMS_ADD_FB _IOWR('d', 0xae, struct kms_fb)
#define KMS_REMOVE_FB _IOWR('d', 0xaf, uint32_t)
#define KMS_DIRTY _IOWR('d', 0xb1, struct kms_dirty)
#define KMS_CREATE _IOWR('d', 0xb2, struct kms_create)
#define KMS_MAP _IOWR('d', 0xb3, struct kms_map)
#define KMS_DESTROY _IOWR('d', 0xb4, uint32_t)

#endif
