/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/uts.h"

#include <string.h>
#include <sys/utsname.h>

#include "kernel/sandbox.h"

void uts_init(struct uts *u)
{
	struct utsname host;

	waitqueue_init(&u->changed);
	if (uname(&host) < 0)
		return;
	memcpy(u->names[UTS_HOST], host.nodename, UTS_NAME_MAX);
	memcpy(u->names[UTS_DOMAIN], host.domainname, UTS_NAME_MAX);
}

void uts_destroy(struct uts *u)
{
	waitqueue_destroy(&u->changed);
}

void uts_set(struct sandbox *sb, enum uts_name which, const char *name, size_t len)
{
	struct uts *u = &sb->uts;

	sandbox_lock(sb);
	memset(u->names[which], 0, sizeof u->names[which]);
	memcpy(u->names[which], name, strnlen(name, len));
	u->changes[which]++;
	sandbox_unlock(sb);
	waitqueue_wake_all(&u->changed, 0);
}

void uts_get(struct sandbox *sb, enum uts_name which, char out[UTS_NAME_MAX + 1])
{
	sandbox_lock(sb);
	memcpy(out, sb->uts.names[which], UTS_NAME_MAX + 1);
	sandbox_unlock(sb);
}
