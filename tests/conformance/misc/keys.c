/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and keyrings (keyrings(7)): add_key(2), request_key(2), keyctl(2). Each case has a session
 * keyring of its own; numbers are not printed. */
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "case.h"

#define SESSION KEY_SPEC_SESSION_KEYRING
#define PROCESS KEY_SPEC_PROCESS_KEYRING

static long add(const char *type, const char *desc, const void *data, size_t size, long ring)
{
	return syscall(SYS_add_key, type, desc, data, size, ring);
}

static long request(const char *type, const char *desc, long ring)
{
	return syscall(SYS_request_key, type, desc, NULL, ring);
}

static long ctl(int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return syscall(SYS_keyctl, op, a, b, c, d);
}

/* A number of a key is none that could be compared. */
#define K(call)                                                                                    \
	({                                                                                         \
		long k_ = (long)(call);                                                            \
		say("%s: %s\n", #call, k_ < 0 ? strerrorname_np(errno) : "a key");                 \
		k_;                                                                                \
	})

static void say_key(const char *what, long key)
{
	char buf[5000] = "";
	long n = ctl(KEYCTL_DESCRIBE, (unsigned long)key, (unsigned long)buf, sizeof buf, 0);

	say("%s: %ld \"%s\"\n", what, n < 0 ? -1L : n, n < 0 ? strerrorname_np(errno) : buf);
}

static void say_payload(const char *what, long key)
{
	char buf[100] = "";
	long n = ctl(KEYCTL_READ, (unsigned long)key, (unsigned long)buf, sizeof buf - 1, 0);

	say("%s: %ld \"%s\"\n", what, n < 0 ? -1L : n, n < 0 ? strerrorname_np(errno) : buf);
}

static void begin(void)
{
	NEED(ctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0));
}

CASE(add)
{
	char big[40000] = "", longest[4200];

	begin();
	long k = K(add("user", "first", "text", 4, SESSION));
	say_key("user", k);
	say_payload("user", k);
	say("the same: %d\n", add("user", "first", "other", 5, SESSION) == k);
	say_payload("updated", k);
	long l = K(add("logon", "a:b", "secret", 6, SESSION));
	say_key("logon", l);
	say_payload("logon", l);
	K(add("logon", "b", "secret", 6, SESSION));
	K(add("logon", ":b", "secret", 6, SESSION));
	long r = K(add("keyring", "ring", NULL, 0, SESSION));
	say_key("keyring", r);
	K(add("keyring", "ring", "x", 1, SESSION));
	K(add("keyring", ".ring", NULL, 0, SESSION));
	K(add("user", "none", NULL, 0, SESSION));
	K(add("user", "", "x", 1, SESSION));
	K(add("user", NULL, "x", 1, SESSION));
	K(add("user", "big", big, 32767, SESSION));
	K(add("user", "big", big, 32768, SESSION));
	K(add("user", "big", big, 1 << 20, SESSION));
	K(add("nothing", "x", "x", 1, SESSION));
	K(add(".user", "x", "x", 1, SESSION));
	K(add("", "x", "x", 1, SESSION));
	K(add("a type whose name is much too long to be one", "x", "x", 1, SESSION));
	K(add((char *)8, "x", "x", 1, SESSION));
	K(add("user", (char *)8, "x", 1, SESSION));
	K(add("user", "x", (char *)8, 1, SESSION));
	memset(longest, 'd', sizeof longest);
	longest[4199] = 0;
	K(add("user", longest, "x", 1, SESSION));
	longest[4095] = 0;
	K(add("user", longest, "x", 1, SESSION));
	K(add("user", "x", "x", 1, k));
	K(add("user", "x", "x", 1, 0));
	K(add("user", "x", "x", 1, -6));
	K(add("user", "x", "x", 1, -99));
	K(add("user", "x", "x", 1, 2000000000));
}

