/* SPDX-License-Identifier: Apache-2.0 */
/* What the system tells of itself: uname, sysinfo, random, cpu. */
#include <sched.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

#include "case.h"

CASE(uname)
{
	struct utsname u;

	R(uname(&u));
	say("%s %s\n", u.sysname, u.machine);
	int major, minor;
	V(sscanf(u.release, "%d.%d", &major, &minor));
	V(major >= 5);
	V(strlen(u.nodename) > 0);
	V(u.version[0] == '#');
}

CASE(hostname)
{
	struct utsname u;
	char b[65] = "";

	need_root();
	NEED(gethostname(b, 65));
	NEED(uname(&u));
	V(strcmp(b, u.nodename));
	FILE *f = fopen("/proc/sys/kernel/hostname", "r");
	char line[100] = "";
	V(f && fgets(line, sizeof line, f));
	line[strcspn(line, "\n")] = 0;
	V(strcmp(b, line));
	NEED(setresuid(1000, 1000, 1000));
	R(sethostname("x", 1));
	R(setdomainname("x", 1));
}

CASE(sysinfo)
{
	struct sysinfo s;

	R(sysinfo(&s));
	V(s.totalram * s.mem_unit >= 64 << 20);
	V(s.freeram <= s.totalram);
	V(s.uptime > 0);
	V(s.procs >= 1);
	V(get_nprocs() >= 1);
	V(get_nprocs() == sysconf(_SC_NPROCESSORS_ONLN));
	V(get_phys_pages() > 0);
}

CASE(getrandom)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	R(getrandom(a, 32, 0));
	R(getrandom(b, 32, GRND_NONBLOCK | GRND_RANDOM));
	V(memcmp(a, b, 32) != 0);
	R(getrandom(a, 32, 0x100));
	R(getrandom(a, 32, GRND_INSECURE | GRND_RANDOM));
	R(getrandom(a, 0, 0));
	R(syscall(SYS_getrandom, 8L, 8, 0));
	static char big[100000];
	R(getrandom(big, sizeof big, 0));
	int zeros = 0;
	for (size_t i = 0; i < sizeof big; i++)
		zeros += big[i] == 0;
	V(zeros > 100 && zeros < 1000);
	R(getentropy(a, 32));
	R(getentropy(big, 257));
}

CASE(getcpu)
{
	unsigned cpu = 9999, node = 9999;

	R(getcpu(&cpu, &node));
	V((int)cpu < sysconf(_SC_NPROCESSORS_CONF));
	V(node < 64);
	R((int)syscall(SYS_getcpu, &cpu, NULL, NULL));
	V((int)cpu < sysconf(_SC_NPROCESSORS_CONF));
}

CASE(times)
{
	struct tms t;
	clock_t a = times(&t), b;

	V(a != -1);
	V(t.tms_utime + t.tms_stime < 1000);
	V(t.tms_cutime + t.tms_cstime);
	b = times(NULL);
	V(b >= a);
	V(sysconf(_SC_CLK_TCK));
}

CASE(time_calls)
{
	time_t t = 0, u = time(NULL);

	V(syscall(SYS_time, &t) == t);
	V(t >= u - 1 && t <= time(NULL) + 1);
	struct timespec ts;
	NEED(clock_gettime(CLOCK_REALTIME, &ts));
	V(ts.tv_sec >= u && ts.tv_nsec < 1000000000);
}

CASE(page_and_limits)
{
	V(sysconf(_SC_PAGESIZE));
	V(sysconf(_SC_OPEN_MAX));
	V(sysconf(_SC_ARG_MAX) >= 131072);
	V(sysconf(_SC_NGROUPS_MAX));
	V(sysconf(_SC_IOV_MAX));
	V(sysconf(_SC_SYMLOOP_MAX));
	V(pathconf(".", _PC_NAME_MAX));
	V(pathconf(".", _PC_PIPE_BUF));
}

CASE(not_for_users)
{
	need_root();
	NEED(setresuid(1000, 1000, 1000));
	struct timespec ts = { 0, 0 };
	R(clock_settime(CLOCK_REALTIME, &ts));
	R(syscall(SYS_reboot, 0, 0, 0, NULL));
	R(syscall(SYS_mount, "x", ".", "tmpfs", 0, NULL));
	R(syscall(SYS_umount2, ".", 0));
	R(syscall(SYS_swapon, "x", 0));
	R(syscall(SYS_acct, "x"));
	R(syscall(SYS_vhangup));
}

CASE(removed_syscalls)
{
	static const int numbers[] = { SYS_afs_syscall,   SYS_getpmsg,        SYS_putpmsg,
				       SYS_tuxcall,       SYS_security,       SYS__sysctl,
				       SYS_nfsservctl,    SYS_vserver,        SYS_uselib,
				       SYS_create_module, SYS_query_module,   SYS_get_kernel_syms,
				       SYS_epoll_ctl_old, SYS_epoll_wait_old, SYS_set_thread_area };

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		R(syscall(numbers[i], 0, 0, 0));
}

