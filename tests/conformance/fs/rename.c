/* SPDX-License-Identifier: Apache-2.0 */
/* renameat2: every kind of name onto every other, with every combination of flags, on disk and in
 * memory. */
#include <ftw.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "case.h"

#ifndef RENAME_WHITEOUT
#define RENAME_WHITEOUT 4
#endif

static const char *const names[] = {
	"f",        "same",         "g",       "d",       "e",        "full",    "full/x",
	"full/sub", "full/sub/new", "link",    "todir",   "dangling", "missing", "f/",
	"d/",       "e//",          "link/",   "todir/",  "missing/", ".",       "..",
	"./",       "d/.",          "full/..", "nodir/x", "f/x",      "/",       "todir/new",
};
#define NAMES ((int)(sizeof names / sizeof *names))

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED,
		      struct FTW *at UNUSED)
{
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A fresh tree in the working directory's "tree", which becomes the working directory. */
static void fresh_tree(void)
{
	remove_tree("tree");
	NEED(mkdir("tree", 0755));
	NEED(chdir("tree"));
	put_file("f", "f");
	NEED(link("f", "same"));
	put_file("g", "g");
	NEED(mkdir("d", 0755));
	NEED(mkdir("e", 0755));
	NEED(mkdir("full", 0755));
	put_file("full/x", "x");
	NEED(mkdir("full/sub", 0755));
	NEED(symlink("f", "link"));
	NEED(symlink("d", "todir"));
	NEED(symlink("nowhere", "dangling"));
}

/* What a name stands for: a letter for its type, and how many links it has. */
static const char *kind(const char *name)
{
	static char text[2][16];
	static int turn;
	struct stat st;
	char *out = text[turn ^= 1];

	if (lstat(name, &st) != 0)
		return "-";
	char type = S_ISREG(st.st_mode)   ? 'f'
		    : S_ISDIR(st.st_mode) ? 'd'
		    : S_ISLNK(st.st_mode) ? 'l'
					  : 'c';
	snprintf(out, sizeof text[0], "%c%d", type, (int)st.st_nlink);
	return out;
}

/* One name onto every other, in a line. */
static void rename_each(const char *from, unsigned flags)
{
	char line[4000];
	int len = snprintf(line, sizeof line, "%s, %x:", from, flags);

	for (int i = 0; i < NAMES; i++) {
		const char *to = names[i];
		if (renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) != 0) {
			len += snprintf(line + len, sizeof line - len, " %s",
					strerrorname_np(errno) + 1);
			continue;
		}
		len += snprintf(line + len, sizeof line - len, " %s/%s", kind(from), kind(to));
		NEED(chdir(".."));
		fresh_tree();
	}
	say("%s\n", line);
}

static void rename_all(unsigned flags)
{
	fresh_tree();
	for (int i = 0; i < NAMES; i++)
		rename_each(names[i], flags);
	NEED(chdir(".."));
	remove_tree("tree");
}

static void in_memory(void)
{
	char dir[] = "/dev/shm/renameXXXXXX";

	NEED(mkdtemp(dir) ? 0 : -1);
	NEED(chdir(dir));
	NEED(chmod(dir, 0755));
}

static void leave_memory(void)
{
	char dir[PATH_MAX];

	NEED(getcwd(dir, sizeof dir) ? 0 : -1);
	NEED(chdir("/"));
	remove_tree(dir);
}

