/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2): which filters are taken, what each action does to a call, who has which filters, and
 * how it all looks from outside. */
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>

#include "seccomp_case.h"

static int yes = 1; /* an argument that is not NULL */

static void say_lines(const char *path, const char *const *names, size_t n)
{
	char buf[8192];
	int fd = NEED(open(path, O_RDONLY));
	ssize_t len = NEED(read(fd, buf, sizeof buf - 1));

	close(fd);
	buf[len] = 0;
	for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		for (size_t i = 0; i < n; i++) {
			if (!strncmp(line, names[i], strlen(names[i])))
				say("  %s\n", line);
		}
	}
}

static void say_state(void)
{
	static const char *const names[] = { "NoNewPrivs:", "Seccomp:", "Seccomp_filters:" };

	say_lines("/proc/self/status", names, LEN(names));
}

/* ---- what is asked of the calls themselves ---- */

CASE(arguments)
{
	struct seccomp_notif_sizes sizes = { 0 };
	uint32_t actions[] = { SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
			       SECCOMP_RET_ERRNO,        SECCOMP_RET_USER_NOTIF,  SECCOMP_RET_TRACE,
			       SECCOMP_RET_LOG,          SECCOMP_RET_ALLOW,       0x12340000,
			       SECCOMP_RET_ERRNO | 5 };

	for (size_t i = 0; i < LEN(actions); i++) {
		say("0x%x: ", actions[i]);
		R(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]));
	}
	R(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &actions[0]));
	R(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL));
	R(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes));
	say("%u %u %u\n", sizes.seccomp_notif, sizes.seccomp_notif_resp, sizes.seccomp_data);
	R(seccomp(SECCOMP_GET_NOTIF_SIZES, 1, &sizes));
	R(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, (void *)8));
	R(seccomp(99, 0, NULL));
	R(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL));
	R(seccomp(SECCOMP_SET_MODE_STRICT, 0, &sizes));
	R(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL));
	R(seccomp(SECCOMP_SET_MODE_FILTER, 0, (void *)8));
	for (unsigned bit = 0; bit < 8; bit++) {
		say("flag %u: ", bit);
		R(seccomp(SECCOMP_SET_MODE_FILTER, 1U << bit, (void *)8));
	}
	R(seccomp(SECCOMP_SET_MODE_FILTER, 1 | 8, (void *)8));
	R(seccomp(SECCOMP_SET_MODE_FILTER, 1 | 8 | 16, (void *)8));
	R(prctl(PR_SET_SECCOMP, 0, 0, 0, 0));
	R(prctl(PR_SET_SECCOMP, 3, 0, 0, 0));
	R(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 0, 0, 0));
	R(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, 8, 0, 0));
	R(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
}

CASE(who_may_filter)
{
	need_root();
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

	R(install(0, &allow, 1));
	NEED(setresuid(4321, 4321, 4321));
	R(install(0, &allow, 1));
	R(install(0, &allow, 0));
	R(install(0, NULL, 1));
	R(install(0, (void *)8, 1));
	say_state();
	no_new_privs();
	R(install(0, NULL, 1));
	R(install(0, (void *)8, 1));
	R(install(0, &allow, 1));
	R(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){ 1, &allow }, 0, 0));
	R(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
	say_state();
}

/* ---- programs ---- */

#define RET BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void try(const char *what, struct sock_filter *prog, size_t len)
{
	say("%s: ", what);
	R(install(0, prog, len));
}

/* Each code there is, with a constant that means something to most, before a return. */
CASE(codes)
{
	no_new_privs();
	for (unsigned code = 0; code < 0x200; code++) {
		struct sock_filter prog[] = {
			BPF_STMT(BPF_ST, 4), { code, 0, 0, 4 }, RET, RET, RET, RET, RET, RET
		};
		errno = 0;
		if (!install(0, prog, LEN(prog)))
			say("0x%x ", code);
		else if (errno != EINVAL)
			say("0x%x %s ", code, strerrorname_np(errno));
	}
	say("\n");
}

