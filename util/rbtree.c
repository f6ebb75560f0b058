/* SPDX-License-Identifier: Apache-2.0 */
/* Red-black tree after Cormen, Leiserson, Rivest, Stein; mirror images are one code with a side,
 * absent children are black. */
#include "util/rbtree.h"

#include <stdbool.h>

static struct rb_node **child(struct rb_node *n, bool right)
{
	return right ? &n->right : &n->left;
}

static bool is_red(const struct rb_node *n)
{
	return n && n->red;
}

/* Puts `new` (may be NULL) where `old` hangs. */
static void replace(struct rb_tree *t, struct rb_node *old, struct rb_node *new)
{
	struct rb_node *p = old->parent;

	if (!p)
		t->root = new;
	else
		*child(p, old == p->right) = new;
	if (new)
		new->parent = p;
}

/* `n` goes down to the given side, its child on the other side comes up. */
static void rotate(struct rb_tree *t, struct rb_node *n, bool right)
{
	struct rb_node *up = *child(n, !right);
	struct rb_node *inner = *child(up, right);

	replace(t, n, up);
	*child(n, !right) = inner;
	if (inner)
		inner->parent = n;
	*child(up, right) = n;
	n->parent = up;
	if (t->augment) {
		t->augment(n);
		t->augment(up);
	}
}

void rb_update(struct rb_tree *t, struct rb_node *n)
{
	if (!t->augment)
		return;
	for (; n; n = n->parent)
		t->augment(n);
}

static void insert_fixup(struct rb_tree *t, struct rb_node *n)
{
	while (is_red(n->parent)) {
		struct rb_node *p = n->parent, *g = p->parent;
		bool right = p == g->right;
		struct rb_node *uncle = *child(g, !right);

		if (is_red(uncle)) {
			p->red = uncle->red = 0;
			g->red = 1;
			n = g;
			continue;
		}
		if (n == *child(p, !right)) {
			rotate(t, p, right);
			p = n;
		}
		p->red = 0;
		g->red = 1;
		rotate(t, g, !right);
		break;
	}
	t->root->red = 0;
}

void rb_insert(struct rb_tree *t, struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	n->parent = parent;
	n->left = n->right = NULL;
	n->red = 1;
	*link = n;
	rb_update(t, n);
	insert_fixup(t, n);
}

/* The subtree `n` (may be empty) below `p` lacks one black node. */
static void erase_fixup(struct rb_tree *t, struct rb_node *n, struct rb_node *p)
{
	while (p && !is_red(n)) {
		bool right = n == p->right;
		struct rb_node *s = *child(p, !right);

		if (s->red) {
			s->red = 0;
			p->red = 1;
			rotate(t, p, right);
			s = *child(p, !right);
		}
		if (!is_red(s->left) && !is_red(s->right)) {
			s->red = 1;
			n = p;
			p = n->parent;
			continue;
		}
		if (!is_red(*child(s, !right))) {
			(*child(s, right))->red = 0;
			s->red = 1;
			rotate(t, s, !right);
			s = *child(p, !right);
		}
		s->red = p->red;
		p->red = 0;
		(*child(s, !right))->red = 0;
		rotate(t, p, right);
		return;
	}
	if (n)
		n->red = 0;
}

/* Takes `n`, which has two children, out by putting its successor in its place. *below, *parent:
 * where a node is missing now; returns whether that one was red. */
static int splice_successor(struct rb_tree *t, struct rb_node *n, struct rb_node **below,
			    struct rb_node **parent)
{
	struct rb_node *s = rb_next(n);
	int red = s->red;

	*below = s->right;
	*parent = s->parent == n ? s : s->parent;
	if (s->parent != n) {
		replace(t, s, s->right);
		s->right = n->right;
		s->right->parent = s;
	}
	s->left = n->left;
	s->left->parent = s;
	s->red = n->red;
	replace(t, n, s);
	return red;
}

void rb_erase(struct rb_tree *t, struct rb_node *n)
{
	struct rb_node *below, *parent;
	int red;

	if (n->left && n->right) {
		red = splice_successor(t, n, &below, &parent);
	} else {
		below = n->left ? n->left : n->right;
		parent = n->parent;
		red = n->red;
		replace(t, n, below);
	}
	rb_update(t, parent);
	if (!red)
		erase_fixup(t, below, parent);
}

static struct rb_node *outermost(struct rb_node *n, bool right)
{
	while (n && *child(n, right))
		n = *child(n, right);
	return n;
}

struct rb_node *rb_first(const struct rb_tree *t)
{
	return outermost(t->root, false);
}

struct rb_node *rb_last(const struct rb_tree *t)
{
	return outermost(t->root, true);
}

static struct rb_node *step(const struct rb_node *n, bool right)
{
	struct rb_node *p;

	if (right ? n->right : n->left)
		return outermost(right ? n->right : n->left, !right);
	for (p = n->parent; p && n == *child(p, right); p = n->parent)
		n = p;
	return p;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	return step(n, true);
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	return step(n, false);
}
