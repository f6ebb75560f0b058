/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saves and loads ptys.
 *
 * A side of a pty is an open file; the line between them is an object of its own, which processes
 * that have it as controlling terminal refer to, too. Whose terminal it is stands there by number,
 * and is set when all processes have their groups: ptys_join(). Of other instances of devpts than
 * the first one it is told by one of the mounts that the snapshot keeps.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/devpts.h"
#include "fs/mount.h"
#include "fs/saved.h"
#include "fs/saved_place.h"
#include "kernel/pid.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "kernel/tty/pty_parts.h"

/* ---- the line discipline ---- */

/* [tail, head) of a ring: up to its end, and from its begin on. */
static void save_ring(struct encoder *out, const unsigned char *ring, unsigned size, unsigned tail,
		      unsigned head)
{
	unsigned n = head - tail, first = size - tail % size;

	first = first < n ? first : n;
	encode_bytes(out, ring + tail % size, first);
	encode_bytes(out, ring, n - first);
}

/* How many; they begin where the ring does. */
static unsigned load_ring(struct decoder *in, unsigned char *ring, unsigned size)
{
	unsigned n = 0;

	for (int part = 0; part < 2; part++) {
		size_t len;
		const void *data = decode_bytes(in, &len);
		if (!data || len > size - n) {
			in->failed = true;
			return 0;
		}
		memcpy(ring + n, data, len);
		n += (unsigned)len;
	}
	return n;
}

static bool is_marked(const struct ldisc *l, unsigned i)
{
	i %= LDISC_BUF;
	return l->marks[i / 64] >> (i % 64) & 1;
}

static void save_marks(struct encoder *out, const struct ldisc *l)
{
	uint64_t marks[LDISC_BUF / 64] = { 0 };

	for (unsigned i = l->tail; i != l->head; i++) {
		unsigned to = i - l->tail;
		if (is_marked(l, i))
			marks[to / 64] |= 1UL << (to % 64);
	}
	encode_bytes(out, marks, sizeof marks);
}

static void save_ldisc(struct encoder *out, const struct ldisc *l)
{
	encode_bytes(out, &l->t, sizeof l->t);
	save_ring(out, l->buf, LDISC_BUF, l->tail, l->head);
	encode(out, l->canon_head - l->tail);
	save_marks(out, l);
	encode(out, l->lnext);
	save_ring(out, l->pending, LDISC_PENDING, l->pending_tail, l->pending_head);
	save_ring(out, l->out, LDISC_OUTPUT, l->out_tail, l->out_head);
	encode(out, l->column);
	encode(out, l->canon_column);
	encode(out, l->batch_column);
	encode(out, l->batch_canon_column);
	encode(out, l->stopped);
	encode(out, l->tco_stopped);
	encode(out, l->signals);
	encode(out, l->packet_status);
}

static void load_ldisc(struct decoder *in, struct ldisc *l)
{
	decode_into(in, &l->t, sizeof l->t);
	l->head = load_ring(in, l->buf, LDISC_BUF);
	l->canon_head = (unsigned)decode_max(in, l->head);
	decode_into(in, l->marks, sizeof l->marks);
	l->lnext = decode_bool(in);
	l->pending_head = load_ring(in, l->pending, LDISC_PENDING);
	l->out_head = load_ring(in, l->out, LDISC_OUTPUT);
	l->column = (unsigned)decode_max(in, UINT32_MAX);
	l->canon_column = (unsigned)decode_max(in, UINT32_MAX);
	l->batch_column = (unsigned)decode_max(in, UINT32_MAX);
	l->batch_canon_column = (unsigned)decode_max(in, UINT32_MAX);
	l->stopped = decode_bool(in);
	l->tco_stopped = decode_bool(in);
	l->signals = decode(in);
	l->packet_status = (unsigned)decode_max(in, UINT8_MAX);
}

/* ---- which devpts ---- */

/* The number of a mount of it; 0: it is the first one, or is mounted nowhere. */
static uint64_t devpts_number(const struct saver *s, const struct pty_table *t)
{
	const struct sandbox *sb = s->sandbox;

	for (size_t i = 0; t != sb->ptys && i < s->nr_mounts; i++) {
		const struct mount *m = s->mounts[i];
		if (m->fs == t->devpts)
			return i + 1;
	}
	return 0;
}

