/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deny ERRNO RULE... -- PROGRAM [ARGS...]: runs a program as on a host, or in a container, whose
 * seccomp profile refuses these system calls with this number:
 *
 * 	NAME             whatever the arguments
 * 	NAME:ARG=VALUE   where that argument has this value (its low 32 bits)
 * 	NAME:ARG&BITS    where it has one of these bits
 * 	listener         nothing is refused, but a supervisor holds the one seccomp listener that a
 *                   process can have
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX 400

static const struct {
	unsigned nr;
	const char *name;
} names[] = {
#define SYSCALL(nr, name, ...) { nr, #name },
#include "sys/syscalls.def"
};

static struct sock_filter code[MAX];
static unsigned short len;

static void die(const char *what)
{
	fprintf(stderr, "deny: %s: %s\n", what, strerror(errno));
	exit(99);
}

static void emit(struct sock_filter f)
{
	errno = E2BIG;
	if (len == MAX)
		die("filter");
	code[len++] = f;
}

#define LOAD(field)       emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(field)))
#define JUMP(op, k, t, f) emit((struct sock_filter)BPF_JUMP(BPF_JMP | (op) | BPF_K, (k), (t), (f)))
#define VERDICT(k)        emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (k)))

static unsigned number_of(const char *name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(name, names[i].name) == 0)
			return names[i].nr;
	}
	errno = EINVAL;
	die(name);
	return 0;
}

static void deny(char *rule, unsigned error)
{
	char *condition = strchr(rule, ':'), *value;

	if (condition)
		*condition++ = '\0';
	LOAD(offsetof(struct seccomp_data, nr));
	JUMP(BPF_JEQ, number_of(rule), 0, condition ? 3 : 1);
	if (condition) {
		LOAD(offsetof(struct seccomp_data, args) + 8 * strtoul(condition, &value, 10));
		JUMP(*value == '&' ? BPF_JSET : BPF_JEQ, (unsigned)strtoul(value + 1, NULL, 0), 0,
		     1);
	}
	VERDICT(SECCOMP_RET_ERRNO | error);
}

static int filter_set(unsigned flags)
{
	struct sock_fprog prog = { len, code };
	int r = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

	if (r < 0)
		die("seccomp");
	len = 0;
	return r;
}

static void take_listener(void)
{
	VERDICT(SECCOMP_RET_ALLOW);
	/* it lives as long as the program */
	fcntl(filter_set(SECCOMP_FILTER_FLAG_NEW_LISTENER), F_SETFD, 0);
}

int main(int argc, char **argv)
{
	int end = 2;

	while (end < argc && strcmp(argv[end], "--") != 0)
		end++;
	if (end + 1 >= argc) {
		fprintf(stderr, "usage: deny ERRNO RULE... -- PROGRAM [ARGS...]\n");
		return 99;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("no_new_privs");
	for (int i = 2; i < end; i++) {
		if (strcmp(argv[i], "listener") == 0)
			take_listener();
	}
	for (int i = 2; i < end; i++) {
		if (strcmp(argv[i], "listener") != 0)
			deny(argv[i], (unsigned)atoi(argv[1]));
	}
	VERDICT(SECCOMP_RET_ALLOW);
	filter_set(0);
	execv(argv[end + 1], argv + end + 1);
	die(argv[end + 1]);
}
