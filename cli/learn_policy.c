/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a policy of what a run used.
 *
 * A run in a plain world gives a policy of --isolate, with mounts for what that does not show: a
 * file that was read for itself, or its directory where at least SEVERAL files of it were; a file
 * that was written for itself, or, where names were made or removed, the directory. Directories
 * that hold everything, such as the home, are never given whole: what would have asked for one is
 * told in a comment. The working directory is given whole where anything in it was used.
 *
 * A run in a private world keeps the options that it had, less what it did not use of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/learn.h"
#include "cli/options.h"

#define SEVERAL      4
#define REMARKS_MAX  60 /* comments of one kind */
#define SCRIPT_DEPTH 4  /* of interpreters that are scripts */

/* What --isolate has of the host, or of its own. */
static const char *const shown[] = { "/bin",
				     "/dev",
				     "/lib",
				     "/lib32",
				     "/lib64",
				     "/libx32",
				     "/opt",
				     "/proc",
				     "/sbin",
				     "/sys",
				     "/usr",
				     "/etc/alternatives",
				     "/etc/bash.bashrc",
				     "/etc/debian_version",
				     "/etc/gai.conf",
				     "/etc/group",
				     "/etc/host.conf",
				     "/etc/hostname",
				     "/etc/hosts",
				     "/etc/inputrc",
				     "/etc/ld.so.cache",
				     "/etc/ld.so.conf",
				     "/etc/localtime",
				     "/etc/magic",
				     "/etc/mime.types",
				     "/etc/mtab",
				     "/etc/nsswitch.conf",
				     "/etc/os-release",
				     "/etc/passwd",
				     "/etc/perl",
				     "/etc/profile",
				     "/etc/protocols",
				     "/etc/resolv.conf",
				     "/etc/services",
				     "/etc/ssl/certs",
				     "/etc/ssl/openssl.cnf",
				     "/etc/terminfo",
				     "/etc/timezone" };

/* Never given whole. */
static const char *const broad[] = { "/",    "/boot",      "/etc",     "/home",    "/media",
				     "/mnt", "/root",      "/run",     "/srv",     "/tmp",
				     "/var", "/var/cache", "/var/lib", "/var/log", "/var/tmp" };

/* Variables that programs need and that hold no secret. */
static const char *const variables[] = {
	"PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME"
};

/* The policy in the making: mounts by place. */
struct maker {
	FILE *out;
	const struct learn_world *w;
	const struct learned *l;
	char cwd[PATH_MAX];
	struct learned mounts;  /* places; USED_WRITE: writable */
	struct learned remarks; /* what could not be given */
	bool any;               /* a member was written */
	char counted[PATH_MAX]; /* the directory that was last asked about, and the answer */
	size_t files;
	int64_t began; /* seconds since 1970 */
};

static bool is_at(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (!path[len] || path[len] == '/' || len == 1);
}

static bool is_one_of(const char *path, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(path, list[i]) == 0)
			return true;
	}
	return false;
}

static bool is_shown(const char *path)
{
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
		if (is_at(path, shown[i]))
			return true;
	}
	return false;
}

static bool is_broad(const char *dir)
{
	const char *home = getenv("HOME");

	return is_one_of(dir, broad, sizeof broad / sizeof *broad) || (home && is_at(home, dir));
}

/* ---- what was used, made complete ---- */