CASE(programs)
{
	static struct sock_filter many[4097];

	no_new_privs();
	try("empty", many, 0);
	try("one", (struct sock_filter[]){ RET }, 1);
	try("return A",
	    (struct sock_filter[]){ BPF_STMT(BPF_LD | BPF_IMM, SECCOMP_RET_ALLOW),
				    BPF_STMT(BPF_RET | BPF_A, 0) },
	    2);
	try("no return", (struct sock_filter[]){ BPF_STMT(BPF_LD | BPF_IMM, 1) }, 1);
	try("jump behind", (struct sock_filter[]){ BPF_STMT(BPF_JMP | BPF_JA, 1), RET }, 2);
	try("jump far", (struct sock_filter[]){ BPF_STMT(BPF_JMP | BPF_JA, -1), RET }, 2);
	try("jump last", (struct sock_filter[]){ BPF_STMT(BPF_JMP | BPF_JA, 0), RET }, 2);
	try("branch behind", (struct sock_filter[]){ BPF_JUMP(BPF_JMP | BPF_JEQ, 1, 0, 1), RET },
	    2);
	try("branch", (struct sock_filter[]){ BPF_JUMP(BPF_JMP | BPF_JEQ, 1, 0, 0), RET }, 2);
	for (unsigned at = 0; at <= 68; at += 2)
		try("load", (struct sock_filter[]){ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at), RET },
		    2);
	try("load 2^31",
	    (struct sock_filter[]){ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 1U << 31), RET }, 2);
	try("half", (struct sock_filter[]){ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RET }, 2);
	try("indirect", (struct sock_filter[]){ BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RET }, 2);
	try("divide by 0", (struct sock_filter[]){ BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET },
	    2);
	try("shift by 31", (struct sock_filter[]){ BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 31), RET },
	    2);
	try("shift by 32", (struct sock_filter[]){ BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET },
	    2);
	try("modulo", (struct sock_filter[]){ BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RET }, 2);
	try("memory 15", (struct sock_filter[]){ BPF_STMT(BPF_ST, 15), RET }, 2);
	try("memory 16", (struct sock_filter[]){ BPF_STMT(BPF_ST, 16), RET }, 2);
	try("not stored", (struct sock_filter[]){ BPF_STMT(BPF_LD | BPF_MEM, 3), RET }, 2);
	try("stored",
	    (struct sock_filter[]){ BPF_STMT(BPF_STX, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3), RET }, 3);
	try("stored on one way",
	    (struct sock_filter[]){ BPF_JUMP(BPF_JMP | BPF_JEQ, 1, 0, 1), BPF_STMT(BPF_ST, 3),
				    BPF_STMT(BPF_LD | BPF_MEM, 3), RET },
	    4);
	try("stored on both",
	    (struct sock_filter[]){ BPF_JUMP(BPF_JMP | BPF_JEQ, 1, 0, 2), BPF_STMT(BPF_ST, 3),
				    BPF_STMT(BPF_JMP | BPF_JA, 1), BPF_STMT(BPF_ST, 3),
				    BPF_STMT(BPF_LD | BPF_MEM, 3), RET },
	    6);
	for (size_t i = 0; i < LEN(many); i++)
		many[i] = (struct sock_filter)RET;
	try("4096", many, 4096);
	try("4097", many, 4097);
}

/* How many of a kind fit, until all together are too long: by what Linux makes of them. */
static int fill(void *arg)
{
	const struct sock_filter *kind = arg;
	struct sock_filter prog[1001];
	int n = 0;

	no_new_privs();
	for (size_t i = 0; i < LEN(prog); i++)
		prog[i] = *kind;
	prog[0] = (struct sock_filter)BPF_STMT(BPF_ST, 1);
	prog[LEN(prog) - 1] = (struct sock_filter)RET;
	errno = 0;
	while (!install(0, prog, LEN(prog)))
		n++;
	say("code 0x%x jt %d jf %d k 0x%x: %d, then %s; ", kind->code, kind->jt, kind->jf, kind->k,
	    n, strerrorname_np(errno));
	size_t last = LEN(prog) - 1;
	while (last && install(0, prog + last, LEN(prog) - last) == 0)
		last--;
	say("%zu\n", last);
	return 0;
}