/* The ptys of a mount of that number, and (0: NULL) the mount. */
static int find_table(struct loader *l, struct pty_table **table, struct mount **mnt)
{
	const struct sandbox *sb = l->sandbox;
	uint64_t number = decode_max(&l->in, l->nr_mounts);

	*mnt = number ? l->mounts[number - 1] : NULL;
	*table = *mnt ? devpts_arg_of((*mnt)->fs) : sb->ptys;
	if (*table && !l->in.failed)
		return 0;
	if (number || l->in.failed)
		return loader_damaged(l, "the file system of a terminal");
	return errmsg_set(l->errmsg, ENOTSUP,
			  "the program has a pseudo terminal, and this configuration has no "
			  "/dev/pts");
}

/* ---- the line ---- */

static void save_node(struct encoder *out, const struct pty *p)
{
	struct statx st;
	bool there = devpts_attributes(p->table->devpts, p->index, &st);

	encode(out, there);
	if (there)
		encode_bytes(out, &st, sizeof st);
}

static void load_node(struct decoder *in, const struct pty *p)
{
	struct statx st;

	if (!decode_bool(in)) {
		devpts_remove(p->table->devpts, p->index);
		return;
	}
	decode_into(in, &st, sizeof st);
	if (!in->failed)
		devpts_set_attributes(p->table->devpts, p->index, &st);
}

static int line_save(struct saver *s, void *object)
{
	struct pty *p = pty_of(object);
	struct encoder *out = &s->out;

	encode(out, devpts_number(s, p->table));
	encode(out, p->index);
	save_node(out, p);
	save_ldisc(out, &p->ld);
	encode_bytes(out, &p->size, sizeof p->size);
	encode(out, p->slave_closed);
	encode(out, p->master_closed);
	encode(out, p->locked);
	encode(out, p->packet);
	encode(out, p->exclusive);
	encode(out, saved_object(s, &pid_saved, p->tty.session));
	encode(out, saved_object(s, &pid_saved, p->tty.pgrp));
	encode(out, p->writer ? (uint64_t)p->writer->pid->nr : 0);
	return 0;
}

static int line_load(struct loader *l, void **out)
{
	struct decoder *in = &l->in;
	struct pty_table *table;
	struct mount *mnt;
	struct pty *p;
	int err = find_table(l, &table, &mnt);

	if (err)
		return err;
	unsigned index = (unsigned)decode_max(in, PTY_MAX - 1);
	if (in->failed)
		return loader_damaged(l, "the number of a terminal");
	err = pty_new_numbered(table, l->caller, index, &p);
	if (err)
		return err == -EEXIST ? loader_damaged(l, "two terminals of one number") : err;
	load_node(in, p);
	load_ldisc(in, &p->ld);
	decode_into(in, &p->size, sizeof p->size);
	p->slave_closed = decode_bool(in);
	p->master_closed = decode_bool(in);
	p->locked = decode_bool(in);
	p->packet = decode_bool(in);
	p->exclusive = decode_bool(in);
	p->saved.waits = true;
	p->saved.devpts = mnt;
	p->saved.session = decode(in);
	p->saved.pgrp = decode(in);
	p->saved.writer = (pid_t)decode_max(in, INT_MAX);
	p->saved.has_master = p->master_closed;
	*out = &p->tty;
	if (!in->failed)
		return 0;
	devpts_remove(table->devpts, index);
	tty_put(&p->tty);
	return loader_damaged(l, "a terminal");
}

static void line_put(void *object)
{
	tty_put(object);
}

static const char *line_refused(struct saver *s, void *object)
{
	const struct sandbox *sb = s->sandbox;
	const struct pty_table *t = pty_of(object)->table;

	return t == sb->ptys || devpts_number(s, t)
		   ? NULL
		   : "of a devpts that is not mounted any more, which a snapshot cannot hold yet";
}

const struct saved_kind pty_line_saved = {
	.name = "pseudo terminal",
	.save = line_save,
	.load = line_load,
	.put = line_put,
	.refused = line_refused,
};

