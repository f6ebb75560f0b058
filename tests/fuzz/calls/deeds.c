/* SPDX-License-Identifier: Apache-2.0 */
/* What a hostile program does besides calls. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "fuzz.h"

/* --- signals: handlers spoil the frame they return by */

static void on_signal(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint64_t r = mix(me.seed ^ me.number ^ (uint64_t)sig);
	char *fp = (char *)uc->uc_mcontext.fpregs;

	if (r % 16 == 0)
		uc->uc_mcontext.gregs[(r >> 8) % NGREG] ^= (greg_t)(1UL << (r >> 16) % 64);
	if (r % 16 == 1 && fp)
		fp[(r >> 8) % 832] ^= (char)(r >> 32);
	if (r % 16 == 2)
		memset(&uc->uc_sigmask, (int)(r >> 8), 8);
	if (r % 16 == 3)
		uc->uc_mcontext.fpregs = (void *)(uintptr_t)(r >> (r >> 8) % 64);
	if (r % 16 == 4)
		uc->uc_stack.ss_size = r;
}

static void on_fault(int sig, siginfo_t *info, void *context)
{
	if (me.in_call)
		siglongjmp(me.fault, 1);
	signal(sig, SIG_DFL);
}

void handle_signals(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	for (int sig = 1; sig <= SIGRTMAX; sig++)
		if (sig != SIGCONT && sig != SIGCHLD)
			sigaction(sig, &sa, NULL);
	sa.sa_flags |= SA_RESTART;
	sigaction(SIGCHLD, &sa, NULL);
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigaction(faults[i], &sa, NULL);
}

static void send_signal(void)
{
	CALL(SYS_tgkill, (uint64_t)getpid(), (uint64_t)ring->tids[below(TIDS)],
	     percent(90) ? SIGUSR1 : (uint64_t)signal_number());
}

/* --- faults */

static void touch(void)
{
	volatile char *p = area_byte();

	if (percent(50))
		*p = 1;
	else
		(void)*p;
}

static void touch_anywhere(void)
{
	(void)*(volatile char *)room(8);
}

static void jump_anywhere(void)
{
	void (*f)(void) = (void (*)(void))(uintptr_t)room(16);

	f();
}

static void odd_instruction(void)
{
	long result;

	switch (below(12)) {
	case 0: __asm__ volatile("int3"); break;
	case 1: __asm__ volatile("ud2"); break;
	case 2: __asm__ volatile("hlt"); break;
	case 3:
		__asm__ volatile("int $0x80"
				 : "=a"(result)
				 : "0"(below(400)), "b"(number()), "c"(number())
				 : "memory");
		break;
	case 4:
		__asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; mov 1(%0), %%eax"
				 :
				 : "r"(me.scratch)
				 : "eax", "cc");
		break;
	case 5:
		__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; syscall"
				 : "=a"(result)
				 : "0"((long)SYS_getppid)
				 : "rcx", "r11", "memory", "cc");
		break;
	case 6: __asm__ volatile("inb $0x60, %%al" : : : "eax"); break;
	case 7: __asm__ volatile("mov %%cr0, %%rax" : : : "rax"); break;
	case 8: __asm__ volatile("xor %%ecx, %%ecx; rdmsr" : : : "rax", "rcx", "rdx"); break;
	case 9: __asm__ volatile("mov %0, %%ds" : : "r"((short)number())); break;
	case 10: __asm__ volatile("xor %%edx, %%edx; div %%edx" : : : "rax", "rdx", "cc"); break;
	/* A system call with no stack: a signal in it finds none. */
	case 11:
		__asm__ volatile("mov %%rsp, %%r12; mov %1, %%rsp; syscall; mov %%r12, %%rsp"
				 : "=a"(result)
				 : "r"(number()), "0"((long)SYS_sched_yield)
				 : "rcx", "r11", "r12", "memory");
		break;
	}
}

/* --- processes */

static void fork_some(void)
{
	if (me.depth > 1)
		return;
	pid_t pid = fork();
	if (pid == 0) {
		me.depth++;
		thread_start();
		make_calls((int)below(60));
		_exit(0);
	}
}

static char *const exec_argv[] = { (char[]){ "calls" }, (char[]){ "end" }, NULL },
		   *const exec_env[] = { NULL };

static void exec_child(void)
{
	pid_t pid = percent(50) ? fork() : vfork();

	if (pid == 0) {
		execve("/proc/self/exe", exec_argv, exec_env);
		_exit(1);
	}
}

/* All threads of this process end in one new program. */
static void exec_here(void)
{
	if (percent(90))
		return;
	execve("/proc/self/exe", exec_argv, exec_env);
}

static void exec_broken(void)
{
	char bytes[1024];
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
	    to = open("prog", O_WRONLY | O_CREAT | O_CLOEXEC, 0777);
	ssize_t n = pread(fd, bytes, sizeof bytes, 0);

	for (uint64_t i = 1 + below(4); i && n > 0; i--)
		bytes[below((uint64_t)n)] = (char)number();
	if (lseek(to, 0, SEEK_END) < 100000)
		while (sendfile(to, fd, NULL, 1 << 20) > 0)
			;
	pwrite(to, bytes, n > 0 ? (size_t)n : 0, 0);
	close(fd);
	close(to);
	pid_t pid = vfork();
	if (pid == 0) {
		execve("prog", exec_argv, exec_env);
		_exit(1);
	}
}

static void end_thread(void)
{
	if (percent(90))
		return;
	syscall(SYS_exit, 0);
}

/* --- sockets in flight hold one another */

static void pass_descriptors(void)
{
	int pair[2], fds[4];
	char byte = 'x', control[CMSG_SPACE(sizeof fds)] __attribute__((aligned(8))) = "";
	struct msghdr m = { .msg_iov = &(struct iovec){ &byte, 1 },
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof control };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
		return;
	*c = (struct cmsghdr){ CMSG_LEN(sizeof fds), SOL_SOCKET, SCM_RIGHTS };
	for (int i = 0; i < 4; i++)
		fds[i] = percent(50) ? pair[i & 1] : (int)below(40);
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	sendmsg(pair[0], &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(pair[below(2)]);
	if (percent(80))
		close(pair[0]), close(pair[1]);
}

void deed(void)
{
	static void (*const deeds[])(void) = {
		touch,           touch,       touch,       touch_anywhere,   jump_anywhere,
		odd_instruction, send_signal, send_signal, fork_some,        exec_child,
		exec_here,       exec_broken, end_thread,  pass_descriptors,
	};

	deeds[below(sizeof deeds / sizeof *deeds)]();
}
