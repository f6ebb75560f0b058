/* SPDX-License-Identifier: Apache-2.0 */
/* Job control as Linux has it in drivers/tty/tty_jobctrl.c. */
#include "kernel/tty/tty.h"

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/major.h>
#include <signal.h>
#include <stddef.h>

#include "fs/device.h"
#include "fs/hostfs/stream.h"
#include "kernel/process.h"
#include "kernel/restart.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"

enum { TTYAUX_TTY, TTYAUX_CONSOLE }; /* minors of TTYAUX_MAJOR */

void tty_init(struct tty *tty, const struct tty_ops *ops, struct sandbox *sb, dev_t dev)
{
	*tty = (struct tty){ .refs = REF_INIT(1), .ops = ops, .sb = sb, .dev = dev };
}

struct tty *tty_get(struct tty *tty)
{
	ref_get(&tty->refs);
	return tty;
}

void tty_put(struct tty *tty)
{
	if (!tty || !ref_put(&tty->refs))
		return;
	pid_put(tty->session);
	pid_put(tty->pgrp);
	tty->ops->release(tty);
}

/* Sessions. sandbox->lock is held by all of these. */

static void set_pgrp(struct tty *tty, struct pid *pgrp)
{
	struct pid *old = tty->pgrp;

	tty->pgrp = pgrp ? pid_get(pgrp) : NULL;
	pid_put(old);
}

static void set_session(struct tty *tty, struct pid *session)
{
	struct pid *old = tty->session;

	tty->session = session ? pid_get(session) : NULL;
	pid_put(old);
}

static void drop_tty(struct process *p)
{
	struct tty *tty = p->tty;

	p->tty = NULL;
	tty_put(tty);
}

static void send_group(struct pid *pgrp, int sig)
{
	siginfo_t si;

	siginfo_kernel(&si, sig, SI_KERNEL);
	signal_send_pgrp(pgrp, sig, &si);
}

/* Nobody has the terminal any more; the caller holds a reference to it. */
static void clear_session(struct tty *tty)
{
	struct process *p;

	if (!tty->session)
		return;
	list_for_each (p, &tty->session->session, session_node)
		if (p->tty == tty)
			drop_tty(p);
	set_session(tty, NULL);
	set_pgrp(tty, NULL);
}

/* The leader's session gives up the terminal (Linux: disassociate_ctty). */
static void end_session(struct tty *tty, bool leader_ended)
{
	tty_get(tty);
	if (tty->pgrp) {
		send_group(tty->pgrp, SIGHUP);
		if (!leader_ended)
			send_group(tty->pgrp, SIGCONT);
	}
	clear_session(tty);
	tty_put(tty);
}

void tty_leader_ended(struct process *p)
{
	if (p->tty) {
		end_session(p->tty, true);
	} else if (p->tty_old_pgrp) {
		send_group(p->tty_old_pgrp, SIGHUP);
		send_group(p->tty_old_pgrp, SIGCONT);
	}
}

void tty_attach(struct tty *tty, struct process *p)
{
	set_session(tty, p->session);
	set_pgrp(tty, p->pgrp);
	if (p->tty)
		drop_tty(p);
	p->tty = tty_get(tty);
}

void tty_restore(struct tty *tty, struct pid *session, struct pid *pgrp)
{
	set_session(tty, session);
	set_pgrp(tty, pgrp);
}

/* The leader learns of it at once; the group in the foreground when the leader ends. */
static void hang_up_leader(struct process *p, struct pid *pgrp)
{
	siginfo_t si;

	siginfo_kernel(&si, SIGHUP, SI_KERNEL);
	signal_send_process(p, SIGHUP, &si);
	siginfo_kernel(&si, SIGCONT, SI_KERNEL);
	signal_send_process(p, SIGCONT, &si);
	pid_put(p->tty_old_pgrp);
	p->tty_old_pgrp = pgrp ? pid_get(pgrp) : NULL;
}

void tty_hangup(struct tty *tty)
{
	struct process *p, *next;

	if (!tty->session)
		return;
	list_for_each_safe (p, next, &tty->session->session, session_node)
		if (p->session_leader && !p->zombie)
			hang_up_leader(p, tty->pgrp);
	clear_session(tty);
}

bool tty_signal_locked(struct tty *tty, int sig)
{
	if (!tty->pgrp)
		return false;
	send_group(tty->pgrp, sig);
	return true;
}

void tty_signal(struct tty *tty, int sig)
{
	sandbox_lock(tty->sb);
	tty_signal_locked(tty, sig);
	sandbox_unlock(tty->sb);
}

/* Job control */

static int check_change_locked(struct tty *tty, struct task *t, int sig)
{
	struct process *p = t->process;

	if (p->tty != tty || !tty->pgrp || p->pgrp == tty->pgrp)
		return 0;
	if (t->blocked & SIGBIT(sig) || action_is_ignore(&t->sighand->action[sig - 1]))
		return sig == SIGTTIN ? -EIO : 0;
	if (process_group_orphaned(p->pgrp))
		return -EIO;
	send_group(p->pgrp, sig);
	return -ERESTARTSYS;
}

/* May the caller, perhaps of a background group, use its controlling terminal? Else `sig` (SIGTTIN,
 * SIGTTOU) goes to its group: 0, -EIO, -ERESTARTSYS. */
static int tty_check_change(struct tty *tty, struct task *t, int sig)
{
	sandbox_lock(tty->sb);
	int err = check_change_locked(tty, t, sig);
	sandbox_unlock(tty->sb);
	return err;
}

int tty_check_read(struct tty *tty, struct caller *c)
{
	return tty_check_change(tty, c->task, SIGTTIN);
}

