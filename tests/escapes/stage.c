/* SPDX-License-Identifier: Apache-2.0 */
/* Sets the stage: everything that the host could have put in a guest's way. */
#include "tests/escapes/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

const char *stage_path(const struct stage *s, const char *name)
{
	static char buf[8][PATH_MAX];
	static unsigned next;
	char *b = buf[next++ % 8];

	snprintf(b, PATH_MAX, "%s/%s", s->dir, name);
	return b;
}

enum kind { DIR, FILE_, LINK, OUT_LINK, FIFO, CHAR, BLOCK };

/* OUT_LINK: the text stands behind the absolute name of the stage. "%c" of a text is the canary. */
static const struct prop {
	const char *name;
	enum kind kind;
	mode_t mode;
	const char *text;
	unsigned major, minor;
} props[] = {
	{ "root", DIR, 0777, NULL, 0, 0 },
	{ "root/host", DIR, 0777, NULL, 0, 0 },
	{ "root/ro", DIR, 0777, NULL, 0, 0 },
	{ "root/mnt", DIR, 0777, NULL, 0, 0 },
	{ "root/tmp", DIR, 0777, NULL, 0, 0 },
	{ "root/proc", DIR, 0777, NULL, 0, 0 },
	{ "root/proc/secret-below", FILE_, 0666, "%c", 0, 0 },
	{ "root/dev", DIR, 0777, NULL, 0, 0 },
	{ "root/dev/secret-below", FILE_, 0666, "%c", 0, 0 },
	{ "root/sys", DIR, 0777, NULL, 0, 0 },
	{ "root/sys/secret-below", FILE_, 0666, "%c", 0, 0 },

	{ "host", DIR, 0777, NULL, 0, 0 },
	{ "host/bait", FILE_, 0666, "bait", 0, 0 },
	{ "host/dir", DIR, 0777, NULL, 0, 0 },
	{ "host/links", DIR, 0777, NULL, 0, 0 },
	{ "host/links/inside", LINK, 0, "../bait", 0, 0 },
	{ "host/links/abs", OUT_LINK, 0, "outside", 0, 0 },
	{ "host/links/rel", LINK, 0, "../../outside", 0, 0 },
	{ "host/links/deep", LINK, 0, "../../../../../../../../../../../../../../outside", 0, 0 },
	{ "host/links/file", LINK, 0, "../../outside/secret", 0, 0 },
	{ "host/links/abs-file", OUT_LINK, 0, "outside/secret", 0, 0 },
	{ "host/links/up", LINK, 0, "../..", 0, 0 },
	{ "host/links/host", OUT_LINK, 0, "host/../outside", 0, 0 },
	{ "host/links/magic", LINK, 0, "/proc/self/root", 0, 0 },
	{ "host/links/self", LINK, 0, "self", 0, 0 },
	{ "host/links/dangling", LINK, 0, "../../outside/new", 0, 0 },
	{ "host/links/abs-dangling", OUT_LINK, 0, "outside/new", 0, 0 },
	{ "host/swap", DIR, 0777, NULL, 0, 0 },
	{ "host/swap/secret", FILE_, 0666, "decoy", 0, 0 },
	{ "host/swap/file", FILE_, 0666, "decoy", 0, 0 },
	{ "host/swap/program", FILE_, 0777, "decoy", 0, 0 },
	{ "host/swap/dir", DIR, 0777, NULL, 0, 0 },
	{ "host/swap/dir/secret", FILE_, 0666, "decoy", 0, 0 },
	{ "host/swap/dir/file", FILE_, 0666, "decoy", 0, 0 },
	{ "host/moving", DIR, 0777, NULL, 0, 0 },
	{ "host/moving/in", DIR, 0777, NULL, 0, 0 },
	{ "host/devices", DIR, 0777, NULL, 0, 0 },
	{ "host/devices/null", CHAR, 0666, NULL, 1, 3 },
	{ "host/devices/mem", CHAR, 0666, NULL, 1, 1 },
	{ "host/devices/kmsg", CHAR, 0666, NULL, 1, 11 },
	{ "host/devices/disk", BLOCK, 0666, NULL, 8, 0 },
	{ "host/fifo", FIFO, 0666, NULL, 0, 0 },
	{ "host/planted-set-id", FILE_, 06777, "planted", 0, 0 },
	{ "host/mounted", DIR, 0777, NULL, 0, 0 },
	{ "host/proc", DIR, 0777, NULL, 0, 0 },
	{ "host/sys", DIR, 0777, NULL, 0, 0 },

	{ "ro", DIR, 0777, NULL, 0, 0 },
	{ "ro/file", FILE_, 0666, "read only", 0, 0 },
	{ "ro/dir", DIR, 0777, NULL, 0, 0 },
	{ "ro/link", LINK, 0, "file", 0, 0 },
	{ "one", FILE_, 0666, "one", 0, 0 },

	{ "outside", DIR, 0777, NULL, 0, 0 },
	{ "outside/secret", FILE_, 0666, "%c", 0, 0 },
	{ "outside/given", FILE_, 0666, "given to the guest", 0, 0 },
	{ "outside/file", FILE_, 0666, "%c", 0, 0 },
	{ "outside/only-outside", FILE_, 0666, "%c", 0, 0 },
	{ "outside/program", FILE_, 0777, "#!/guest executed-outside\n", 0, 0 },
	{ "outside/empty", DIR, 0777, NULL, 0, 0 },
	{ "outside/fifo", FIFO, 0666, NULL, 0, 0 },
	{ "outside/dir", DIR, 0777, NULL, 0, 0 },
	{ "outside/dir/secret", FILE_, 0666, "%c", 0, 0 },
	{ "outside/dir/file", FILE_, 0666, "%c", 0, 0 },
	{ "outside/dir/only-outside", FILE_, 0666, "%c", 0, 0 },
	{ "upper", DIR, 0777, NULL, 0, 0 },
	{ "spare", DIR, 0777, NULL, 0, 0 },
	{ "spare/link", OUT_LINK, 0, "outside", 0, 0 },
};

