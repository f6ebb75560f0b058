/* SPDX-License-Identifier: Apache-2.0 */
/* core(5): which deaths leave a core file, who may have one, and what is in it. */
#include <elf.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "case.h"

/* Core files have to be allowed here, and to lie where the program is. */
static void need_cores(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	char pattern[128] = "";
	int fd = (int)NEED(open("/proc/sys/kernel/core_pattern", O_RDONLY));

	NEED(read(fd, pattern, sizeof pattern - 1));
	close(fd);
	if (strcmp(pattern, "core\n") || setrlimit(RLIMIT_CORE, &all)) {
		say("needs core files\n");
		_exit(97);
	}
}

static int dies_of(void *arg)
{
	signal((int)(intptr_t)arg, SIG_DFL);
	raise((int)(intptr_t)arg);
	return 0;
}

/* ---- the file ---- */

struct core {
	char *at;
	size_t size;
};

static struct core map_core(void)
{
	struct stat st;
	int fd = (int)NEED(open("core", O_RDONLY));

	NEED(fstat(fd, &st));
	struct core c = { mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0),
			  (size_t)st.st_size };
	NEED((long)c.at);
	close(fd);
	return c;
}

/* What is there under the name, and away with it. */
static void say_core(void)
{
	struct stat st;
	char magic[SELFMAG] = "";

	if (lstat("core", &st)) {
		say("core: %s\n", strerrorname_np(errno));
		return;
	}
	int fd = open("core", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
	bool elf = read(fd, magic, SELFMAG) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
	close(fd);
	say("core: mode %o, links %ld, uid %d, %s\n", st.st_mode, (long)st.st_nlink, (int)st.st_uid,
	    elf ? "ELF" : "no ELF");
	if (unlink("core"))
		rmdir("core");
}

CASE(signals)
{
	static const int sigs[] = { SIGQUIT, SIGILL,  SIGTRAP, SIGABRT, SIGBUS,  SIGFPE, SIGSEGV,
				    SIGSYS,  SIGXCPU, SIGXFSZ, SIGTERM, SIGUSR1, SIGKILL };

	need_cores();
	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++) {
		in_child("child", dies_of, (void *)(intptr_t)sigs[i]);
		say_core();
	}
}

CASE(limits)
{
	static const rlim_t limits[] = { 0, 1, 4095, 4096, 10000, 1 << 20 };

	need_cores();
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct rlimit r = { limits[i], RLIM_INFINITY };
		struct stat st = { 0 };
		NEED(setrlimit(RLIMIT_CORE, &r));
		in_child("child", dies_of, (void *)SIGABRT);
		if (!lstat("core", &st))
			say("within the limit: %d\n",
			    (rlim_t)st.st_blocks * 512 <= limits[i] + 4096);
		say_core();
	}
}

CASE(reports)
{
	siginfo_t si;

	need_cores();
	pid_t pid = child(dies_of, (void *)SIGSEGV);
	NEED(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT));
	say("code %d status %d\n", si.si_code, si.si_status);
	reap("child", pid);
	unlink("core");
}

/* ---- what may be in the way ---- */

CASE(name_taken)
{
	struct stat st;

	need_cores();
	put_file("victim", "victim\n");
	put_file("core", "old\n");
	NEED(chmod("core", 0444));
	in_child("a file", dies_of, (void *)SIGABRT);
	say_core();
	NEED(symlink("victim", "core"));
	in_child("a symlink", dies_of, (void *)SIGABRT);
	say_core();
	NEED(symlink("nowhere", "core"));
	in_child("a dangling symlink", dies_of, (void *)SIGABRT);
	say_core();
	say_outcome("nowhere", stat("nowhere", &st), errno);
	NEED(link("victim", "core"));
	in_child("another name of a file", dies_of, (void *)SIGABRT);
	say_core();
	NEED(mkfifo("core", 0600));
	in_child("a FIFO", dies_of, (void *)SIGABRT);
	say_core();
	NEED(mkdir("core", 0700));
	in_child("a directory", dies_of, (void *)SIGABRT);
	say_core();
	say_file("victim");
}

