/* SPDX-License-Identifier: Apache-2.0 */
/* Opens snapshots, and makes sandboxes of them. See snapshot.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/inotify.h"
#include "fs/ramfs/save.h"
#include "fs/saved.h"
#include "ipc/mqueue.h"
#include "kernel/fasync.h"
#include "kernel/fork.h"
#include "kernel/freeze.h"
#include "kernel/nsproxy.h"
#include "kernel/sandbox.h"
#include "kernel/spawn.h"
#include "kernel/task.h"
#include "kernel/tty/pty.h"
#include "kernel/visitor.h"
#include "mm/arena.h"
#include "mm/budget.h"
#include "mm/pagestore_save.h"
#include "net/host_sock.h"
#include "net/loop.h"
#include "net/netlink.h"
#include "net/unix.h"
#include "platform/physmem.h"
#include "kernel/seccomp/notify.h"
#include "proc/proc.h"
#include "snapshot/files.h"
#include "snapshot/filesystems.h"
#include "snapshot/image.h"
#include "snapshot/kept.h"
#include "snapshot/mapped.h"
#include "snapshot/memory.h"
#include "snapshot/mounts.h"
#include "snapshot/process.h"
#include "snapshot/snapshot.h"
#include "sys/fs_context.h"
#include "sys/sys.h"

/* More than this is much for one run to leave behind. */
#define MUCH_BYTES (16UL << 20)

/* Every kind that a snapshot may hold. */
/* clang-format off */
static const struct saved_kind *const kinds[] = {
	&cred_kind,
	&fdtable_kind,
	&fs_struct_kind,
	&memory_kind,
	&sighand_kind,
	&file_by_path,
	&file_stdio,
	&pipe_saved,
	&pipe_data_saved,
	&eventfd_saved,
	&signalfd_saved,
	&timerfd_saved,
	&pidfd_saved,
	&pid_saved,
	&epoll_saved,
	&shmem_saved,
	&ramfs_inode_saved,
	&memfd_saved,
	&unix_saved,
	&unix_links_saved,
	&loop_saved,
	&loop_links_saved,
	&pty_saved,
	&pty_line_saved,
	&locks_kind,
	&inotify_saved,
	&vfork_saved,
	&host_saved,
	&nsproxy_kind,
	&namespace_kind,
	&host_stream_saved,
	&proc_mem_saved,
	&netlink_saved,
	&ns_file_saved,
	&tree_saved,
	&ipc_ns_saved,
	&sem_undo_saved,
	&fs_file_saved,
	&seccomp_saved,
	&listener_saved,
	&mqueue_saved,
	&mqueue_file_saved,
	&aio_saved,
	NULL,
};
/* clang-format on */

static int load_info(struct snapshot *snap, struct errmsg *errmsg)
{
	struct snapshot_info *i = &snap->info;
	const struct image_header *h = &snap->image->header;
	struct decoder d;
	size_t world_len;

	decoder_init(&d, snap->image->meta, h->meta_len);
	i->saved_at = decode_max(&d, CLOCK_NS_MAX);
	i->monotonic = decode_max(&d, CLOCK_NS_MAX);
	i->boottime = decode_max(&d, CLOCK_NS_MAX);
	i->processes = decode(&d);
	i->threads = decode(&d);
	i->program = decode_string(&d, TASK_COMM_LEN + 1);
	const void *world = decode_bytes(&d, &world_len);
	i->pages = h->pages_end - IMAGE_PAGES;
	i->size = h->file_size;
	if (d.failed || !i->program)
		return errmsg_set(errmsg, EBADMSG, "the snapshot is damaged: its description");
	decoder_init(&i->world, world, world_len);
	snap->rest = d.at;
	snap->rest_len = (uint64_t)(d.end - d.at);
	return 0;
}

int snapshot_open(const char *path, struct snapshot **out, struct errmsg *errmsg)
{
	struct snapshot *snap = calloc(1, sizeof *snap);

	if (!snap)
		return -ENOMEM;
	snap->known = known_files_new();
	int err = snap->known ? image_open(path, &snap->image, errmsg) : -ENOMEM;
	if (!err)
		err = load_info(snap, errmsg);
	if (err)
		snapshot_close(snap);
	else
		*out = snap;
	return err;
}

void snapshot_close(struct snapshot *snap)
{
	if (!snap)
		return;
	image_close(snap->image);
	known_files_free(snap->known);
	free(snap->info.program);
	free(snap);
}

uint64_t snapshot_count_copy(struct snapshot *snap)
{
	return atomic_fetch_add(&snap->copies, 1) + 1;
}

/* `saved` is what the clock showed. */
static int64_t ahead(clockid_t clock, uint64_t saved)
{
	return (int64_t)saved - (int64_t)guest_clock_ns(NULL, clock);
}

struct guest_clock snapshot_clock(const struct snapshot *snap, struct clock_steps *steps)
{
	const struct snapshot_info *i = &snap->info;

	if (steps)
		return (struct guest_clock){
			.realtime = (int64_t)i->saved_at,
			.monotonic = (int64_t)i->monotonic,
			.boottime = (int64_t)i->boottime,
			.steps = steps,
		};
	return (struct guest_clock){
		.monotonic = ahead(CLOCK_MONOTONIC, snap->info.monotonic),
		.boottime = ahead(CLOCK_BOOTTIME, snap->info.boottime),
	};
}

