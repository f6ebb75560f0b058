/* SPDX-License-Identifier: Apache-2.0 */
/* The umask, read by one thread while others create files. */
#ifndef HL_HOST_UMASK_H
#define HL_HOST_UMASK_H

#include <sys/types.h>

/* The file mode creation mask of the calling thread, without the change that umask(2) makes. */
mode_t host_umask(void);

#endif