CASE(length_of_all)
{
	struct sock_filter kinds[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
		BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 3),
		BPF_STMT(BPF_JMP | BPF_JA, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, -5, 0, 0),
		BPF_STMT(BPF_RET | BPF_A, 0),
		RET,
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_ALU | BPF_NEG, 0),
	};

	for (size_t i = 0; i < LEN(kinds); i++)
		reap("child", child(fill, &kinds[i]));
}

/* What a program computes, as the error of a call. */
static int computes(void *arg)
{
	const struct sock_fprog *body = arg;
	struct sock_filter prog[64] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, DATA(nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 1, 0),
		RET,
	};
	size_t n = 3;

	for (size_t i = 0; i < body->len; i++)
		prog[n++] = body->filter[i];
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
	prog[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	no_new_privs();
	NEED(install(0, prog, n));
	errno = 0;
	long r = syscall(SYS_getpgid, 0x123456789abcdef0, 77, 0xfffffffffffffff0, 4, 5, 6);
	say("%ld %d\n", r, errno);
	return 0;
}

#define COMPUTE(...)                                                                               \
	do {                                                                                       \
		struct sock_filter body_[] = { __VA_ARGS__ };                                      \
		struct sock_fprog p_ = { LEN(body_), body_ };                                      \
		say("%s: ", #__VA_ARGS__);                                                         \
		reap("child", child(computes, &p_));                                               \
	} while (0)
#define LD(at)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define IMM(v)      BPF_STMT(BPF_LD | BPF_IMM, v)
#define IMMX(v)     BPF_STMT(BPF_LDX | BPF_IMM, v)
#define ALU(op, k)  BPF_STMT(BPF_ALU | BPF_##op | BPF_K, k)
#define ALUX(op)    BPF_STMT(BPF_ALU | BPF_##op | BPF_X, 0)
#define TEST(op, k) BPF_JUMP(BPF_JMP | BPF_##op | BPF_K, k, 0, 1), IMM(1), IMM(2)

CASE(arithmetic)
{
	COMPUTE(LD(DATA(arch)));
	COMPUTE(LD(DATA(arch)), ALU(RSH, 20));
	COMPUTE(LD(DATA(args[0])));
	COMPUTE(LD(DATA(args[0]) + 4));
	COMPUTE(LD(DATA(args[1])));
	COMPUTE(LD(DATA(args[2])), ALU(RSH, 24));
	COMPUTE(LD(DATA(args[5])));
	COMPUTE(LD(DATA(instruction_pointer)), ALU(RSH, 31));
	COMPUTE(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 7));
	COMPUTE(BPF_STMT(BPF_LDX | BPF_W | BPF_LEN, 7), BPF_STMT(BPF_MISC | BPF_TXA, 0));
	COMPUTE(IMM(5), ALU(ADD, 6));
	COMPUTE(IMM(5), ALU(SUB, 6));
	COMPUTE(IMM(5), ALU(SUB, 6), ALU(RSH, 28));
	COMPUTE(IMM(77), ALU(MUL, 13));
	COMPUTE(IMM(-77), ALU(DIV, 13), ALU(RSH, 20));
	COMPUTE(IMM(77), IMMX(0), ALUX(DIV));
	COMPUTE(IMM(77), IMMX(5), ALUX(DIV));
	COMPUTE(IMM(1), IMMX(33), ALUX(LSH));
	COMPUTE(IMM(256), IMMX(36), ALUX(RSH));
	COMPUTE(IMM(0xf0f), ALU(XOR, 0xff));
	COMPUTE(IMM(3), BPF_STMT(BPF_ALU | BPF_NEG, 0));
	COMPUTE(IMM(7), BPF_STMT(BPF_ST, 2), IMM(9), BPF_STMT(BPF_LDX | BPF_MEM, 2), ALUX(ADD));
	COMPUTE(IMM(7), BPF_STMT(BPF_MISC | BPF_TAX, 0), ALUX(MUL));
	COMPUTE(IMM(-1), TEST(JGT, 5));
	COMPUTE(IMM(-1), TEST(JGE, -1));
	COMPUTE(IMM(-1), TEST(JEQ, -1));
	COMPUTE(IMM(0x80), TEST(JSET, 0x81));
	COMPUTE(IMM(0x80), TEST(JSET, 0x7f));
	COMPUTE(IMM(3), IMMX(4), BPF_JUMP(BPF_JMP | BPF_JGT | BPF_X, 0, 1, 0), IMM(8));
}

