/* SPDX-License-Identifier: Apache-2.0 */
/* A caller before there is a task. See the header. */
#include "kernel/visitor.h"

#include <errno.h>
#include <string.h>

#include "host/kick.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"

int visitor_init(struct visitor *v, struct sandbox *sb, const struct cred *cred,
		 const struct path *cwd)
{
	memset(v, 0, sizeof *v);
	v->caller.cred = cred;
	v->caller.mnt_ns = nsproxy_mnt(sb->nsproxy);
	v->caller.fs = fs_struct_new(nsproxy_mnt(sb->nsproxy));
	v->caller.sleeper = &v->sleeper;
	v->caller.mem = &sb->mem;
	v->caller.fsize_limit = UINT64_MAX;
	kick_attach(&v->sleeper.kick);
	if (!v->caller.fs)
		return -ENOMEM;
	if (cwd) {
		struct path p = path_get(cwd);
		fs_struct_set_cwd(v->caller.fs, &p);
	}
	return 0;
}

void visitor_done(struct visitor *v)
{
	kick_detach(&v->sleeper.kick);
	if (v->caller.fs)
		fs_struct_put(v->caller.fs);
}
