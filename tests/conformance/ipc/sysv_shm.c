/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). */
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "ipc.h"

#define PAGE 4096UL

static void say_segment(const char *what, int id)
{
	struct shmid_ds ds;

	if (shmctl(id, IPC_STAT, &ds) == -1) {
		say("%s: %s\n", what, strerrorname_np(errno));
		return;
	}
	say("%s: size %zu attached %lu cpid %d lpid %d atime %d dtime %d ctime %d ", what,
	    ds.shm_segsz, ds.shm_nattch, ds.shm_cpid == getpid(),
	    ds.shm_lpid == getpid() ? 1
	    : ds.shm_lpid           ? 2
				    : 0,
	    ds.shm_atime != 0, ds.shm_dtime != 0, ds.shm_ctime != 0);
	say_perm(&ds.shm_perm);
}

/* The lines of /proc/self/maps that show segments: where they lie is left out. */
static void say_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], rest[256];

	while (f && fgets(line, sizeof line, f))
		if (strstr(line, "SYSV") &&
		    sscanf(line, "%lx-%lx %255[^\n]", &start, &end, rest) == 3)
			say("%lu pages %s\n", (end - start) / PAGE, rest);
	if (f)
		fclose(f);
}

/* /proc/sysvipc/shm without times and processes. */
static void say_table(void)
{
	FILE *f = fopen("/proc/sysvipc/shm", "r");
	char line[512];
	int key, id, uid, gid;
	unsigned mode;
	unsigned long size, attached;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%d %d %o %lu %*u %*u %lu %d %d", &key, &id, &mode, &size,
			   &attached, &uid, &gid) == 7)
			say("%d %d %o %lu %lu %d %d, %zu\n", key, id, mode, size, attached, uid,
			    gid, strlen(line));
		else
			say("%s", line);
	}
	if (f)
		fclose(f);
}

CASE(get)
{
	alone();
	R(shmget(0x1234, 100, 0600));
	R(shmget(0x1234, 0, IPC_CREAT | 0600));
	R(shmget(0x1234, 100, IPC_CREAT | 0640));
	R(shmget(0x1234, 0, 0));
	R(shmget(0x1234, 100, IPC_CREAT | 0600));
	R(shmget(0x1234, 101, 0600));
	R(shmget(0x1234, 100, IPC_CREAT | IPC_EXCL | 0600));
	R(shmget(IPC_PRIVATE, PAGE + 1, 0));
	R(shmget(IPC_PRIVATE, PAGE, IPC_EXCL));
	R(shmget(IPC_PRIVATE, -1UL, IPC_CREAT));
	say_segment("first", 0);
	say_segment("second", 1);
	say_segment("none", 7);
	say_segment("of another life", 1 << 15);
	say_table();
}

/* An id is not used again soon, and its number tells when it was. */
CASE(ids)
{
	alone();
	for (int i = 0; i < 3; i++) {
		int id = (int)R(shmget(IPC_PRIVATE, 1, 0600));
		R(shmctl(id, IPC_RMID, NULL));
		R(shmctl(id, IPC_STAT, NULL));
	}
	for (int i = 0; i < 63; i++) {
		int id = (int)NEED(shmget(IPC_PRIVATE, 1, 0600));
		NEED(shmctl(id, IPC_RMID, NULL));
	}
	R(shmget(IPC_PRIVATE, 1, 0600));
	R(shmget(0x55, 1, IPC_CREAT | 0600));
	int last = 0;
	for (int i = 0; i < 100; i++)
		last = (int)NEED(shmget(IPC_PRIVATE, 1, 0600));
	V(last);
	for (int id = 0; id < 5; id++)
		R(shmctl(id, IPC_STAT, NULL));
}

CASE(attach)
{
	alone();
	int id = (int)NEED(shmget(0xabc, 3 * PAGE - 5, IPC_CREAT | 0600));
	char *p = OK(shmat(id, NULL, 0));
	V(p[0]);
	memset(p, 'x', 3 * PAGE);
	say_segment("attached", id);
	char *q = OK(shmat(id, NULL, SHM_RDONLY));
	V(q[3 * PAGE - 1]);
	R(mprotect(q, PAGE, PROT_READ | PROT_WRITE));
	say_segment("twice", id);
	say_maps();
	OK(shmat(id, p, 0));
	OK(shmat(id, p + 1, 0));
	OK(shmat(id, p + 1, SHM_RND));
	V(shmat(id, p + 1, SHM_RND | SHM_REMAP) == p);
	OK(shmat(id, NULL, SHM_REMAP));
	OK(shmat(id, (void *)5, SHM_RND | SHM_REMAP));
	OK(shmat(id, (void *)-PAGE, 0));
	OK(shmat(-1, NULL, 0));
	OK(shmat(99, NULL, 0));
	say_segment("remapped", id);
	R(shmdt(p + 1));
	R(shmdt(p + PAGE));
	R(shmdt(p));
	R(shmdt(p));
	R(shmdt(q));
	say_segment("detached", id);
	say_maps();
}

