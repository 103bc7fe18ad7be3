/* SPDX-License-Identifier: MIT */
#ifndef SP_VIRTIO_CORE_H
#define SP_VIRTIO_CORE_H

#include <sallyport/virtio.h>

/*
 * The inside of a virtio device, for src/virtio alone.
 *
 * Each queue is two small machines, one that fetches chains and one that gives them back. Each of
 * their steps can end at once or wait for a transfer, and is then taken again when that is done.
 * Rings are pinned where the bus can; what cannot be pinned is read and written by transfers, as
 * buffers always are.
 */
enum sp_virtio_status {
	SP_VIRTIO_ACKNOWLEDGE = 1,
	SP_VIRTIO_DRIVER = 2,
	SP_VIRTIO_DRIVER_OK = 4,
	SP_VIRTIO_FEATURES_OK = 8,
	SP_VIRTIO_NEEDS_RESET = 64,
	SP_VIRTIO_FAILED = 128,
};

/* How a step ended. */
enum sp_virtio_io {
	SP_VIRTIO_DONE,
	SP_VIRTIO_WAIT, /* it is taken again later */
	SP_VIRTIO_BAD, /* the device is broken */
};

#define SP_VIRTIO_PARTS 6u /* of pinned memory; 16 KiB that begin in the middle of a page are 5 */
#define SP_VIRTIO_DESC 16u /* bytes of a descriptor of either format */

struct sp_virtio_vq;

/* One transfer of a machine. */
struct sp_virtio_job {
	struct sp_transfer transfer;
	struct sp_virtio_vq *vq;
	enum { SP_VIRTIO_IDLE, SP_VIRTIO_BUSY, SP_VIRTIO_ENDED } state;
	bool calling; /* transfer() has not returned */
	int error;
	uint8_t bytes[SP_VIRTIO_DESC]; /* of what is in a ring */
};

/* A part of a ring. */
struct sp_virtio_area {
	uint64_t address;
	uint32_t size; /* bytes */
	bool pinned, remote; /* neither: not looked for yet */
	struct sp_dma_pin pin;
	struct sp_dma_part parts[SP_VIRTIO_PARTS];
};
enum { SP_VIRTIO_RING, SP_VIRTIO_FROM_DRIVER, SP_VIRTIO_FROM_DEVICE, SP_VIRTIO_AREAS };

struct sp_virtio_piece {
	uint64_t address;
	uint32_t size; /* bytes, not 0; the end does not wrap */
};

/* A chain with what the core knows of it. */
struct sp_virtio_link {
	struct sp_virtio_chain chain;
	struct sp_virtio_link *previous, *next; /* of those with the device */
	struct sp_virtio_link *waiting; /* the next that is done */
	uint16_t id; /* as the ring tells it back */
	uint16_t count; /* descriptors of the ring, not of a table behind it */
	bool held; /* with the device */
	bool orphan; /* its queue was reset */
	uint64_t charged; /* bytes */
	uint8_t *reply; /* what is written, `written` bytes: in `data` or its own */
	uint32_t written, moved;
	uint32_t piece_count; /* of `out` */
	uint32_t room; /* bytes at `data` */
	struct sp_virtio_piece *pieces; /* behind this, and then: */
	uint8_t *data; /* what was read */
};

/* A chain that is being fetched. */
struct sp_virtio_walk {
	uint32_t index; /* the next descriptor's, in the ring or the table */
	uint32_t count; /* descriptors of the ring so far */
	uint32_t table; /* entries of the table; 0: in the ring */
	uint64_t table_at;
	uint32_t pieces, in_pieces; /* of the queue's array: first those to be read */
	uint32_t in_size, out_size;
	uint16_t id;
	uint16_t flags; /* packed: of the first descriptor */
	bool entered, table_read;
	uint32_t piece, moved; /* of the data that are being read */
	struct sp_virtio_link *link;
};

enum sp_virtio_fetch {
	SP_VIRTIO_RECOVER, /* after a state was loaded: what was done since it was saved */
	SP_VIRTIO_AGAIN, /* chains that were with the device when it was saved */
	SP_VIRTIO_LOOK,
	SP_VIRTIO_ARM, /* nothing there: the driver shall tell when there is */
	SP_VIRTIO_LOOK_AGAIN,
	SP_VIRTIO_WALK,
	SP_VIRTIO_DATA,
};
enum sp_virtio_finish {
	SP_VIRTIO_REPLY, /* the bytes of a chain */
	SP_VIRTIO_ELEMENT, /* what the ring says about it */
	SP_VIRTIO_PUBLISH,
	SP_VIRTIO_TELL, /* whether the driver wants an interrupt */
};

