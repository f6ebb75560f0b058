/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that denies: deny ERRNO NAME... -- PROGRAM [ARGS...] runs a program whose system calls of these names fail
 * with this number. The name "listener": a supervisor holds the one seccomp listener a process can have;
 * "kvm-create-vm": that ioctl(2) alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	unsigned nr;
	const char *name;
} names[] = {
#define SYSCALL(nr, name, ...) { nr, #name },
#include "sys/syscalls.def"
};

static void die(const char *what)
{
	fprintf(stderr, "deny: %s: %s\n", what, strerror(errno));
	exit(99);
}

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

static int filter(unsigned flags, unsigned short len, struct sock_filter *code)
{
	struct sock_fprog prog = { len, code };
	int r = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);

	if (r < 0)
		die("seccomp");
	return r;
}

static void take_listener(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	int fd = filter(SECCOMP_FILTER_FLAG_NEW_LISTENER, 1, &allow);

	fcntl(fd, F_SETFD, 0); /* it lives as long as the program */
}

static void deny(unsigned nr, unsigned err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter(0, 4, code);
}

/* Another hypervisor holds the CPU. */
static void deny_vm(unsigned err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_CREATE_VM, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	filter(0, 6, code);
}

int main(int argc, char **argv)
{
	int end = 2;

	while (end < argc && strcmp(argv[end], "--") != 0)
		end++;
	if (end + 1 >= argc)
		return 99;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		die("no_new_privs");
	/* seccomp(2) itself comes last, whatever the order. */
	for (int i = 2; i < end; i++) {
		if (strcmp(argv[i], "listener") == 0)
			take_listener();
		else if (strcmp(argv[i], "kvm-create-vm") == 0)
			deny_vm((unsigned)atoi(argv[1]));
		else if (strcmp(argv[i], "seccomp") != 0)
			deny(number_of(argv[i]), (unsigned)atoi(argv[1]));
	}
	for (int i = 2; i < end; i++) {
		if (strcmp(argv[i], "seccomp") == 0)
			deny(SYS_seccomp, (unsigned)atoi(argv[1]));
	}
	execv(argv[end + 1], argv + end + 1);
	die(argv[end + 1]);
}