CASE(at_an_address)
{
	alone();
	int id = (int)NEED(shmget(IPC_PRIVATE, 2 * PAGE, 0600));
	char *room = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	OK(shmat(id, room + PAGE, 0));
	munmap(room, 8 * PAGE);
	V(shmat(id, room + PAGE, 0) == room + PAGE);
	V(shmat(id, room + 3 * PAGE + 77, SHM_RND) == room + 3 * PAGE);
	strcpy(room + PAGE, "text");
	say("%s\n", room + 3 * PAGE);
	V(shmat(id, room + PAGE, SHM_REMAP | SHM_EXEC) == room + PAGE);
	say_segment("segment", id);
	say_maps();
}

/* Each piece of an attachment counts, and shmdt finds them all. */
CASE(pieces)
{
	alone();
	int id = (int)NEED(shmget(IPC_PRIVATE, 8 * PAGE, 0600));
	char *p = OK(shmat(id, NULL, 0));
	R(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	say_segment("protected", id);
	R(mprotect(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE));
	say_segment("as before", id);
	R(munmap(p + 5 * PAGE, PAGE));
	say_segment("with a hole", id);
	say_maps();
	R(munmap(p, PAGE));
	R(shmdt(p + PAGE));
	R(shmdt(p));
	say_segment("detached", id);
	p = OK(shmat(id, NULL, 0));
	char *q = mremap(p, 8 * PAGE, 4 * PAGE, 0);
	V(q == p);
	say_segment("shrunk", id);
	char *r = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	V(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r) == r);
	say_segment("moved", id);
	R(shmdt(p));
	R(shmdt(r));
	say_segment("gone", id);
}

static int look(void *arg)
{
	char *p = arg;

	say_segment("child", 0);
	say("%s\n", p);
	strcpy(p, "of the child");
	if (p[PAGE])
		shmdt(p);
	return 0;
}

CASE(forks)
{
	alone();
	int id = (int)NEED(shmget(IPC_PRIVATE, 2 * PAGE, 0600));
	char *p = NEED(shmat(id, NULL, 0)) ? shmat(id, NULL, 0) : NULL;
	strcpy(p, "of the parent");
	in_child("child", look, p);
	say("%s\n", p);
	say_segment("parent", id);
	p[PAGE] = 1;
	in_child("detaches", look, p);
	say_segment("parent", id);
}

ROLE(after)
{
	say_maps();
	say_segment("after exec", 0);
}

CASE(exec)
{
	alone();
	int id = (int)NEED(shmget(IPC_PRIVATE, PAGE, 0600));
	OK(shmat(id, NULL, 0));
	say_segment("before exec", id);
	char role[] = "role:after", *argv[] = { case_self, role, NULL };
	execv(case_self, argv);
}

/* What is removed stays until nobody has it any more. */
CASE(removed)
{
	alone();
	int id = (int)NEED(shmget(0x77, PAGE, IPC_CREAT | 0600));
	char *p = OK(shmat(id, NULL, 0));
	R(shmctl(id, IPC_RMID, NULL));
	say_segment("removed", id);
	R(shmget(0x77, PAGE, 0600));
	char *q = OK(shmat(id, NULL, 0));
	strcpy(p, "still there");
	say("%s\n", q);
	R(shmctl(id, IPC_RMID, NULL));
	in_child("child", look, p);
	R(shmdt(p));
	R(shmdt(q));
	say_segment("gone", id);
	OK(shmat(id, NULL, 0));
	R(shmget(0x77, PAGE, IPC_CREAT | 0600));
}

static int as_other(void *arg)
{
	struct shmid_ds ds = { 0 };
	int id = *(int *)arg;

	become(1234);
	R(shmget(0x99, 1, 0400));
	R(shmget(0x99, 1, 0200));
	R(shmget(0x99, 1, 0));
	OK(shmat(id, NULL, SHM_RDONLY));
	OK(shmat(id, NULL, 0));
	OK(shmat(id, NULL, SHM_RDONLY | SHM_EXEC));
	R(shmctl(id, IPC_STAT, &ds));
	R(shmctl(0, SHM_STAT, &ds));
	R(shmctl(0, SHM_STAT_ANY, &ds));
	R(shmctl(id, IPC_SET, &ds));
	R(shmctl(id, IPC_RMID, NULL));
	R(shmctl(id, SHM_LOCK, NULL));
	R(shmctl(id, SHM_UNLOCK, NULL));
	return 0;
}

