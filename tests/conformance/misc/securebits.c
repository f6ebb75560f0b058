/* SPDX-License-Identifier: Apache-2.0 */
/* The securebits flags, ambient capabilities and no_new_privs (capabilities(7), prctl(2)), and what
 * /proc/PID/status says of them. */
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <pthread.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "case.h"

#define ALL_BITS 0xfffU /* with those of Linux 6.14 */

static void say_rights(const char *what)
{
	char line[256];
	FILE *f = fopen("/proc/thread-self/status", "r");

	say("%s: securebits 0x%x keep %d nnp %d\n", what, prctl(PR_GET_SECUREBITS),
	    prctl(PR_GET_KEEPCAPS), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	while (f && fgets(line, sizeof line, f)) {
		if (!strncmp(line, "Cap", 3) || !strncmp(line, "NoNew", 5) ||
		    !strncmp(line, "Uid", 3))
			say("%s", line);
	}
	if (f)
		fclose(f);
}

static void set_caps(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = {
		{ (uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable },
		{ (uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
		  (uint32_t)(inheritable >> 32) }
	};

	R(syscall(SYS_capset, &h, d));
}

#define CAP(c) (1UL << (c))

/* All that the thread has: root may have been given less. */
static uint64_t own_caps(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];

	NEED(syscall(SYS_capget, &h, d));
	return d[0].permitted | (uint64_t)d[1].permitted << 32;
}

/* What a program starts with; the other cases execute it. */
ROLE(program)
{
	say_rights("program");
}

static int execute(void *arg)
{
	execl("/proc/self/exe", "securebits", "role:program", NULL);
	return errno;
}

CASE(every_change)
{
	need_root();
	for (unsigned bit = 0; bit < 14; bit++) {
		say("bit %u\n", bit);
		R(prctl(PR_SET_SECUREBITS, 1U << bit, 0, 0, 0));
		X(prctl(PR_GET_SECUREBITS));
	}
	/* one lock after the other: what it locks stays */
	for (unsigned lock = 1; lock < 12; lock += 2) {
		unsigned now = (unsigned)prctl(PR_GET_SECUREBITS);
		R(prctl(PR_SET_SECUREBITS, now | 1U << lock, 0, 0, 0));
		now |= 1U << lock;
		R(prctl(PR_SET_SECUREBITS, now ^ 1U << (lock - 1), 0, 0, 0));
		R(prctl(PR_SET_SECUREBITS, now & ~(1U << lock), 0, 0, 0));
		X(prctl(PR_GET_SECUREBITS));
	}
	R(prctl(PR_SET_SECUREBITS, ALL_BITS, 0, 0, 0));
	R(prctl(PR_SET_SECUREBITS, 1UL << 40, 0, 0, 0));
}

CASE(without_capability)
{
	need_root();
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0));
	set_caps(0, CAP(CAP_SETPCAP) | CAP(CAP_CHOWN), 0);
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0)); /* nothing changes */
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | SECBIT_NOROOT, 0, 0, 0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | 1 << 8, 0, 0, 0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | 1 << 8 | 1 << 9, 0, 0, 0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS | 1 << 9, 0, 0, 0));
	R(prctl(PR_SET_KEEPCAPS, 0));
	R(prctl(PR_SET_KEEPCAPS, 1));
	R(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	say_rights("end");
}

CASE(no_root)
{
	need_root();
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0));
	in_child("root is nobody", execute, NULL);
	set_caps(own_caps(), own_caps(), CAP(CAP_CHOWN));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	in_child("but for what is ambient", execute, NULL);
}

static int change_users(void *arg)
{
	NEED(setgroups(0, NULL));
	R(setresuid(-1, 1000, -1));
	say_rights("effective");
	R(setresuid(-1, 0, -1));
	say_rights("back");
	R(setresuid(1000, 1000, 1000));
	say_rights("all");
	return execute(NULL);
}

/* What a change of user does to capabilities, with each of the flags that say so. */
CASE(changes_of_user)
{
	static const unsigned bits[] = { 0, SECBIT_NO_SETUID_FIXUP, SECBIT_KEEP_CAPS,
					 SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS_LOCKED,
					 SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP };

	need_root();
	set_caps(own_caps(), own_caps(), CAP(CAP_CHOWN) | CAP(CAP_SETUID));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
		R(prctl(PR_SET_SECUREBITS, bits[i], 0, 0, 0));
		in_child("child", change_users, NULL);
		if (bits[i] & SECBIT_KEEP_CAPS_LOCKED)
			break;
	}
}

CASE(file_system_user)
{
	need_root();
	setfsuid(1000);
	say_rights("another user's files");
	set_caps(0, own_caps(), 0);
	setfsuid(0);
	say_rights("root's again");
	R(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
	set_caps(own_caps(), own_caps(), 0);
	R(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0));
	setfsuid(1000);
	say_rights("as before");
}

CASE(ambient)
{
	need_root();
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	set_caps(own_caps(), own_caps(), CAP(CAP_KILL) | CAP(CAP_CHOWN));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 63, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 1, 0));
	R(prctl(PR_CAP_AMBIENT, 7, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
	/* with the inheritable one goes the ambient one */
	set_caps(own_caps(), own_caps(), CAP(CAP_KILL));
	say_rights("one is left");
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
	R(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	set_caps(0, CAP(CAP_KILL), CAP(CAP_KILL));
	R(syscall(SYS_setresuid, 1000, 1000, 1000));
	say_rights("another user");
}

CASE(bounds)
{
	need_root();
	R(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	set_caps(own_caps(), own_caps(), CAP(CAP_CHOWN));
	set_caps(own_caps(), own_caps(), CAP(CAP_KILL));
	R(prctl(PR_CAPBSET_DROP, CAP_KILL));
	in_child("inheritable and not bounded", execute, NULL);
	set_caps(CAP(CAP_KILL), CAP(CAP_KILL), CAP(CAP_KILL));
	set_caps(CAP(CAP_KILL), CAP(CAP_KILL), CAP(CAP_KILL) | CAP(CAP_FOWNER));
	set_caps(CAP(CAP_KILL), CAP(CAP_KILL) | CAP(CAP_FOWNER), 0);
	set_caps(CAP(CAP_KILL), 0, 0);
}

static void *has_privileges(void *arg)
{
	if (*(bool *)arg)
		R(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say_rights("thread");
	return NULL;
}

/* It is a thread's, its children's and what they execute. */
CASE(no_new_privs)
{
	bool set = true;
	pthread_t th;

	need_root();
	R(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
	R(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
	R(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
	R(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(pthread_create(&th, NULL, has_privileges, &set));
	pthread_join(th, NULL);
	set = false;
	say_rights("the first thread");
	R(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	MUST(pthread_create(&th, NULL, has_privileges, &set));
	pthread_join(th, NULL);
	in_child("root without new ones", execute, NULL);
	set_caps(CAP(CAP_KILL), CAP(CAP_KILL), 0);
	in_child("nor those it gave away", execute, NULL);
}

static int enter_namespace(void *arg)
{
	R(unshare(CLONE_NEWUSER));
	say_rights("a user namespace");
	return 0;
}

CASE(namespace)
{
	need_root();
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0));
	R(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	R(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	in_child("child", enter_namespace, NULL);
}
