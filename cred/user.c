/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the users of a sandbox in a hash table by user id, with the counters that their limits
 * bound. See the header. */
#include "cred/user.h"

#include <stdlib.h>

#include "util/lock.h"

#define BUCKETS 64

struct users {
	struct mutex lock;
	struct user *buckets[BUCKETS]; /* guarded by lock */
};

struct users *users_new(void)
{
	struct users *all = calloc(1, sizeof *all);

	if (all)
		mutex_init(&all->lock, LOCK_USERS);
	return all;
}

void users_free(struct users *all)
{
	if (!all)
		return;
	mutex_destroy(&all->lock);
	free(all);
}

/* Where the user is linked, or would be. */
static struct user **find(struct users *all, uid_t uid)
{
	lock_assert_held(&all->lock);
	struct user **link = &all->buckets[uid % BUCKETS];

	while (*link && (*link)->uid != uid)
		link = &(*link)->next;
	return link;
}

struct user *user_get(struct users *all, uid_t uid)
{
	mutex_lock(&all->lock);
	struct user **link = find(all, uid);
	if (!*link) {
		*link = calloc(1, sizeof **link);
		if (*link) {
			(*link)->users = all;
			(*link)->uid = uid;
		}
	}
	struct user *u = *link;
	if (u)
		u->refs++;
	mutex_unlock(&all->lock);
	return u;
}

void user_put(struct user *u)
{
	if (!u)
		return;
	struct users *all = u->users;
	mutex_lock(&all->lock);
	bool last = --u->refs == 0;
	if (last)
		*find(all, u->uid) = u->next;
	mutex_unlock(&all->lock);
	if (last)
		free(u);
}

bool user_charge(struct user *u, enum user_count what, uint64_t n, uint64_t max)
{
	uint64_t now = atomic_fetch_add(&u->count[what], n) + n;

	if (now <= max)
		return true;
	atomic_fetch_sub(&u->count[what], n);
	return false;
}

void user_uncharge(struct user *u, enum user_count what, uint64_t n)
{
	atomic_fetch_sub(&u->count[what], n);
}