static int dies_with_umask(void *arg)
{
	umask((mode_t)(intptr_t)arg);
	return dies_of((void *)SIGABRT);
}

CASE(umasks)
{
	static const int masks[] = { 0, 077, 0200, 0400, 0777 };

	need_cores();
	for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
		in_child("child", dies_with_umask, (void *)(intptr_t)masks[i]);
		say_core();
	}
}

static int dies_undumpable(void *arg)
{
	NEED(prctl(PR_SET_DUMPABLE, 0));
	return dies_of(arg);
}

static int dies_dumpable_again(void *arg)
{
	NEED(prctl(PR_SET_DUMPABLE, 0));
	NEED(prctl(PR_SET_DUMPABLE, 1));
	return dies_of(arg);
}

CASE(dumpable)
{
	need_cores();
	in_child("not dumpable", dies_undumpable, (void *)SIGSEGV);
	say_core();
	in_child("dumpable again", dies_dumpable_again, (void *)SIGSEGV);
	say_core();
}

static int dies_as_other(void *arg)
{
	NEED(setresuid(1000, 1000, 1000));
	if (arg)
		NEED(prctl(PR_SET_DUMPABLE, 1));
	return dies_of((void *)SIGABRT);
}

CASE(other_user)
{
	need_root();
	need_cores();
	in_child("changed its user", dies_as_other, NULL);
	say_core();
	in_child("cannot write here", dies_as_other, (void *)1);
	say_core();
	NEED(chmod(".", 0777));
	in_child("can write here", dies_as_other, (void *)1);
	say_core();
	put_file("core", "of root\n");
	NEED(chmod(".", 01777));
	in_child("cannot remove what is there", dies_as_other, (void *)1);
	say_file("core");
	unlink("core");
}

static int dies_beyond_fsize(void *arg)
{
	struct rlimit r = { 0, 0 };

	NEED(setrlimit(RLIMIT_FSIZE, &r));
	return dies_of((void *)SIGABRT);
}

CASE(file_size_limit)
{
	struct stat st;

	need_cores();
	in_child("child", dies_beyond_fsize, NULL);
	if (!stat("core", &st))
		V(st.st_size);
	unlink("core");
}

/* ---- notes ---- */

static const Elf64_Phdr *headers(struct core c, int *n)
{
	const Elf64_Ehdr *e = (const void *)c.at;

	*n = e->e_phnum;
	return (const void *)(c.at + e->e_phoff);
}

/* Calls fn with each note, which are all in the first segment; then the file is gone. */
static void each_note(void (*fn)(const Elf64_Nhdr *n, const void *desc))
{
	struct core c = map_core();
	int nr;
	const Elf64_Phdr *p = headers(c, &nr);
	const char *at = c.at + p->p_offset, *end = at + p->p_filesz;

	while (at < end) {
		const Elf64_Nhdr *n = (const void *)at;
		const char *desc = at + sizeof *n + ((n->n_namesz + 3) & ~3U);
		fn(n, desc);
		at = desc + ((n->n_descsz + 3) & ~3U);
	}
	munmap(c.at, c.size);
	unlink("core");
}

/* What the child left for its parent to compare with. */
static struct shared {
	pid_t pid, tid;
	int threads;
	char auxv[4096];
	ssize_t auxv_size;
} * shared;

static void share(void)
{
	shared =
	    mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED((long)shared);
}

static void say_status_note(const struct elf_prstatus *s)
{
	say("PRSTATUS: signo %d code %d cursig %d, %s, blocked %lx, parent %s\n",
	    s->pr_info.si_signo, s->pr_info.si_code, s->pr_cursig,
	    s->pr_pid == shared->tid ? "the thread that died" : "another", s->pr_sighold,
	    s->pr_ppid == getpid() ? "right" : "wrong");
}

