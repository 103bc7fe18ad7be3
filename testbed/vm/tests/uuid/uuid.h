/* SPDX-License-Identifier: MIT */
#ifndef UUID_H
#define UUID_H

#include <stdio.h>

/* All that the kernel's tests of VFIO use of libuuid, which need not be there then. */
typedef unsigned char uuid_t[16];

static inline int uuid_parse(const char *text, uuid_t uuid)
{
	for (int i = 0; i < 16; i++) {
		text += i == 4 || i == 6 || i == 8 || i == 10 ? *text == '-' : 0;
		if (sscanf(text, "%2hhx", &uuid[i]) != 1)
			return -1;
		text += 2;
	}
	return 0;
}

#endif
