/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the address spaces of an image are expected to write first (mm/forecast.h). All copies that
 * a process starts share it. So that the next process knows, too, it is kept in an extended
 * attribute of the file, which it is lost with, and without which everything works: the file itself
 * is never changed. Whoever can write that attribute can make copies copy pages for nothing, at
 * most FORECAST_MAX of each wave a process.
 */
#ifndef HL_SNAPSHOT_FORECASTS_H
#define HL_SNAPSHOT_FORECASTS_H

#include <stddef.h>
#include <stdint.h>

struct forecast;
struct forecasts;

/* Of the file `fd`, whose contents have this checksum. NULL: no memory. */
struct forecasts *forecasts_open(int fd, uint32_t crc);
/* That of the address space that stands at `at` of the metadata; borrowed. NULL: there is none, or
 * nobody would hear of it: what is learned makes its first copy slower. Any thread. */
struct forecast *forecasts_find(struct forecasts *f, uint64_t at);
/* Keeps what was learned, where the file system can. NULL: no effect. */
void forecasts_close(struct forecasts *f);

/* Reads an attribute's value: what makes no sense in it is left out. */
void forecasts_read(struct forecasts *f, const unsigned char *value, size_t len);

#endif
