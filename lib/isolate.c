/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root is in memory, so that it can be written to and nothing of it stays. The directories of
 * programs are the host's, mounted read-only; where they are symlinks (/bin -> usr/bin) they are
 * that here, too. /etc is a directory in memory with what programs need to find their libraries,
 * their certificates and their settings: a list of names, each of which shows the host's file. What
 * is not in the list is not there: it may be a secret, or tell of the host. Files that would tell
 * are made anew. Nothing is copied but the text of symlinks.
 */
#include "lib/isolate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/vfs.h"
#include "host/hostfile.h"

#define RESOLV_CONF_MAX 16384

#define SHOWN (MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV)

static const char *const programs[] = { "bin",   "sbin",   "lib", "lib32",
					"lib64", "libx32", "usr", "opt" };

/* Names in /etc; with a star at the end, what begins so. Not here: tables of users, keys, what may
 * hold a password or a token (gitconfig, npmrc, pip.conf, environment), names of hosts. */
static const char *const settings[] = {
	/* the dynamic linker and the choice among programs */
	"alternatives", "ld-musl-*", "ld.so.cache", "ld.so.conf", "ld.so.conf.d",
	/* the C library */
	"gai.conf", "host.conf", "locale.alias", "locale.conf", "localtime", "netconfig",
	"protocols", "rpc", "services", "timezone",
	/* kinds of files, and of terminals */
	"ethertypes", "magic", "magic.mime", "mailcap", "mime.types", "papersize", "terminfo",
	/* which system it is */
	"alpine-release", "arch-release", "debian_version", "fedora-release", "lsb-release",
	"os-release", "redhat-release", "system-release",
	/* languages and their libraries */
	"ImageMagick-*", "R", "emacs", "fpc*", "ghc*", "gnucobol", "java", "java-*", "lua", "perl",
	"python3*", "sbclrc",
	/* shells, editors and tools */
	"bash.bashrc", "bash_completion.d", "groff", "inputrc", "manpath.config", "nanorc",
	"profile", "shells", "skel", "vim", "zsh",
	/* fonts, graphics, documents */
	"fonts", "glvnd", "gtk-2.0", "gtk-3.0", "gtk-4.0", "sgml", "xdg", "xml"
};

/* The same a level below: the rest of the directory is no business of a guest's. */
static const char *const nested[] = { "pki/tls/certs", "pki/ca-trust/extracted", "ssl/cert.pem",
				      "ssl/certs", "ssl/openssl.cnf" };

static const struct directory {
	const char *name;
	mode_t mode;
} directories[] = {
	{ "/etc", 0755 },     { "/home", 0755 },     { "/media", 0755 },     { "/mnt", 0755 },
	{ "/root", 0700 },    { "/run", 0755 },      { "/run/lock", 01777 }, { "/srv", 0755 },
	{ "/tmp", 01777 },    { "/var", 0755 },      { "/var/cache", 0755 }, { "/var/lib", 0755 },
	{ "/var/log", 0755 }, { "/var/tmp", 01777 },
};

static bool add(struct mount_list *l, const char *type, const char *source, const char *target,
		unsigned flags)
{
	return mount_list_add(
	    l, &(struct mount_spec){
		   .type = type, .source = source, .target = target, .flags = flags });
}

static bool add_directories(struct mount_list *l)
{
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof directories / sizeof *directories; i++)
		ok = add(l, "directory", "", directories[i].name, directories[i].mode);
	return ok && add(l, "symlink", "/run", "/var/run", 0) &&
	       add(l, "symlink", "/run/lock", "/var/lock", 0);
}

/* Shows the host's `path` at the same place; what is not there, or is no file, is left out. `type`:
 * what a listing says that it is. */
static bool add_shown(struct mount_list *l, const char *path, unsigned char type)
{
	char text[PATH_MAX];
	struct stat st;

	if (type == DT_UNKNOWN)
		type = lstat(path, &st) < 0 ? DT_UNKNOWN : IFTODT(st.st_mode);
	if (type == DT_LNK) {
		ssize_t n = readlink(path, text, sizeof text - 1);
		text[n < 0 ? 0 : n] = '\0';
		return n <= 0 || add(l, "symlink", text, path, 0);
	}
	return (type != DT_DIR && type != DT_REG) || add(l, "hostfs", path, path, SHOWN);
}