/* ---- actions ---- */

static void on_sigsys(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	say("  %s code %d errno %d nr %d arch 0x%x here %d rax %lld\n", signal_name(sig),
	    si->si_code, si->si_errno, si->si_syscall, si->si_arch,
	    (greg_t)si->si_call_addr == uc->uc_mcontext.gregs[REG_RIP],
	    (long long)uc->uc_mcontext.gregs[REG_RAX]);
	if (si->si_errno == 2)
		uc->uc_mcontext.gregs[REG_RAX] = 1234;
}

static int acts(void *arg)
{
	uint32_t action = *(uint32_t *)arg;
	struct sigaction sa = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

	no_new_privs();
	sigaction(SIGSYS, &sa, NULL);
	NEED(on_call(0, SYS_getpgid, action));
	errno = 0;
	long r = syscall(SYS_getpgid, -5, 1, 2);
	say("  0x%x: %ld %s\n", action, r, strerrorname_np(errno));
	R(syscall(SYS_getpriority, 9, 0));
	return 7;
}

CASE(actions)
{
	static uint32_t actions[] = {
		SECCOMP_RET_ALLOW,
		SECCOMP_RET_ALLOW | 5,
		SECCOMP_RET_LOG,
		SECCOMP_RET_TRACE | 3,
		SECCOMP_RET_USER_NOTIF,
		SECCOMP_RET_ERRNO,
		SECCOMP_RET_ERRNO | 1,
		SECCOMP_RET_ERRNO | 4095,
		SECCOMP_RET_ERRNO | 4096,
		SECCOMP_RET_ERRNO | 0xffff,
		SECCOMP_RET_ERRNO | 512,
		SECCOMP_RET_TRAP,
		SECCOMP_RET_TRAP | 1,
		SECCOMP_RET_TRAP | 2,
		SECCOMP_RET_KILL_THREAD,
		SECCOMP_RET_KILL_THREAD | 9,
		SECCOMP_RET_KILL_PROCESS,
		0x12340000,
		0x7fc80000,
	};

	NEED(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	for (size_t i = 0; i < LEN(actions); i++) {
		say("0x%x\n", actions[i]);
		reap("child", child(acts, &actions[i]));
	}
}

static int trapped_without_handler(void *arg)
{
	if (arg) {
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
	} else {
		signal(SIGSYS, SIG_IGN);
	}
	no_new_privs();
	NEED(on_call(0, SYS_getpgid, SECCOMP_RET_TRAP));
	syscall(SYS_getpgid, 0);
	return 7;
}

CASE(trap_without_a_handler)
{
	reap("ignored", child(trapped_without_handler, NULL));
	reap("blocked", child(trapped_without_handler, &yes));
}

/* The strictest of all that apply, and of equals the one that was added last. */
static int several(void *arg)
{
	uint32_t *actions = arg;

	no_new_privs();
	signal(SIGSYS, SIG_DFL);
	for (int i = 0; i < 3; i++)
		NEED(on_call(0, SYS_getpgid, actions[i]));
	errno = 0;
	long r = syscall(SYS_getpgid, -5);
	say("  %ld %s\n", r, strerrorname_np(errno));
	say_state();
	return 0;
}

CASE(precedence)
{
	static uint32_t sets[][3] = {
		{ SECCOMP_RET_ERRNO | 1, SECCOMP_RET_ERRNO | 2, SECCOMP_RET_ERRNO | 3 },
		{ SECCOMP_RET_ERRNO | 1, SECCOMP_RET_ALLOW, SECCOMP_RET_LOG },
		{ SECCOMP_RET_TRACE, SECCOMP_RET_ERRNO | 5, SECCOMP_RET_ALLOW },
		{ SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_ERRNO | 7 },
		{ SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO | 5, SECCOMP_RET_ALLOW },
		{ SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ERRNO | 5, SECCOMP_RET_KILL_THREAD },
	};

	NEED(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	for (size_t i = 0; i < LEN(sets); i++)
		reap("child", child(several, sets[i]));
}

/* ---- strict ---- */

static int strict(void *arg)
{
	char c = 'x';
	int p[2];

	NEED(pipe(p));
	say("  strict: %d\n", arg ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 8, 0, 0)
				  : (int)seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL));
	if (syscall(SYS_write, p[1], &c, 1) != 1 || syscall(SYS_read, p[0], &c, 1) != 1)
		syscall(SYS_exit, 1);
	say("  written and read\n");
	if (arg)
		syscall(SYS_getpid);
	syscall(SYS_exit, 5);
	return 0;
}

