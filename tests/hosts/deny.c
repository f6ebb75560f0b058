/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deny ERRNO NUMBER[,NUMBER...] PROGRAM [ARGS...]: runs a program as on a host, or in a container, whose seccomp
 * profile refuses these system calls. `seccomp` with a flag: NUMBER:ARG:VALUE refuses only calls with these bits in
 * that argument.
 */
#include <errno.h>
#include <linux/audit.h>
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

static struct sock_filter code[MAX];
static unsigned len;

static void emit(struct sock_filter f)
{
	if (len == MAX)
		exit(99);
	code[len++] = f;
}

#define LOAD(field)       emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(field)))
#define JUMP(op, k, t, f) emit((struct sock_filter)BPF_JUMP(BPF_JMP | (op) | BPF_K, (k), (t), (f)))
#define VERDICT(k)        emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (k)))

static void deny(char *rule, unsigned error)
{
	char *end;
	unsigned long nr = strtoul(rule, &end, 0);

	LOAD(offsetof(struct seccomp_data, nr));
	if (*end == ':') {
		unsigned long arg = strtoul(end + 1, &end, 0), bits = strtoul(end + 1, &end, 0);
		JUMP(BPF_JEQ, (unsigned)nr, 0, 3);
		LOAD(offsetof(struct seccomp_data, args) + 8 * arg);
		JUMP(BPF_JSET, (unsigned)bits, 0, 1);
	} else {
		JUMP(BPF_JEQ, (unsigned)nr, 0, 1);
	}
	VERDICT(SECCOMP_RET_ERRNO | error);
	if (*end)
		exit(99);
}

int main(int argc, char **argv)
{
	struct sock_fprog prog = { 0, code };

	if (argc < 4) {
		fprintf(stderr, "usage: deny ERRNO NUMBER[:ARG:BITS][,...] PROGRAM [ARGS...]\n");
		return 99;
	}
	for (char *rule = strtok(argv[2], ","); rule; rule = strtok(NULL, ","))
		deny(rule, (unsigned)atoi(argv[1]));
	VERDICT(SECCOMP_RET_ALLOW);
	prog.len = (unsigned short)len;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog)) {
		perror("seccomp");
		return 99;
	}
	execv(argv[3], argv + 3);
	perror(argv[3]);
	return 99;
}