/* Tile registers are left out: hl never grants them. */
CASE(extended_state)
{
	unsigned long features = 0;
	unsigned a, d;

	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	X((a | (unsigned long)d << 32) & ~(3UL << 17));
	R(syscall(SYS_arch_prctl, 0x1021, &features)); /* ARCH_GET_XCOMP_SUPP */
	X(features & ~(3UL << 17));
	R(syscall(SYS_arch_prctl, 0x1022, &features)); /* ARCH_GET_XCOMP_PERM */
	X(features & ~(3UL << 17));
	R(syscall(SYS_arch_prctl, 0x1022, 1));
	R(syscall(SYS_arch_prctl, 0x1023, 2)); /* ARCH_REQ_XCOMP_PERM */
	R(syscall(SYS_arch_prctl, 0x1023, 100));
}

/* Numbers of x32, and ones that are larger than a number. */
CASE(call_numbers)
{
	R(syscall(0x40000000 | SYS_getppid));
	R(syscall(0x40000000 | 520));
	R(syscall(0x80000000));
	R(syscall(-1));
	V(syscall(0x100000000 | SYS_getpid) == getpid());
}

/* ---- the vsyscall page ---- */

#define VSYSCALL 0xffffffffff600000UL

static sigjmp_buf back;
static siginfo_t caught;
static greg_t caught_ip, caught_sp, caught_ax;

static void jump_back(int sig, siginfo_t *si, void *uc)
{
	greg_t *regs = ((ucontext_t *)uc)->uc_mcontext.gregs;

	caught = *si;
	caught_ip = regs[REG_RIP];
	caught_sp = regs[REG_RSP];
	caught_ax = regs[REG_RAX];
	siglongjmp(back, 1);
}

static long vsyscall(unsigned long at, void *a, void *b)
{
	caught.si_signo = 0;
	if (sigsetjmp(back, 1))
		return -1;
	return ((long (*)(void *, void *))at)(a, b);
}

/* Jumps there with the stack pointer at `sp`, and comes back by a signal. */
static void vsyscall_jump(unsigned long at, const void *sp)
{
	caught.si_signo = 0;
	if (sigsetjmp(back, 1))
		return;
	__asm__ volatile("mov %0, %%rsp; jmp *%1" : : "r"(sp), "r"(at), "D"(0), "S"(0), "a"(77));
	__builtin_unreachable();
}

static void say_caught(const char *what, unsigned long at)
{
	if (!caught.si_signo)
		say("%s: none\n", what);
	else
		say("%s: %s code %d at %p, ip %s, rax %s\n", what, signal_name(caught.si_signo),
		    caught.si_code, caught.si_addr, caught_ip == (greg_t)at ? "there" : "elsewhere",
		    caught_ax == -ENOSYS ? "-ENOSYS" : "untouched");
}

CASE(vsyscall_page)
{
	struct timeval tv = { 0 };
	time_t t = 0;
	unsigned cpu = 9999;
	char line[512], last[512] = "";

	static char handler_stack[65536];
	stack_t alt = { .ss_sp = handler_stack, .ss_size = sizeof handler_stack };
	sigaltstack(&alt, NULL);
	handle_info(SIGSEGV, jump_back, SA_ONSTACK);
	handle_info(SIGILL, jump_back, SA_ONSTACK);
	handle_info(SIGBUS, jump_back, SA_ONSTACK);
	V(vsyscall(VSYSCALL, &tv, NULL));
	V(tv.tv_sec > 0);
	V(vsyscall(VSYSCALL + 1024, &t, NULL) == t && t > 0);
	V(vsyscall(VSYSCALL + 1024, NULL, NULL) > 0);
	V(vsyscall(VSYSCALL + 2048, &cpu, NULL));
	V(cpu < 9999);
	static const struct {
		const char *what;
		unsigned long at;
		void *arg;
	} bad[] = { { "bad pointer", VSYSCALL, (void *)8 },
		    { "bad pointer", VSYSCALL + 1024, (void *)8 },
		    { "pointer of the kernel", VSYSCALL + 1024, (void *)VSYSCALL },
		    { "pointer that is no address", VSYSCALL + 2048, (void *)(1UL << 60) },
		    { "no fourth entry", VSYSCALL + 3072, NULL },
		    { "no entry", VSYSCALL + 1, NULL },
		    { "behind an entry", VSYSCALL + 1025, NULL } };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		vsyscall(bad[i].at, bad[i].arg, NULL);
		say_caught(bad[i].what, bad[i].at);
	}
	vsyscall(VSYSCALL, &tv, (void *)VSYSCALL);
	say_caught("second pointer of the kernel", VSYSCALL);
	vsyscall(VSYSCALL + 1024, NULL, (void *)VSYSCALL);
	say_caught("one that time() does not look at", VSYSCALL + 1024);
	vsyscall_jump(VSYSCALL + 1024, (void *)8);
	say_caught("no stack", VSYSCALL + 1024);
	static void *stack[16];
	stack[8] = (void *)16;
	vsyscall_jump(VSYSCALL + 1024, &stack[8]);
	say_caught("back to nowhere", 16);
	V(caught_sp == (greg_t)&stack[9]);
	stack[8] = (void *)(1UL << 60);
	vsyscall_jump(VSYSCALL + 1024, &stack[8]);
	say("back to what is no address: %s code %d\n", signal_name(caught.si_signo),
	    caught.si_code);
	FILE *f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof line, f))
		strcpy(last, line);
	say("%s", last);
}