static void say_files_note(const long *d)
{
	const char *name = (const char *)(d + 2 + 3 * d[0]);
	char self[PATH_MAX] = "";
	bool found = false;

	NEED(readlink("/proc/self/exe", self, sizeof self - 1));
	for (long i = 0; i < d[0]; i++, name += strlen(name) + 1)
		found |= !strcmp(name, self);
	say("FILE: page %ld, the program %s\n", d[1], found ? "is there" : "is missing");
}

enum {
	X86_XSAVE_LAYOUT = 0x205,
	X86_AMX = 3 << 17 /* which guests have not (docs/syscalls.md, arch_prctl) */
};

/* Linux has the note since 6.12. Guests have no more features than the host, and maybe no MPX, PKRU
 * and AMX. */
static void say_layout_note(const char *owner, const unsigned *d, size_t n)
{
	struct utsname u;
	unsigned major = 0, minor = 0;

	NEED(uname(&u));
	sscanf(u.release, "%u.%u", &major, &minor);
	if (major * 100 + minor < 612)
		return;
	for (; n; n--, d += 4)
		if (d[0] == 2 || (d[0] >= 5 && d[0] <= 7))
			say("%s XSAVE_LAYOUT: %u has %u bytes at %u, flags %u\n", owner, d[0], d[1],
			    d[2], d[3]);
}

static void say_note(const Elf64_Nhdr *n, const void *desc)
{
	const struct elf_prpsinfo *p = desc;
	const siginfo_t *si = desc;
	const char *name = (const char *)(n + 1);

	switch (n->n_type) {
	case NT_PRSTATUS: say_status_note(desc); break;
	case NT_PRPSINFO:
		say("PRPSINFO: state %d %c, nice %d, uid %d, name %.16s, %s\n", p->pr_state,
		    p->pr_sname, p->pr_nice, (int)p->pr_uid, p->pr_fname,
		    p->pr_pid == shared->pid && p->pr_ppid == getpid() ? "right" : "wrong");
		break;
	case NT_SIGINFO:
		say("SIGINFO: %d, code %d, %s\n", si->si_signo, si->si_code,
		    si->si_code < 0             ? ""
		    : si->si_addr == (void *)16 ? "right address"
						: "wrong address");
		break;
	case NT_AUXV:
		say("AUXV: as in /proc %d\n",
		    n->n_descsz == shared->auxv_size && !memcmp(desc, shared->auxv, n->n_descsz));
		break;
	case NT_FILE: say_files_note(desc); break;
	case NT_PRFPREG: say("%s PRFPREG: %d bytes\n", name, (int)n->n_descsz); break;
	case NT_X86_XSTATE: say("%s XSTATE\n", name); break;
	case X86_XSAVE_LAYOUT: say_layout_note(name, desc, n->n_descsz / 16); break;
	default: break; /* newer kernels have more */
	}
}

/* All threads have come out of their creation, for which signals are blocked. */
static pthread_barrier_t running;

static void *waits_for_ever(void *arg)
{
	pthread_barrier_wait(&running);
	for (;;)
		pause();
	return arg;
}

static void *spins_for_ever(void *arg)
{
	pthread_barrier_wait(&running);
	for (volatile int i = 0;; i++)
		;
	return arg;
}

static int dies_with_threads(void *arg)
{
	pthread_t th;
	int fd = (int)NEED(open("/proc/self/auxv", O_RDONLY));

	shared->auxv_size = NEED(read(fd, shared->auxv, sizeof shared->auxv));
	close(fd);
	shared->pid = shared->tid = getpid();
	NEED(prctl(PR_SET_NAME, "dies"));
	NEED(nice(3));
	MUST(pthread_barrier_init(&running, NULL, 3));
	MUST(pthread_create(&th, NULL, waits_for_ever, NULL));
	MUST(pthread_create(&th, NULL, spins_for_ever, NULL));
	pthread_barrier_wait(&running);
	*(volatile char *)16 = 1;
	return 0;
}

CASE(notes)
{
	need_cores();
	share();
	in_child("child", dies_with_threads, NULL);
	each_note(say_note);
}