struct sp_virtio_format;

struct sp_virtio_vq {
	struct sp_virtio_core *core;
	const struct sp_virtio_format *format;
	uint16_t index;
	uint16_t offered, size; /* entries */
	uint64_t addresses[SP_VIRTIO_AREAS];
	bool enabled, resetting;

	struct sp_virtio_area areas[SP_VIRTIO_AREAS];
	bool lost; /* pins went by a notice: the guest may put the memory back */
	uint16_t last, used; /* split: free-running; packed: positions */
	bool last_wrap, used_wrap; /* packed */
	uint16_t seen; /* split: the driver's index, as it was last read */
	uint16_t descriptors; /* packed: of the ring, that are not given back */
	uint32_t in_flight; /* chains that are not given back */

	enum sp_virtio_fetch fetch;
	enum sp_virtio_finish finish;
	struct sp_virtio_job fetching, finishing;
	bool pumping, ending;
	bool more; /* the timer has to go on here */
	bool paused; /* and nothing else may */
	struct sp_virtio_walk walk;
	struct sp_virtio_piece *pieces; /* as many as `offered` */
	uint8_t *table; /* as many descriptors; allocated at the first */
	uint64_t charged;

	struct sp_virtio_link *first, *end; /* with the device, or to come to it again */
	struct sp_virtio_link *again; /* of these the next that comes to it again */
	struct sp_virtio_link *done, *done_end; /* by the device, and not given back */
};

struct sp_virtio_format {
	uint32_t (*size)(uint32_t area, uint32_t entries); /* bytes */
	uint32_t alignment[SP_VIRTIO_AREAS];
	void (*start)(struct sp_virtio_vq *vq);
	/* Optional: how many chains were given back since the state was saved that was loaded. */
	enum sp_virtio_io (*recover)(struct sp_virtio_vq *vq, uint32_t *more);
	enum sp_virtio_io (*look)(struct sp_virtio_vq *vq, bool *there);
	/* The driver shall tell of the next chain. */
	enum sp_virtio_io (*arm)(struct sp_virtio_vq *vq);
	/* Until all descriptors are taken. */
	enum sp_virtio_io (*walk)(struct sp_virtio_vq *vq);
	/* The chain that was walked is the device's. */
	void (*advance)(struct sp_virtio_vq *vq);
	enum sp_virtio_io (*element)(struct sp_virtio_vq *vq, const struct sp_virtio_link *link);
	enum sp_virtio_io (*publish)(struct sp_virtio_vq *vq, const struct sp_virtio_link *link);
	enum sp_virtio_io (*wants)(
		struct sp_virtio_vq *vq, const struct sp_virtio_link *link, bool *interrupt);
	/* After all of these. */
	void (*given)(struct sp_virtio_vq *vq, const struct sp_virtio_link *link);
};
extern const struct sp_virtio_format sp_virtio_split, sp_virtio_packed;

/* What the core tells its binding. */
struct sp_virtio_binding {
	void (*interrupt)(struct sp_device *device, uint32_t queue);
	void (*config)(struct sp_device *device);
};

struct sp_virtio_core {
	struct sp_virtio *virtio;
	struct sp_device *device; /* the binding's: its bus, loop and budget */
	const struct sp_virtio_binding *binding;
	uint64_t offered, accepted; /* features */
	uint8_t status;
	uint8_t generation; /* of the configuration */
	bool master; /* of the bus */
	bool stopped;

	bool resetting, device_reset; /* the latter: the device has still to answer */
	enum sp_reset kind;
	bool again; /* by a stronger reset meanwhile */
	struct sp_notice notice; /* to the device */
	struct sp_notice *resets; /* that wait */
	bool stopping; /* the device has still to answer */
	struct sp_notice stop;
	struct sp_notice *stops;

	struct sp_timer timer;
	uint32_t tries; /* of what a guest may put in order */
	uint64_t tried_until; /* the last one */
	uint32_t vq_count;
	struct sp_virtio_vq *vqs;
};

/* core.c: the device as a whole. */
struct sp_virtio_core *sp_virtio_core_create(struct sp_virtio *virtio, struct sp_device *device,
	const struct sp_virtio_binding *binding, bool packed, struct sp_error *error);
