/* SPDX-License-Identifier: Apache-2.0 */
/* A caller of the vfs before there is a task: it walks the guest's tree while a sandbox is being
 * made. */
#ifndef HL_KERNEL_VISITOR_H
#define HL_KERNEL_VISITOR_H

#include "fs/vfs.h"

struct sandbox;

struct visitor {
	struct caller caller;
	struct sleeper sleeper;
};

/* `cred`: whose rights count, borrowed. `cwd` NULL: "/". 0 or -ENOMEM; visitor_done is due in
 * either case. */
int visitor_init(struct visitor *v, struct sandbox *sb, const struct cred *cred,
		 const struct path *cwd);
void visitor_done(struct visitor *v);

#endif
