/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the escapes, each in eight kinds of world, and says what the witnesses have seen:
 *
 * 	suite --hl FILE --guest FILE --dir DIR [--platform NAME] [--tries N] [--only PATTERN]
 *
 * Everything happens in namespaces of processes, mounts, networks and System V IPC of the suite's
 * own, where only DIR can be changed; it takes root. --tries: how often a name is looked up while
 * somebody exchanges it, over all cases. Last lines: the numbers; N passed, N failed, N skipped.
 */
#include "tests/escapes/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <linux/fs.h>
#include <linux/if_ether.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define NOBODY 65534

enum role { NOTHING, SWAPS, MOVES, REPLACES, GIVES_DIR, GIVES_FILE, GIVES_TTY, GIVES_SOCKET };

static const struct {
	const char *name;
	enum role role;
} cases[] = {
#define ESCAPE(name, role) { #name, role },
#include "tests/escapes/cases.def"
#undef ESCAPE
};
enum { NR_CASES = sizeof cases / sizeof *cases };

/* What of it the witness has to pass over. */
static const enum allowance allowances[] = {
	[GIVES_SOCKET] = 0, /* the last one */
	[MOVES] = HOST_MOVES,
	[GIVES_DIR] = DIR_IS_READ,
	[GIVES_FILE] = FILE_IS_READ,
};

/* What the guest's root is: a directory of the host's; the same, with what is written to it in
 * memory or in a directory of its own; memory, with the host's programs. */
enum root { DIRECTORY, OVERLAY, OVERLAY_DIR, ISOLATED };

/* Who starts hl, and whom it runs the guest as. */
static const struct {
	const char *name;
	uid_t caller;
	const char *user; /* NULL: root */
	enum root root;
} kinds[] = {
	{ "root's root", 0, NULL, DIRECTORY },
	{ "root's nobody", 0, "65534:65534", DIRECTORY },
	{ "nobody's root", NOBODY, NULL, DIRECTORY },
	{ "nobody's 1000", NOBODY, "1000:1000", DIRECTORY },
	{ "root's root on an overlay", 0, NULL, OVERLAY },
	{ "nobody's root on an overlay", NOBODY, NULL, OVERLAY_DIR },
	{ "root's isolated root", 0, NULL, ISOLATED },
	{ "nobody's isolated root", NOBODY, NULL, ISOLATED },
};
enum { NR_KINDS = sizeof kinds / sizeof *kinds };

struct suite {
	const char *hl, *guest, *dir, *platform, *only;
	long tries, each;
	char canary[32], secret[64]; /* canary: 16 hexadecimal digits */
	int port, tcp, abstract, shm;
	int packets; /* a socket that sees all packets of the host's network */
	pid_t victim;
	unsigned passed, failed, skipped, escapes;
	unsigned long exchanges;
	long tried;
};

static void die(const char *what)
{
	printf("not ok - escapes: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- surroundings ---- */

static void loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ioctl(s, SIOCSIFFLAGS, &ifr);
	close(s);
}

/* The host's device may be root's alone: here, anybody may use it. */
static void open_kvm(const char *dir)
{
	char node[4096];
	struct stat st;

	snprintf(node, sizeof node, "%s/kvm", dir);
	if (stat("/dev/kvm", &st) || mknod(node, S_IFCHR | 0600, st.st_rdev))
		return;
	if (chmod(node, 0666) || mount(node, "/dev/kvm", NULL, MS_BIND, NULL))
		printf("# /dev/kvm stays what it is: %s\n", strerror(errno));
	unlink(node);
}

/* Nothing but DIR can be changed from here on. */
static void confine(const char *dir)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(dir, dir, NULL, MS_BIND, NULL))
		die("mount");
	if (mount("proc", "/proc", "proc", 0, NULL))
		die("mount of /proc");
	open_kvm(dir);
	mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	mount(NULL, "/dev", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	loopback_up();
}

/* A process with the canary in its memory, and everything by which it could be reached. */
static void set_victim(struct suite *su)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof in;

	/* a number that no process of a guest has */
	int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	if (last < 0 || dprintf(last, "30000") != 5)
		die("a number for the host's process");
	close(last);
	su->victim = fork();
	if (su->victim == 0)
		for (;;)
			pause();
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	su->tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(su->tcp, (struct sockaddr *)&in, sizeof in) || listen(su->tcp, 8) ||
	    getsockname(su->tcp, (struct sockaddr *)&in, &len))
		die("a listener");
	su->port = ntohs(in.sin_port);
	su->packets = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (su->packets < 0)
		die("a packet socket");
	int n = snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "hl-escapes-%d", su->victim);
	su->abstract = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(su->abstract, (struct sockaddr *)&un,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) ||
	    listen(su->abstract, 8))
		die("an abstract listener");
	su->shm = shmget((key_t)su->victim, 4096, IPC_CREAT | 0666);
	char *p = su->shm < 0 ? (void *)-1 : shmat(su->shm, NULL, 0);
	if (p == (void *)-1)
		die("a segment");
	strcpy(p, su->secret);
	shmdt(p);
	/* where the host has keys: in a session of its own, which hl inherits */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 &&
	    syscall(SYS_add_key, "user", "hl-escapes", su->secret, strlen(su->secret),
		    KEY_SPEC_SESSION_KEYRING) < 0)
		die("a key");
}

