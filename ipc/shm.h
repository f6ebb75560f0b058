/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System V shared memory: shmget(2), shmat(2), shmctl(2). A segment is shared anonymous memory
 * (mm/shmem.h) with an id. Its mappings are vmas like others; they hold the segment's place
 * (mm/mapped_place.h), which counts them: a segment that was removed ends with the last.
 */
#ifndef HL_IPC_SHM_H
#define HL_IPC_SHM_H

#include <sys/ipc.h>
#include <sys/shm.h>

#include "ipc/ipc.h"
#include "mm/mm.h"
#include "util/text.h"

int shm_get(struct ipc_namespace *ns, struct caller *c, key_t key, uint64_t size, int flags);
/* The address, or -errno. */
int64_t shm_attach(struct ipc_namespace *ns, struct caller *c, struct mm *mm, int id, uint64_t addr,
		   int flags);
/* All that the segment attached at `addr` has left there. -EINVAL: there is none. */
int shm_detach(struct mm *mm, uint64_t addr);
/* IPC_STAT, SHM_STAT, SHM_STAT_ANY: 0 or the id. */
int shm_stat(struct ipc_namespace *ns, struct caller *c, int n, int cmd, struct shmid_ds *out);
int shm_change_owner(struct ipc_namespace *ns, struct caller *c, int id, const struct shmid_ds *to);
int shm_remove(struct ipc_namespace *ns, struct caller *c, int id);
/* SHM_LOCK, SHM_UNLOCK; `limit`: RLIMIT_MEMLOCK. */
int shm_lock(struct ipc_namespace *ns, struct caller *c, int id, bool lock, uint64_t limit);
/* IPC_INFO, SHM_INFO: the highest place in use. */
int shm_limits(struct ipc_namespace *ns, struct shminfo *out);
int shm_usage(struct ipc_namespace *ns, struct shm_info *out);
/* /proc/sysvipc/shm */
void shm_show(struct ipc_namespace *ns, const struct user_namespace *users, struct text *out);

void shm_clear(struct ipc_namespace *ns);
void shm_save(struct saver *s, struct ipc_namespace *ns);
int shm_load(struct loader *l, struct decoder *in, struct ipc_namespace *ns);

#endif
