/* SPDX-License-Identifier: Apache-2.0 */
/* The vDSO (vdso(7)): our own image, and the page of clock data it reads, shared by all processes
 * of a sandbox. */
#ifndef HL_LOADER_VDSO_H
#define HL_LOADER_VDSO_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct guest_clock;
struct mm;
struct mm_host;
struct pagesource;
struct vdso_clock;

/* Makes the image and the page of a sandbox, which shows h->clock, and puts them into h->vdso. */
int vdso_clock_create(struct mm_host *h);
void vdso_clock_destroy(struct vdso_clock *vc);
/* Brings the page up to date if it has run out. To be called when a guest asks for the time by
 * system call, which is what the vDSO does then. Any thread. */
void vdso_clock_sync(struct vdso_clock *vc);
/* Sets the clock that it shows, *shown, to `now`. No guest code runs. */
void vdso_clock_set(struct vdso_clock *vc, struct guest_clock *shown,
		    const struct guest_clock *now);
/* Reads a clock of the guest, a coarse one as the vDSO shows it: 0 or -errno. */
int vdso_clock_gettime(struct vdso_clock *vc, clockid_t clock, struct timespec *ts);
/* From now on the first reader starts the thread that renews the page in time. Without it the
 * readers' system calls alone do. */
void vdso_clock_keep(struct vdso_clock *vc);
/* What they are mapped from, borrowed, `*len` bytes in all: the data page, the image, and a data
 * page without lines, with which the vDSO makes a system call for every clock. */
struct pagesource *vdso_pages(struct vdso_clock *vc, uint64_t *len);
/* Maps image and data into `mm` and sets mm->vdso_base; AT_SYSINFO_EHDR is that address. `ask`: the
 * data page without lines. */
int vdso_map(struct mm *mm, bool ask);
/* The data page of `mm`, wherever it is mapped now, is the one without lines from now on: for who
 * is in a time namespace of its own. -ENOMEM. */
int vdso_leave_clocks(struct mm *mm);

#endif
