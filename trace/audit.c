/* SPDX-License-Identifier: Apache-2.0 */
/* Which results of calls are refusals, and the lines about them. See the header. */
#include "trace/audit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "fs/file.h"
#include "fs/vfs.h"
#include "host/clock.h"
#include "kernel/fdtable.h"
#include "kernel/process.h"
#include "kernel/sandbox.h"
#include "kernel/task.h"
#include "mm/access.h"
#include "mm/arena.h"
#include "net/dns.h"
#include "net/net.h"
#include "sys/table.h"
#include "trace/tracer.h"
#include "util/time.h"

/* ---- what a call was about ---- */

struct object {
	char *path, *to;  /* malloc'd; NULL: none */
	const char *name; /* of a host; NULL: none */
	char address[INET6_ADDRSTRLEN + 16];
};

/* "", ".", ".." and double slashes are taken out of an absolute path, in place. */
static void make_plain(char *path)
{
	char *to = path;

	for (const char *s = path; *s;) {
		size_t len = strcspn(s, "/");
		if (len == 2 && s[0] == '.' && s[1] == '.') {
			while (to > path && *--to != '/')
				;
		} else if (len && !(len == 1 && s[0] == '.')) {
			*to++ = '/';
			memmove(to, s, len);
			to += len;
		}
		s += len + (s[len] == '/');
	}
	if (to == path)
		*to++ = '/';
	*to = '\0';
}

static int base_of(struct task *t, int fd, char *buf, size_t size)
{
	struct path at, root = fs_struct_root(t->fs);
	int n = -EBADF;

	if (fd == AT_FDCWD) {
		mutex_lock(&t->fs->lock);
		at = path_get(&t->fs->cwd);
		mutex_unlock(&t->fs->lock);
		n = path_string(&at, &root, buf, size);
		path_put(&at);
	} else {
		struct file *f = fd_get_path(t->files, fd);
		if (f && f->path.dentry && f->path.mnt)
			n = path_string(&f->path, &root, buf, size);
		if (f)
			file_put(f);
	}
	path_put(&root);
	return n;
}

/* The absolute path that the guest named, as it stands in its memory now. NULL: it cannot be
 * told. */
static char *path_at(struct task *t, int dirfd, uint64_t name, bool failed)
{
	char *buf = malloc(2 * PATH_MAX + 1), *text = malloc(PATH_MAX);
	int base = 0;
	long n = buf && text && name ? copy_string_from_guest(t->mm, text, GVA(name), PATH_MAX)
				     : -EFAULT;

	/* what a descriptor is, it was when it was opened (AT_EMPTY_PATH) */
	if (n == 0 && dirfd != AT_FDCWD && !failed)
		n = -EFAULT;
	if (n >= 0 && text[0] != '/')
		base = base_of(t, dirfd, buf, PATH_MAX);
	if (n < 0 || base < 0) {
		free(text);
		free(buf);
		return NULL;
	}
	buf[base] = '/';
	memcpy(buf + base + 1, text, (size_t)n + 1);
	free(text);
	if (buf[0] == '/')
		make_plain(buf);
	return buf;
}

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static void print_address(const union address *a, size_t len, struct object *o)
{
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof a->in && a->sa.sa_family == AF_INET &&
	    inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof text))
		snprintf(o->address, sizeof o->address, "%s:%u", text, ntohs(a->in.sin_port));
	else if (len >= sizeof a->in6 && a->sa.sa_family == AF_INET6 &&
		 inet_ntop(AF_INET6, &a->in6.sin6_addr, text, sizeof text))
		snprintf(o->address, sizeof o->address, "[%s]:%u", text, ntohs(a->in6.sin6_port));
}

static void take_address(struct task *t, uint64_t addr, size_t len, struct object *o)
{
	union address a;

	if (len > sizeof a)
		len = sizeof a;
	if (len && copy_from_guest(t->mm, &a, GVA(addr), len) == 0)
		print_address(&a, len, o);
}

/* symlink(2) has a text before its path. */
static bool first_is_text(const struct syscall_entry *e)
{
	return strncmp(e->name, "symlink", 7) == 0;
}

static void find_object(struct task *t, const struct syscall_entry *e, bool failed,
			struct object *o)
{
	const uint64_t *a = t->event.syscall.args;

