/* SPDX-License-Identifier: Apache-2.0 */
/* Overlays that the program mounts itself: Documentation/filesystems/overlayfs.rst. */
#include <dirent.h>
#include <sys/vfs.h>

#include "mount_world.h"

static void put(const char *name, const char *text)
{
	int fd = NEED(open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644));

	NEED(write(fd, text, strlen(text)));
	close(fd);
}

static void show(const char *name)
{
	char buf[100];
	int fd = open(name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);

	if (n < 0)
		say("%s: %s\n", name, strerrorname_np(errno));
	else
		say("%s: '%.*s'\n", name, (int)n, buf);
	close(fd);
}

static void names(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);

	say("%s:", dir);
	for (int i = 0; i < n; i++)
		say(" %s", list[i]->d_name);
	say("\n");
}

static void prepare(void)
{
	enter_world();
	DIRS("top", "bottom", "bottom/dir", "bottom/dir/sub", "upper", "work", "m", "other");
	put("top/both", "top");
	put("bottom/both", "bottom");
	put("bottom/dir/file", "file");
	put("bottom/gone", "gone");
}

#define LAYERS "lowerdir=top:bottom,upperdir=upper,workdir=work,redirect_dir=on"

static int overlay(const char *options)
{
	return mount("o", "m", "overlay", 0, options);
}

CASE(layers)
{
	struct stat st;

	prepare();
	R(overlay(LAYERS));
	names("m");
	show("m/both");
	put("m/both", "changed");
	put("m/dir/new", "new");
	R(unlink("m/gone"));
	R(rename("m/dir", "m/moved"));
	names("m");
	names("m/moved");
	show("m/moved/file");
	show("top/both");
	names("bottom");
	show("upper/both");
	NEED(lstat("upper/gone", &st));
	V(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	R(umount("m"));
	names("m");
	R(overlay(LAYERS));
	names("m");
	names("m/moved");
	show("m/moved/file");
}

CASE(nothing_to_write_to)
{
	struct statfs sf;

	prepare();
	R(overlay("lowerdir=top:bottom"));
	names("m");
	R(open("m/new", O_CREAT | O_WRONLY, 0600));
	R(unlink("m/gone"));
	NEED(statfs("m", &sf));
	X(sf.f_type);
	R(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
	R(umount("m"));
}

CASE(options)
{
	static const char *const wrong[] = {
		"",
		"lowerdir=top",
		"lowerdir=top:none",
		"lowerdir=top:bottom/both",
		"lowerdir=top:",
		"lowerdir=top,upperdir=upper",
		"lowerdir=top,upperdir=upper,workdir=upper",
		"lowerdir=top,upperdir=upper,workdir=upper/dir",
		"lowerdir=upper/dir,upperdir=upper,workdir=work",
		"lowerdir=top,upperdir=none,workdir=work",
		"lowerdir=top,upperdir=upper,workdir=work,unknown=1",
		"lowerdir=top,upperdir=upper,workdir=work,index=maybe",
		"lowerdir=top,upperdir=upper,workdir=/dev",
	};

	prepare();
	DIRS("upper/dir");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		say("%s: ", wrong[i]);
		R(overlay(wrong[i]));
	}
	R(overlay(LAYERS ",index=on,redirect_dir=on,xino=auto,volatile"));
	names("m");
	R(umount("m"));
	NEED(mkdir("a:b", 0755));
	put("a:b/colon", "");
	R(overlay("lowerdir=a\\:b:bottom"));
	names("m");
}

/* A layer's own mounts are not shown, and it stays when its mount is gone. */
CASE(mounts_of_layers)
{
	prepare();
	NEED(mount("t", "bottom/dir/sub", "tmpfs", 0, NULL));
	put("bottom/dir/sub/hidden", "");
	NEED(mount("t", "other", "tmpfs", 0, NULL));
	DIRS("other/u", "other/w");
	R(overlay("lowerdir=bottom,upperdir=other/u,workdir=other/w"));
	names("m/dir/sub");
	put("m/new", "new");
	R(umount2("other", MNT_DETACH));
	show("m/new");
	put("m/more", "more");
	names("m");
}

/* What is written never comes up in itself. */
CASE(upper_in_lower)
{
	prepare();
	R(overlay("lowerdir=.,upperdir=upper,workdir=work"));
	R(open("m/upper", O_RDONLY));
	R(open("m/work/work", O_RDONLY));
	show("m/bottom/gone");
	put("m/bottom/gone", "back");
	show("bottom/gone");
	show("upper/bottom/gone");
}

/* One over another: what is upper of one is lower of the next. */
CASE(stacked)
{
	prepare();
	DIRS("u2", "w2", "n");
	R(overlay(LAYERS));
	put("m/dir/file", "first");
	R(mount("o", "n", "overlay", 0, "lowerdir=m,upperdir=u2,workdir=w2"));
	names("n");
	show("n/dir/file");
	put("n/dir/file", "second");
	R(unlink("n/both"));
	show("m/dir/file");
	names("n");
	names("m");
	R(mount("o", "other", "overlay", 0, "lowerdir=top,upperdir=m/dir,workdir=m/moved"));
}

static const uid_t nobody = 65534;

CASE(others_have_no_rights_by_it)
{
	prepare();
	NEED(chmod("bottom/dir", 0700));
	R(overlay(LAYERS));
	NEED(setresuid(nobody, nobody, nobody));
	R(open("m/dir/file", O_RDONLY));
	R(open("m/both", O_WRONLY));
	R(open("m/both", O_RDONLY));
	R(mkdir("m/new", 0755));
	R(overlay(LAYERS));
}