CASE(special)
{
	begin();
	K(ctl(KEYCTL_GET_KEYRING_ID, -1UL, 0, 0, 0));
	K(ctl(KEYCTL_GET_KEYRING_ID, -1UL, 1, 0, 0));
	K(ctl(KEYCTL_GET_KEYRING_ID, -2UL, 0, 0, 0));
	K(ctl(KEYCTL_GET_KEYRING_ID, -2UL, 1, 0, 0));
	say_key("thread", -1);
	say_key("process", -2);
	say_key("session", -3);
	say_key("user", -4);
	say_key("user session", -5);
	say_key("group", -6);
	say_key("authority", -7);
	K(ctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)"named", 0, 0, 0));
	say_key("named", -3);
	say("again %d\n", ctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)"named", 0, 0, 0) != 0);
	K(ctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)".named", 0, 0, 0));
	K(ctl(KEYCTL_JOIN_SESSION_KEYRING, 8, 0, 0, 0));
	R(ctl(KEYCTL_SET_REQKEY_KEYRING, -1UL, 0, 0, 0));
	R(ctl(KEYCTL_SET_REQKEY_KEYRING, 3, 0, 0, 0));
	R(ctl(KEYCTL_SET_REQKEY_KEYRING, -1UL, 0, 0, 0));
	R(ctl(KEYCTL_SET_REQKEY_KEYRING, 99, 0, 0, 0));
	R(ctl(KEYCTL_ASSUME_AUTHORITY, 0, 0, 0, 0));
	R(ctl(KEYCTL_ASSUME_AUTHORITY, 77, 0, 0, 0));
	R(ctl(KEYCTL_INSTANTIATE, 1, 0, 0, 0));
	R(ctl(9999, 0, 0, 0, 0));
}

CASE(search)
{
	begin();
	long a = NEED(add("keyring", "a", NULL, 0, SESSION)),
	     b = NEED(add("keyring", "b", NULL, 0, a));
	long k = NEED(add("user", "deep", "x", 1, b));
	say("found %d\n", request("user", "deep", 0) == k);
	say("found %d\n", ctl(KEYCTL_SEARCH, (unsigned long)SESSION, (unsigned long)"user",
			      (unsigned long)"deep", 0) == k);
	K(request("user", "none", 0));
	K(request("nothing", "deep", 0));
	K(request("user", "deep", PROCESS));
	R(ctl(KEYCTL_UNLINK, (unsigned long)k, (unsigned long)PROCESS, 0, 0));
	R(ctl(KEYCTL_UNLINK, (unsigned long)k, (unsigned long)PROCESS, 0, 0));
	K(ctl(KEYCTL_SEARCH, (unsigned long)a, (unsigned long)"user", (unsigned long)"x", 0));
	K(ctl(KEYCTL_SEARCH, (unsigned long)k, (unsigned long)"user", (unsigned long)"x", 0));
	K(ctl(KEYCTL_SEARCH, (unsigned long)a, (unsigned long)"keyring", (unsigned long)"b",
	      (unsigned long)SESSION));
	say("members %ld\n", ctl(KEYCTL_READ, (unsigned long)SESSION, 0, 0, 0));
	R(ctl(KEYCTL_LINK, (unsigned long)a, (unsigned long)b, 0, 0));
	R(ctl(KEYCTL_LINK, (unsigned long)a, (unsigned long)a, 0, 0));
	R(ctl(KEYCTL_LINK, (unsigned long)k, (unsigned long)k, 0, 0));
	R(ctl(KEYCTL_LINK, (unsigned long)k, (unsigned long)a, 0, 0));
	R(ctl(KEYCTL_MOVE, (unsigned long)k, (unsigned long)a, (unsigned long)SESSION, 1));
	R(ctl(KEYCTL_MOVE, (unsigned long)k, (unsigned long)a, (unsigned long)SESSION, 0));
	R(ctl(KEYCTL_MOVE, (unsigned long)k, (unsigned long)b, (unsigned long)SESSION, 1));
	R(ctl(KEYCTL_MOVE, (unsigned long)k, (unsigned long)b, (unsigned long)SESSION, 2));
	R(ctl(KEYCTL_CLEAR, (unsigned long)k, 0, 0, 0));
	R(ctl(KEYCTL_CLEAR, (unsigned long)SESSION, 0, 0, 0));
	K(request("user", "deep", 0));
	say_payload("gone", -3);
}

