/* SPDX-License-Identifier: Apache-2.0 */
/* The standard streams of a sandbox: the caller's descriptors, or pipes and files of ours in their
 * place. */
#include <unistd.h>

#include "cred/user_ns.h"
#include "fs/file.h"
#include "fs/hostfd.h"
#include "fs/hostfs/hostfs.h"
#include "host/hostcall.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/spawn.h"
#include "kernel/tty/console.h"
#include "lib/config.h"
#include "lib/output.h"
#include "lib/sandbox_own.h"

int sandbox_make_streams(struct hl_sandbox *sb, struct hl_config *cfg)
{
	for (int fd = 1; fd < 3; fd++) {
		if (output_fd(sb->output, fd) >= 0)
			cfg->stdio[fd] = output_fd(sb->output, fd);
	}
	if (!cfg->has_input)
		return 0;
	if (sb->input_fd >= 0)
		close(sb->input_fd);
	sb->input_fd = input_open(cfg->input, cfg->input_len);
	cfg->stdio[0] = sb->input_fd;
	return sb->input_fd < 0 ? sb->input_fd : 0;
}

int sandbox_wrap_stdio(struct hl_sandbox *sb, const int stdio[3], struct spawn_request *rq)
{
	const struct user_namespace *users = sb->kernel->vfs->user_ns;
	const struct hostfs_options opt = {
		.pm = sb->kernel->physmem,
		.users = users,
		.contained = users->contained,
	};
	int err = sb->hostfd ? 0 : hostfd_create(&opt, &sb->hostfd);

	for (int fd = 0; !err && fd < 3; fd++) {
		if (stdio[fd] >= 0 && host_is_open(stdio[fd]))
			err = hostfd_wrap(sb->hostfd, nsproxy_mnt(sb->kernel->nsproxy), stdio[fd],
					  &rq->stdio[fd]);
		if (rq->stdio[fd])
			rq->stdio[fd]->stdio = (unsigned char)(fd + 1);
	}
	return err ? err : console_attach(sb->kernel, rq->stdio, &rq->controlling);
}

void sandbox_put_stdio(struct spawn_request *rq)
{
	for (int fd = 0; fd < 3; fd++) {
		if (rq->stdio[fd])
			file_put(rq->stdio[fd]);
	}
}
