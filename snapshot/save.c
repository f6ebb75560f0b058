/* SPDX-License-Identifier: Apache-2.0 */
/* Saves a sandbox. See snapshot.h for how, and which file saves what. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/nsproxy.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/visitor.h"
#include "snapshot/files.h"
#include "snapshot/filesystems.h"
#include "snapshot/image.h"
#include "snapshot/mounts.h"
#include "snapshot/process.h"
#include "snapshot/snapshot.h"

/* A kill, or the time limit, need not wait for the rest of a large save. */
static int write_pages(struct saver *s, const void *data, uint64_t len, bool skip_zeroes,
		       saved_run_fn *fn, void *arg)
{
	const struct sandbox *sb = s->sandbox;

	if (__atomic_load_n(&sb->ending, __ATOMIC_RELAXED))
		return errmsg_set(s->errmsg, ESRCH, "the program was ended while it was saved");
	return image_write_pages(s->pages_arg, data, len, skip_zeroes, fn, arg);
}

/* ---- what is known before anything is loaded ---- */

static void save_info(struct saver *s, const struct encoder *world)
{
	struct sandbox *sb = s->sandbox;
	struct encoder *out = &s->out;
	struct process *p;
	uint64_t processes = 0, threads = 0;

	list_for_each (p, &sb->processes, all_node) {
		processes += p != sb->init;
		threads += (uint64_t)p->nr_tasks;
	}
	encode(out, guest_clock_ns(&sb->clock, CLOCK_REALTIME));
	encode(out, guest_clock_ns(&sb->clock, CLOCK_MONOTONIC));
	encode(out, guest_clock_ns(&sb->clock, CLOCK_BOOTTIME));
	encode(out, processes);
	encode(out, threads);
	encode_string(out, process_comm(sb->main));
	encode_bytes(out, world->buf, world->len);
}

static int save_tree(struct saver *s)
{
	struct sandbox *sb = s->sandbox;
	size_t place = encode_place(&s->out), start = s->out.len;

	encode(&s->out, (uint64_t)sb->main->pid->nr);
	encode(&s->out, (uint64_t)pid_last(sb->pid_ns));
	int err = processes_save(s);
	locks_note(s);
	encode_at(&s->out, place, s->out.len - start);
	return err;
}

static int save_mounts(struct saver *s)
{
	size_t place = encode_place(&s->out), start = s->out.len;
	int err = mounts_save(s);

	encode_at(&s->out, place, s->out.len - start);
	return err;
}

static int save_ipc(struct saver *s)
{
	struct sandbox *sb = s->sandbox;
	size_t place = encode_place(&s->out), start = s->out.len;
	int err = ipc_save(s, &sb->ipc, nsproxy_ipc(sb->nsproxy));

	key_domain_save(s, &sb->keys);
	aio_save(s, &sb->aio);
	encode_at(&s->out, place, s->out.len - start);
	return err;
}

static int save_filesystems(struct saver *s)
{
	size_t place = encode_place(&s->out), start = s->out.len;
	int err = filesystems_save(s);

	encode_at(&s->out, place, s->out.len - start);
	return err;
}

static int check(struct saver *s)
{
	struct sandbox *sb = s->sandbox;
	struct process *p;
	int err = 0;

	if (sb->main_ended || sb->ending)
		return errmsg_set(s->errmsg, ESRCH, "the program has ended");
	err = mounts_find(s);
	list_for_each (p, &sb->processes, all_node) {
		if (!err && p != sb->init)
			err = files_check(s, p);
	}
	return err ? err : filesystems_find(s);
}

static int save(struct saver *s, const struct encoder *world)
{
	int err = check(s);

	if (err)
		return err;
	save_info(s, world);
	uts_names_save(s, nsproxy_uts(((struct sandbox *)s->sandbox)->nsproxy));
	err = save_mounts(s);
	if (!err)
		err = save_ipc(s);
	if (!err)
		err = save_tree(s);
	if (!err)
		err = save_filesystems(s);
	return err ? err : saver_objects(s);
}

int snapshot_save(struct sandbox *sb, const char *path, const struct encoder *world,
		  const struct snapshot_options *opt, struct errmsg *errmsg)
{
	struct saver s = { .errmsg = errmsg,
			   .sandbox = sb,
			   .self_contained = opt->self_contained,
			   .ns = ns_saved,
			   .pages = write_pages };
	struct image_writer *w = NULL, *own = NULL;
	struct visitor v;
	int err = visitor_init(&v, sb, sb->vfs->monitor, NULL);

	s.caller = &v.caller;
	if (!err)
		err = opt->early ? image_restart(opt->early) : image_create(path, &own, errmsg);
	w = opt->early ? opt->early : own;
	s.pages_arg = w;
	if (!err)
		err = save(&s, world);
	if (!err)
		err = image_finish(w, s.out.buf, s.out.len, errmsg);
	image_writer_free(own);
	filesystems_free(&s);
	mounts_free_saver(&s);
	saver_free(&s);
	visitor_done(&v);
	return err;
}