static bool victim_is_well(struct suite *su)
{
	char state = '?', line[256];
	FILE *f;

	snprintf(line, sizeof line, "/proc/%d/stat", su->victim);
	f = fopen(line, "r");
	if (f) {
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = '?';
		fclose(f);
	}
	return state == 'S' && waitpid(su->victim, NULL, WNOHANG) == 0;
}

/* ---- what the host does meanwhile ---- */

struct helper {
	const struct stage *stage;
	enum role role;
	pthread_t thread;
	bool begun;
	_Atomic bool stop;
	unsigned long exchanges;
};

static void *help(void *arg)
{
	struct helper *h = arg;
	char link[4096], swap[4096], host[4096], moving[4096], away[4096];

	snprintf(link, sizeof link, "%s", stage_path(h->stage, "spare/link"));
	snprintf(swap, sizeof swap, "%s", stage_path(h->stage, "host/swap"));
	snprintf(host, sizeof host, "%s", stage_path(h->stage, "host"));
	snprintf(moving, sizeof moving, "%s", stage_path(h->stage, "host/moving"));
	snprintf(away, sizeof away, "%s", stage_path(h->stage, "outside/moving"));
	while (!h->stop) {
		const char *what = h->role == REPLACES ? host : swap;
		if (h->role == MOVES) {
			rename(moving, away);
			rename(away, moving);
		} else {
			renameat2(AT_FDCWD, what, AT_FDCWD, link, RENAME_EXCHANGE);
			renameat2(AT_FDCWD, what, AT_FDCWD, link, RENAME_EXCHANGE);
		}
		h->exchanges++;
	}
	return NULL;
}

static bool helps(const struct helper *h)
{
	return h->role == SWAPS || h->role == MOVES || h->role == REPLACES;
}

static void help_begin(struct helper *h)
{
	h->begun = true;
	if (helps(h) && pthread_create(&h->thread, NULL, help, h))
		die("a thread");
}

static void help_end(struct helper *h)
{
	h->stop = true;
	if (helps(h) && h->begun)
		pthread_join(h->thread, NULL);
}

/* ---- what is given ---- */

struct gift {
	int fd;    /* the guest's stdin */
	int other; /* what the host keeps; -1: nothing */
};

static struct gift gift_make(const struct stage *s, enum role role)
{
	struct gift g = { -1, -1 };
	int pair[2];

	switch (role) {
	case GIVES_DIR: g.fd = open(stage_path(s, "outside"), O_RDONLY | O_DIRECTORY); break;
	case GIVES_FILE: g.fd = open(stage_path(s, "outside/given"), O_RDONLY); break;
	case GIVES_TTY:
		g.other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (g.other < 0 || grantpt(g.other) || unlockpt(g.other))
			die("a terminal");
		g.fd = open(ptsname(g.other), O_RDWR | O_NOCTTY);
		break;
	case GIVES_SOCKET:
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
			die("a pair of sockets");
		g.fd = pair[0];
		g.other = pair[1];
		break;
	default: g.fd = open("/dev/null", O_RDONLY); break;
	}
	if (g.fd < 0)
		die("stdin");
	return g;
}

/* Keys that nobody has pressed? */
static unsigned gift_check(struct gift *g, enum role role)
{
	int waiting = 0;
	unsigned bad = 0;

	if (role == GIVES_TTY && ioctl(g->fd, FIONREAD, &waiting) == 0 && waiting) {
		printf("# %d bytes were put into the terminal's input\n", waiting);
		bad = 1;
	}
	close(g->fd);
	close(g->other);
	return bad;
}

/* ---- one run ---- */

static void become(uid_t uid)
{
	if (uid && (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)))
		die("another user");
}

/* In a process that will execute it: nothing is freed. */
struct command {
	char *argv[40];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct command *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&c->argv[c->n++], fmt, ap) < 0)
		die("memory");
	va_end(ap);
}