int tty_check_write(struct tty *tty, struct caller *c)
{
	struct process *p = c->task->process;

	sandbox_lock(tty->sb);
	bool background = p->tty == tty && tty->pgrp && p->pgrp != tty->pgrp;
	sandbox_unlock(tty->sb);
	/* termios is asked for only when it matters: it may be the host's. */
	if (!background || !tty->ops->tostop(tty))
		return 0;
	return tty_check_change(tty, c->task, SIGTTOU);
}

void tty_opened(struct tty *tty, struct caller *c, int flags)
{
	struct process *p = c->task ? c->task->process : NULL;

	if (!p || flags & O_NOCTTY || (flags & O_ACCMODE) == O_WRONLY)
		return;
	sandbox_lock(tty->sb);
	if (p->session_leader && !p->tty && !tty->session)
		tty_attach(tty, p);
	sandbox_unlock(tty->sb);
}

/* The controlling terminal of the caller, a reference; NULL: none. */
static struct tty *tty_of_caller(struct caller *c)
{
	struct task *t = c->task;

	if (!t)
		return NULL;
	sandbox_lock(t->sb);
	struct tty *tty = t->process->tty ? tty_get(t->process->tty) : NULL;
	sandbox_unlock(t->sb);
	return tty;
}

/* Ioctls. All with sandbox->lock held. */

static int get_pgrp(struct tty *tty, struct process *p, int *out)
{
	if (p->tty != tty)
		return -ENOTTY;
	*out = pid_nr(tty->pgrp, p->pid->ns);
	return 0;
}

static int get_session(struct tty *tty, struct process *p, int *out)
{
	if (p->tty != tty || !tty->session)
		return -ENOTTY;
	*out = pid_nr(tty->session, p->pid->ns);
	return 0;
}

static int change_pgrp(struct tty *tty, struct process *p, pid_t nr)
{
	if (p->tty != tty || tty->session != p->session)
		return -ENOTTY;
	if (nr < 0)
		return -EINVAL;
	struct pid *pgrp = pid_find(p->pid->ns, nr);
	if (!pgrp)
		return -ESRCH;
	if (list_empty(&pgrp->pgrp) ||
	    list_first(&pgrp->pgrp, struct process, pgrp_node)->session != p->session)
		return -EPERM;
	set_pgrp(tty, pgrp);
	return 0;
}

/* TIOCSCTTY (ioctl_tty(2)); `steal`: root may take it away from another session. */
static int take_tty(struct tty *tty, struct file *f, struct task *t, bool steal)
{
	struct process *p = t->process;
	bool admin = cred_capable(t->cred, CAP_SYS_ADMIN);

	if (p->session_leader && tty->session == p->session)
		return 0;
	if (!p->session_leader || p->tty)
		return -EPERM;
	if (tty->session && !(steal && admin))
		return -EPERM;
	if (!file_readable(f) && !admin)
		return -EPERM;
	clear_session(tty);
	tty_attach(tty, p);
	return 0;
}

static int leave_tty(struct tty *tty, struct process *p)
{
	if (p->tty != tty)
		return -ENOTTY;
	if (p->session_leader)
		end_session(tty, false);
	else
		drop_tty(p);
	return 0;
}

static int session_ioctl(struct tty *tty, struct file *f, struct task *t, unsigned cmd,
			 uint64_t arg, int *val)
{
	switch (cmd) {
	case TIOCGPGRP: return get_pgrp(tty, t->process, val);
	case TIOCGSID: return get_session(tty, t->process, val);
	case TIOCSPGRP: return change_pgrp(tty, t->process, *val);
	case TIOCSCTTY: return take_tty(tty, f, t, arg == 1);
	case TIOCNOTTY: return leave_tty(tty, t->process);
	}
	return -ENOIOCTLCMD;
}

/* What only a foreground group may do. */
static bool changes_terminal(unsigned cmd)
{
	switch (cmd) {
	case TIOCSPGRP:
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
	case TCXONC:
	case TCFLSH: return true;
	}
	return false;
}

int64_t tty_ioctl(struct tty *tty, struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
		  uint64_t arg)
{
	int val = 0, err = changes_terminal(cmd) ? tty_check_change(tty, c->task, SIGTTOU) : 0;

	if (err)
		return cmd == TIOCSPGRP && err == -EIO ? -ENOTTY : err;
	if (cmd == TIOCSPGRP && copy_from_guest(mm, &val, GVA(arg), sizeof val))
		return -EFAULT;
	sandbox_lock(tty->sb);
	err = session_ioctl(tty, f, c->task, cmd, arg, &val);
	sandbox_unlock(tty->sb);
	if (!err && (cmd == TIOCGPGRP || cmd == TIOCGSID))
		return copy_to_guest(mm, GVA(arg), &val, sizeof val) ? -EFAULT : 0;
	return err;
}

/* Devices */

static int open_tty(void *arg, struct caller *c, dev_t dev, int flags, struct file **out)
{
	struct tty *tty = tty_of_caller(c);

	if (!tty)
		return -ENXIO;
	int err = tty->ops->open(tty, c, flags, out);
	tty_put(tty);
	return err;
}

static int open_console(void *arg, struct caller *c, dev_t dev, int flags, struct file **out)
{
	struct sandbox *sb = arg;

	if (!sb->console)
		return -ENXIO;
	int err = sb->console->ops->open(sb->console, c, flags, out);
	if (!err)
		tty_opened(sb->console, c, flags);
	return err;
}

int tty_add_devices(struct sandbox *sb, struct device_table *devices)
{
	int err = device_table_add(devices, TTYAUX_MAJOR, TTYAUX_TTY, TTYAUX_TTY, open_tty, sb);

	return err
		   ?: device_table_add(devices, TTYAUX_MAJOR, TTYAUX_CONSOLE, TTYAUX_CONSOLE,
				       open_console, sb);
}