CASE(rights)
{
	static const unsigned modes[] = { 0600, 0604, 0606, 0666, 0677, 0060 };
	struct shmid_ds ds;

	alone();
	int id = (int)NEED(shmget(0x99, PAGE, IPC_CREAT | 0600));
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		NEED(shmctl(id, IPC_STAT, &ds));
		ds.shm_perm.mode = modes[i];
		if (i == 5)
			ds.shm_perm.gid = 1234;
		say("mode %o\n", modes[i]);
		R(shmctl(id, IPC_SET, &ds));
		in_child("other", as_other, &id);
	}
	ds.shm_perm.mode = 0600 | 01000;
	ds.shm_perm.uid = 1234;
	R(shmctl(id, IPC_SET, &ds));
	in_child("owner", as_other, &id);
	say_segment("removed by its owner", id);
	id = (int)NEED(shmget(0x9a, PAGE, IPC_CREAT | 0600));
	ds.shm_perm.uid = (uid_t)-1;
	R(shmctl(id, IPC_SET, &ds));
}

CASE(control)
{
	struct shmid_ds ds;
	struct shminfo limits;
	struct shm_info info;

	alone();
	R(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits));
	say("max %lu min %lu mni %lu seg %lu all %lu\n", limits.shmmax, limits.shmmin,
	    limits.shmmni, limits.shmseg, limits.shmall);
	NEED(shmget(1, 100, IPC_CREAT | 0600));
	NEED(shmget(2, 3 * PAGE + 1, IPC_CREAT | 0644));
	NEED(shmget(3, 1, IPC_CREAT));
	NEED(shmctl(1, IPC_RMID, NULL));
	R(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits));
	R(shmctl(0, SHM_INFO, (struct shmid_ds *)&info));
	say("used %d pages %lu\n", info.used_ids, info.shm_tot);
	for (int i = 0; i < 4; i++) {
		if (R(shmctl(i, SHM_STAT, &ds)) >= 0)
			say_perm(&ds.shm_perm);
		R(shmctl(i, SHM_STAT_ANY, &ds));
	}
	R(shmctl(0, SHM_LOCK, NULL));
	R(shmctl(0, SHM_LOCK, NULL));
	say_segment("locked", 0);
	R(shmctl(0, SHM_UNLOCK, NULL));
	say_segment("unlocked", 0);
	R(shmctl(0, 99, &ds));
	R(shmctl(0, -1, &ds));
	R(shmctl(-1, IPC_STAT, &ds));
	R(shmctl(0, IPC_STAT, (struct shmid_ds *)8));
	R(shmctl(0, IPC_SET, (struct shmid_ds *)8));
	R(shmctl(0, IPC_INFO, (struct shmid_ds *)8));
}

CASE(limits)
{
	alone();
	say_file("/proc/sys/kernel/shmmax");
	say_file("/proc/sys/kernel/shmall");
	say_file("/proc/sys/kernel/shmmni");
	write_file("/proc/sys/kernel/shmmax", "8192\n");
	R(shmget(IPC_PRIVATE, 8193, 0600));
	R(shmget(IPC_PRIVATE, 8192, 0600));
	write_file("/proc/sys/kernel/shmall", "3");
	R(shmget(IPC_PRIVATE, 8192, 0600));
	R(shmget(IPC_PRIVATE, 4096, 0600));
	write_file("/proc/sys/kernel/shmall", "30");
	write_file("/proc/sys/kernel/shmmni", "3");
	R(shmget(IPC_PRIVATE, 1, 0600));
	R(shmget(IPC_PRIVATE, 1, 0600));
	write_file("/proc/sys/kernel/shmmni", "-1");
	write_file("/proc/sys/kernel/shmmni", "32769");
	write_file("/proc/sys/kernel/shmmni", "x");
	say_file("/proc/sys/kernel/shmmni");
	R(unshare(CLONE_NEWIPC));
	say_file("/proc/sys/kernel/shmmax");
}

/* A namespace goes with its last process, and what is attached outlives it. */
CASE(namespaces)
{
	alone();
	int id = (int)NEED(shmget(5, PAGE, IPC_CREAT | 0600));
	int fd = (int)NEED(open("/proc/self/ns/ipc", O_RDONLY));
	char *p = OK(shmat(id, NULL, 0));
	strcpy(p, "kept");
	R(unshare(CLONE_NEWIPC));
	R(shmget(5, PAGE, 0600));
	say_segment("elsewhere", id);
	say_maps();
	say("%s\n", p);
	R(setns(fd, CLONE_NEWIPC));
	say_segment("back", id);
	R(unshare(CLONE_NEWIPC));
	close(fd);
	say("%s\n", p);
	R(shmdt(p));
}
