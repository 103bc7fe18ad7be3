/* SPDX-License-Identifier: MIT */
#ifndef SP_SERVE_LOOP_H
#define SP_SERVE_LOOP_H

#include <sallyport/error.h>
#include <sallyport/loop.h>

/* The program's loop, over epoll. It belongs to one thread. */
bool sp_loop_create(struct sp_loop **loop, struct sp_error *error);
void sp_loop_destroy(struct sp_loop *loop); /* accepts NULL */

/* Waits once, at most so many milliseconds (-1: for ever), and calls what is due. errno. */
int sp_loop_step(struct sp_loop *loop, int milliseconds);

#endif