CASE(strict_mode)
{
	reap("exits", child(strict, NULL));
	reap("dies", child(strict, &yes));
}

static int strict_after_filter(void *arg)
{
	struct sock_filter allow = RET;

	no_new_privs();
	R(install(0, &allow, 1));
	R(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL));
	R(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	R(prctl(PR_GET_SECCOMP));
	return 0;
}

CASE(strict_after_a_filter)
{
	reap("child", child(strict_after_filter, NULL));
}

/* ---- inheritance ---- */

static int grandchild(void *arg)
{
	R(syscall(SYS_getpgid, -5));
	say_state();
	return 0;
}

static int inherits(void *arg)
{
	no_new_privs();
	NEED(on_call(0, SYS_getpgid, SECCOMP_RET_ERRNO | 33));
	NEED(on_call(0, SYS_getpriority, SECCOMP_RET_ERRNO | 34));
	char role[] = "role:inherited";

	reap("grandchild", child(grandchild, NULL));
	execv(case_self, (char *[]){ case_self, role, NULL });
	return 9;
}

ROLE(inherited)
{
	R(syscall(SYS_getpgid, -5));
	R(syscall(SYS_getpriority, 9, 0));
	say_state();
}

CASE(inheritance)
{
	reap("child", child(inherits, NULL));
}

/* ---- threads ---- */

static pthread_barrier_t meet;
static int may_go;

static void *calls_later(void *arg)
{
	char line[64];

	if (arg) {
		no_new_privs();
		NEED(on_call(0, SYS_getpriority, SECCOMP_RET_ERRNO | 35));
	}
	pthread_barrier_wait(&meet);
	pthread_barrier_wait(&meet);
	errno = 0;
	long r = syscall(SYS_getpgid, -5);
	snprintf(line, sizeof line, "  thread: %ld %s nnp %d mode %d\n", r, strerrorname_np(errno),
		 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_SECCOMP));
	say("%s", line);
	return NULL;
}

static int synchronises(void *arg)
{
	unsigned flags = *(unsigned *)arg & 0xff;
	bool unlike = *(unsigned *)arg & 0x100;
	pthread_t th;

	pthread_barrier_init(&meet, NULL, 2);
	MUST(pthread_create(&th, NULL, calls_later, unlike ? &yes : NULL));
	pthread_barrier_wait(&meet);
	no_new_privs();
	errno = 0;
	long r = on_call(flags, SYS_getpgid, SECCOMP_RET_ERRNO | 33);
	say("  flags %u: %s %s\n", flags,
	    r > 0 ? "a thread"
	    : r   ? "-1"
		  : "0",
	    r < 0 ? strerrorname_np(errno) : "");
	pthread_barrier_wait(&meet);
	MUST(pthread_join(th, NULL));
	R(syscall(SYS_getpgid, -5));
	say_state();
	return 0;
}

CASE(synchronising_threads)
{
	unsigned sets[] = { 0, 1, 1 | 16, 1 | 0x100, 1 | 16 | 0x100 };

	for (size_t i = 0; i < LEN(sets); i++)
		reap("child", child(synchronises, &sets[i]));
}

