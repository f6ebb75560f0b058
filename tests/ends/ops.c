/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest programs that are in the middle of something long when they are told to end: PROG OP. The
 * program says "begin" when it is prepared, and then does nothing but the operation, over and over,
 * until somebody ends it. It says why when the operation fails, which is a failure of the test:
 * nothing long was under way.
 *
 * PROG killed OP: a child does that, and its parent kills it at the end of the standard input.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MOST   0x7ffff000L /* one call moves no more */
#define MIB    (1L << 20)
#define GIB    (1L << 30)
#define SPARSE (1L << 40)

static void fail(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(3);
}

#define NEED(expr)                                                                                 \
	({                                                                                         \
		long need_ = (long)(expr);                                                         \
		if (need_ == -1)                                                                   \
			fail(#expr);                                                               \
		need_;                                                                             \
	})

static void begin(void)
{
	printf("begin\n");
	fflush(stdout);
}

/* Says that it begins, and repeats. */
#define FOREVER for (begin();;)

static int open_new(const char *name)
{
	return (int)NEED(open(name, O_RDWR | O_CREAT | O_TRUNC, 0600));
}

static int sparse(void)
{
	int fd = open_new("sparse");

	NEED(ftruncate(fd, SPARSE));
	return fd;
}

static int null(void)
{
	return (int)NEED(open("/dev/null", O_RDWR));
}

static char *memory(size_t size)
{
	return (char *)NEED(mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
}

/* A file in so many pieces that giving it up takes the host long. */
static int pieces(const char *name)
{
	int fd = open_new(name);

	for (long i = 0; i < 3000; i++)
		NEED(pwrite(fd, "x", 1, i * 8192));
	NEED(fsync(fd));
	return fd;
}

/* ---- transfers ---- */

static void op_sendfile_sparse(void)
{
	int in = sparse(), out = null();

	FOREVER
	NEED(sendfile(out, in, NULL, MOST));
}

static void op_sendfile_random(void)
{
	int in = (int)NEED(open("/dev/urandom", O_RDONLY)), out = null();

	FOREVER
	NEED(sendfile(out, in, NULL, MOST));
}

static void op_copy_file_range(void)
{
	int in = sparse(), out = open_new("copy");
	off_t from = 0, to = 0;

	FOREVER
	{
		from = to = 0;
		NEED(copy_file_range(in, &from, out, &to, MOST, 0));
	}
}

static void op_splice(void)
{
	int in = sparse(), out = null(), p[2];

	NEED(pipe(p));
	FOREVER
	{
		NEED(splice(in, NULL, p[1], NULL, 65536, 0));
		NEED(splice(p[0], NULL, out, NULL, 65536, 0));
	}
}

static void op_splice_full_pipe(void)
{
	int in = sparse(), p[2];

	NEED(pipe(p));
	FOREVER
	NEED(splice(in, NULL, p[1], NULL, MOST, 0));
}

static void op_vmsplice(void)
{
	struct iovec v = { memory(GIB), GIB };
	int p[2];

	NEED(pipe(p));
	FOREVER
	NEED(vmsplice(p[1], &v, 1, 0));
}

static void op_tee(void)
{
	int p[2], q[2];

	NEED(pipe(p));
	NEED(pipe(q));
	FOREVER
	NEED(tee(p[0], q[1], 4096, 0));
}

static void op_read_random(void)
{
	int in = (int)NEED(open("/dev/urandom", O_RDONLY));
	char *m = memory(256 * MIB);

	FOREVER
	NEED(read(in, m, 256 * MIB));
}

static void op_read_zero(void)
{
	int in = (int)NEED(open("/dev/zero", O_RDONLY));
	char *m = memory(256 * MIB);

	FOREVER
	NEED(read(in, m, 256 * MIB));
}

static void op_read_file(void)
{
	int in = sparse();
	char *m = memory(256 * MIB);

	FOREVER
	NEED(pread(in, m, 256 * MIB, 0));
}

static void op_write_file(void)
{
	int out = open_new("written");
	char *m = memory(256 * MIB);

	FOREVER
	NEED(pwrite(out, m, 256 * MIB, 0));
}

static void op_writev_memfd(void)
{
	struct iovec v[4];
	char *m = memory(64 * MIB);
	int out = (int)NEED(memfd_create("m", 0));

	for (int i = 0; i < 4; i++)
		v[i] = (struct iovec){ m, 64 * MIB };
	FOREVER
	{
		NEED(writev(out, v, 4));
		NEED(ftruncate(out, 0));
		NEED(lseek(out, 0, SEEK_SET));
	}
}

static void op_getrandom(void)
{
	char *m = memory(32 * MIB);

	FOREVER
	NEED(getrandom(m, 32 * MIB, 0));
}

static void op_process_vm_readv(void)
{
	struct iovec here = { memory(256 * MIB), 256 * MIB },
		     there = { memory(256 * MIB), 256 * MIB };

	FOREVER
	NEED(process_vm_readv(getpid(), &here, 1, &there, 1, 0));
}

/* ---- the host's disk ---- */

static void op_fsync(void)
{
	int fd = open_new("synced");
	char *m = memory(64 * MIB);

	FOREVER
	{
		NEED(pwrite(fd, m, 64 * MIB, 0));
		NEED(fsync(fd));
	}
}

static void op_sync(void)
{
	int fd = open_new("synced");
	char *m = memory(8 * MIB);

	FOREVER
	{
		NEED(pwrite(fd, m, 8 * MIB, 0));
		sync();
	}
}

static void op_syncfs(void)
{
	int fd = open_new("synced");
	char *m = memory(8 * MIB);

	FOREVER
	{
		NEED(pwrite(fd, m, 8 * MIB, 0));
		NEED(syncfs(fd));
	}
}

static void op_fallocate(void)
{
	int fd = open_new("allocated");

	FOREVER
	{
		NEED(fallocate(fd, 0, 0, GIB));
		NEED(ftruncate(fd, 0));
	}
}

static void op_fallocate_memfd(void)
{
	int fd = (int)NEED(memfd_create("m", 0));

	FOREVER
	{
		NEED(fallocate(fd, 0, 0, 256 * MIB));
		NEED(ftruncate(fd, 0));
	}
}

/* The four below are done once: what follows is waiting. */
static void op_close_deleted(void)
{
	int fd = pieces("pieces");

	NEED(unlink("pieces"));
	begin();
	close(fd);
	for (;;)
		pause();
}

static void op_exit_deleted(void)
{
	pieces("pieces");
	NEED(unlink("pieces"));
	begin();
	if (NEED(fork()) == 0)
		pause();
	pause();
}

static void op_unlink(void)
{
	close(pieces("pieces"));
	begin();
	NEED(unlink("pieces"));
	for (;;)
		pause();
}

static void op_rename(void)
{
	close(pieces("pieces"));
	close(open_new("other"));
	begin();
	NEED(rename("other", "pieces"));
	for (;;)
		pause();
}

static void op_truncate(void)
{
	int fd = pieces("pieces");

	begin();
	NEED(ftruncate(fd, 0));
	for (;;)
		pause();
}

static void op_open_truncate(void)
{
	close(pieces("pieces"));
	begin();
	open_new("pieces");
	for (;;)
		pause();
}

/* ---- memory ---- */

static void op_map_huge(void)
{
	FOREVER
	{
		char *m = memory(SPARSE / 2);
		m[0] = m[SPARSE / 4] = 1;
		NEED(munmap(m, SPARSE / 2));
	}
}

static void op_populate(void)
{
	FOREVER
	{
		char *m = (char *)NEED(mmap(NULL, 256 * MIB, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
		NEED(munmap(m, 256 * MIB));
	}
}

/* One call that gets more memory than there is time for. */
static void op_populate_all(void)
{
	FOREVER
	NEED(mmap(NULL, 64 * GIB, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE, -1, 0));
}

static void op_lock(void)
{
	char *m = memory(64 * GIB);

	FOREVER
	NEED(mlock(m, 64 * GIB));
}

static void op_lock_all(void)
{
	memory(64 * GIB);
	FOREVER
	NEED(mlockall(MCL_CURRENT));
}

static void op_advise_populate(void)
{
	char *m = memory(64 * GIB);

	FOREVER
	NEED(madvise(m, 64 * GIB, MADV_POPULATE_WRITE));
}

static void op_dontneed(void)
{
	char *m = memory(64 * GIB);

	FOREVER
	{
		m[0] = m[32 * GIB] = 1;
		NEED(madvise(m, 64 * GIB, MADV_DONTNEED));
	}
}

static void op_msync(void)
{
	int fd = open_new("mapped");

	NEED(ftruncate(fd, 64 * MIB));
	char *m = (char *)NEED(mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	FOREVER
	{
		memset(m, 1, 64 * MIB);
		NEED(msync(m, 64 * MIB, MS_SYNC));
	}
}

static void op_fork(void)
{
	char *m = memory(GIB);

	memset(m, 1, 64 * MIB);
	FOREVER
	{
		pid_t pid = (pid_t)NEED(fork());
		if (pid == 0)
			_exit(0);
		NEED(waitpid(pid, NULL, 0));
	}
}

/* ---- waiting ---- */

static void op_flock(void)
{
	int a = open_new("locked"), b = open_new("locked");

	NEED(flock(a, LOCK_EX));
	FOREVER
	NEED(flock(b, LOCK_EX));
}

static void op_ofd_lock(void)
{
	struct flock fl = { .l_type = F_WRLCK };
	int a = open_new("locked"), b = open_new("locked");

	NEED(fcntl(a, F_OFD_SETLK, &fl));
	FOREVER
	NEED(fcntl(b, F_OFD_SETLKW, &fl));
}

static void op_connect(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "listener" };
	int s = (int)NEED(socket(AF_UNIX, SOCK_STREAM, 0));

	unlink("listener");
	NEED(bind(s, (struct sockaddr *)&a, sizeof a));
	NEED(listen(s, 0));
	FOREVER
	NEED(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a));
}

static void op_accept(void)
{
	int s = (int)NEED(socket(AF_INET, SOCK_STREAM, 0));

	NEED(listen(s, 1));
	FOREVER
	NEED(accept(s, NULL, NULL));
}

static void op_recv(void)
{
	int s[2];
	char b[16];

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	FOREVER
	NEED(recv(s[0], b, sizeof b, 0));
}

static void op_send(void)
{
	int s[2];
	char *m = memory(MIB);

	NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	FOREVER
	NEED(send(s[0], m, MIB, 0));
}

static void op_pipe_read(void)
{
	int p[2];
	char b;

	NEED(pipe(p));
	FOREVER
	NEED(read(p[0], &b, 1));
}

static void op_pipe_write(void)
{
	char *m = memory(GIB);
	int p[2];

	NEED(pipe(p));
	FOREVER
	NEED(write(p[1], m, GIB));
}

static void op_open_fifo(void)
{
	unlink("fifo");
	NEED(mkfifo("fifo", 0600));
	FOREVER
	NEED(open("fifo", O_RDONLY));
}

static void op_poll(void)
{
	FOREVER
	NEED(poll(NULL, 0, -1));
}

static void op_epoll(void)
{
	struct epoll_event e;
	int ep = (int)NEED(epoll_create1(0));

	FOREVER
	NEED(epoll_wait(ep, &e, 1, -1));
}

static void op_futex(void)
{
	int word = 0;

	FOREVER
	NEED(syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0));
}

static void op_wait(void)
{
	if (NEED(fork()) == 0)
		for (;;)
			pause();
	FOREVER
	NEED(wait(NULL));
}

static void op_vfork(void)
{
	begin();
	if (NEED(vfork()) == 0)
		for (;;)
			pause();
}

static void op_stopped(void)
{
	begin();
	if (NEED(fork()) == 0)
		raise(SIGSTOP);
	for (;;)
		pause();
}

/* ---- work ---- */

static void op_compute(void)
{
	FOREVER
	__asm__ volatile("");
}

static void op_system_calls(void)
{
	FOREVER
	syscall(SYS_getppid);
}

static void *end_at_once(void *arg)
{
	return arg;
}

static void op_threads(void)
{
	FOREVER
	{
		pthread_t t;
		errno = pthread_create(&t, NULL, end_at_once, NULL);
		if (errno)
			fail("pthread_create");
		pthread_join(t, NULL);
	}
}

/* More files than are freed in a moment, and fewer than there is memory for. */
static void op_shm_files(void)
{
	char name[64];
	long i = 0;

	FOREVER
	{
		snprintf(name, sizeof name, "/dev/shm/f%ld", i++ % 100000);
		close(open_new(name));
	}
}

static void *read_for_ever(void *arg)
{
	int in = (int)NEED(open("/dev/zero", O_RDONLY));
	char *m = memory(16 * MIB);

	for (;;)
		NEED(read(in, m, 16 * MIB));
	return arg;
}

static void op_many_readers(void)
{
	pthread_t t;

	for (int i = 0; i < 16; i++)
		pthread_create(&t, NULL, read_for_ever, NULL);
	begin();
	pause();
}

/* clang-format off */
#define OPS(X) \
	X(sendfile_sparse) \
	X(sendfile_random) \
	X(copy_file_range) \
	X(splice) \
	X(splice_full_pipe) \
	X(vmsplice) \
	X(tee) \
	X(read_random) \
	X(read_zero) \
	X(read_file) \
	X(write_file) \
	X(writev_memfd) \
	X(getrandom) \
	X(process_vm_readv) \
	X(fsync) \
	X(sync) \
	X(syncfs) \
	X(fallocate) \
	X(fallocate_memfd) \
	X(close_deleted) \
	X(exit_deleted) \
	X(unlink) \
	X(rename) \
	X(truncate) \
	X(open_truncate) \
	X(map_huge) \
	X(populate) \
	X(populate_all) \
	X(lock) \
	X(lock_all) \
	X(advise_populate) \
	X(dontneed) \
	X(msync) \
	X(fork) \
	X(flock) \
	X(ofd_lock) \
	X(connect) \
	X(accept) \
	X(recv) \
	X(send) \
	X(pipe_read) \
	X(pipe_write) \
	X(open_fifo) \
	X(poll) \
	X(epoll) \
	X(futex) \
	X(wait) \
	X(vfork) \
	X(stopped) \
	X(compute) \
	X(system_calls) \
	X(threads) \
	X(shm_files) \
	X(many_readers)
/* clang-format on */

static const struct op {
	const char *name;
	void (*run)(void);
} ops[] = {
#define OP(name) { #name, op_##name },
	OPS(OP)
};

static void kill_at_the_end_of_input(void (*run)(void))
{
	pid_t pid = (pid_t)NEED(fork());
	int status;
	char byte;

	if (pid == 0)
		run();
	while (NEED(read(STDIN_FILENO, &byte, 1)) > 0)
		;
	NEED(kill(pid, SIGKILL));
	NEED(waitpid(pid, &status, 0));
	exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 4);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		if (argc < 2)
			puts(ops[i].name);
		else if (strcmp(argv[argc - 1], ops[i].name) != 0)
			continue;
		else if (argc > 2)
			kill_at_the_end_of_input(ops[i].run);
		else
			ops[i].run();
	}
	return argc < 2 ? 0 : 2;
}
