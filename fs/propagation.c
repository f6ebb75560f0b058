/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the mounts that follow another one, and makes or finds there what is to come or to go with
 * it (Linux's fs/pnode.c). See the header. */
#include "fs/propagation.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/mount_tree.h"
#include "fs/peers.h"

/*
 * The mounts that follow one: first its own group of peers, then group after group of slaves, each
 * behind the one it follows. A slave without peers is a group of its own.
 */
struct follower {
	struct mount *mnt;
	size_t group;       /* index of its group */
	struct mount *copy; /* propagation_attach: what was made for it */
};

struct follower_group {
	size_t above;       /* the group it follows; that of the origin: itself */
	size_t leader;      /* the follower that the first of them is a slave of */
	struct mount *copy; /* the first copy made in the group, or what stands for it */
	bool own;           /* the copy was made in this group */
};

struct followers {
	struct follower *item;
	struct follower_group *group;
	size_t count, room, groups, group_room;
};

static void *grown(void *array, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return array;
	size_t more = *room ? *room * 2 : 16;
	void *new = reallocarray(array, more, size);
	if (new)
		*room = more;
	return new;
}

static bool add_follower(struct followers *f, struct mount *m)
{
	struct follower *item = grown(f->item, f->count, &f->room, sizeof *item);

	if (!item)
		return false;
	f->item = item;
	item[f->count++] = (struct follower){ .mnt = m, .group = f->groups - 1 };
	m->visited = true;
	return true;
}

/* The peers of `first`, and itself. */
static bool add_group(struct followers *f, struct mount *first, size_t leader)
{
	struct follower_group *group = grown(f->group, f->groups, &f->group_room, sizeof *group);
	struct mount *m = first;

	if (!group)
		return false;
	f->group = group;
	group[f->groups++] = (struct follower_group){ .above = f->count ? f->item[leader].group : 0,
						      .leader = leader };
	do {
		if (!add_follower(f, m))
			return false;
		m = mount_next_peer(m);
	} while (m != first);
	return true;
}

static void followers_free(struct followers *f)
{
	free(f->item);
	free(f->group);
}

/* The origin is the first of them. -ENOMEM. */
static int followers_find(struct mount *origin, struct followers *f)
{
	struct mount *s;
	bool ok;

	*f = (struct followers){ .item = NULL };
	ok = add_group(f, origin, 0);
	for (size_t i = 0; ok && i < f->count; i++) {
		struct mount *m = f->item[i].mnt;
		list_for_each (s, &m->slaves, slave_node) {
			if (!s->visited && !(ok = add_group(f, s, i)))
				break;
		}
	}
	for (size_t i = 0; i < f->count; i++)
		f->item[i].mnt->visited = false;
	if (ok)
		return 0;
	followers_free(f);
	return -ENOMEM;
}

/* ---- what is mounted ---- */

/* What the copy for a follower is made of, and how: the first one of a group of slaves follows what
 * its master got, or stands for that; the others are peers of the first. */
static struct mount *pattern(struct followers *f, const struct follower *to, unsigned *how)
{
	struct follower_group *g = &f->group[to->group];

	if (to->group == 0 || g->own) {
		*how = COPY_SHARED;
		return g->copy;
	}
	*how = COPY_SLAVE | (to->mnt->group ? COPY_SHARED : 0);
	struct mount *of_leader = f->item[g->leader].copy;
	return of_leader ? of_leader : g->copy;
}

/* A copy for one follower, if it shows the point. */
static int copy_for(struct followers *f, struct follower *to, const struct point *p,
		    struct list *copies)
{
	struct point at;
	unsigned how;
	int seen = to->mnt->ns && !to->mnt->ns->anonymous ? point_seen_on(p, to->mnt, &at) : 0;

	if (seen <= 0)
		return seen;
	struct mount *like = pattern(f, to, &how), *there = point_mount(&at);
	int err = tree_copy(like, like->root, how, &to->copy);
	if (err) {
		point_put(&at);
		return err;
	}
	/* What is mounted there comes to lie on the copy: one dentry for both, so that none has to
	 * be dropped then. */
	if (there && there->over) {
		dentry_put(at.over);
		at.over = dentry_get(there->over);
	}
	to->copy->parent = at.parent;
	to->copy->over = at.over;
	to->copy->place = at.place;
	list_add_tail(copies, &to->copy->work_node);
	return tree_reserve(to->mnt->ns, to->copy);
}

int propagation_attach(struct mount *top, const struct point *p, struct list *copies)
{
	struct followers f;
	int err = followers_find(p->parent, &f);

	if (err)
		return err;
	f.item[0].copy = top;
	f.group[0].copy = top;
	f.group[0].own = true;
	for (size_t i = 1; !err && i < f.count; i++) {
		struct follower *to = &f.item[i];
		struct follower_group *g = &f.group[to->group];
		if (!g->copy)
			g->copy = f.group[g->above].copy;
		err = copy_for(&f, to, p, copies);
		if (!err && to->copy && !g->own) {
			g->copy = to->copy;
			g->own = true;
		}
	}
	followers_free(&f);
	return err;
}

/* ---- what is unmounted ---- */

/* What is mounted on a follower where `m` is on its parent; NULL: nothing. */
static struct mount *like_on(const struct point *of, struct mount *follower)
{
	struct point at;

	if (point_seen_on(of, follower, &at) <= 0)
		return NULL;
	struct mount *m = point_mount(&at);
	point_put(&at);
	return m;
}

/* Marks the likes of one mount that are not marked yet. */
static void mark_likes(struct mount *m, struct list *more)
{
	const struct point at = { .parent = m->parent, .over = m->over, .place = m->place };
	struct followers f;

	if (!m->parent || followers_find(m->parent, &f))
		return;
	for (size_t i = 1; i < f.count; i++) {
		struct mount *like = like_on(&at, f.item[i].mnt);
		if (like && !like->marked) {
			like->marked = true;
			list_add_tail(more, &like->work_node);
		}
	}
	followers_free(&f);
}

/* Is something mounted on it that stays? What covers its root only comes to lie deeper. */
static bool holds_others(const struct mount *m)
{
	struct mount *child;

	list_for_each (child, &m->children, child_node) {
		if (!child->marked && child->over)
			return true;
	}
	return false;
}

/* It stays, and so does what it is mounted on. */
static void spare(struct mount *m)
{
	for (; m && m->marked && !list_empty(&m->work_node); m = m->over ? m->parent : NULL)
		m->marked = false;
}

void propagation_detach(struct mount *top, struct list *more)
{
	struct mount *m, *next;

	for (m = top; m; m = tree_next(m, top))
		m->marked = true;
	for (m = top; m; m = tree_next(m, top))
		mark_likes(m, more);
	list_for_each (m, more, work_node) {
		if (holds_others(m))
			spare(m);
	}
	list_for_each_safe (m, next, more, work_node) {
		if (!m->marked)
			list_del(&m->work_node);
	}
}

/* Besides its tree, what covers its root may hold it. */
static bool like_busy(const struct mount *m)
{
	unsigned expected = m->cover ? 2 : 1;
	bool others =
	    m->children.next != m->children.prev || (!m->cover && !list_empty(&m->children));

	return !others && ref_count(&m->refs) > expected;
}

bool propagation_busy(struct mount *m)
{
	const struct point at = { .parent = m->parent, .over = m->over, .place = m->place };
	struct followers f;
	bool busy = false;

	if (followers_find(m->parent, &f))
		return true;
	for (size_t i = 1; !busy && i < f.count; i++) {
		struct mount *like = like_on(&at, f.item[i].mnt);
		busy = like && like_busy(like);
	}
	followers_free(&f);
	return busy;
}
