/* SPDX-License-Identifier: Apache-2.0 */
/* Notices the moments at which a sandbox is to be saved. See the header. */
#include "kernel/savepoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "fs/file.h"
#include "kernel/park.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"

#define NR_OUTPUTS 2 /* stdout, stderr */

struct savepoint {
	bool due; /* sandbox->lock */
	bool listen;
	unsigned port;
	/* The text, and for each of its beginnings how much of its end is a beginning, too; then
	 * how much of it each output ends with: sandbox->lock. NULL: no text. */
	char *text;
	size_t len, *back;
	size_t matched[NR_OUTPUTS];
};

/* ---- the text ---- */

static size_t match(const struct savepoint *sp, size_t matched, char c)
{
	while (matched && (matched == sp->len || sp->text[matched] != c))
		matched = sp->back[matched - 1];
	return matched + (sp->text[matched] == c);
}

static int set_text(struct savepoint *sp, const char *text)
{
	sp->text = strdup(text);
	sp->len = strlen(text);
	sp->back = calloc(sp->len + 1, sizeof *sp->back);
	if (!sp->text || !sp->back)
		return -ENOMEM;
	for (size_t i = 1; i < sp->len; i++)
		sp->back[i] = match(sp, sp->back[i - 1], text[i]);
	return 0;
}

static bool find_text(struct sandbox *sb, int output, const char *data, size_t n)
{
	struct savepoint *sp = sb->savepoint;
	bool found = false;

	sandbox_lock(sb);
	for (size_t i = 0; i < n; i++) {
		sp->matched[output] = match(sp, sp->matched[output], data[i]);
		found |= sp->matched[output] == sp->len;
	}
	sandbox_unlock(sb);
	return found;
}

/* What was written is read once more: the guest may have changed it meanwhile, and fools itself. */
static void written(void *arg, struct caller *c, const struct file *f, const struct uio *u,
		    size_t n)
{
	struct sandbox *sb = arg;
	struct uio again = *u;
	char piece[4096];
	bool found = false;
	size_t got = 1;

	if (f->stdio < 2 || !c->task)
		return;
	for (; n && got; n -= got) {
		got = uio_take(&again, piece, n < sizeof piece ? n : sizeof piece);
		found |= find_text(sb, f->stdio - 2, piece, got);
	}
	if (found)
		savepoint_reach(c->task);
}

/* ---- moments ---- */

int savepoint_init(struct sandbox *sb, const struct savepoint_config *cfg)
{
	struct savepoint *sp = calloc(1, sizeof *sp);

	sb->savepoint = sp;
	if (!sp)
		return -ENOMEM;
	sp->listen = cfg->listen;
	sp->port = cfg->port;
	if (!cfg->output)
		return 0;
	sb->vfs->written = written;
	sb->vfs->written_arg = sb;
	return set_text(sp, cfg->output);
}

void savepoint_free(struct sandbox *sb)
{
	if (!sb->savepoint)
		return;
	free(sb->savepoint->text);
	free(sb->savepoint->back);
	free(sb->savepoint);
}

int savepoint_reach(struct task *t)
{
	struct sandbox *sb = t->sb;

	if (!sb->savepoint)
		return -EOPNOTSUPP;
	sandbox_lock(sb);
	sb->savepoint->due = true;
	park_request(t, PARK_SAVE);
	sandbox_changed_locked(sb);
	sandbox_unlock(sb);
	return 0;
}

void savepoint_listens(struct task *t, const struct sockaddr_storage *name)
{
	const struct savepoint *sp = t->sb->savepoint;
	struct sockaddr_in6 in;

	if (!sp || !sp->listen)
		return;
	memcpy(&in, name, sizeof in); /* the port of both families is at the same place */
	bool has_port = in.sin6_family == AF_INET || in.sin6_family == AF_INET6;
	if (!sp->port || (has_port && ntohs(in.sin6_port) == sp->port))
		savepoint_reach(t);
}

bool savepoint_due(struct sandbox *sb)
{
	sandbox_lock(sb);
	bool due = sb->savepoint && sb->savepoint->due;
	sandbox_unlock(sb);
	return due;
}

void savepoint_over(struct sandbox *sb)
{
	struct process *p;
	struct task *t;

	if (!sb->savepoint)
		return;
	sandbox_lock(sb);
	sb->savepoint->due = false;
	list_for_each (p, &sb->processes, all_node) {
		list_for_each (t, &p->tasks, process_node) {
			if (t->park & PARK_SAVE)
				park_release(t, PARK_SAVE);
		}
	}
	sandbox_unlock(sb);
}