	for (int i = 0; i < 6 && e->args[i] != ARG_END; i++) {
		bool at = i > 0 && e->args[i - 1] == ARG_DIRFD;
		if (e->args[i] == ARG_SOCKADDR && i < 5)
			take_address(t, a[i], (uint32_t)a[i + 1], o);
		if (e->args[i] != ARG_PATH || (i == 0 && first_is_text(e)) || o->to)
			continue;
		char *path = path_at(t, at ? (int)a[i - 1] : AT_FDCWD, a[i], failed);
		*(o->path ? &o->to : &o->path) = path;
	}
	if (!o->path && e->args[0] == ARG_FD && !o->address[0] && failed) {
		o->path = malloc(PATH_MAX);
		if (o->path && base_of(t, (int)a[0], o->path, PATH_MAX) <= 0)
			o->path[0] = '\0';
	}
	if (o->path && o->path[0] != '/') {
		free(o->path);
		o->path = NULL;
	}
}

static void free_object(struct object *o)
{
	free(o->path);
	free(o->to);
}

/* ---- what was refused ---- */

static int by_path(const void *key, const void *item)
{
	return strcmp(key, *(const char *const *)item);
}

/* Is one of the list `path`, or above it? */
static bool lies_in(const char *path, const char *const *list, size_t count)
{
	char *top = path && count ? strdup(path) : NULL;
	bool found = false;

	while (top && *top && !found) {
		found = bsearch(top, list, count, sizeof *list, by_path);
		*strrchr(top, '/') = '\0';
	}
	free(top);
	return found;
}

static bool makes_threads(const struct syscall_entry *e)
{
	return strcmp(e->name, "clone") == 0 || strcmp(e->name, "clone3") == 0 ||
	       strcmp(e->name, "fork") == 0 || strcmp(e->name, "vfork") == 0;
}

static const char *kind_of_error(const struct syscall_entry *e, int err, const struct object *o)
{
	bool address = o->address[0];

	switch (err) {
	case EROFS: return "read-only";
	case EACCES: return address ? "network" : "permission";
	case EPERM: return "permission";
	case ENETUNREACH: return "network";
	case EADDRNOTAVAIL: return address ? "network" : NULL;
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EDQUOT:
	case ENOMEM: return "limit";
	case EAGAIN: return makes_threads(e) ? "limit" : NULL;
	case ENOSYS: return "unknown";
	default: return NULL;
	}
}

/* Could an error of this number be a refusal? Most calls of most programs end here. */
static bool may_be_refusal(int64_t result)
{
	switch (-result) {
	case EROFS:
	case EACCES:
	case EPERM:
	case ENETUNREACH:
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EDQUOT:
	case ENOMEM:
	case EAGAIN:
	case ENOSYS:
	case ENOENT:
	case ENOTDIR: return true;
	default: return false;
	}
}

static const char *refusal(const struct audit *a, const struct syscall_entry *e, int64_t result,
			   const struct object *o)
{
	const struct audit_config *c = &a->cfg;

	if (lies_in(o->path, c->hidden, c->nr_hidden) || lies_in(o->to, c->hidden, c->nr_hidden))
		return "hidden";
	if (result >= 0)
		return NULL;
	if ((result == -ENOENT || result == -ENOTDIR) && lies_in(o->path, c->absent, c->nr_absent))
		return "absent";
	return kind_of_error(e, (int)-result, o);
}

/* ---- what was used ---- */

static const char *const changing[] = { "bind",      "chmod",       "chown",    "creat",
					"fchmodat",  "fchmodat2",   "fchownat", "futimesat",
					"lchown",    "link",        "linkat",   "lremovexattr",
					"lsetxattr", "mkdir",       "mkdirat",  "mknod",
					"mknodat",   "removexattr", "rename",   "renameat",
					"renameat2", "rmdir",       "setxattr", "symlink",
					"symlinkat", "truncate",    "unlink",   "unlinkat",
					"utime",     "utimensat",   "utimes" };

