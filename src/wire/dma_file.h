/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_DMA_FILE_H
#define SP_WIRE_DMA_FILE_H

#include "wire/dma.h"

#include <sys/types.h>

/* A file with memory of the guest, as long as ranges or pins are in it. */
struct sp_dma_file {
	int fd;
	dev_t device;
	ino_t inode;
	bool writable;
	bool sealed; /* it cannot be made shorter */
	uint64_t size; /* bytes, when it came */
	uint8_t *data; /* NULL: not mapped */
	bool unmappable; /* it was tried */
	uint32_t users;
	struct sp_dma_file *next;
};

/* The file behind `fd`, which becomes the table's, once for all descriptors of it. errno. */
int sp_dma_file_get(struct sp_dma *dma, int fd, uint64_t offset, uint64_t size, bool write,
	struct sp_dma_file **file);
void sp_dma_file_put(struct sp_dma *dma, struct sp_dma_file *file);
/* dma_keep.c: into the record, and out of it. */
void sp_dma_keep_range(struct sp_dma *dma, struct sp_dma_range *range);
void sp_dma_forget_range(struct sp_dma *dma, const struct sp_dma_range *range);

/* Maps it if it was not yet. NULL: it cannot be. */
uint8_t *sp_dma_file_data(struct sp_dma *dma, struct sp_dma_file *file);

#endif