static void *dies_in_thread(void *arg)
{
	shared->tid = gettid();
	pthread_barrier_wait(&running);
	raise(SIGQUIT);
	return arg;
}

static int dies_of_a_thread(void *arg)
{
	pthread_t th;

	shared->pid = getpid();
	MUST(pthread_barrier_init(&running, NULL, 2));
	MUST(pthread_create(&th, NULL, dies_in_thread, NULL));
	waits_for_ever(NULL);
	return 0;
}

/* The thread that dies is not the leader. */
CASE(thread)
{
	need_cores();
	share();
	in_child("child", dies_of_a_thread, NULL);
	each_note(say_note);
}

static void count_statuses(const Elf64_Nhdr *n, const void *desc)
{
	shared->threads += n->n_type == NT_PRSTATUS;
}

static void *dies_too(void *arg)
{
	pthread_barrier_wait(arg);
	abort();
}

/* Which of several is the one: the others are in the core as well. */
static int dies_many_times(void *arg)
{
	static pthread_barrier_t b;
	pthread_t th;

	signal(SIGABRT, SIG_DFL);
	pthread_barrier_init(&b, NULL, 8);
	for (int i = 0; i < 7; i++)
		MUST(pthread_create(&th, NULL, dies_too, &b));
	dies_too(&b);
	return 0;
}

CASE(all_at_once)
{
	need_cores();
	share();
	for (int i = 0; i < 10; i++) {
		shared->threads = 0;
		in_child("child", dies_many_times, NULL);
		each_note(count_statuses);
		V(shared->threads);
	}
}

#ifdef __x86_64__
static void say_registers(const Elf64_Nhdr *n, const void *desc)
{
	const struct elf_prstatus *s = desc;
	const unsigned char *fp = desc;

	if (n->n_type == NT_PRSTATUS) {
		const unsigned long long *r = s->pr_reg;
		say("r15 %llx r12 %llx rbp %llx rbx %llx rax %llx rdi %llx orig %llx cs %llx ss "
		    "%llx\n",
		    r[0], r[3], r[4], r[5], r[10], r[14], r[15], r[17], r[20]);
	} else if (n->n_type == NT_PRFPREG) {
		say_bytes("mxcsr", fp + 24, 4);
		say_bytes("xmm3", fp + 160 + 3 * 16, 16);
	} else if (n->n_type == NT_X86_XSTATE) {
		uint64_t features;

		memcpy(&features, fp + 464, sizeof features);
		say("features: %lx\n", (long)(features & ~X86_AMX));
		say_bytes("xmm3 again", fp + 160 + 3 * 16, 16);
		say("at least %d\n", n->n_descsz >= 576);
	}
}

static int dies_with_registers(void *arg)
{
	static const char vector[16] = "sixteen bytes...";

	__asm__ volatile("movdqu (%0), %%xmm3; mov $0x1111, %%r15d; mov $0x2222, %%r12d;"
			 "mov $0x3333, %%ebx; mov $0x4444, %%eax; mov $0x5555, %%edi;"
			 "mov $0x6666, %%ebp; ud2" ::"r"(vector)
			 : "memory");
	return 0;
}

static int dies_in_a_call(void *arg)
{
	__asm__ volatile("mov $0x1111, %%r15d; mov $0x2222, %%r12d; mov $0x3333, %%ebx;"
			 "mov $0x6666, %%ebp; mov %0, %%edi; mov $6, %%esi; mov $200, %%eax;"
			 "pxor %%xmm3, %%xmm3; syscall; ud2" ::"r"(getpid())
			 : "memory");
	return 0;
}

static void mask_pid(const Elf64_Nhdr *n, const void *desc)
{
	const struct elf_prstatus *s = desc;

	if (n->n_type == NT_PRSTATUS)
		say("rax %llx orig %llx pid %d\n", s->pr_reg[10], s->pr_reg[15],
		    s->pr_reg[14] == (unsigned long long)s->pr_pid);
}

