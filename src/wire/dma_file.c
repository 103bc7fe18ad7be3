/* SPDX-License-Identifier: MIT */
#include "wire/dma_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* Larger than any guest, and far from what an address space has. */
#define MAPPED_MAX (UINT64_C(1) << 44)

static bool is_sealed(int fd) {
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0)
		return false;
	if (seals & F_SEAL_SHRINK)
		return true;
	/* Nobody else makes use of the size of a guest's memory, so that we may seal it. */
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0;
}

static int inspect(int fd, struct sp_dma_file *file) {
	struct stat stat;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || sp_file_status(fd, &stat) < 0)
		return EINVAL;
	/* Anything else may block, or does something when it is read. */
	if (!S_ISREG(stat.st_mode) || (flags & O_PATH) || (flags & O_ACCMODE) == O_WRONLY)
		return EINVAL;
	*file = (struct sp_dma_file){
		.fd = fd,
		.device = stat.st_dev,
		.inode = stat.st_ino,
		.writable = (flags & O_ACCMODE) == O_RDWR,
		.size = (uint64_t)stat.st_size,
	};
	return 0;
}

static int find_or_add(struct sp_dma *dma, int fd, uint64_t offset, uint64_t size, bool write,
	struct sp_dma_file **found) {
	struct sp_dma_file seen, *file;
	int error = inspect(fd, &seen);

	if (error)
		return error;
	if (!sp_within(offset, size, seen.size) || (write && !seen.writable))
		return EINVAL;
	for (file = dma->files; file; file = file->next) {
		/* One that has grown since is another one. */
		if (file->device == seen.device && file->inode == seen.inode &&
			file->writable == seen.writable && sp_within(offset, size, file->size)) {
			file->users++;
			*found = file;
			return 0;
		}
	}
	if (dma->file_count == SP_DMA_FILES_MAX)
		return ENOSPC;
	if (!sp_budget_charge(dma->budget, SP_RESOURCE_FILES, 1))
		return EDQUOT;
	file = malloc(sizeof(*file));
	if (!file) {
		sp_budget_release(dma->budget, SP_RESOURCE_FILES, 1);
		return ENOMEM;
	}
	++*dma->allocations;
	*file = seen;
	file->sealed = is_sealed(fd);
	file->users = 1;
	file->next = dma->files;
	dma->files = file;
	dma->file_count++;
	*found = file;
	return 0;
}

int sp_dma_file_get(struct sp_dma *dma, int fd, uint64_t offset, uint64_t size, bool write,
	struct sp_dma_file **file) {
	int error = find_or_add(dma, fd, offset, size, write, file);

	if (error || (*file)->fd != fd)
		sp_drop(dma->drops, fd);
	return error;
}

void sp_dma_file_put(struct sp_dma *dma, struct sp_dma_file *file) {
	struct sp_dma_file **place = &dma->files;

	if (--file->users)
		return;
	while (*place != file)
		place = &(*place)->next;
	*place = file->next;
	dma->file_count--;
	if (file->data) {
		munmap(file->data, file->size);
		dma->mapped -= file->size;
	}
	sp_drop(dma->drops, file->fd);
	sp_budget_release(dma->budget, SP_RESOURCE_FILES, 1);
	free(file);
}

uint8_t *sp_dma_file_data(struct sp_dma *dma, struct sp_dma_file *file) {
	void *data;

	if (file->data || file->unmappable)
		return file->data;
	if (file->sealed && file->size <= MAPPED_MAX) {
		data = mmap(NULL, file->size, file->writable ? PROT_READ | PROT_WRITE : PROT_READ,
			MAP_SHARED, file->fd, 0);
		if (data != MAP_FAILED) {
			file->data = data;
			dma->mapped += file->size;
			return data;
		}
	}
	file->unmappable = true;
	return NULL;
}