/* The interpreter that a script names: the kernel opens it, not the program. */
static void add_interpreter(struct learned *l, const char *script, int depth)
{
	char head[256] = "";
	int fd = open(script, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd >= 0 ? read(fd, head, sizeof head - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 3 || head[0] != '#' || head[1] != '!')
		return;
	char *name = head + 2 + strspn(head + 2, " \t");
	name[strcspn(name, " \t\n")] = '\0';
	if (*name != '/')
		return;
	learned_add(l, name, USED_EXEC);
	if (depth < SCRIPT_DEPTH)
		add_interpreter(l, name, depth + 1);
}

/* Behind symlinks is what has to be there as well. */
static void complete(struct learned *l)
{
	size_t count = l->count;

	for (size_t i = 0; i < count; i++) {
		struct use u = l->use[i];
		char *real = *u.name == '/' && !(u.how & REFUSED) ? realpath(u.name, NULL) : NULL;
		if (real && strcmp(real, u.name) != 0)
			learned_add(l, real, u.how);
		if (real && u.how & USED_EXEC)
			add_interpreter(l, real, 0);
		free(real);
	}
	learned_settle(l);
}

/* ---- mounts ---- */

static void parent_of(const char *path, char dir[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(dir, PATH_MAX, "%.*s", slash > path ? (int)(slash - path) : 1, path);
}

/* How many files of the directory were used? Those of one directory stand together. */
static size_t files_below(struct maker *m, const char *dir)
{
	const struct learned *l = m->l;
	struct stat st;

	if (strcmp(m->counted, dir) == 0)
		return m->files;
	snprintf(m->counted, sizeof m->counted, "%s", dir);
	m->files = 0;
	for (size_t i = 0; i < l->count && m->files < SEVERAL; i++) {
		const char *name = l->use[i].name;
		if (!(l->use[i].how & REFUSED) && is_at(name, dir) &&
		    !strchr(name + strlen(dir) + (name[strlen(dir)] == '/'), '/') &&
		    stat(l->use[i].name, &st) == 0 && S_ISREG(st.st_mode))
			m->files++;
	}
	return m->files;
}

/* A file in /tmp that the run itself made is made again in the /tmp of the sandbox. */
static bool is_temporary(const struct maker *m, const char *path)
{
	struct statx st;

	const char *home = getenv("HOME");

	if ((!is_at(path, "/tmp") && !is_at(path, "/var/tmp")) || (home && is_at(path, home)))
		return false;
	return statx(AT_FDCWD, path, 0, STATX_BTIME, &st) < 0 || !(st.stx_mask & STATX_BTIME) ||
	       st.stx_btime.tv_sec >= m->began;
}

static void remark(struct maker *m, const char *path)
{
	learned_add(&m->remarks, path, USED_READ);
}

static void give_written(struct maker *m, const char *path, const struct stat *st)
{
	char dir[PATH_MAX];
	struct stat above;

	parent_of(path, dir);
	while (stat(dir, &above) < 0 && strcmp(dir, "/") != 0)
		parent_of(strdupa(dir), dir);
	if (!is_broad(dir))
		learned_add(&m->mounts, dir, USED_WRITE);
	else if (st && !is_temporary(m, path) && S_ISREG(st->st_mode))
		learned_add(&m->mounts, path, USED_WRITE);
	else if (st && !is_temporary(m, path))
		remark(m, path);
}

static void give_read(struct maker *m, const struct use *u, const struct stat *st)
{
	char dir[PATH_MAX];

	if (S_ISDIR(st->st_mode)) {
		if (u->how & USED_OPEN && !is_broad(u->name))
			learned_add(&m->mounts, u->name, USED_READ);
		else if (u->how & USED_OPEN)
			remark(m, u->name);
		return;
	}
	if (!S_ISREG(st->st_mode)) {
		remark(m, u->name);
		return;
	}
	parent_of(u->name, dir);
	bool whole = !is_broad(dir) && files_below(m, dir) >= SEVERAL;
	learned_add(&m->mounts, whole ? dir : u->name, USED_READ);
}

static void give(struct maker *m, const struct use *u)
{
	struct stat st;
	bool there = stat(u->name, &st) == 0;

	if (*u->name != '/' || u->how & REFUSED || is_shown(u->name)) {
		if (*u->name == '/' && u->how & USED_WRITE && !is_at(u->name, "/dev") &&
		    !is_at(u->name, "/proc"))
			remark(m, u->name);
		return;
	}
	if (!is_broad(m->cwd) && is_at(u->name, m->cwd))
		learned_add(&m->mounts, m->cwd, u->how & USED_WRITE ? USED_WRITE : USED_READ);
	else if (u->how & USED_WRITE)
		give_written(m, u->name, there ? &st : NULL);
	else if (there)
		give_read(m, u, &st);
}

/* What lies below another one that gives as much is not needed. */
static void drop_covered(struct learned *mounts)
{
	size_t kept = 0;

	learned_settle(mounts);
	for (size_t i = 0; i < mounts->count; i++) {
		bool covered = false;
		for (size_t k = 0; k < kept && !covered; k++)
			covered =
			    is_at(mounts->use[i].name, mounts->use[k].name) &&
			    (mounts->use[k].how & USED_WRITE || !(mounts->use[i].how & USED_WRITE));
		if (covered)
			free(mounts->use[i].name);
		else
			mounts->use[kept++] = mounts->use[i];
	}
	mounts->count = kept;
}

/* ---- writing ---- */

/* A string of JSON; false: it cannot be one, or no option can hold it. */
static bool put_string(FILE *f, const char *s, bool path)
{
	json_object *o = json_object_new_string(s);
	json_tokener *t = json_tokener_new();
	const char *text =
	    o ? json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE) : "\"\"";
	bool good = t && !(path && strchr(s, ':'));

	if (good) {
		json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		json_object_put(json_tokener_parse_ex(t, text, (int)strlen(text)));
		good = json_tokener_get_error(t) == json_tokener_success;
	}
	if (good)
		fputs(text, f);
	if (t)
		json_tokener_free(t);
	json_object_put(o);
	return good;
}

/* In a comment nothing may end the line. */
static void put_remark(FILE *f, const char *words, const char *name)
{
	fprintf(f, "\t// %s", words);
	for (; *name; name++)
		putc((unsigned char)*name < ' ' || *name == 0x7f ? '?' : *name, f);
	putc('\n', f);
}

static void begin_member(struct maker *m, const char *key)
{
	fprintf(m->out, "%s\t\"%s\": ", m->any ? ",\n" : "", key);
	m->any = true;
}

static void put_mounts(struct maker *m)
{
	bool first = true;

	begin_member(m, "mount");
	putc('[', m->out);
	for (size_t i = 0; i < m->mounts.count; i++) {
		const struct use *u = &m->mounts.use[i];
		char text[2 * PATH_MAX + 8];
		snprintf(text, sizeof text, "%s:%s%s", u->name, u->name,
			 u->how & USED_WRITE ? "" : ":ro");
		if (strchr(u->name, ':') ||
		    (fprintf(m->out, first ? "\n\t\t" : ",\n\t\t"), false) ||
		    !put_string(m->out, text, false)) {
			remark(m, u->name);
			continue;
		}
		first = false;
	}
	fputs(first ? "]" : "\n\t]", m->out);
}

static void put_environment(struct maker *m)
{
	bool first = true;

	begin_member(m, "env");
	putc('[', m->out);
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		if (!getenv(variables[i]))
			continue;
		fprintf(m->out, "%s\"%s\"", first ? "" : ", ", variables[i]);
		first = false;
	}
	putc(']', m->out);
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]", 5) == 0;
}