static int join(struct loader *l, struct pty *p)
{
	struct sandbox *sb = l->sandbox;
	void *session = NULL, *pgrp = NULL;
	int err = loaded_object(l, p->saved.session, &pid_saved, &session);

	if (!err)
		err = loaded_object(l, p->saved.pgrp, &pid_saved, &pgrp);
	if (err)
		return err;
	sandbox_lock(sb);
	tty_restore(&p->tty, session, pgrp);
	struct pid *writer = p->saved.writer ? pid_find(sb->pid_ns, p->saved.writer) : NULL;
	p->writer = writer ? writer->task : NULL;
	sandbox_unlock(sb);
	p->saved.waits = false;
	return p->saved.writer && !p->writer ? loader_damaged(l, "who writes to a terminal") : 0;
}

static int join_all(struct loader *l, struct pty_table *t)
{
	int err = 0;

	for (unsigned i = 0; i < PTY_MAX && !err; i++)
		if (t->ptys[i] && t->ptys[i]->saved.waits)
			err = join(l, t->ptys[i]);
	return err;
}

int ptys_join(struct loader *l)
{
	const struct sandbox *sb = l->sandbox;
	const struct mount *m;

	/* nobody else makes or frees any, or mounts: the sandbox is being made */
	if (!sb->ptys || !sb->ptys->nr)
		return 0;
	int err = join_all(l, sb->ptys);
	list_for_each (m, &sb->vfs->mounts, all_node) {
		struct pty_table *t = devpts_arg_of(m->fs);
		if (!err && t && t != sb->ptys)
			err = join_all(l, t);
	}
	return err;
}

uint64_t pty_line_number(struct saver *s, struct tty *tty)
{
	return tty ? saved_object(s, &pty_line_saved, tty) : 0;
}

/* ---- one side ---- */

static const char *side_refused(struct saver *s, void *object)
{
	return line_refused(s, &file_pty(object)->tty);
}

static int side_save(struct saver *s, void *object)
{
	struct file *f = object;

	encode(&s->out, saved_object(s, &pty_line_saved, &file_pty(f)->tty));
	encode(&s->out, file_is_pty_master(f));
	file_save_state(s, f);
	place_save(s, &f->path);
	return 0;
}

/* The name of a slave that has lost it with its master: it is there for as long as we look. */
static void lost_name(struct loader *l, struct pty *p, struct path *out)
{
	struct mount *mnt = p->saved.devpts;
	char name[32];

	if (devpts_add(p->table->devpts, l->caller, p->index, p->tty.dev))
		return;
	snprintf(name, sizeof name, mnt ? "/%u" : "/dev/pts/%u", p->index);
	if (place_walk(l->caller, &(struct saved_place){ .mnt = mnt, .name = name }, WALK_NOFOLLOW,
		       out) < 0)
		*out = (struct path){ NULL, NULL };
	devpts_remove(p->table->devpts, p->index);
}

static void give_name(struct loader *l, struct file *f, struct path *at)
{
	if (!at->dentry && file_pty(f)->master_closed)
		lost_name(l, file_pty(f), at);
	if (at->dentry) {
		f->path = *at;
		f->opened = true;
	} else {
		file_set_anon(f, l->caller, "anon_inode:[tty]");
	}
}

/* A line has one master, which is open or was closed. */
static int side_load(struct loader *l, void **out)
{
	struct file state = { .flags = 0 }, *f = NULL;
	struct path at = { NULL, NULL };
	void *tty;
	int err = loaded_object(l, decode(&l->in), &pty_line_saved, &tty);
	bool master = decode_bool(&l->in);

	if (!err)
		err = file_load_state(l, &state);
	if (!err)
		err = place_find(l, S_IFCHR, &at);
	if (!err && (!tty || (master && pty_of(tty)->saved.has_master)))
		err = loader_damaged(l, "a side of a terminal");
	if (!err)
		pty_of(tty)->saved.has_master |= master;
	if (!err)
		err = pty_open_side(pty_of(tty), master, (int)state.flags, &f);
	if (err) {
		if (at.dentry)
			path_put(&at);
		return err;
	}
	give_name(l, f, &at);
	*out = f;
	return 0;
}

const struct saved_kind pty_saved = {
	.name = "side of a pseudo terminal",
	.save = side_save,
	.load = side_load,
	.put = file_saved_put,
	.refused = side_refused,
};