static bool is_setting(const char *name)
{
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (settings[i][0] != name[0])
			continue;
		size_t len = strcspn(settings[i], "*");
		if (strncmp(name, settings[i], len) == 0 && (settings[i][len] || !name[len]))
			return true;
	}
	return false;
}

static bool add_etc(struct mount_list *l)
{
	char path[PATH_MAX];
	bool ok = true;
	DIR *d = opendir("/etc");

	for (struct dirent *e; d && ok && (e = readdir(d));) {
		if (!is_setting(e->d_name))
			continue;
		snprintf(path, sizeof path, "/etc/%s", e->d_name);
		ok = add_shown(l, path, e->d_type);
	}
	if (d)
		closedir(d);
	for (size_t i = 0; ok && i < sizeof nested / sizeof *nested; i++) {
		snprintf(path, sizeof path, "/etc/%s", nested[i]);
		ok = add_shown(l, path, DT_UNKNOWN);
	}
	return ok;
}

static bool add_file(struct mount_list *l, const char *path, char *text)
{
	bool ok = text && add(l, "file", text, path, 0644);

	free(text);
	return ok;
}

__attribute__((format(printf, 1, 2))) static char *text_of(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : text;
}

/* The user that --user names by number, where that is neither root nor nobody. */
static bool named_user(const struct hl_config *cfg, unsigned long *uid, unsigned long *gid)
{
	char *end;

	if (!cfg->user || cfg->user[0] < '0' || cfg->user[0] > '9')
		return false;
	*uid = *gid = strtoul(cfg->user, &end, 10);
	if (*end == ':')
		*gid = strtoul(end + 1, &end, 10);
	return !*end && *uid && *uid != 65534 && *uid < UINT32_MAX && *gid < UINT32_MAX;
}

/* A format: the home of root. */
#define USERS                                                                                      \
	"root:x:0:0:root:%s:/bin/sh\n"                                                             \
	"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"

static bool add_users(struct mount_list *l, const struct hl_config *cfg, const char *home)
{
	static const char groups[] = "root:x:0:\nnogroup:x:65534:\n";
	unsigned long uid, gid;

	if (!named_user(cfg, &uid, &gid))
		return add_file(l, "/etc/passwd", text_of(USERS, home)) &&
		       add_file(l, "/etc/group", text_of("%s", groups));
	char owner[32];
	snprintf(owner, sizeof owner, "%lu:%lu", uid, gid);
	return add(l, "directory", owner, "/home/user", 0755) &&
	       add_file(
		   l, "/etc/passwd",
		   text_of(USERS "user:x:%lu:%lu:user:/home/user:/bin/sh\n", home, uid, gid)) &&
	       add_file(l, "/etc/group",
			text_of(gid && gid != 65534 ? "%suser:x:%lu:\n" : "%s", groups, gid));
}

/* Who has the host's network asks the host's name servers. malloc'd; NULL: no memory. */
static char *resolv_conf(bool asks)
{
	char servers[RESOLV_CONF_MAX] = "";

	if (!asks)
		return text_of("# no network\n");
	hostfile_read("/etc/resolv.conf", servers, sizeof servers);
	return text_of("%s", servers);
}

/* What tells of the host, made anew. */
static bool add_own(struct mount_list *l, const char *hostname, bool asks)
{
	return add_file(l, "/etc/hostname", text_of("%s\n", hostname)) &&
	       add_file(l, "/etc/hosts",
			text_of("127.0.0.1\tlocalhost\n::1\tlocalhost\n"
				"127.0.1.1\t%s\n",
				hostname)) &&
	       add_file(l, "/etc/resolv.conf", resolv_conf(asks)) &&
	       add_file(l, "/etc/nsswitch.conf",
			text_of("passwd: files\ngroup: files\n"
				"hosts: files dns\nservices: files\n"
				"protocols: files\n")) &&
	       add(l, "symlink", "/proc/self/mounts", "/etc/mtab", 0);
}

int isolate_add(struct mount_list *l, const struct hl_config *cfg, const char *hostname,
		const char *home, bool asks)
{
	char path[NAME_MAX + 2];
	bool ok = add_directories(l);

	for (size_t i = 0; ok && i < sizeof programs / sizeof *programs; i++) {
		snprintf(path, sizeof path, "/%s", programs[i]);
		ok = add_shown(l, path, DT_UNKNOWN);
	}
	return ok && add_etc(l) && add_users(l, cfg, home) && add_own(l, hostname, asks) ? 0
											 : -ENOMEM;
}
