/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of mounts, and of namespaces, against what stat(2) and its kin say. */
#include <linux/nsfs.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "case.h"

struct info {
	unsigned long id, parent;
	unsigned major, minor;
	bool separator; /* "-" ends the optional fields */
};

/* The last line of a mountinfo about `where`, which is what is seen there. */
static bool find(const char *file, const char *where, struct info *out)
{
	FILE *f = fopen(file, "r");
	char line[4096], root[256], point[256];
	bool found = false;
	struct info i;

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lu %lu %u:%u %255s %255s", &i.id, &i.parent, &i.major, &i.minor,
			   root, point) != 6 ||
		    strcmp(point, where))
			continue;
		i.separator = strstr(line, " - ");
		*out = i;
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static unsigned long mount_id(const char *name)
{
	struct statx st;

	NEED(statx(AT_FDCWD, name, 0, STATX_MNT_ID, &st));
	return st.stx_mnt_id;
}

CASE(mountinfo)
{
	static const char *const where[] = { "/proc", "/dev" };
	char above[32], file[64];
	struct info i, its;
	struct stat st;

	for (size_t n = 0; n < sizeof where / sizeof *where; n++) {
		say("%s\n", where[n]);
		V(find("/proc/self/mountinfo", where[n], &i));
		NEED(stat(where[n], &st));
		V(i.major == major(st.st_dev) && i.minor == minor(st.st_dev));
		V(i.separator);
		V(i.id == mount_id(where[n]));
		snprintf(above, sizeof above, "%s/..", where[n]);
		V(i.parent == mount_id(above));
		/* The parent is in the same namespace. */
		snprintf(file, sizeof file, "/proc/%d/mountinfo", getppid());
		V(find(file, where[n], &its) && its.id == i.id && its.parent == i.parent);
	}
	V(find("/proc/self/mountinfo", "/", &i) && i.id == mount_id("/"));
}

/* A mapping of a file in memory has the device that stat(2) tells. */
CASE(device_in_maps)
{
	char name[64], line[4096];
	unsigned maj = 0, min = 0;
	struct stat st;
	FILE *maps;

	snprintf(name, sizeof name, "/dev/shm/device-in-maps-%d", getpid());
	int fd = (int)NEED(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
	NEED(ftruncate(fd, 4096));
	NEED(fstat(fd, &st));
	NEED(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
	maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof line, maps)) {
		if (strstr(line, name))
			V(sscanf(line, "%*s %*s %*s %x:%x", &maj, &min));
	}
	V(maj == major(st.st_dev) && min == minor(st.st_dev));
	fclose(maps);
	NEED(unlink(name));
}

static void *say_own_namespace(void *arg)
{
	char own[64], of_thread[64], name[64];
	ssize_t a, b;

	snprintf(name, sizeof name, "/proc/self/task/%d/ns/%s", gettid(), (const char *)arg);
	b = NEED(readlink(name, of_thread, sizeof of_thread));
	snprintf(name, sizeof name, "/proc/self/ns/%s", (const char *)arg);
	a = NEED(readlink(name, own, sizeof own));
	V(a == b && memcmp(own, of_thread, (size_t)a) == 0);
	return NULL;
}

/* Which user namespace a namespace belongs to, and what stands above it. */
CASE(namespace_owners)
{
	static const char *const kinds[] = { "cgroup", "ipc", "mnt",  "net",
					     "pid",    "uts", "user", "pid_for_children" };
	char name[64], text[64] = "";
	struct stat user, owner;

	NEED(stat("/proc/self/ns/user", &user));
	for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
		say("%s\n", kinds[n]);
		snprintf(name, sizeof name, "/proc/self/ns/%s", kinds[n]);
		int fd = (int)NEED(open(name, O_RDONLY)), of = ioctl(fd, NS_GET_USERNS);
		if (of < 0) {
			say("%s\n", strerrorname_np(errno));
		} else {
			NEED(fstat(of, &owner));
			V(owner.st_ino == user.st_ino && owner.st_dev == user.st_dev);
			snprintf(name, sizeof name, "/proc/self/fd/%d", of);
			NEED(readlink(name, text, sizeof text - 1));
			say("%.5s %x %x\n", text, fcntl(of, F_GETFL), fcntl(of, F_GETFD));
			R(ioctl(of, NS_GET_USERNS));
			X(ioctl(of, NS_GET_NSTYPE));
			close(of);
		}
		R(ioctl(fd, NS_GET_PARENT));
		close(fd);
	}
}

/* The number in a link's text is the inode's, whichever member of the namespace is asked. */
CASE(namespace_files)
{
	static const char *const kinds[] = { "cgroup", "ipc", "mnt", "net", "pid", "user", "uts" };
	char name[64], text[64];
	struct statfs fs;
	struct stat st;
	pthread_t t;

	for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
		say("%s\n", kinds[n]);
		snprintf(name, sizeof name, "/proc/self/ns/%s", kinds[n]);
		text[NEED(readlink(name, text, sizeof text - 1))] = 0;
		int fd = (int)NEED(open(name, O_RDONLY));
		NEED(fstat(fd, &st));
		V(strtoul(strchr(text, '[') + 1, NULL, 10) == st.st_ino);
		NEED(fstatfs(fd, &fs));
		say("0x%lx, 0x%x\n", (unsigned long)fs.f_type, ioctl(fd, NS_GET_NSTYPE));
		close(fd);
		NEED(-pthread_create(&t, NULL, say_own_namespace, (void *)(uintptr_t)kinds[n]));
		pthread_join(t, NULL);
	}
}