static bool opens_to_write(struct task *t, const struct syscall_entry *e)
{
	const uint64_t *a = t->event.syscall.args;
	uint64_t flags = 0;

	for (int i = 0; i < 6 && e->args[i] != ARG_END; i++) {
		if (e->args[i] == ARG_OPEN_FLAGS)
			flags = a[i];
		else if (e->args[i] == ARG_OPEN_HOW &&
			 copy_from_guest(t->mm, &flags, GVA(a[i]), sizeof flags))
			flags = 0;
	}
	return (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
}

static const char *use_of(struct task *t, const struct syscall_entry *e)
{
	for (size_t i = 0; i < sizeof changing / sizeof *changing; i++) {
		if (strcmp(changing[i], e->name) == 0)
			return "write";
	}
	return opens_to_write(t, e) ? "write" : "read";
}

/* ---- lines ---- */

static void put_string(struct text *l, const char *key, const char *value)
{
	text_printf(l, ",\"%s\":", key);
	text_put_json(l, value, strlen(value));
}

/* Is it new? The text is what is compared: no guest makes two look the same. */
static bool remember_locked(struct audit *a, const char *key)
{
	uint32_t hash = 2166136261;

	for (const char *s = key; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619;
	char **slot = &a->told[hash % AUDIT_REMEMBERED];
	if (*slot && strcmp(*slot, key) == 0)
		return false;
	free(*slot);
	*slot = strdup(key);
	return true;
}

static bool may_write_locked(struct audit *a, size_t len)
{
	uint64_t now = monotonic_ns();
	uint64_t more = (now - a->filled_ns) * AUDIT_RATE / NSEC_PER_SEC;

	if (more) {
		a->allowance =
		    a->allowance + more < AUDIT_BURST ? a->allowance + more : AUDIT_BURST;
		a->filled_ns = now;
	}
	if (!a->cfg.all && (!a->allowance || a->bytes + len > AUDIT_BYTES)) {
		a->left_out++;
		return false;
	}
	a->allowance -= a->allowance > 0;
	a->bytes += len;
	return true;
}

/* `l` is a line without its time and its end; the text from `key` on says what is the same. */
static void write_line(struct audit *a, struct text *l)
{
	struct text whole = { 0 };
	struct timespec now = guest_clock_realtime(&(struct guest_clock){ 0 });

	if (l->failed)
		return;
	mutex_lock(&a->lock);
	if (remember_locked(a, text_str(l)) && may_write_locked(a, l->len + 64)) {
		text_printf(&whole, "{\"time\":%lld.%06ld%s", (long long)now.tv_sec,
			    now.tv_nsec / 1000, text_str(l));
		if (a->left_out)
			text_printf(&whole, ",\"left_out\":%" PRIu64, a->left_out);
		text_puts(&whole, "}\n");
		if (!whole.failed) {
			a->left_out = 0;
			a->cfg.put(a->cfg.arg, text_str(&whole), whole.len);
		}
	}
	mutex_unlock(&a->lock);
	text_free(&whole);
}

static void put_process(struct text *l, int pid, const char *comm)
{
	text_printf(l, ",\"pid\":%d", pid);
	put_string(l, "comm", comm);
}

static void tell(struct audit *a, struct task *t, const char *what, const char *kind,
		 const struct syscall_entry *e, const struct object *o, int64_t result)
{
	struct text l = { 0 };

	put_string(&l, what, kind);
	put_string(&l, "call", e ? e->name : "?");
	if (o->path)
		put_string(&l, "path", o->path);
	if (o->to)
		put_string(&l, "to", o->to);
	if (o->name)
		put_string(&l, "name", o->name);
	if (o->address[0])
		put_string(&l, "address", o->address);
	if (result < 0) {
		const char *name = strerrorname_np((int)-result);
		put_string(&l, "errno", name ? name : "?");
	}
	put_process(&l, t->process->pid->nr, t->comm);
	write_line(a, &l);
	text_free(&l);
}

/* ---- events ---- */

void audit_init(struct audit *a, const struct audit_config *cfg)
{
	a->cfg = *cfg;
	a->allowance = AUDIT_BURST;
	a->filled_ns = monotonic_ns();
	mutex_init(&a->lock, LOCK_OBSERVER);
}

void audit_destroy(struct audit *a)
{
	for (size_t i = 0; i < AUDIT_REMEMBERED; i++)
		free(a->told[i]);
	mutex_destroy(&a->lock);
}

/* What execve(2) names is gone when it returns. */
void audit_enter(struct audit *a, struct task *t, const struct syscall_entry *e)
{
	struct object o = { .path = NULL };

	if (!a->cfg.all || !e || strncmp(e->name, "execve", 6) != 0)
		return;
	find_object(t, e, true, &o);
	if (o.path)
		tell(a, t, "used", "execute", e, &o, 0);
	free_object(&o);
}

void audit_program(struct audit *a, struct task *t, const char *path)
{
	struct object o = { .path = malloc(2 * PATH_MAX + 1) };
	int n = *path == '/' ? 0 : o.path ? base_of(t, AT_FDCWD, o.path, PATH_MAX) : -ENOMEM;

	if (a->cfg.all && o.path && n >= 0 && strlen(path) < PATH_MAX) {
		snprintf(o.path + n, PATH_MAX + 1, "/%s", path);
		make_plain(o.path);
		tell(a, t, "used", "execute", NULL, &o, 0);
	}
	free_object(&o);
}

static void measure(struct audit *a, struct task *t)
{
	uint64_t now = arena_used(t->sb->arena);

	mutex_lock(&a->lock);
	if (now > a->memory_max)
		a->memory_max = now;
	mutex_unlock(&a->lock);
}

static bool names_something(const struct syscall_entry *e)
{
	for (int i = 0; i < 6 && e->args[i] != ARG_END; i++) {
		if (e->args[i] == ARG_PATH || e->args[i] == ARG_SOCKADDR)
			return true;
	}
	return false;
}

void audit_leave(struct audit *a, struct task *t, const struct syscall_entry *e, int64_t result)
{
	struct object o = { .path = NULL };
	bool named = e && names_something(e);
	bool executed = e && result == 0 && strncmp(e->name, "execve", 6) == 0;

	if (a->cfg.all)
		measure(a, t);
	if (!e || executed)
		return;
	if (!(named && (a->cfg.all || a->cfg.nr_hidden)) && !(result < 0 && may_be_refusal(result)))
		return;
	find_object(t, e, result < 0, &o);
	const char *kind = refusal(a, e, result, &o);
	if (kind)
		tell(a, t, "refused", kind, e, &o, result);
	else if (a->cfg.all && (result >= 0 || result == -EINPROGRESS) && (o.path || o.address[0]))
		tell(a, t, "used", use_of(t, e), e, &o, 0);
	free_object(&o);
}

void audit_net_refused(struct audit *a, struct task *t, const struct net_refusal *r)
{
	struct object o = { .name = r->name };
	union address addr;
	size_t len = r->len < sizeof addr ? r->len : sizeof addr;

	if (r->addr) {
		memcpy(&addr, r->addr, len);
		print_address(&addr, len, &o);
	}
	tell(a, t, "refused", "network", sys_entry(t->event.syscall.nr), &o, r->err);
}

void audit_net_named(struct audit *a, struct task *t, const struct dns_name *n)
{
	struct object server = { 0 }, o = { .name = n->name, .to = server.address };
	union address addr;
	size_t len = n->len < sizeof addr ? n->len : sizeof addr;

	memcpy(&addr, n->server, len);
	print_address(&addr, len, &server);
	if (IN6_IS_ADDR_V4MAPPED(n->addr))
		inet_ntop(AF_INET, &n->addr->s6_addr[12], o.address, sizeof o.address);
	else
		inet_ntop(AF_INET6, n->addr, o.address, sizeof o.address);
	tell(a, t, "used", "name", sys_entry(t->event.syscall.nr), &o, 0);
}

void audit_killed(struct audit *a, int pid, const char *comm, const char *reason)
{
	struct text l = { 0 };

	put_string(&l, "refused", "limit");
	put_string(&l, "what", reason);
	put_string(&l, "signal", "SIGKILL");
	put_process(&l, pid, comm);
	write_line(a, &l);
	text_free(&l);
}

void audit_began(struct audit *a)
{
	mutex_lock(&a->lock);
	if (++a->threads > a->threads_max)
		a->threads_max = a->threads;
	mutex_unlock(&a->lock);
}

void audit_ended(struct audit *a)
{
	mutex_lock(&a->lock);
	a->threads--;
	mutex_unlock(&a->lock);
}
