/* SPDX-License-Identifier: MIT */
#ifndef SALLYPORT_VERSION_H
#define SALLYPORT_VERSION_H

/* The only place where the version is written: meson.build reads it from here. */
#define SALLYPORT_VERSION "0.1.0"

#endif
