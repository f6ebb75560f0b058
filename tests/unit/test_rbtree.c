/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/rbtree.h"

#define NR 2000

struct item {
	struct rb_node node;
	unsigned key;
	unsigned count; /* nodes of this subtree */
	int in;
};

static struct item items[NR];
static struct rb_tree tree;

static struct item *item_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct item, node) : NULL;
}

static unsigned count_of(struct rb_node *n)
{
	return n ? item_of(n)->count : 0;
}

static void augment(struct rb_node *n)
{
	item_of(n)->count = 1 + count_of(n->left) + count_of(n->right);
}

static void insert(struct item *it)
{
	struct rb_node **link = &tree.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = it->key < item_of(parent)->key ? &parent->left : &parent->right;
	}
	rb_insert(&tree, &it->node, parent, link);
	it->in = 1;
}

/* Black height; fails when a rule of red-black trees is broken. */
static int check(struct rb_node *n)
{
	int l, r;

	if (!n)
		return 1;
	assert_true(!n->left || n->left->parent == n);
	assert_true(!n->right || n->right->parent == n);
	if (n->red) {
		assert_true(!n->left || !n->left->red);
		assert_true(!n->right || !n->right->red);
	}
	l = check(n->left);
	r = check(n->right);
	assert_int_equal(l, r);
	assert_int_equal(count_of(n), 1 + count_of(n->left) + count_of(n->right));
	return l + !n->red;
}

static void check_order(unsigned n)
{
	unsigned seen = 0, last = 0;
	struct rb_node *prev = NULL;

	for (struct rb_node *at = rb_first(&tree); at; at = rb_next(at)) {
		assert_true(item_of(at)->key >= last);
		assert_ptr_equal(rb_prev(at), prev);
		last = item_of(at)->key;
		prev = at;
		seen++;
	}
	assert_ptr_equal(rb_last(&tree), prev);
	assert_int_equal(seen, n);
}

static void random_inserts_and_erases(void **state)
{
	unsigned n = 0;

	srand(1);
	tree = (struct rb_tree){ .augment = augment };
	for (int step = 0; step < 40000; step++) {
		struct item *it = &items[rand() % NR];

		if (it->in) {
			rb_erase(&tree, &it->node);
			it->in = 0;
			n--;
		} else {
			it->key = (unsigned)rand() % 500;
			insert(it);
			n++;
		}
		if (step % 97 == 0) {
			check(tree.root);
			check_order(n);
			assert_true(!tree.root || !tree.root->red);
		}
	}
	for (int i = 0; i < NR; i++) {
		if (items[i].in)
			rb_erase(&tree, &items[i].node);
	}
	assert_null(tree.root);
	assert_null(rb_first(&tree));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_inserts_and_erases) };

	return cmocka_run_group_tests_name("rbtree", tests, NULL, NULL);
}
