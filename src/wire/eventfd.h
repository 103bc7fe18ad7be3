/* SPDX-License-Identifier: MIT */
#ifndef SP_WIRE_EVENTFD_H
#define SP_WIRE_EVENTFD_H

#include <stdbool.h>

/*
 * Eventfds that a client has, too: it may read them, fill them, and make them block, at any moment.
 */

/* A client may hand in anything else. */
bool sp_eventfd_is(int fd);
/* Takes what was signalled. False: nothing was. Never blocks. */
bool sp_eventfd_take(int fd);
/* False: it is full, so that whoever waits for it is woken in any case. */
bool sp_eventfd_signal(int fd);

#endif