CASE(registers)
{
	need_cores();
	in_child("child", dies_with_registers, NULL);
	each_note(say_registers);
	in_child("child", dies_in_a_call, NULL); /* tkill(getpid(), SIGABRT) */
	each_note(mask_pid);
}
#endif

/* ---- memory ---- */

enum { AREAS = 7, MARK_SIZE = 4096 };
static const char *const area_names[AREAS] = {
	"private",          "shared",    "file private, written", "file private", "file shared",
	"not to be dumped", "PROT_NONE",
};

/* An area of each kind, of three pages with a mark in the middle one. */
static char *make_area(int i)
{
	bool file = i >= 2 && i <= 4, is_shared = i == 1 || i == 4;
	int fd = -1, flags = (is_shared ? MAP_SHARED : MAP_PRIVATE) | (file ? 0 : MAP_ANONYMOUS);

	if (file) {
		fd = (int)NEED(open("area", O_RDWR | O_CREAT, 0600));
		NEED(ftruncate(fd, 3 * MARK_SIZE));
		NEED(pwrite(fd, "file", 4, MARK_SIZE));
	}
	char *p = mmap(NULL, 3 * MARK_SIZE, PROT_READ | (i == 3 ? 0 : PROT_WRITE), flags, fd, 0);
	NEED((long)p);
	if (i != 3 && i != 4)
		sprintf(p + MARK_SIZE, "mark %d", i);
	if (i == 5)
		NEED(madvise(p, 3 * MARK_SIZE, MADV_DONTDUMP));
	if (i == 6)
		NEED(mprotect(p, 3 * MARK_SIZE, PROT_NONE));
	return p;
}

static int dies_with_filter(void *arg)
{
	char text[16];
	int fd = (int)NEED(open("/proc/self/coredump_filter", O_WRONLY));

	sprintf(text, "%d", (int)(intptr_t)arg);
	NEED(write(fd, text, strlen(text)));
	return dies_of((void *)SIGABRT);
}

static void say_area(struct core c, int i, const char *area)
{
	int n;
	const Elf64_Phdr *p = headers(c, &n);
	unsigned long at = (unsigned long)area;

	for (int k = 0; k < n; k++) {
		if (p[k].p_type != PT_LOAD || at < p[k].p_vaddr ||
		    at >= p[k].p_vaddr + p[k].p_memsz)
			continue;
		unsigned long off = at - p[k].p_vaddr;
		bool there = off + 3 * MARK_SIZE <= p[k].p_filesz &&
			     p[k].p_offset + off + 3 * MARK_SIZE <= c.size;
		say("%s: rights %d, %s\n", area_names[i], p[k].p_flags,
		    there ? c.at + p[k].p_offset + off + MARK_SIZE : "not there");
		return;
	}
	say("%s: no segment\n", area_names[i]);
}

CASE(filter)
{
	static const int filters[] = { 0x33, 0, 1, 2, 4, 8, 0xf };
	char *areas[AREAS];

	need_cores();
	for (int i = 0; i < AREAS; i++)
		areas[i] = make_area(i);
	for (size_t f = 0; f < sizeof filters / sizeof *filters; f++) {
		say("filter %x\n", filters[f]);
		in_child("child", dies_with_filter, (void *)(intptr_t)filters[f]);
		struct core c = map_core();
		for (int i = 0; i < AREAS; i++)
			say_area(c, i, areas[i]);
		munmap(c.at, c.size);
		unlink("core");
	}
	unlink("area");
}

static int dies_with_holes(void *arg)
{
	char *p = mmap(NULL, 1UL << 30, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	NEED((long)p);
	p[0] = 1;
	p[1UL << 29] = 2;
	return dies_of((void *)SIGABRT);
}

/* A gigabyte of which two pages were touched. */
CASE(holes)
{
	struct stat st;

	need_cores();
	in_child("child", dies_with_holes, NULL);
	NEED(stat("core", &st));
	say("more than a gigabyte %d, blocks fewer %d\n", st.st_size > 1L << 30,
	    st.st_blocks < 1 << 15);
	unlink("core");
}
