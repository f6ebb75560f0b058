/* SPDX-License-Identifier: Apache-2.0 */
/* Linux's ptrace_may_access(). See the header. */
#include "kernel/ptrace/access.h"

#include <linux/capability.h>

#include "cred/cred.h"
#include "kernel/process.h"
#include "kernel/task.h"

/* `uid`, `gid` and `caps` are those of the caller that count. */
static bool may_access(struct task *caller, struct task *target, uid_t uid, gid_t gid,
		       uint64_t caps)
{
	const struct cred *o = target->cred;

	if (caller->process == target->process ||
	    cred_ns_capable(caller->cred, o->user_ns, CAP_SYS_PTRACE))
		return true;
	return target->process->dumpable && uid == o->uid && uid == o->euid && uid == o->suid &&
	       gid == o->gid && gid == o->egid && gid == o->sgid &&
	       caller->cred->user_ns == o->user_ns && !(o->cap_permitted & ~caps);
}

bool ptrace_may_inspect(struct task *reader, struct task *target)
{
	const struct cred *c = reader->cred;

	return may_access(reader, target, c->fsuid, c->fsgid, c->cap_effective);
}

bool ptrace_may_attach(struct task *caller, struct task *target)
{
	const struct cred *c = caller->cred;

	return may_access(caller, target, c->uid, c->gid, c->cap_permitted);
}