static bool put_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ssize_t len = (ssize_t)strlen(text);
	bool ok = fd >= 0 && write(fd, text, (size_t)len) == len;

	close(fd);
	return ok;
}

static bool put_prop(const struct stage *s, const struct prop *p)
{
	const char *name = stage_path(s, p->name);
	dev_t dev = makedev(p->major, p->minor);
	bool ok = false;

	switch (p->kind) {
	case DIR: ok = mkdir(name, p->mode) == 0; break;
	case FILE_: ok = put_file(name, strcmp(p->text, "%c") ? p->text : s->canary); break;
	case LINK: ok = symlink(p->text, name) == 0; break;
	case OUT_LINK: ok = symlink(stage_path(s, p->text), name) == 0; break;
	case FIFO: ok = mkfifo(name, p->mode) == 0; break;
	case CHAR: ok = mknod(name, S_IFCHR | p->mode, dev) == 0; break;
	case BLOCK: ok = mknod(name, S_IFBLK | p->mode, dev) == 0; break;
	}
	return ok && lchown(name, s->owner, s->owner) == 0 &&
	       (p->kind == LINK || p->kind == OUT_LINK || chmod(name, p->mode) == 0);
}

static bool put_program(const struct stage *s)
{
	int from = open(s->guest, O_RDONLY | O_CLOEXEC);
	int to = open(stage_path(s, "root/guest"), O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	struct stat st;
	bool ok = from >= 0 && to >= 0 && fstat(from, &st) == 0;

	for (off_t left = ok ? st.st_size : 0; ok && left;) {
		ssize_t n = sendfile(to, from, NULL, (size_t)left);
		ok = n > 0;
		left -= n;
	}
	close(from);
	close(to);
	return ok;
}

/* What the host has mounted below what it gives. */
static bool put_mounts(const struct stage *s)
{
	return mount("tmpfs", stage_path(s, "host/mounted"), "tmpfs", 0, "mode=777") == 0 &&
	       put_file(stage_path(s, "host/mounted/file"), "mounted") &&
	       chmod(stage_path(s, "host/mounted/file"), 0666) == 0 &&
	       mount("/proc", stage_path(s, "host/proc"), NULL, MS_BIND, NULL) == 0 &&
	       mount("/sys", stage_path(s, "host/sys"), NULL, MS_BIND, NULL) == 0;
}

bool stage_set(const struct stage *s)
{
	bool ok = mount("tmpfs", s->dir, "tmpfs", 0, "mode=755,size=256m") == 0;

	umask(0);
	for (size_t i = 0; ok && i < sizeof props / sizeof *props; i++)
		ok = put_prop(s, &props[i]);
	char name[128];
	snprintf(name, sizeof name, "outside/name-%s", s->canary);
	ok = ok && put_program(s) && put_mounts(s) && put_file(stage_path(s, name), "");
	if (ok)
		setxattr(stage_path(s, "outside/secret"), "user.canary", s->canary,
			 strlen(s->canary), 0);
	umask(022);
	return ok;
}

void stage_strike(const struct stage *s)
{
	umount2(s->dir, MNT_DETACH);
}
