/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs on the machine that builds, and makes the monitor's seccomp filters of calls.def by
 * libseccomp: making them takes it half a millisecond, which is no time to spend at each start.
 *
 * 	generate ARCH [sanitizer]    a header with a filter for each kind of sandbox
 * 	generate --table             the rows for docs/security.md
 *
 * libseccomp sorts the calls into a tree. In front of that stands a path of our own for the one
 * call that each turn of a guest makes: ioctl(2) with the requests of the platform. The filter is
 * made for the worst case of the turn, which is two of these calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "jail/filter/placeholder.h"

/* Those of <sys/ioctl.h> need struct termios2 of <asm/termbits.h>, which does not go with it. */
#undef TCGETS2
#undef TCSETS2
#undef TCSETSW2
#undef TCSETSF2
#define TCGETS2  0x802c542a
#define TCSETS2  0x402c542b
#define TCSETSW2 0x402c542c
#define TCSETSF2 0x402c542d

/* Linux 6.6 */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif

/* glibc's own, by which it changes the ids of all threads. */
#define SIGSETXID 33

/* What pthread_create(3) asks for. */
#define THREAD_FLAGS                                                                               \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

enum when { ALWAYS = 1, KVM = 2, STUBS = 4, NET = 8, SANITIZER = 16 };

#define LOW     0xffffffffU
#define OWN_PID PLACEHOLDER_PID
#define EQUAL(i, v)                                                                                \
	1,                                                                                         \
	{                                                                                          \
		{                                                                                  \
			i, SCMP_CMP_MASKED_EQ, LOW, (uint32_t)(v)                                  \
		}                                                                                  \
	}
#define LACKS(i, v)                                                                                \
	1,                                                                                         \
	{                                                                                          \
		{                                                                                  \
			i, SCMP_CMP_MASKED_EQ, (v), 0                                              \
		}                                                                                  \
	}
#define TWO(i, v, j, w)                                                                            \
	2,                                                                                         \
	{                                                                                          \
		{ i, SCMP_CMP_MASKED_EQ, LOW, (uint32_t)(v) },                                     \
		{                                                                                  \
			j, SCMP_CMP_MASKED_EQ, LOW, (uint32_t)(w)                                  \
		}                                                                                  \
	}

struct row {
	enum when when;
	const char *call, *test, *why;
	int number; /* of a call that libseccomp may be too old to know; 0: it knows */
	int refuse; /* errno; 0: the call is let through */
	unsigned nr_tests;
	struct scmp_arg_cmp tests[2];
};

static const struct row rows[] = {
#define CALL(w, name, y)         { w, #name, "", y, 0, 0, 0, { { 0 } } },
#define NEW_CALL(w, name, nr, y) { w, #name, "", y, nr, 0, 0, { { 0 } } },
#define CALL_IF(w, name, t, y)   { w, #name, #t, y, 0, 0, t },
#define IOCTL(w, request, y)     { w, "ioctl", #request, y, 0, 0, EQUAL(1, request) },
#define ABSENT(name, err, y)     { ALWAYS, #name, #err, y, 0, err, 0, { { 0 } } },
#include "jail/filter/calls.def"
};

#define NR_ROWS (sizeof rows / sizeof *rows)

static void die(const char *what, int err)
{
	fprintf(stderr, "generate: %s: %s\n", what, strerror(err));
	exit(1);
}

/* ---- the filters ---- */

static const struct target {
	const char *name;
	uint32_t scmp, audit, ioctl;
} targets[] = {
	{ "x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64, 16 },
	{ "aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64, 29 },
};

static const struct target *find_target(const char *name)
{
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		if (strcmp(targets[i].name, name) == 0)
			return &targets[i];
	fprintf(stderr, "generate: no filter is known for '%s'\n", name);
	exit(1);
}

/* A call that the target does not have needs no row. */
static int number_of(const struct target *t, const struct row *r)
{
	return r->number ? r->number : seccomp_syscall_resolve_name_arch(t->scmp, r->call);
}

/* Calls for whose numbers libseccomp knows no name, so that it cannot take them to another CPU. */
struct nameless {
	uint32_t nr[8];
	uint8_t count;
};

static void add_row(scmp_filter_ctx ctx, const struct target *t, const struct row *r, size_t i,
		    struct nameless *rest)
{
	int nr = number_of(t, r);

	if (nr == __NR_SCMP_ERROR)
		die(r->call, ENOSYS);
	if (nr < 0)
		return;
	uint32_t action = r->refuse ? SCMP_ACT_ERRNO((uint32_t)r->refuse) : SCMP_ACT_ALLOW;
	int err = seccomp_rule_add_array(ctx, action, nr, r->nr_tests, r->tests);
	if (err == -EFAULT && r->number && !r->refuse && !r->nr_tests &&
	    rest->count < sizeof rest->nr / sizeof *rest->nr) {
		rest->nr[rest->count++] = (uint32_t)nr;
		return;
	}
	if (err && err != -EEXIST)
		die(r->call, -err);
	(void)seccomp_syscall_priority(ctx, nr, (uint8_t)(i < 255 ? 255 - i : 0));
}

static scmp_filter_ctx build(const struct target *t, unsigned when, struct nameless *rest)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!ctx)
		die("seccomp_init", ENOMEM);
	if (t->scmp != seccomp_arch_native() &&
	    (seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE) || seccomp_arch_add(ctx, t->scmp)))
		die(t->name, EINVAL);
	/* as for any other call: a 32-bit or x32 one */
	int err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (err)
		die("seccomp_attr_set", -err);
	for (size_t i = 0; i < NR_ROWS; i++)
		if ((rows[i].when & when) != 0)
			add_row(ctx, t, &rows[i], i, rest);
	return ctx;
}