static void add_world(struct command *c, const struct stage *s, size_t kind)
{
	if (kinds[kind].root == ISOLATED) {
		add(c, "--isolate");
		add(c, "--mount=%s:/guest:ro", stage_path(s, "root/guest"));
	} else {
		add(c, "--root=%s", stage_path(s, "root"));
	}
	if (kinds[kind].root == OVERLAY)
		add(c, "--overlay");
	if (kinds[kind].root == OVERLAY_DIR)
		add(c, "--overlay=%s", stage_path(s, "upper"));
	add(c, "--mount=%s:/host", stage_path(s, "host"));
	add(c, "--mount=%s:/ro:ro", stage_path(s, "ro"));
	add(c, "--mount=%s:/one", stage_path(s, "one"));
	if (kinds[kind].user)
		add(c, "--user=%s", kinds[kind].user);
}

static void exec_hl(struct suite *su, const struct stage *s, const char *name, size_t kind,
		    const struct gift *g, int out)
{
	struct command c = { .n = 0 };
	struct stat st;

	if (stat(stage_path(s, "outside/secret"), &st))
		die("the canary");
	add(&c, "%s", su->hl);
	add(&c, "--platform=%s", su->platform);
	add_world(&c, s, kind);
	add(&c, "--");
	add(&c, "/guest");
	add(&c, "%s", name);
	add(&c, "%s", stage_path(s, "outside"));
	add(&c, "%ld", su->each);
	add(&c, "%d", su->victim);
	add(&c, "%lu", st.st_ino);
	add(&c, "%d", su->port);
	add(&c, "%d", su->shm);
	add(&c, "%p", (void *)su->secret);
	dup2(g->fd, 0);
	dup2(out, 1);
	dup2(out, 2);
	close_range(3, ~0U, 0);
	setsid(); /* the terminal may become the guest's */
	become(kinds[kind].caller);
	execv(su->hl, c.argv);
	dprintf(2, "%s: %s\n", su->hl, strerror(errno));
	_exit(127);
}

/* All that the guest says, and how it ended. */
static char *run_hl(struct suite *su, const struct stage *s, const char *name, size_t kind,
		    const struct gift *g, struct helper *h, size_t *len, int *status)
{
	char *text = NULL, buf[65536];
	int out[2];
	ssize_t n;

	if (pipe2(out, O_CLOEXEC) || fchown(out[1], kinds[kind].caller, kinds[kind].caller))
		die("a pipe");
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		exec_hl(su, s, name, kind, g, out[1]);
	close(out[1]);
	FILE *f = open_memstream(&text, len);
	while ((n = read(out[0], buf, sizeof buf)) > 0) {
		if (!h->begun) /* it has its mounts now */
			help_begin(h);
		fwrite(buf, 1, (size_t)n, f);
	}
	fclose(f);
	close(out[0]);
	waitpid(pid, status, 0);
	return text;
}

static unsigned judge_text(struct suite *su, const char *text, size_t len)
{
	unsigned bad = 0;

	if (memmem(text, len, su->secret, strlen(su->secret)) ||
	    memmem(text, len, su->canary, strlen(su->canary))) {
		printf("# the canary's text\n");
		bad++;
	}
	for (const char *s = text; s && (s = memmem(s, len - (size_t)(s - text), "ESCAPED", 7));
	     s++)
		if (bad++ < 8)
			printf("# %.*s\n", (int)strcspn(s, "\n"), s);
	return bad;
}

/* Guests send "reached" in all packets that they make. */
static unsigned judge_packets(struct suite *su)
{
	char packet[4096];
	unsigned bad = 0;
	ssize_t n;

	while ((n = recv(su->packets, packet, sizeof packet, MSG_TRUNC)) >= 0) {
		size_t kept = (size_t)n < sizeof packet ? (size_t)n : sizeof packet;
		if (memmem(packet, kept, "reached", 7))
			bad++;
	}
	if (bad)
		printf("# %u packets in the host's network\n", bad);
	return bad;
}

static unsigned judge_host(struct suite *su)
{
	unsigned bad = 0;
	bool up = true;
	char name[65];

	for (int i = 0; i < 2; i++) {
		if (accept4(i ? su->tcp : su->abstract, NULL, NULL, SOCK_CLOEXEC) >= 0) {
			printf("# somebody connected\n");
			bad++;
		}
	}
	bad += judge_packets(su);
	if (!victim_is_well(su)) {
		printf("# the host's process\n");
		bad++;
	}
	struct ifreq ifr = { .ifr_name = "lo" };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up = ioctl(s, SIOCGIFFLAGS, &ifr) == 0 && ifr.ifr_flags & IFF_UP;
	close(s);
	gethostname(name, sizeof name);
	if (!up || !strcmp(name, "taken")) {
		printf("# the host's network or name\n");
		bad++;
	}
	return bad;
}

static bool is_race(size_t i)
{
	return !strncmp(cases[i].name, "race_", 5) || !strcmp(cases[i].name, "renamed_parents") ||
	       cases[i].role == MOVES || cases[i].role == REPLACES;
}

