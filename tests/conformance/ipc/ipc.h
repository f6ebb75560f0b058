/* SPDX-License-Identifier: Apache-2.0 */
/* What the families of System V IPC share: each case is alone in an IPC
 * namespace of its own, where ids begin at 0. */
#ifndef HL_TESTS_IPC_H
#define HL_TESTS_IPC_H

#include <sched.h>
#include <grp.h>
#include <sys/ipc.h>

#include "case.h"

static UNUSED void alone(void)
{
	need_root();
	NEED(unshare(CLONE_NEWIPC));
}

static UNUSED void say_perm(const struct ipc_perm *p)
{
	say("key %#x uid %u gid %u cuid %u cgid %u mode %o seq %u\n", (unsigned)p->__key, p->uid,
	    p->gid, p->cuid, p->cgid, p->mode, p->__seq);
}

static UNUSED void write_file(const char *path, const char *text)
{
	int fd = (int)NEED(open(path, O_WRONLY));
	ssize_t n = write(fd, text, strlen(text));

	say("%s < \"%s\": %s\n", path, text, n < 0 ? strerrorname_np(errno) : "ok");
	close(fd);
}

/* Gives up all rights but those of an ordinary user. */
static UNUSED void become(unsigned id)
{
	NEED(setgroups(0, NULL));
	NEED(setresgid(id, id, id));
	NEED(setresuid(id, id, id));
}

/* Waits until the thread or process sleeps. */
static UNUSED void until_asleep(pid_t pid)
{
	char path[64], buf[512], state;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	do {
		int fd = (int)NEED(open(path, O_RDONLY));
		ssize_t n = NEED(read(fd, buf, sizeof buf - 1));
		close(fd);
		buf[n] = 0;
		state = strrchr(buf, ')')[2];
		sched_yield();
	} while (state != 'S');
}

#endif