/* May the address be asked about names that are allowed? That needs no rule of its own. */
static bool is_name_server(const char *address)
{
	static const char keyword[] = "nameserver";
	char text[4096] = "", server[64], endpoint[80];
	int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	bool found = false;

	if (fd >= 0) {
		(void)!read(fd, text, sizeof text - 1);
		close(fd);
	}
	for (const char *line = text; line && !found; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, keyword, strlen(keyword)) != 0)
			continue;
		const char *at = line + strlen(keyword) + strspn(line + strlen(keyword), " \t");
		snprintf(server, sizeof server, "%.*s", (int)strspn(at, "0123456789abcdefABCDEF.:"),
			 at);
		bool six = strchr(server, ':');
		snprintf(endpoint, sizeof endpoint, six ? "[%s]:53" : "%s:53", server);
		found = strcmp(endpoint, address) == 0;
	}
	return found;
}

/* Addresses that were connected to and not bound: what was bound here is in the sandbox. By name,
 * where the program had asked for one. */
static void put_network(struct maker *m)
{
	bool first = true;

	for (size_t i = 0; i < m->l->count; i++) {
		const struct use *u = &m->l->use[i];
		const char *port = strrchr(u->name, ':');
		if (*u->name == '/' || u->how & (REFUSED | USED_WRITE) || !port ||
		    strcmp(port, ":0") == 0 || is_loopback(u->name) ||
		    (u->how & NAME_SERVER && is_name_server(u->name)))
			continue;
		if (first)
			begin_member(m, "net-allow");
		fprintf(m->out, "%s\"%s\"", first ? "[" : ", ", u->name);
		first = false;
	}
	if (!first)
		putc(']', m->out);
}

/* Twice what was taken, in round numbers. */
static void put_limits(struct maker *m)
{
	uint64_t mib = 256, threads = 64;

	while (mib << 20 < m->l->memory * 2)
		mib *= 2;
	while (threads < m->l->threads * 2)
		threads *= 2;
	if (policy_option("memory") && m->l->memory &&
	    !policy_find(m->w->given, policy_option("memory"))) {
		begin_member(m, "memory");
		fprintf(m->out, "\"%" PRIu64 "Mi\"", mib);
	}
	if (policy_option("pids") && m->l->threads &&
	    !policy_find(m->w->given, policy_option("pids"))) {
		begin_member(m, "pids");
		fprintf(m->out, "%" PRIu64, threads);
	}
}

/* The place of a mount in the guest, and whether the run used it. */
static unsigned use_of_mount(const struct learned *l, const char *text)
{
	const char *colon = strchr(text, ':');
	char *place = strdup(colon && colon[1] == '/' ? colon + 1 : "/host");
	unsigned how = 0;

	if (!place)
		return USED_WRITE;
	place[strcspn(place, ":")] = '\0';
	for (size_t i = 0; i < l->count; i++) {
		if (*l->use[i].name == '/' && is_at(l->use[i].name, place))
			how |= l->use[i].how & ~(unsigned)REFUSED;
	}
	free(place);
	return how;
}