CASE(ends)
{
	begin();
	long k = NEED(add("user", "k", "data", 4, SESSION));
	R(ctl(KEYCTL_UPDATE, (unsigned long)k, (unsigned long)"more", 4, 0));
	R(ctl(KEYCTL_UPDATE, (unsigned long)k, (unsigned long)"", 0, 0));
	R(ctl(KEYCTL_UPDATE, (unsigned long)k, 8, 4, 0));
	R(ctl(KEYCTL_UPDATE, (unsigned long)SESSION, (unsigned long)"x", 1, 0));
	R(ctl(KEYCTL_SET_TIMEOUT, (unsigned long)k, 1000, 0, 0));
	R(ctl(KEYCTL_SET_TIMEOUT, (unsigned long)k, 0, 0, 0));
	R(ctl(KEYCTL_REVOKE, (unsigned long)k, 0, 0, 0));
	say_payload("revoked", k);
	say_key("revoked", k);
	K(request("user", "k", 0));
	R(ctl(KEYCTL_REVOKE, (unsigned long)k, 0, 0, 0));
	K(add("user", "other", "data", 4, SESSION));
	long r = NEED(add("keyring", "r", NULL, 0, SESSION));
	R(ctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)r, 0, 0, 0));
	R(ctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)r, 0, 0, 0));
	K(add("user", "x", "x", 1, r));
}

CASE(rights)
{
	begin();
	long k = NEED(add("user", "k", "data", 4, SESSION));
	R(ctl(KEYCTL_SETPERM, (unsigned long)k, 0x3f000000, 0, 0));
	R(ctl(KEYCTL_SETPERM, (unsigned long)k, 0x7f000000, 0, 0));
	say_key("possessed", k);
	R(ctl(KEYCTL_SETPERM, (unsigned long)k, 0x39000000, 0, 0));
	say_payload("searchable", k);
	R(ctl(KEYCTL_UPDATE, (unsigned long)k, (unsigned long)"more", 4, 0));
	R(ctl(KEYCTL_SETPERM, (unsigned long)k, 0x21000000, 0, 0));
	say_payload("not searchable", k);
	say("buffer %d\n", ctl(KEYCTL_DESCRIBE, (unsigned long)SESSION, 0, 0, 0) > 0);
	char label[4] = "xx";
	R(ctl(KEYCTL_GET_SECURITY, (unsigned long)SESSION, (unsigned long)label, 4, 0));
	say("label \"%s\"\n", label);
}

static int child_sees(void *arg)
{
	say_key("session", -3);
	say("found %d\n", request("user", "k", 0) == *(long *)arg);
	K(ctl(KEYCTL_GET_KEYRING_ID, -2UL, 0, 0, 0));
	return 0;
}

CASE(children)
{
	begin();
	long k = NEED(add("user", "k", "data", 4, SESSION));
	NEED(add("user", "own", "data", 4, PROCESS));
	in_child("child", child_sees, &k);
	K(request("user", "own", 0));
}

/* Keyrings in keyrings: how deep is looked, and which circle is found. */
CASE(depth)
{
	long ring[12];

	begin();
	ring[0] = NEED(add("keyring", "r0", NULL, 0, SESSION));
	for (int i = 1; i < 12; i++) {
		char name[8];
		snprintf(name, sizeof name, "r%d", i);
		ring[i] = NEED(add("keyring", name, NULL, 0, SESSION));
		NEED(ctl(KEYCTL_SETPERM, (unsigned long)ring[i], 0x3f3f0000, 0, 0));
		NEED(ctl(KEYCTL_LINK, (unsigned long)ring[i], (unsigned long)ring[i - 1], 0, 0));
		NEED(ctl(KEYCTL_UNLINK, (unsigned long)ring[i], (unsigned long)SESSION, 0, 0));
	}
	for (int i = 0; i < 12; i++) {
		char name[8];
		snprintf(name, sizeof name, "k%d", i);
		long k = add("user", name, "x", 1, ring[i]);
		say("%d %d\n", i, k > 0);
		if (k > 0)
			say("%d %d\n", i, request("user", name, 0) == k);
	}
	for (int i = 0; i < 12; i++)
		R(ctl(KEYCTL_LINK, (unsigned long)ring[i], (unsigned long)ring[11], 0, 0));
	for (int i = 0; i < 12; i++) {
		long other = NEED(add("keyring", "other", NULL, 0, SESSION));
		R(ctl(KEYCTL_LINK, (unsigned long)ring[i], (unsigned long)other, 0, 0));
		R(ctl(KEYCTL_CLEAR, (unsigned long)other, 0, 0, 0));
	}
}

static void say_ring(const char *what, long ring)
{
	int32_t keys[64];
	long n = ctl(KEYCTL_READ, (unsigned long)ring, (unsigned long)keys, sizeof keys, 0);

	say("%s: %ld\n", what, n < 0 ? -errno : n / (long)sizeof *keys);
}