static void *dies(void *arg)
{
	syscall(SYS_getpgid, 0);
	say("  not killed\n");
	return NULL;
}

static int thread_killed(void *arg)
{
	pthread_t th;
	uint32_t action = *(uint32_t *)arg;

	no_new_privs();
	NEED(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
	NEED(on_call(0, SYS_getpgid, action));
	MUST(pthread_create(&th, NULL, dies, NULL));
	MUST(pthread_join(th, NULL));
	say("  its sibling lives\n");
	may_go = 1;
	return 3;
}

CASE(killing_a_thread)
{
	static uint32_t actions[] = { SECCOMP_RET_KILL_THREAD, SECCOMP_RET_KILL_PROCESS };

	reap("thread", child(thread_killed, &actions[0]));
	reap("process", child(thread_killed, &actions[1]));
}

/* ---- the vsyscall page, the vDSO, numbers that are none ---- */

static int odd_numbers(void *arg)
{
	no_new_privs();
	NEED(on_call(0, 9999, SECCOMP_RET_ERRNO | 41));
	NEED(on_call(0, (uint32_t)-1, SECCOMP_RET_ERRNO | 42));
	NEED(on_call(0, 0x40000000 | SYS_getpid, SECCOMP_RET_ERRNO | 43));
	NEED(on_call(0, 600, SECCOMP_RET_ERRNO | 44));
	R(syscall(9999));
	R(syscall(-1));
	R(syscall(0x40000000 | SYS_getpid));
	R(syscall(600));
	R(syscall(601));
	R(syscall(0x100000000L | 600));
	return 0;
}

CASE(numbers)
{
	reap("child", child(odd_numbers, NULL));
}

static int reads_clock(void *arg)
{
	struct timespec ts;

	no_new_privs();
	NEED(on_call(0, SYS_clock_gettime, SECCOMP_RET_ERRNO | 41));
	R(clock_gettime(CLOCK_MONOTONIC, &ts));
	R(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts));
	return 0;
}

CASE(vdso)
{
	reap("child", child(reads_clock, NULL));
}

/* Short calls, many of them: whatever quick way there is for them has the filters in it. */
static int many_calls(void *arg)
{
	long refused = 0, done = 0;

	for (int i = 0; i < 3000; i++)
		done += syscall(SYS_getppid) > 0;
	no_new_privs();
	NEED(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | 33));
	for (int i = 0; i < 3000; i++)
		refused += syscall(SYS_getppid) == -1 && errno == 33;
	say("  %ld done, %ld refused\n", done, refused);
	return 0;
}

CASE(many_quick_calls)
{
	reap("child", child(many_calls, NULL));
}

static int by_argument(void *arg)
{
	struct sock_filter prog[] = {
		LD(DATA(nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpgid, 0, 3),
		LD(DATA(args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 33),
		RET,
	};

	no_new_privs();
	NEED(install(0, prog, LEN(prog)));
	for (int i = 0; i < 4; i++) {
		say("  %d: %d\n", i, syscall(SYS_getpgid, i & 1 ? -5 : 0) > 0);
		say("  %s\n", i & 1 ? strerrorname_np(errno) : "");
	}
	return 0;
}

CASE(arguments_count)
{
	reap("child", child(by_argument, NULL));
}

/* An interrupted call is made again, and meets its filters again. */
static void on_alarm(int sig)
{
	on_call(0, SYS_restart_syscall, SECCOMP_RET_ERRNO | 36);
	on_call(0, SYS_read, SECCOMP_RET_ERRNO | 37);
}

static int restarts(void *arg)
{
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	int p[2];
	char c;

	no_new_privs();
	NEED(pipe(p));
	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	R(read(p[0], &c, 1));
	return 0;
}

CASE(restarted_calls)
{
	reap("child", child(restarts, NULL));
}

/* ---- /proc ---- */

CASE(sysctls)
{
	say_file("/proc/sys/kernel/seccomp/actions_avail");
	say_state();
}
