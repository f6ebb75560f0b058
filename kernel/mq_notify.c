/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells processes of messages: by a signal, or, for SIGEV_THREAD, by a cookie that comes out of a
 * netlink socket, which a thread of the C library reads.
 */
#include "kernel/mq_notify.h"

#include <errno.h>
#include <string.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "net/netlink.h"
#include "net/socket.h"

/* The last byte of a cookie: Linux's NOTIFY_WOKENUP, NOTIFY_REMOVED. */
enum { WOKEN_UP = 1, REMOVED = 2 };

static struct mq_process self(struct caller *c)
{
	const struct process *p = c->task ? c->task->process : NULL;

	return p ? (struct mq_process){ p->pid->nr, p->start_time_ns, p->programs }
		 : (struct mq_process){ 0 };
}

static pid_t number(struct caller *c, const struct mq_process *p)
{
	return p->nr;
}

static void send_signal(struct task *t, const struct mq_notify *n)
{
	siginfo_t si;

	siginfo_kernel(&si, n->signal, SI_MESGQ);
	si.si_pid = t->process->pid->nr;
	si.si_uid = t->cred->uid;
	si.si_ptr = (void *)(uintptr_t)n->value;
	sandbox_lock(t->sb);
	struct process *p = process_find(t->sb, n->owner.nr);
	if (p && n->signal && p->start_time_ns == n->owner.started &&
	    p->programs == n->owner.program)
		(void)signal_send_process(p, n->signal, &si);
	sandbox_unlock(t->sb);
}

static void tell(struct caller *c, const struct mq_notify *n, bool removed)
{
	unsigned char cookie[MQ_COOKIE];

	if (n->how == SIGEV_SIGNAL && c->task) {
		send_signal(c->task, n);
	} else if (n->how == SIGEV_THREAD) {
		memcpy(cookie, n->cookie, sizeof cookie);
		cookie[MQ_COOKIE - 1] = removed ? REMOVED : WOKEN_UP;
		netlink_deliver(file_socket(n->socket), cookie);
	}
}

const struct mq_teller mq_teller = { self, number, tell };

int mq_check_socket(struct file *f)
{
	struct socket *s = file_socket(f);

	if (!s)
		return -ENOTSOCK;
	return s->family == AF_NETLINK ? 0 : -EINVAL;
}