#define ALL(name, flags)                                                                           \
	CASE(name)                                                                                 \
	{                                                                                          \
		rename_all(flags);                                                                 \
	}                                                                                          \
	CASE(name##_memory)                                                                        \
	{                                                                                          \
		in_memory();                                                                       \
		rename_all(flags);                                                                 \
		leave_memory();                                                                    \
	}

ALL(plain, 0)
ALL(noreplace, RENAME_NOREPLACE)
ALL(exchange, RENAME_EXCHANGE)
ALL(whiteout, RENAME_WHITEOUT)
ALL(whiteout_noreplace, RENAME_WHITEOUT | RENAME_NOREPLACE)

static void say_flags(void)
{
	fresh_tree();
	for (unsigned flags = 0; flags < 16; flags++)
		if (!(flags & RENAME_WHITEOUT) ||
		    flags & ~(unsigned)(RENAME_WHITEOUT | RENAME_NOREPLACE))
			say("%x: %ld\n", flags,
			    R(renameat2(AT_FDCWD, "missing", AT_FDCWD, "f", flags)));
	R(renameat2(AT_FDCWD, "missing", AT_FDCWD, "f", 0x80000000));
	R(renameat2(99, "missing", 98, "f", 3));
	R(renameat2(99, (char *)1, 98, "f", 0));
	R(renameat2(AT_FDCWD, (char *)1, AT_FDCWD, "f", 8));
	R(syscall(SYS_renameat2, AT_FDCWD, "f", AT_FDCWD, "same", 1UL << 32));
	NEED(chdir(".."));
	remove_tree("tree");
}

CASE(flags)
{
	say_flags();
}

CASE(flags_memory)
{
	in_memory();
	say_flags();
	leave_memory();
}

/* Nothing of the system's is at stake here: what is named outside of the case's own directories is
 * never moved. */
CASE(across_mounts)
{
	char other[64];

	snprintf(other, sizeof other, "/dev/shm/across%d", (int)getpid());
	put_file("f", "f");
	put_file(other, "g");
	for (unsigned flags = 0; flags <= RENAME_WHITEOUT; flags++) {
		say("flags %x\n", flags);
		R(renameat2(AT_FDCWD, "f", AT_FDCWD, other, flags));
		R(renameat2(AT_FDCWD, "missing", AT_FDCWD, other, flags));
		R(renameat2(AT_FDCWD, other, AT_FDCWD, ".", flags));
		R(renameat2(AT_FDCWD, "..", AT_FDCWD, other, flags));
	}
	for (unsigned flags = 0; flags <= RENAME_EXCHANGE; flags++) {
		R(renameat2(AT_FDCWD, "/proc/self/stat", AT_FDCWD, "/proc/self/maps", flags));
		R(renameat2(AT_FDCWD, "/proc/self/missing", AT_FDCWD, "/proc/self/maps", flags));
	}
	R(renameat2(AT_FDCWD, "/proc", AT_FDCWD, "/dev", RENAME_NOREPLACE));
	unlink(other);
}

/* Who owns neither a sticky directory nor the file in it moves nothing of it, and nothing onto
 * it. */
static int strangers(void *arg UNUSED)
{
	NEED(setresgid(1000, 1000, 1000));
	NEED(setresuid(1000, 1000, 1000));
	put_file("sticky/mine", "m");
	NEED(mkdir("sticky/mydir", 0755));
	for (unsigned flags = 0; flags <= RENAME_EXCHANGE; flags++) {
		R(renameat2(AT_FDCWD, "sticky/roots", AT_FDCWD, "sticky/new", flags));
		R(renameat2(AT_FDCWD, "sticky/roots", AT_FDCWD, "sticky/mine", flags));
		R(renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "sticky/roots", flags));
		R(renameat2(AT_FDCWD, "sticky/mydir", AT_FDCWD, "sticky/roots", flags));
		R(renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "closed/x", flags));
		R(renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "closed/new", flags));
		R(renameat2(AT_FDCWD, "closed/x", AT_FDCWD, "sticky/mine", flags));
		R(renameat2(AT_FDCWD, "closed/x", AT_FDCWD, "sticky/new", flags));
		R(renameat2(AT_FDCWD, "shared/roots", AT_FDCWD, "shared/rootsdir", flags));
		R(renameat2(AT_FDCWD, "shared/rootsdir", AT_FDCWD, "sticky/rootsdir", flags));
		R(renameat2(AT_FDCWD, "shared/roots", AT_FDCWD, "sticky/mydir", flags));
		R(renameat2(AT_FDCWD, "shared/rootsdir", AT_FDCWD, "sticky/mydir", flags));
		R(renameat2(AT_FDCWD, "sticky/mydir", AT_FDCWD, "shared/rootsdir", flags));
		R(renameat2(AT_FDCWD, "sticky/mydir", AT_FDCWD, "shared/rootsdir/in", flags));
		R(renameat2(AT_FDCWD, "sticky/mine", AT_FDCWD, "sticky/samemine", flags));
		R(renameat2(AT_FDCWD, "sticky/samemine", AT_FDCWD, "sticky/mine", flags));
	}
	return 0;
}

static void sticky(void)
{
	fresh_tree();
	NEED(mkdir("sticky", 0755));
	NEED(chmod("sticky", 01777));
	put_file("sticky/roots", "r");
	NEED(mkdir("closed", 0755));
	put_file("closed/x", "x");
	NEED(mkdir("shared", 0777));
	NEED(chmod("shared", 0777));
	put_file("shared/roots", "r");
	NEED(mkdir("shared/rootsdir", 0755));
	in_child("stranger", strangers, NULL);
	NEED(chdir(".."));
	remove_tree("tree");
}

CASE(sticky_directory)
{
	need_root();
	sticky();
}

CASE(sticky_directory_memory)
{
	need_root();
	in_memory();
	sticky();
	leave_memory();
}

/* A whiteout takes no privilege; it is the device 0:0. */
static int plain_user(void *arg UNUSED)
{
	struct stat st;

	NEED(setresuid(1000, 1000, 1000));
	put_file("shared/mine", "m");
	R(renameat2(AT_FDCWD, "shared/mine", AT_FDCWD, "shared/moved", RENAME_WHITEOUT));
	R(lstat("shared/mine", &st));
	say("%o %ld %d %d\n", st.st_mode, (long)st.st_rdev, st.st_uid, (int)st.st_nlink);
	R(open("shared/mine", O_RDONLY));
	R(mknod("shared/node", S_IFCHR | 0600, 0));
	R(mknod("shared/node", S_IFCHR | 0600, 0x103));
	R(mknod("shared/block", S_IFBLK | 0600, 0));
	return 0;
}

static void whiteouts(void)
{
	fresh_tree();
	NEED(mkdir("shared", 0777));
	NEED(chmod("shared", 0777));
	in_child("plain user", plain_user, NULL);
	NEED(chdir(".."));
	remove_tree("tree");
}

CASE(whiteout_of_a_plain_user)
{
	need_root();
	whiteouts();
}

CASE(whiteout_of_a_plain_user_memory)
{
	need_root();
	in_memory();
	whiteouts();
	leave_memory();
}
