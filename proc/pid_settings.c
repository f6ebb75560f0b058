/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /proc/PID that hold one setting of a process or thread, most of which can be written. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/oom.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/maps.h"
#include "proc/proc.h"

#define COREDUMP_FILTER_MASK 0x1ffU /* Linux's MMF_DUMP_FILTER_MASK */

/* ---- whom the system ends when memory runs out ---- */

/* Linux's oom_badness(), as /proc shows it: of 2,000, what the process holds of all memory, moved
 * by its adjustment. */
static int64_t oom_score(const struct sandbox *sb, uint64_t resident, int adj)
{
	struct sysinfo si;

	if (adj == OOM_SCORE_ADJ_MIN || sysinfo(&si) < 0)
		return 0;
	uint64_t swap = sb->limits.memory ? 0 : si.totalswap * si.mem_unit;
	int64_t total = (int64_t)((sb->vfs->ram + swap) / PAGE_SIZE);
	int64_t badness = (int64_t)(resident / PAGE_SIZE) + adj * (total / 1000);
	return (1000 + badness * 1000 / total) * 2 / 3;
}

int proc_show_oom_score(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct mm *mm = proc_mm(n);
	uint64_t resident = mm ? mm_resident(mm) : 0;

	if (mm)
		mm_put(mm);
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	/* init is never chosen */
	int adj = p && p != n->sb->init ? p->oom_score_adj : OOM_SCORE_ADJ_MIN;
	sandbox_unlock(n->sb);
	text_printf(out, "%ld\n", oom_score(n->sb, resident, adj));
	return 0;
}

static int oom_score_adj_of(struct pseudo_node *n)
{
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	int adj = p ? p->oom_score_adj : 0;
	sandbox_unlock(n->sb);
	return adj;
}

int proc_show_oom_score_adj(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_printf(out, "%d\n", oom_score_adj_of(n));
	return 0;
}

/* The scale of before Linux 2.6.36: -17 to 15. */
int proc_show_oom_adj(struct pseudo_node *n, struct caller *c, struct text *out)
{
	int adj = oom_score_adj_of(n);

	text_printf(out, "%d\n",
		    adj == OOM_SCORE_ADJ_MAX ? OOM_ADJUST_MAX
					     : adj * -OOM_DISABLE / OOM_SCORE_ADJ_MAX);
	return 0;
}

/* Down to what a privileged process has set last, anyone may go; by the old file, only up. */
static int set_oom_score_adj(struct pseudo_node *n, struct caller *c, int v, bool old_file)
{
	bool privileged = cred_capable(c->cred, CAP_SYS_RESOURCE);
	int err = -EACCES;

	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	if (!p) {
		err = -ESRCH;
	} else if (privileged || v >= (old_file ? p->oom_score_adj : p->oom_score_adj_min)) {
		p->oom_score_adj = v;
		if (privileged)
			p->oom_score_adj_min = v;
		err = 0;
	}
	sandbox_unlock(n->sb);
	return err;
}

int proc_store_oom_score_adj(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t v;
	int err = pseudo_parse(pseudo_strip(text), 0, INT32_MIN, INT32_MAX, &v);

	if (!err && (v < OOM_SCORE_ADJ_MIN || v > OOM_SCORE_ADJ_MAX))
		err = -EINVAL;
	return err ? err : set_oom_score_adj(n, c, (int)v, false);
}

int proc_store_oom_adj(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t v;
	int err = pseudo_parse(pseudo_strip(text), 0, INT32_MIN, INT32_MAX, &v);

	if (!err && (v < OOM_DISABLE || v > OOM_ADJUST_MAX))
		err = -EINVAL;
	if (err)
		return err;
	v = v == OOM_ADJUST_MAX ? OOM_SCORE_ADJ_MAX : v * OOM_SCORE_ADJ_MAX / -OOM_DISABLE;
	return set_oom_score_adj(n, c, (int)v, true);
}

/* ---- core dumps ---- */

int proc_show_coredump_filter(struct pseudo_node *n, struct caller *c, struct text *out)
{
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	if (p && !p->zombie)
		text_printf(out, "%08x\n", p->coredump_filter);
	sandbox_unlock(n->sb);
	return 0;
}

int proc_store_coredump_filter(struct pseudo_node *n, struct caller *c, char *text)
{
	int64_t v;
	int err = pseudo_parse(text, 0, 0, UINT32_MAX, &v);

	if (err)
		return err;
	sandbox_lock(n->sb);
	struct process *p = proc_process(n);
	if (p)
		p->coredump_filter = (unsigned)v & COREDUMP_FILTER_MASK;
	sandbox_unlock(n->sb);
	return p ? 0 : -ESRCH;
}

/* ---- timer slack: of others' threads with CAP_SYS_NICE only ---- */

static int slack_task(struct pseudo_node *n, struct caller *c, struct task **out)
{
	lock_assert_held(&n->sb->lock);
	*out = proc_task(n);
	if (!*out)
		return -ESRCH;
	bool may = *out == c->task || cred_ns_capable(c->cred, (*out)->cred->user_ns, CAP_SYS_NICE);
	return may ? 0 : -EPERM;
}

int proc_show_timerslack(struct pseudo_node *n, struct caller *c, struct text *out)
{
	struct task *t;

	sandbox_lock(n->sb);
	int err = slack_task(n, c, &t);
	if (!err)
		text_printf(out, "%lu\n", t->timer_slack_ns);
	sandbox_unlock(n->sb);
	return err;
}

int proc_store_timerslack(struct pseudo_node *n, struct caller *c, char *text)
{
	struct task *t;
	int64_t v;
	int err = pseudo_parse(text, 10, 0, INT64_MAX, &v);

	if (err)
		return err;
	sandbox_lock(n->sb);
	err = slack_task(n, c, &t);
	if (!err)
		t->timer_slack_ns = v ? (uint64_t)v : t->default_slack_ns;
	sandbox_unlock(n->sb);
	return err;
}

/* ---- ids ---- */

/* Nobody logged in here: the number that says "not set" (proc(5), loginuid). */
int proc_show_unset_id(struct pseudo_node *n, struct caller *c, struct text *out)
{
	text_puts(out, "4294967295");
	return 0;
}