static int read_pages(struct loader *l, void *dst, uint64_t off, uint64_t len)
{
	const struct image *img = l->pages_arg;
	char *p = dst;

	if (!image_has_pages(img, off, len))
		return loader_damaged(l, "the place of contents");
	while (len) {
		ssize_t n = pread(img->fd, p, len, (off_t)off);
		if (n <= 0 && !(n < 0 && errno == EINTR))
			return n < 0 ? -errno : -EBADMSG;
		p += n > 0 ? n : 0;
		off += n > 0 ? (uint64_t)n : 0;
		len -= n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static int give_net(struct loader *l, void **out)
{
	*out = sys_net(l->sandbox);
	return *out ? 0 : -ENOMEM;
}

/* The sandbox has the image for as long as it lives. */
static int attach_image(struct sandbox *sb, const struct image *img)
{
	if (sb->image) /* it is loaded again */
		return 0;
	if (sb->reusable) {
		sb->kept = calloc(1, sizeof *sb->kept);
		int err = sb->kept ? mounts_keep(sb) : -ENOMEM;
		if (err)
			return err;
	}
	return memfile_borrow(sb->physmem, img->fd, &img->view, &sb->image);
}

/* A part of known length. */
static int part(struct loader *l, struct decoder *in, struct decoder *out)
{
	size_t len;
	const void *p = decode_bytes(in, &len);

	if (!p)
		return loader_damaged(l, "its outline");
	decoder_init(out, p, len);
	return 0;
}

/* What is named in the tree is there before anything is opened by its name. */
static int load(struct loader *l, struct decoder *in)
{
	struct decoder mounts, ipc, processes, filesystems;
	struct sandbox *sb = l->sandbox;
	int err = uts_names_load(l, in, nsproxy_uts(sb->nsproxy));

	if (!err)
		err = part(l, in, &mounts);
	if (!err)
		err = part(l, in, &ipc);
	if (!err)
		err = part(l, in, &processes);
	if (!err)
		err = part(l, in, &filesystems);
	if (!err)
		err = loader_objects(l, in);
	if (!err && !decoder_done(in))
		err = loader_damaged(l, "what follows the last object");
	if (!err)
		err = ipc_load(l, &ipc, nsproxy_ipc(sb->nsproxy));
	if (!err)
		err = key_domain_load(l, &ipc, &sb->keys);
	if (!err)
		err = aio_load(l, &ipc, &sb->aio);
	if (!err)
		err = mounts_load_filesystems(l, &mounts);
	if (!err)
		err = filesystems_load(l, &filesystems);
	if (!err)
		err = mounts_load(l, &mounts);
	if (!err)
		err = processes_load(l, &processes);
	if (!err)
		key_domain_loaded(&sb->keys);
	return err;
}

/* A run that has taken much gives it back now: a copy that waits holds nobody's memory, and the
 * next load has room below the limit. Less stays until then, which spares an order to the platform.
 */
static int give_back(struct sandbox *sb)
{
	struct snapshot_kept *k = sb->kept;
	int err = 0;

	kept_drop_dying(k);
	if (arena_used(sb->arena) < MUCH_BYTES && !budget_tight(sb->mem.budget))
		return 0;
	for (size_t i = 0; i < k->nr && !err; i++)
		err = memory_trim(k->all[i]);
	return err;
}

int snapshot_reset(const struct snapshot *snap, struct sandbox *sb)
{
	const struct guest_clock clock = snapshot_clock(snap, sb->clock.steps);

	/* nobody may change what is compared */
	sandbox_kill(sb);
	sandbox_wait_tasks(sb);
	int err = filesystems_can_go_back(sb) ? 0 : -ENOTSUP;
	if (!err && sb->kept)
		err = mounts_go_back(sb);
	if (!err)
		err = sandbox_clear(sb, &clock);
	if (!err)
		err = filesystems_go_back(sb);
	return err || !sb->kept ? err : give_back(sb);
}

void snapshot_forget(struct sandbox *sb)
{
	kept_free(sb->kept);
	sb->kept = NULL;
}

int snapshot_load(const struct snapshot *snap, struct sandbox *sb, struct file *const stdio[3],
		  const struct encoder *world, struct errmsg *errmsg)
{
	bool known = world && known_files_are_of(snap->known, world->buf, world->len);
	struct mapped_files mapped = { .known = known ? snap->known : NULL };
	struct loader l = {
		.errmsg = errmsg,
		.kinds = kinds,
		.sandbox = sb,
		.arena = sb->arena,
		.mapped = &mapped,
		.net = give_net,
		.ns = ns_loaded,
		.pages = read_pages,
		.pages_arg = snap->image,
	};
	struct decoder in;
	struct visitor v;
	int err = visitor_init(&v, sb, sb->vfs->monitor, NULL);

	for (int i = 0; i < 3; i++)
		l.stdio[i] = stdio[i];
	l.caller = &v.caller;
	decoder_init(&in, snap->rest, snap->rest_len);
	if (!err)
		err = attach_image(sb, snap->image);
	if (!err)
		err = sandbox_freeze(sb);
	if (!err)
		err = load(&l, &in);
	if (!err)
		inotify_settle(sb->vfs->inotify);
	int not_told = fasync_settle(sb, !err);
	err = err ? err : not_told;
	if (!err && sb->kept)
		err = filesystems_mark(&l);
	loader_free(&l);
	mounts_free_loader(&l);
	mapped_files_close(&mapped);
	free(l.filesystems);
	visitor_done(&v);
	return err ? errmsg_set(errmsg, -err, "cannot load the snapshot: %s", strerror(-err)) : 0;
}