static bool put_value(struct maker *m, const struct policy_value *v, bool first)
{
	const char *text = v->text ? v->text : "true";
	bool mount = strcmp(v->option->name, "mount") == 0;
	unsigned how = mount ? use_of_mount(m->l, text) : USED_WRITE;
	size_t len = strlen(text);
	bool ro = len > 3 && strcmp(text + len - 3, ":ro") == 0;

	if (!how) {
		remark(m, text);
		return false;
	}
	fputs(first ? "" : ", ", m->out);
	if (!v->text) {
		fputs("true", m->out);
		return true;
	}
	char *whole = NULL;
	if (asprintf(&whole, "%s%s", text, how & USED_WRITE || ro ? "" : ":ro") >= 0)
		put_string(m->out, whole, false);
	free(whole);
	return true;
}

/* The options that the run had, which stand together where they are the same. */
static void put_given(struct maker *m)
{
	const struct policy *p = m->w->given;

	for (size_t i = 0; i < p->count;) {
		const struct option_def *o = p->value[i].option;
		bool list = o->rule & REPEATS, first = true;
		begin_member(m, o->name);
		fputs(list ? "[" : "", m->out);
		for (; i < p->count && p->value[i].option == o; i++)
			first &= !put_value(m, &p->value[i], first);
		fputs(list ? "]" : "", m->out);
	}
}

static void put_head(struct maker *m, bool plain)
{
	fprintf(m->out, "// What a run of this program used, in %s world:\n//",
		plain ? "a plain" : "a private");
	for (size_t i = 0; m->w->args[i]; i++) {
		putc(' ', m->out);
		for (const char *s = m->w->args[i]; *s; s++)
			putc((unsigned char)*s < ' ' ? '?' : *s, m->out);
	}
	fputs("\n// Read it before you use it: what the program should not have asked for is here, "
	      "too.\n{\n",
	      m->out);
}

static void put_remarks(struct maker *m)
{
	size_t told = 0;

	learned_settle(&m->remarks);
	for (size_t i = 0; i < m->remarks.count && i < REMARKS_MAX; i++)
		put_remark(m->out, "not given, though it was asked for, or not used: ",
			   m->remarks.use[i].name);
	for (size_t i = 0; i < m->l->count && told < REMARKS_MAX; i++) {
		if (!(m->l->use[i].how & REFUSED) || m->l->use[i].how & ~(unsigned)REFUSED)
			continue;
		put_remark(m->out, "refused: ", m->l->use[i].name);
		told++;
	}
}

static bool is_private(const struct policy *p)
{
	static const char *const roots[] = { "root", "initrd", "isolate", "workspace", "image" };

	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
		if (policy_option(roots[i]) && policy_find(p, policy_option(roots[i])))
			return true;
	}
	return false;
}

/* Will the working directory be there, be it for something that is mounted in it? */
static bool has_directory(const struct maker *m)
{
	for (size_t i = 0; i < m->mounts.count; i++) {
		if (is_at(m->mounts.use[i].name, m->cwd) || is_at(m->cwd, m->mounts.use[i].name))
			return true;
	}
	return false;
}

static void put_policy(struct maker *m, struct learned *l)
{
	bool plain = !is_private(m->w->given);

	put_head(m, plain);
	if (plain) {
		complete(l);
		for (size_t i = 0; i < l->count; i++)
			give(m, &l->use[i]);
		drop_covered(&m->mounts);
		begin_member(m, "isolate");
		fputs("true", m->out);
		begin_member(m, "workdir");
		put_string(m->out, has_directory(m) ? m->cwd : "/", false);
		if (m->mounts.count)
			put_mounts(m);
		put_environment(m);
		put_network(m);
	}
	put_given(m);
	put_limits(m);
	putc('\n', m->out);
	put_remarks(m);
	fputs("}\n", m->out);
}

int learn_write(const struct output *out, const struct learn_world *w, struct learned *l, int fd)
{
	struct maker m = { .w = w, .l = l, .began = w->began };
	int status = STATUS_HL;

	if (l->overflow) {
		complain(out, "the program used more than a policy can say: there is none");
		return status;
	}
	if (!getcwd(m.cwd, sizeof m.cwd))
		snprintf(m.cwd, sizeof m.cwd, "/");
	m.out = fdopen(fd, "w");
	if (m.out) {
		put_policy(&m, l);
		status = fflush(m.out) || ferror(m.out) ? STATUS_HL : 0;
	}
	if (status)
		complain(out, "cannot write a policy to %s: %s", w->file, strerror(errno));
	learned_free(&m.mounts);
	learned_free(&m.remarks);
	return status;
}
