/* SPDX-License-Identifier: Apache-2.0 */
/* Shared subtrees (mount_namespaces(7)): what is mounted in one place appears in others. */
#include "mount_world.h"

static void share(const char *at, unsigned long how)
{
	NEED(mount(NULL, at, NULL, how, NULL));
}

CASE(peers)
{
	enter_world();
	DIRS("a", "b", "c");
	mount_marked("a", "root");
	DIRS("a/x", "a/y", "a/x/deep");
	share("a", MS_SHARED);
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	mount_marked("a/x", "on a");
	SEES("b/x/on a");
	mount_marked("b/y", "on b");
	SEES("a/y/on b");
	NEED(mount("a", "c", NULL, MS_BIND | MS_REC, NULL));
	SEES("c/x/on a");
	say_mounts("three peers");
	R(umount("c/x"));
	R(umount("b/x"));
	SEES("a/x/on a");
	say_mounts("one unmounted");
	NEED(umount2("a", MNT_DETACH));
	say_mounts("a peer gone");
}

CASE(slaves)
{
	enter_world();
	DIRS("a", "b", "c");
	mount_marked("a", "root");
	DIRS("a/x", "a/y", "a/z");
	share("a", MS_SHARED);
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	share("b", MS_SLAVE);
	mount_marked("a/x", "on a");
	SEES("b/x/on a");
	mount_marked("b/y", "on b");
	SEES("a/y/on b");
	/* A slave that is shared, and its own slave. */
	share("b", MS_SHARED);
	NEED(mount("b", "c", NULL, MS_BIND, NULL));
	share("c", MS_SLAVE);
	say_mounts("a chain");
	mount_marked("a/z", "on a");
	SEES("b/z/on a");
	SEES("c/z/on a");
	say_mounts("down the chain");
	NEED(umount("a/z"));
	say_mounts("and away");
	share("b", MS_PRIVATE);
	say_mounts("the middle is private");
}