/* With the device behind it. */
void sp_virtio_core_destroy(struct sp_virtio_core *core); /* accepts NULL */
void sp_virtio_core_free(struct sp_virtio_core *core); /* the device stays */
void sp_virtio_set_status(struct sp_virtio_core *core, uint8_t status); /* not 0 */
void sp_virtio_reset(struct sp_virtio_core *core, enum sp_reset kind, struct sp_notice *notice);
void sp_virtio_stop(struct sp_virtio_core *core, struct sp_notice *notice);
void sp_virtio_resume(struct sp_virtio_core *core);
void sp_virtio_set_master(struct sp_virtio_core *core, bool on);
/* Pins within the range go. */
void sp_virtio_unmap(struct sp_virtio_core *core, uint32_t space, uint64_t address, uint64_t size);
/* Nothing of a job or a chain may go on until the reset or the stop has ended. */
void sp_virtio_settle(struct sp_virtio_core *core);
void sp_virtio_broken(struct sp_virtio_core *core);
/* To be called again soon, or after a while in which the guest may do something. False: there is
 * no loop, or it has been tried for long enough. */
bool sp_virtio_later(struct sp_virtio_core *core, bool soon);
bool sp_virtio_has(const struct sp_virtio_core *core, uint32_t feature);

/* core_state.c */
bool sp_virtio_core_save(
	struct sp_virtio_core *core, struct sp_state_writer *writer, struct sp_error *error);
bool sp_virtio_core_load(
	struct sp_virtio_core *core, struct sp_state_reader *reader, struct sp_error *error);

/* queue.c: what rings of both formats have in common. */
void sp_virtio_vq_enable(struct sp_virtio_vq *vq);
void sp_virtio_vq_reset(struct sp_virtio_vq *vq);
/* Back to the state after power-on; no job is under way. */
void sp_virtio_vq_clear(struct sp_virtio_vq *vq);
bool sp_virtio_vq_busy(const struct sp_virtio_vq *vq);
/* Goes on with all that can go on. */
void sp_virtio_vq_go(struct sp_virtio_vq *vq);
bool sp_virtio_vq_valid(const struct sp_virtio_vq *vq); /* as its driver has set it up */
bool sp_virtio_vq_start(struct sp_virtio_vq *vq); /* false: no memory */
/* At the end of the list of those with the device; false: no memory, or beyond the budget. */
struct sp_virtio_link *sp_virtio_link_create(
	struct sp_virtio_vq *vq, uint32_t pieces, uint32_t in_size, uint32_t out_size);
void sp_virtio_link_add(struct sp_virtio_vq *vq, struct sp_virtio_link *link);
void sp_virtio_link_drop(struct sp_virtio_vq *vq, struct sp_virtio_link *link);

/* chain.c: descriptors. */
bool sp_virtio_take(struct sp_virtio_vq *vq, uint64_t address, uint32_t size, bool write);
bool sp_virtio_enter_table(struct sp_virtio_vq *vq, uint64_t address, uint32_t size);
/* The table is there afterwards. */
enum sp_virtio_io sp_virtio_read_table(struct sp_virtio_vq *vq);
/* Makes the chain that was walked, and reads what the driver gave. */
enum sp_virtio_io sp_virtio_read_data(struct sp_virtio_vq *vq);
enum sp_virtio_io sp_virtio_write_reply(struct sp_virtio_vq *vq, struct sp_virtio_link *link);

/* memory.c: the guest's. */
enum sp_virtio_io sp_virtio_areas_ready(struct sp_virtio_vq *vq);
void sp_virtio_areas_release(struct sp_virtio_vq *vq);
enum sp_virtio_io sp_virtio_transfer(
	struct sp_virtio_job *job, bool write, uint64_t address, void *data, uint64_t size);
/* `size` is 2, 4, 8 or 16, and a divisor of the offset, but for 8 and 16 of a multiple of 4. Each
 * byte is read once. The result is in job->bytes; what is written is there. */
enum sp_virtio_io sp_virtio_ring_read(
	struct sp_virtio_job *job, uint32_t area, uint32_t offset, uint32_t size);
enum sp_virtio_io sp_virtio_ring_write(
	struct sp_virtio_job *job, uint32_t area, uint32_t offset, uint32_t size);

#endif
