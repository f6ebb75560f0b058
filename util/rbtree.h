/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive red-black tree, ordered by the caller's insertion point. Nodes carry no key: the caller
 * descends itself. */
#ifndef HL_UTIL_RBTREE_H
#define HL_UTIL_RBTREE_H

#include <stddef.h>
#include <stdint.h>

#include "util/list.h" /* container_of */

struct rb_node {
	struct rb_node *parent, *left, *right;
	int red;
};

struct rb_tree {
	struct rb_node *root;
	/* Recomputes what a node knows about its subtree from itself and its children; NULL:
	 * nothing is known. Called bottom-up for every node whose subtree changed. */
	void (*augment)(struct rb_node *n);
};

/* Links `n` at *link below `parent` (where the caller's search ended), then rebalances. */
void rb_insert(struct rb_tree *t, struct rb_node *n, struct rb_node *parent, struct rb_node **link);
void rb_erase(struct rb_tree *t, struct rb_node *n);
/* What `n` itself says has changed: brings it and everything above it up to date. */
void rb_update(struct rb_tree *t, struct rb_node *n);
struct rb_node *rb_first(const struct rb_tree *t);
struct rb_node *rb_last(const struct rb_tree *t);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)

#endif