CASE(types)
{
	enter_world();
	DIRS("a", "b", "c");
	mount_marked("a", "root");
	DIRS("a/x");
	share("a", MS_SHARED);
	say_mounts("shared");
	share("a", MS_SHARED);
	say_mounts("again");
	share("a", MS_SLAVE);
	say_mounts("slave without master");
	share("a", MS_UNBINDABLE);
	say_mounts("unbindable");
	R(mount("a", "b", NULL, MS_BIND, NULL));
	R(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
	share("a", MS_SLAVE);
	say_mounts("slave");
	share("a", MS_SHARED);
	say_mounts("shared");
	mount_marked("a/x", "inner");
	share("a", MS_REC | MS_UNBINDABLE);
	say_mounts("all");
	share("a", MS_REC | MS_PRIVATE);
	NEED(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
	share("a/x", MS_UNBINDABLE);
	NEED(mount("a", "c", NULL, MS_BIND | MS_REC, NULL));
	say_mounts("without the unbindable one");
}

/* The group goes on while one peer or slave is left. */
CASE(masters_change)
{
	enter_world();
	DIRS("a", "b", "c", "d");
	mount_marked("a", "root");
	DIRS("a/x");
	share("a", MS_SHARED);
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	NEED(mount("a", "c", NULL, MS_BIND, NULL));
	NEED(mount("a", "d", NULL, MS_BIND, NULL));
	share("c", MS_SLAVE);
	share("d", MS_SLAVE);
	say_mounts("two masters, two slaves");
	share("a", MS_PRIVATE);
	mount_marked("a/x", "on a");
	SEES("c/x/on a");
	mount_marked("b/x", "on b");
	SEES("c/x/on b");
	SEES("d/x/on b");
	say_mounts("one master");
	NEED(umount2("b", MNT_DETACH));
	say_mounts("none");
	mount_marked("c/x", "on c");
	SEES("d/x/on c");
}

/* Peers that show different parts. */
CASE(parts)
{
	enter_world();
	DIRS("a", "b", "c");
	mount_marked("a", "root");
	DIRS("a/in", "a/in/x", "a/out");
	share("a", MS_SHARED);
	NEED(mount("a/in", "b", NULL, MS_BIND, NULL));
	mount_marked("a/in/x", "inside");
	SEES("b/x/inside");
	mount_marked("a/out", "outside");
	mount_marked("b", "over the root of the part");
	SEES("a/in/over the root of the part");
	say_mounts("on the root of b");
	NEED(umount("a/in"));
	SEES("b/x/inside");
	mount_marked("a/in", "over the part");
	SEES("b/over the part");
	say_mounts("on a/in");
	NEED(umount("b"));
	SEES("a/in/over the part");
	NEED(umount("b/x"));
	say_mounts("unmounted");
}

CASE(trees)
{
	enter_world();
	DIRS("a", "b", "t", "t2");
	mount_marked("a", "root");
	DIRS("a/x", "a/y");
	share("a", MS_SHARED);
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	mount_marked("t", "tree");
	DIRS("t/one", "t/two");
	mount_marked("t/one", "1");
	mount_marked("t/two", "2");
	NEED(mount("t", "a/x", NULL, MS_BIND | MS_REC, NULL));
	SEES("b/x/two/2");
	say_mounts("bound");
	R(mount("t", "b/y", NULL, MS_MOVE, NULL));
	SEES("a/y/one/1");
	say_mounts("moved");
	R(mount("a/y", "t2", NULL, MS_MOVE, NULL));
	NEED(umount2("a/y", MNT_DETACH));
	say_mounts("detached");
	mount_marked("t", "again");
	share("t", MS_UNBINDABLE);
	R(mount("t", "a/y", NULL, MS_MOVE, NULL));
	R(mount("t", "t2", NULL, MS_MOVE, NULL));
}

/* What was mounted on a slave before comes to lie on what comes from the master. */
CASE(tucked)
{
	enter_world();
	DIRS("a", "b");
	mount_marked("a", "root");
	DIRS("a/x");
	share("a", MS_SHARED);
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	share("b", MS_SLAVE);
	mount_marked("b/x", "the slave's own");
	mount_marked("a/x", "the master's");
	SEES("b/x/the slave's own");
	say_mounts("tucked");
	NEED(umount("b/x"));
	SEES("b/x/the master's");
	mount_marked("b/x", "on top");
	NEED(umount("a/x"));
	SEES("b/x/on top");
	say_mounts("the lower one gone");
	NEED(umount("b/x"));
	SEES("b/x");
}

/* What others have mounted on a copy keeps it. */
CASE(kept)
{
	enter_world();
	DIRS("a", "b");
	mount_marked("a", "root");
	DIRS("a/x");
	share("a", MS_SHARED);
	NEED(mount("a", "b", NULL, MS_BIND, NULL));
	share("b", MS_SLAVE);
	mount_marked("a/x", "m");
	DIRS("b/x/sub");
	mount_marked("b/x/sub", "s");
	NEED(umount("a/x"));
	SEES("b/x/sub/s");
	say_mounts("the slave keeps its copy");
	mount_marked("a/x", "m");
	int fd = (int)NEED(open("b/x/m", O_RDONLY));
	say_mounts("twice");
	R(umount("a/x"));
	close(fd);
	R(umount("a/x"));
	NEED(umount("b/x/sub"));
	NEED(umount("b/x"));
	mount_marked("a/x", "n");
	fd = (int)NEED(open("b/x/n", O_RDONLY));
	R(umount("a/x"));
	R(umount2("a/x", MNT_DETACH));
	say_mounts("detached");
}

CASE(on_itself)
{
	enter_world();
	DIRS("a", "a/b", "a/b/c");
	NEED(mount("a", "a", NULL, MS_BIND, NULL));
	share("a", MS_SHARED);
	R(mount("a", "a/b", NULL, MS_BIND | MS_REC, NULL));
	say_mounts("once");
	R(mount("a", "a/b/b", NULL, MS_BIND | MS_REC, NULL));
	say_mounts("twice");
	R(umount2("a/b", MNT_DETACH));
	say_mounts("down");
	R(umount2("a", MNT_DETACH));
	say_mounts("all");
}

/* Doubling, until there are too many. */
CASE(explosion)
{
	char name[64];
	int err = 0, n = 0;

	enter_world();
	NEED(mount(".", ".", NULL, MS_BIND, NULL));
	NEED(chdir(world));
	share(".", MS_SHARED);
	for (int i = 0; i < 40 && !err; i++) {
		snprintf(name, sizeof name, "d%d", i);
		NEED(mkdir(name, 0700));
		err = mount(".", name, NULL, MS_BIND | MS_REC, NULL) ? errno : 0;
		n = i;
	}
	say("%d: %s\n", n, strerrorname_np(err));
	FILE *f = fopen("/proc/self/mountinfo", "r");
	long lines = 0;
	for (int ch; f && (ch = getc(f)) != EOF;)
		lines += ch == '\n';
	V(lines > 60 && lines < 100001);
	R(umount2(".", MNT_DETACH));
}

/* ---- namespaces ---- */

static int in_a_copy(void *arg)
{
	(void)arg;
	NEED(unshare(CLONE_NEWNS));
	say_mounts("in the copy");
	mount_marked("a/x", "the child's");
	mount_marked("p/x", "private to the child");
	share("s", MS_SLAVE);
	mount_marked("s/x", "not seen above");
	say_mounts("in the copy");
	return 0;
}

CASE(between_namespaces)
{
	enter_world();
	DIRS("a", "p", "s");
	mount_marked("a", "a");
	mount_marked("p", "p");
	mount_marked("s", "s");
	DIRS("a/x", "p/x", "s/x");
	share("a", MS_SHARED);
	share("s", MS_SHARED);
	in_child("child", in_a_copy, NULL);
	SEES("a/x/the child's");
	SEES("p/x/private to the child");
	SEES("s/x/not seen above");
	say_mounts("the parent");
}

static int sees_from_slave(void *arg)
{
	struct baton *b = arg;

	NEED(unshare(CLONE_NEWNS));
	share("/", MS_REC | MS_SLAVE);
	say_mounts("a slave's");
	give(&b[0]);
	take(&b[1]);
	SEES("a/x/late");
	say_mounts("a slave's");
	return 0;
}

CASE(from_the_master)
{
	struct baton b[2] = { baton_new(), baton_new() };

	enter_world();
	DIRS("a");
	mount_marked("a", "a");
	DIRS("a/x");
	share("a", MS_SHARED);
	pid_t pid = child(sees_from_slave, b);
	take(&b[0]);
	mount_marked("a/x", "late");
	give(&b[1]);
	reap("child", pid);
}

/* propagate_from: the nearest group that is seen. */
static int dominated(void *arg)
{
	(void)arg;
	NEED(unshare(CLONE_NEWNS));
	NEED(umount2("m", MNT_DETACH));
	say_mounts("without the middle");
	NEED(chroot("a"));
	NEED(chdir("/"));
	say_mounts_of("/proc/self/mountinfo", "");
	return 0;
}

CASE(propagate_from)
{
	enter_world();
	DIRS("a", "m", "s");
	mount_marked("a", "a");
	DIRS("a/proc", "a/s");
	share("a", MS_SHARED);
	NEED(mount("a", "m", NULL, MS_BIND, NULL));
	share("m", MS_SLAVE);
	share("m", MS_SHARED);
	NEED(mount("m", "s", NULL, MS_BIND, NULL));
	share("s", MS_SLAVE);
	NEED(mount("proc", "a/proc", "proc", 0, NULL));
	say_mounts("a chain");
	in_child("child", dominated, NULL);
}