static void run_case(struct suite *su, size_t i, size_t kind)
{
	struct stage s = { .dir = su->dir,
			   .canary = su->secret,
			   .guest = su->guest,
			   .owner = kinds[kind].caller };
	struct helper h = { .stage = &s, .role = cases[i].role };
	size_t len = 0;
	int status = 0;

	if (!stage_set(&s))
		die("the stage");
	struct gift g = gift_make(&s, cases[i].role);
	struct witness *w = witness_call(&s, allowances[cases[i].role]);
	if (!w)
		die("the witness");
	char *text = run_hl(su, &s, cases[i].name, kind, &g, &h, &len, &status);
	help_end(&h);
	unsigned bad = gift_check(&g, cases[i].role);
	bad += witness_hear(w) + judge_text(su, text, len) + judge_host(su);
	stage_strike(&s);
	/* the guest's last word, and nothing behind it */
	bool done = len >= 5 && !memcmp(text + len - 5, "done\n", 5) && status == 0;
	if (!done)
		printf("# status %#x, said: %.*s\n", (unsigned)status, (int)(len < 600 ? len : 600),
		       text);
	printf("%s - escape %s, %s\n", bad || !done ? "not ok" : "ok", cases[i].name,
	       kinds[kind].name);
	free(text);
	su->escapes += bad;
	*(bad || !done ? &su->failed : &su->passed) += 1;
	su->exchanges += h.exchanges;
	if (is_race(i))
		su->tried += su->each;
	fflush(stdout);
}

/* Can this user start hl at all here? /dev/kvm may be root's alone. */
static bool can_run(struct suite *su, size_t kind)
{
	struct command c = { .n = 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		add(&c, "%s", su->hl);
		add(&c, "--platform=%s", su->platform);
		add(&c, "--");
		add(&c, "%s", su->guest);
		add(&c, "executed");
		become(kinds[kind].caller);
		execv(su->hl, c.argv);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static void run_all(struct suite *su)
{
	unsigned races = 0;

	for (size_t i = 0; i < NR_CASES; i++)
		races += is_race(i);
	su->each = su->tries / (races * NR_KINDS) + 1;
	for (size_t kind = 0; kind < NR_KINDS; kind++) {
		if (!can_run(su, kind)) {
			printf("skip - escapes of %s: hl does not run as this user here\n",
			       kinds[kind].name);
			su->skipped++;
			continue;
		}
		for (size_t i = 0; i < NR_CASES; i++)
			if (!fnmatch(su->only, cases[i].name, 0))
				run_case(su, i, kind);
	}
	shmctl(su->shm, IPC_RMID, NULL);
	printf("# %d cases, %ld tries in races, %lu exchanges, %u escapes\n", NR_CASES, su->tried,
	       su->exchanges, su->escapes);
	printf("%u passed, %u failed, %u skipped\n", su->passed, su->failed, su->skipped);
}

static void make_canary(struct suite *su)
{
	unsigned char bytes[8];
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);

	if (read(fd, bytes, sizeof bytes) != sizeof bytes)
		die("/dev/urandom");
	close(fd);
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(su->canary + 2 * i, 3, "%02x", bytes[i]);
	snprintf(su->secret, sizeof su->secret, "canary-%s", su->canary);
}

static void parse(struct suite *su, int argc, char **argv)
{
	struct {
		const char *name, **value;
	} options[] = { { "--hl", &su->hl },
			{ "--guest", &su->guest },
			{ "--dir", &su->dir },
			{ "--platform", &su->platform },
			{ "--only", &su->only } };

	for (int i = 1; i + 1 < argc; i += 2) {
		for (size_t k = 0; k < sizeof options / sizeof *options; k++)
			if (!strcmp(argv[i], options[k].name))
				*options[k].value = argv[i + 1];
		if (!strcmp(argv[i], "--tries"))
			su->tries = atol(argv[i + 1]);
	}
	if (!su->hl || !su->guest || !su->dir)
		exit(2);
	su->hl = realpath(su->hl, NULL);
	su->guest = realpath(su->guest, NULL);
	su->dir = realpath(su->dir, NULL);
	if (!su->hl || !su->guest || !su->dir)
		die("a path");
}

int main(int argc, char **argv)
{
	static struct suite su = { .platform = "process", .only = "*", .tries = 1000000 };
	int status;

	parse(&su, argc, argv);
	if (geteuid()) {
		printf("skip - escapes: they take root, to be confined\n0 passed, 0 failed, 1 "
		       "skipped\n");
		return 0;
	}
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS))
		die("namespaces");
	pid_t pid = fork();
	if (pid) {
		waitpid(pid, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	confine(su.dir);
	make_canary(&su);
	set_victim(&su);
	run_all(&su);
	return su.failed != 0;
}