CASE(invalidate)
{
	begin();
	long r = NEED(add("keyring", "r", NULL, 0, SESSION));
	long k = NEED(add("user", "k", "data", 4, r));
	NEED(ctl(KEYCTL_LINK, (unsigned long)k, (unsigned long)SESSION, 0, 0));
	R(ctl(KEYCTL_REVOKE, (unsigned long)k, 0, 0, 0));
	R(ctl(KEYCTL_LINK, (unsigned long)k, (unsigned long)r, 0, 0));
	say_ring("with a revoked one", r);
	K(add("user", "k", "new", 3, r));
	say_ring("with a new one", r);
	K(request("user", "k", 0));
	R(ctl(KEYCTL_REVOKE, (unsigned long)r, 0, 0, 0));
	say_ring("revoked", r);
	K(add("user", "k", "data", 4, r));
	K(request("user", "k", 0));
	K(request("keyring", "r", 0));
	R(ctl(KEYCTL_INVALIDATE, (unsigned long)r, 0, 0, 0));
	R(ctl(KEYCTL_UNLINK, (unsigned long)r, (unsigned long)SESSION, 0, 0));
	K(request("keyring", "r", 0));
	k = NEED(add("user", "short", "data", 4, SESSION));
	R(ctl(KEYCTL_SET_TIMEOUT, (unsigned long)k, 1, 0, 0));
	while (ctl(KEYCTL_DESCRIBE, (unsigned long)k, 0, 0, 0) >= 0)
		usleep(20000);
	say_payload("expired", k);
	say_key("expired", k);
	K(request("user", "short", 0));
	R(ctl(KEYCTL_SET_TIMEOUT, (unsigned long)k, 0, 0, 0));
	say("again %d\n", add("user", "short", "more", 4, SESSION) == k);
	say_payload("again", k);
}

/* The line of a key in /proc/keys, behind its number. */
static void say_line(const char *what, long key)
{
	char line[512], number[16];
	FILE *f = fopen("/proc/keys", "r");
	bool found = false;

	snprintf(number, sizeof number, "%08lx", key);
	while (f && fgets(line, sizeof line, f)) {
		if (strncmp(line, number, 8))
			continue;
		say("%s:%s", what, line + 8);
		found = true;
	}
	if (!found)
		say("%s: no line\n", what);
	if (f)
		fclose(f);
}