static size_t export(scmp_filter_ctx ctx, struct sock_filter *out, size_t room)
{
	FILE *f = tmpfile();

	if (!f)
		die("tmpfile", errno);
	int err = seccomp_export_bpf(ctx, fileno(f));
	if (err)
		die("seccomp_export_bpf", -err);
	ssize_t n = pread(fileno(f), out, room, 0);
	fclose(f);
	if (n <= 0 || (size_t)n % sizeof *out || (size_t)n == room)
		die("seccomp_export_bpf", EFBIG);
	return (size_t)n / sizeof *out;
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))

/* Jumps are relative: what follows need not know. */
static size_t put_fast_path(struct sock_filter *out, const struct target *t, unsigned when)
{
	static const uint32_t stubs[] = { SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND };
	static const uint32_t kvm[] = { KVM_RUN };
	const uint32_t *request = when & KVM ? kvm : stubs;
	uint8_t n = when & KVM ? 1 : 2, len = 0;

	if (!(when & (KVM | STUBS)))
		return 0;
	out[len++] = (struct sock_filter)LOAD(arch);
	out[len++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, t->audit, 0, (uint8_t)(n + 4));
	out[len++] = (struct sock_filter)LOAD(nr);
	out[len++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, t->ioctl, 0, (uint8_t)(n + 2));
	out[len++] = (struct sock_filter)LOAD(args[1]);
	for (uint8_t i = 0; i < n; i++)
		out[len++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, request[i],
						 (uint8_t)(n - 1 - i), (uint8_t)(i == n - 1));
	out[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return len;
}

static size_t put_nameless(struct sock_filter *out, const struct target *t,
			   const struct nameless *rest)
{
	const uint8_t n = rest->count;
	uint8_t len = 0;

	if (!n)
		return 0;
	out[len++] = (struct sock_filter)LOAD(arch);
	out[len++] =
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, t->audit, 0, (uint8_t)(n + 2));
	out[len++] = (struct sock_filter)LOAD(nr);
	for (uint8_t i = 0; i < n; i++)
		out[len++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rest->nr[i],
						 (uint8_t)(n - 1 - i), (uint8_t)(i == n - 1));
	out[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return len;
}

/* The number of our process is a constant in one comparison, and nothing else may look like it. */
static void check_placeholder(const struct sock_filter *f, size_t n)
{
	unsigned found = 0;

	for (size_t i = 0; i < n; i++)
		if (f[i].k == PLACEHOLDER_PID && f[i].code == (BPF_JMP | BPF_JEQ | BPF_K))
			found++;
		else if (f[i].k == PLACEHOLDER_PID)
			die("the placeholder is used otherwise", EINVAL);
	if (!found)
		die("the placeholder is not there", EINVAL);
}

static void print_filter(const char *name, const struct target *t, unsigned when)
{
	static struct sock_filter f[BPF_MAXINSNS];
	struct nameless rest = { 0 };
	scmp_filter_ctx ctx = build(t, when, &rest);
	size_t n = put_fast_path(f, t, when);

	n += put_nameless(f + n, t, &rest);
	n += export(ctx, f + n, sizeof f - n * sizeof *f);
	seccomp_release(ctx);
	check_placeholder(f, n);
	printf("static const struct sock_filter %s[] = {", name);
	for (size_t i = 0; i < n; i++)
		printf("%s{ 0x%x, %u, %u, 0x%x },", i % 4 ? " " : "\n\t", f[i].code, f[i].jt,
		       f[i].jf, f[i].k);
	printf("\n};\n\n");
}

static void print_header(const struct target *t, unsigned sanitizer)
{
	const unsigned all = ALWAYS | sanitizer;

	printf("/* Made by jail/filter/generate.c of calls.def. */\n\n");
	print_filter("filter_kvm", t, all | KVM);
	print_filter("filter_kvm_net", t, all | KVM | NET);
	print_filter("filter_stubs", t, all | STUBS);
	print_filter("filter_stubs_net", t, all | STUBS | NET);
}

/* ---- the table of the documentation ---- */

static void print_table(void)
{
	static const char *const words[] = {
		[ALWAYS] = "always", [KVM] = "KVM", [STUBS] = "no KVM", [NET] = "network"
	};

	for (size_t i = 0; i < NR_ROWS; i++) {
		const struct row *r = &rows[i];
		if (r->when & SANITIZER)
			continue;
		printf("| `%s` | %s%s%s | %s | %s |\n", r->call, *r->test ? "`" : "", r->test,
		       *r->test ? "`" : "", words[r->when], r->why);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--table") == 0)
		print_table();
	else if (argc == 2 || argc == 3)
		print_header(find_target(argv[1]), argc == 3 ? SANITIZER : 0);
	else
		return 2;
	return fflush(stdout) || ferror(stdout);
}
