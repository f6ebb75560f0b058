/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for children (wait(2), waitid(2)). */
#ifndef HL_KERNEL_WAIT_H
#define HL_KERNEL_WAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kernel/process.h"

enum wait_type { WAIT_ANY, WAIT_PID, WAIT_PGRP };

struct wait_request {
	enum wait_type type;
	struct pid *pid; /* WAIT_PID, WAIT_PGRP: borrowed; NULL: nothing matches */
	/* WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT, __WALL, __WCLONE, __WNOTHREAD */
	unsigned options;
	bool usage; /* of a child that lives: is it wanted? */
};

struct wait_result {
	pid_t pid;                        /* 0: WNOHANG and nothing to report */
	const struct pid_namespace *pids; /* whose numbers it is told in */
	uid_t uid;
	int code;   /* CLD_* */
	int status; /* exit status or signal, as si_status */
	int wait_status;
	struct rusage_sum usage;
};

/* 0, -ECHILD, -ERESTARTSYS. */
int task_wait(struct task *t, const struct wait_request *rq, struct wait_result *out);

#endif