CASE(lines)
{
	begin();
	long s = ctl(KEYCTL_GET_KEYRING_ID, (unsigned long)SESSION, 0, 0, 0);
	say_line("session", s);
	long k = NEED(add("user", "k", "data", 4, SESSION));
	say_line("key", k);
	say_line("session", s);
	NEED(ctl(KEYCTL_SET_TIMEOUT, (unsigned long)k, 90 * 60 + 30, 0, 0));
	say_line("an hour", k);
	NEED(ctl(KEYCTL_SET_TIMEOUT, (unsigned long)k, 15 * 86400 + 30, 0, 0));
	say_line("two weeks", k);
	NEED(ctl(KEYCTL_SETPERM, (unsigned long)k, 0x3e000000, 0, 0));
	say_line("not to be seen", k);
	NEED(ctl(KEYCTL_SETPERM, (unsigned long)k, 0x01000000, 0, 0));
	say_line("not to be searched", k);
	long r = NEED(add("keyring", "a ring", NULL, 0, SESSION));
	NEED(ctl(KEYCTL_REVOKE, (unsigned long)r, 0, 0, 0));
	say_line("revoked", r);
	long l = NEED(add("logon", "a:b", "secret", 6, SESSION));
	say_line("logon", l);
	long p = ctl(KEYCTL_GET_KEYRING_ID, (unsigned long)PROCESS, 1, 0, 0);
	say_line("process", p);
	char buf[200];
	static const char *const limits[] = { "gc_delay",      "maxbytes",
					      "maxkeys",       "persistent_keyring_expiry",
					      "root_maxbytes", "root_maxkeys" };
	for (int i = 0; i < 6; i++) {
		snprintf(buf, sizeof buf, "/proc/sys/kernel/keys/%s", limits[i]);
		int fd = open(buf, O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
		say("%s: %.*s", limits[i], (int)(n < 0 ? 0 : n), buf);
		close(fd);
	}
}

static void become(unsigned id)
{
	NEED(setgroups(0, NULL));
	NEED(setresgid(id, id, id));
	NEED(setresuid(id, id, id));
}

/* A user of its own, whom nobody else is: what of quotas is used. */
static void say_quota(const char *what, unsigned uid)
{
	char line[200];
	FILE *f = fopen("/proc/key-users", "r");
	bool found = false;

	while (f && fgets(line, sizeof line, f)) {
		if ((unsigned)atoi(line) != uid)
			continue;
		say("%s: %s", what, strchr(line, ':') + 1);
		found = true;
	}
	if (!found)
		say("%s: nothing\n", what);
	if (f)
		fclose(f);
}

/* Users of this run's own: keys go when the kernel has time, and some stay. */
static unsigned somebody;

static void choose_somebody(void)
{
	need_root();
	somebody = 1000000 + (unsigned)getpid() * 4;
}

static int owns_keys(void *arg)
{
	char data[4000] = "", name[32];
	int n = 0;

	become(somebody);
	begin();
	K(ctl(KEYCTL_GET_PERSISTENT, -1UL, (unsigned long)SESSION, 0, 0));
	K(ctl(KEYCTL_GET_KEYRING_ID, -4UL, 0, 0, 0));
	say_quota("own keyrings", somebody);
	long k = NEED(add("user", "k", data, 1000, SESSION));
	say_quota("a key", somebody);
	R(ctl(KEYCTL_UPDATE, (unsigned long)k, (unsigned long)data, 10, 0));
	say_quota("a smaller one", somebody);
	R(ctl(KEYCTL_REVOKE, (unsigned long)k, 0, 0, 0));
	say_quota("revoked", somebody);
	k = NEED(add("user", "other", "data", 4, SESSION));
	R(ctl(KEYCTL_CHOWN, (unsigned long)k, 0, -1UL, 0));
	R(ctl(KEYCTL_CHOWN, (unsigned long)k, -1UL, somebody, 0));
	R(ctl(KEYCTL_CHOWN, (unsigned long)k, -1UL, somebody + 1, 0));
	R(ctl(KEYCTL_GET_PERSISTENT, 0, (unsigned long)SESSION, 0, 0));
	for (n = 0; n < 10; n++) {
		snprintf(name, sizeof name, "large%d", n);
		if (add("user", name, data, sizeof data, SESSION) < 0)
			break;
	}
	say("%d large ones, %s\n", n, strerrorname_np(errno));
	return 0;
}

static int owns_many(void *arg)
{
	char name[32];
	int n = 0;

	become(somebody + 2);
	begin();
	while (n < 1000) {
		snprintf(name, sizeof name, "s%d", n);
		if (add("user", name, "x", 1, SESSION) < 0)
			break;
		n++;
	}
	say("%d small ones, %s\n", n, strerrorname_np(errno));
	return 0;
}

CASE(quotas)
{
	choose_somebody();
	in_child("owner", owns_keys, NULL);
	in_child("owner of many", owns_many, NULL);
}

#define OTHER 54321U

static int other_user(void *arg)
{
	long *k = arg;

	become(OTHER);
	begin(); /* without the session that they are in, it possesses none of them */
	say_key("theirs", k[0]);
	say_payload("theirs", k[0]);
	say_key("everybody's", k[1]);
	say_payload("everybody's", k[1]);
	R(ctl(KEYCTL_UPDATE, (unsigned long)k[1], (unsigned long)"new", 3, 0));
	R(ctl(KEYCTL_SETPERM, (unsigned long)k[1], 0x3f3f3f3f, 0, 0));
	R(ctl(KEYCTL_LINK, (unsigned long)k[1], (unsigned long)PROCESS, 0, 0));
	say_key("the group's", k[2]);
	R(ctl(KEYCTL_REVOKE, (unsigned long)k[1], 0, 0, 0));
	R(ctl(KEYCTL_GET_KEYRING_ID, -5UL, 0, 0, 0) > 0);
	return 0;
}

CASE(users)
{
	need_root();
	begin();
	long k[3] = { NEED(add("user", "a", "data", 4, SESSION)),
		      NEED(add("user", "b", "data", 4, SESSION)),
		      NEED(add("user", "c", "data", 4, SESSION)) };
	NEED(ctl(KEYCTL_SETPERM, (unsigned long)k[1], 0x3f3f003f, 0, 0));
	NEED(ctl(KEYCTL_SETPERM, (unsigned long)k[2], 0x3f3f0100, 0, 0));
	R(ctl(KEYCTL_CHOWN, (unsigned long)k[2], 5, OTHER, 0));
	say_key("given away", k[2]);
	in_child("other", other_user, k);
}

static void *thread_keyrings(void *arg)
{
	say_key("thread's", -1);
	say_key("process's", -2);
	return NULL;
}

CASE(threads)
{
	pthread_t th;

	begin();
	K(ctl(KEYCTL_GET_KEYRING_ID, -2UL, 1, 0, 0));
	NEED(pthread_create(&th, NULL, thread_keyrings, NULL));
	pthread_join(th, NULL);
	K(ctl(KEYCTL_GET_KEYRING_ID, -1UL, 1, 0, 0));
	NEED(pthread_create(&th, NULL, thread_keyrings, NULL));
	pthread_join(th, NULL);
	if (!geteuid()) {
		NEED(syscall(SYS_setresuid, -1, 12345, -1));
		say_key("another user's", -1);
		say_key("another user's", -2);
	}
}

static int give_parent(void *arg)
{
	begin();
	NEED(add("user", "from below", "data", 4, SESSION));
	R(ctl(KEYCTL_SESSION_TO_PARENT, 0, 0, 0, 0));
	return 0;
}

CASE(parent)
{
	begin();
	K(request("user", "from below", 0));
	in_child("child", give_parent, NULL);
	K(request("user", "from below", 0));
}

static int in_namespace(void *arg)
{
	long *k = arg;

	R(unshare(CLONE_NEWUSER));
	say_key("session", -3);
	say_key("user", -4);
	say_key("a key", k[0]);
	K(ctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)"known outside", 0, 0, 0));
	say("the same %d\n", ctl(KEYCTL_GET_KEYRING_ID, (unsigned long)SESSION, 0, 0, 0) == k[1]);
	R(ctl(KEYCTL_CHOWN, (unsigned long)k[0], 0, -1UL, 0));
	K(ctl(KEYCTL_GET_PERSISTENT, 0, (unsigned long)PROCESS, 0, 0));
	say("a file %d\n", fopen("/proc/keys", "r") != NULL);
	return 0;
}

