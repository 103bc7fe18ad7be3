/* SPDX-License-Identifier: MIT */
#ifndef SP_UNIT_VIRTIO_RINGS_H
#define SP_UNIT_VIRTIO_RINGS_H

#include "virtio_driver.h"
#include "virtio_echo.h"

/* What holds for rings of both formats; each runs with the features beside those it needs. */
#define BIT(feature) (1ull << (feature))
#define RINGS_SIZE 16u

struct scene {
	struct driver driver;
	struct echo echo;
	struct sp_budget *budget;
};

void scene_begin(struct scene *scene, uint64_t features, uint16_t size);
void scene_end(struct scene *scene);
/* Back to a driver that runs; of a broken device, too. */
void scene_again(struct scene *scene, uint64_t features, uint16_t size);
/* All buffers of chains are here, in turn. */
uint32_t scene_buffer(uint32_t index);
#define SCENE_TABLE (DRIVER_BUFFERS + 0x18000u)

void rings_echo(uint64_t features);
void rings_deferred(uint64_t features);
void rings_interrupts(uint64_t features);
void rings_order(uint64_t features);
void rings_state(uint64_t features);
void rings_queue_reset(uint64_t features);
void rings_reset(uint64_t features);
void rings_unmap(uint64_t features);
void rings_budget(uint64_t features);
void rings_turns(uint64_t features);
void rings_twice(uint64_t features);
void rings_attacker(uint64_t features);

#endif