CASE(namespaces)
{
	long k[2];

	need_root();
	k[1] = NEED(ctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)"known outside", 0, 0, 0));
	NEED(ctl(KEYCTL_SETPERM, (unsigned long)k[1], 0x3f3f0000, 0, 0));
	NEED(ctl(KEYCTL_LINK, (unsigned long)k[1], (unsigned long)PROCESS, 0, 0));
	k[0] = NEED(add("user", "k", "data", 4, SESSION));
	in_child("child", in_namespace, k);
	say("the same %d\n",
	    ctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)"known outside", 0, 0, 0) != 0);
	begin();
	say("the same %d\n",
	    ctl(KEYCTL_JOIN_SESSION_KEYRING, (unsigned long)"known outside", 0, 0, 0) == k[1]);
}

CASE(operations)
{
	unsigned char bits[4] = { 9, 9, 9, 9 };

	begin();
	long k = NEED(add("user", "k", "data", 4, SESSION));
	for (int op = 33; op < 40; op++)
		R(ctl(op, 0, 0, 0, 0));
	R(ctl(-1, 0, 0, 0, 0));
	R(ctl(KEYCTL_REJECT, (unsigned long)k, 10, 0, 0));
	R(ctl(KEYCTL_REJECT, (unsigned long)k, 10, 5, 0));
	R(ctl(KEYCTL_NEGATE, (unsigned long)k, 10, 0, 0));
	R(ctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)SESSION, (unsigned long)"user", 0, 0));
	R(ctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)SESSION, 0, (unsigned long)"x", 0));
	R(ctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)SESSION, (unsigned long)"user",
	      (unsigned long)"x", 0));
	R(ctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)SESSION, (unsigned long)"none",
	      (unsigned long)"x", 0));
	R(ctl(KEYCTL_RESTRICT_KEYRING, (unsigned long)k, 0, 0, 0));
	R(ctl(31, (unsigned long)bits, 0, 0, 0)); /* KEYCTL_CAPABILITIES */
	R(ctl(31, (unsigned long)bits, 4, 0, 0));
	say("%d %d %d\n", bits[0] & 0xe3, bits[2], bits[3]);
	R(ctl(31, 8, 4, 0, 0));
}
