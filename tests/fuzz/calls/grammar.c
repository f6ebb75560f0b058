/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call: a row of sys/syscalls.def, and for the type of each argument what is passed. Constants
 * come from the tables from which the tracer takes their names, so what is added there is tried
 * here.
 */
#include "trace/names.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#include "fuzz.h"
#include "sys/syscall_args.h"

enum arg {
#define TYPE(name, when, function, names) ARG_##name,
#include "sys/arg_types.def"
#undef TYPE
	ARG_TYPES
};

enum when { BEFORE, AFTER };
enum status { FULL, PARTIAL, NONE };

static const struct type {
	enum when when;
	const struct names *names;
} types[] = {
#define TYPE(name, when, function, names) { when, names },
#include "sys/arg_types.def"
#undef TYPE
};

#define ARGC(...) (sizeof((int[]){ 0, __VA_ARGS__ }) / sizeof(int) - 1)
static const struct row {
	const char *name;
	short nr;
	unsigned char status, argc, arg[6];
} rows[] = {
#define SYSCALL(nr, name, status, err, why, result, args)                                          \
	{ #name, nr, status, ARGC(args), { args } },
#include "sys/syscalls.def"
#undef SYSCALL
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };
_Static_assert((int)ROW_COUNT <= ROWS, "the ring counts each");

/* The call being made, and what goes with the pointer made last: its length, its count. 0: nothing
 * does. */
static __thread const struct row *row;
static __thread uint64_t *arg, fitting;
static __thread int at;

typedef uint64_t generator(void);

static uint64_t filled(size_t size)
{
	return P(room(size));
}

static uint64_t passed(const void *bytes, size_t size)
{
	return P(put(bytes, size));
}
#define PASS(type, ...) passed(&(type)__VA_ARGS__, sizeof(type))

/* --- numbers */

static uint64_t one_of(const struct names *n)
{
	size_t count = 0;

	while (n->list[count].text)
		count++;
	return n->list[below(count)].value;
}

static uint64_t some_of(const struct names *n)
{
	uint64_t v = one_of(n);

	switch (below(12)) {
	case 0: return number();
	case 1: return 0;
	case 2: return v | one_of(n) | one_of(n);
	case 3:
	case 4: return v | one_of(n);
	default: return v;
	}
}

static uint64_t integer(void)
{
	if (fitting && percent(80))
		return fitting;
	return percent(60) ? below(5) : number();
}

static uint64_t a_size(void)
{
	if (fitting && percent(85))
		return fitting;
	return percent(50) ? length() : number();
}

static uint64_t an_offset(void)
{
	return percent(80) ? below(1 << 18) : number();
}

static uint64_t page_offset(void)
{
	return percent(80) ? below(8) * PAGE : number();
}

/* Which kind of descriptor a call is for; others take any. */
static enum object object_of(const char *call)
{
	static const struct {
		const char *prefix;
		enum object kind;
	} list[] = {
		{ "epoll_", OBJECT_EPOLL },     { "inotify_", OBJECT_INOTIFY },
		{ "timerfd_", OBJECT_TIMERFD }, { "signalfd", OBJECT_SIGNALFD },
		{ "pidfd_", OBJECT_PIDFD },     { "getdents", OBJECT_DIRECTORY },
		{ "accept", OBJECT_LISTENER },  { "listen", OBJECT_SOCKET },
		{ "connect", OBJECT_SOCKET },   { "bind", OBJECT_SOCKET },
		{ "send", OBJECT_SOCKET },      { "recv", OBJECT_SOCKET },
		{ "getsock", OBJECT_SOCKET },   { "setsock", OBJECT_SOCKET },
		{ "getpeer", OBJECT_SOCKET },   { "shutdown", OBJECT_SOCKET },
		{ "ioctl", OBJECT_TERMINAL },   { "splice", OBJECT_PIPE },
		{ "tee", OBJECT_PIPE },         { "vmsplice", OBJECT_PIPE },
		{ "mmap", OBJECT_FILE },        { "fallocate", OBJECT_FILE },
		{ "ftruncate", OBJECT_FILE },   { "fsetxattr", OBJECT_FILE },
		{ "fgetxattr", OBJECT_FILE },   { "copy_file", OBJECT_FILE },
		{ "sync_file", OBJECT_FILE },   { "fchdir", OBJECT_DIRECTORY },
	};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		if (strncmp(call, list[i].prefix, strlen(list[i].prefix)) == 0)
			return list[i].kind;
	return OBJECTS;
}

static uint64_t a_descriptor(void)
{
	enum object kind = object_of(row->name);

	return (uint64_t)(int64_t)(kind == OBJECTS || percent(40) ? descriptor()
								  : descriptor_of(kind));
}

static uint64_t a_directory(void)
{
	return percent(70) ? (uint64_t)AT_FDCWD : a_descriptor();
}

static uint64_t a_process(void)
{
	return (uint64_t)(int64_t)process();
}

static uint64_t a_signal(void)
{
	return (uint64_t)(int64_t)signal_number();
}

static uint64_t an_id(void)
{
	return percent(80) ? PICK((uint64_t)-1, (uint64_t)-1, 0, 1000, 65534) : number();
}

static uint64_t a_mode(void)
{
	return percent(80) ? 0666 | (random64() & 0111) : number();
}

static uint64_t file_mode(void)
{
	return PICK(S_IFIFO, S_IFREG, S_IFSOCK, S_IFCHR, S_IFBLK, S_IFDIR, 0) | a_mode();
}

static uint64_t zero_mostly(void)
{
	return percent(85) ? 0 : number();
}

/* --- memory */

static uint64_t any_pointer(void)
{
	/* Those of a range that is mapped, protected, unmapped. */
	if (at + 1 < row->argc && row->arg[at + 1] == ARG_SIZE) {
		fitting = (1 + below(16)) * PAGE;
		return P(area());
	}
	fitting = 56; /* struct sched_attr */
	return filled(256);
}

static uint64_t an_area(void)
{
	return P(area());
}

static uint64_t a_buffer(void)
{
	fitting = length();
	return filled(fitting);
}

static uint64_t position(void)
{
	return percent(60) ? 0 : PASS(uint64_t, { an_offset() });
}

static uint64_t a_path(void)
{
	return P(path());
}

static uint64_t a_string(void)
{
	static const char *const list[] = { "user.x",
					    "user.y",
					    "security.capability",
					    "trusted.x",
					    "system.posix_acl_access",
					    "m",
					    "ext4",
					    "",
					    "user." };
	const char *s = list[below(sizeof list / sizeof *list)];

	return P(put(s, strlen(s) + 1));
}

static uint64_t vectors(void)
{
	struct iovec v[40];
	size_t n = percent(85) ? 1 + below(4) : below(40);

	for (size_t i = 0; i < n; i++) {
		size_t size = length();
		v[i] = (struct iovec){ room(size), size };
	}
	uint64_t p = P(put(v, n * sizeof *v));
	fitting = n;
	return p;
}

static uint64_t strings(void)
{
	const void *v[4] = { put("calls", 6), put("end", 4), percent(90) ? NULL : room(8), NULL };

	return P(put(v, sizeof v));
}

static uint64_t groups(void)
{
	uint32_t g[40];

	for (int i = 0; i < 40; i++)
		g[i] = (uint32_t)below(70000);
	return P(put(g, sizeof g));
}

static uint64_t a_futex(void)
{
	return P(futex_word());
}

/* --- files */

static uint64_t open_flags(void)
{
	uint64_t f = some_of(&names_open) | one_of(&names_open_access);

	return percent(60) ? (O_RDWR | O_CREAT | O_NONBLOCK) : percent(80) ? f | O_NONBLOCK : f;
}

static uint64_t how_to_open(void)
{
	fitting = sizeof(struct open_how);
	return PASS(struct open_how, { .flags = open_flags(),
				       .mode = percent(80) ? 0 : a_mode(),
				       .resolve = percent(50) ? 0 : some_of(&names_resolve) });
}

static uint64_t lock_record(void)
{
	return PASS(struct flock,
		    { .l_type = (short)(percent(90) ? one_of(&names_lock_type) : number()),
		      .l_whence = (short)below(4),
		      .l_start = (off_t)(percent(90) ? below(100) : number()),
		      .l_len = (off_t)(percent(90) ? below(100) : number()),
		      .l_pid = (pid_t)(percent(90) ? 0 : number()) });
}

static uint64_t fcntl_arg(void)
{
	switch (arg[1]) {
	case F_SETLKW:
	case F_OFD_SETLKW:
	case F_GETLK:
	case F_SETLK:
	case F_OFD_GETLK:
	case F_OFD_SETLK: return lock_record();
	case F_SETOWN: return a_process();
	case F_SETOWN_EX: return PASS(struct f_owner_ex, { (enum __pid_type)below(4), process() });
	case F_SETSIG: return below(40) + 20; /* not SIGKILL: the owner may be the first process */
	case F_SETFL: return some_of(&names_open);
	case F_ADD_SEALS: return some_of(&names_file_seals);
	case F_SETPIPE_SZ: return 1UL << below(21);
	case F_GETOWN_EX: return filled(8);
	default: return percent(80) ? below(50) : number();
	}
}

static uint64_t ioctl_arg(void)
{
	return percent(60) ? filled(64) : percent(60) ? PASS(uint64_t, { below(300) }) : number();
}

static uint64_t poll_list(void)
{
	struct pollfd p[40];
	size_t n = below(40);

	for (size_t i = 0; i < n; i++)
		p[i] = (struct pollfd){ descriptor(), (short)random64(), 0 };
	uint64_t q = P(put(p, n * sizeof *p));
	fitting = n;
	return q;
}

static uint64_t descriptor_set(void)
{
	uint64_t s[16];

	for (int i = 0; i < 16; i++)
		s[i] = random64() & random64();
	return percent(30) ? 0 : passed(s, sizeof s);
}

static uint64_t epoll_interest(void)
{
	struct epoll_event e = { (uint32_t)(some_of(&names_epoll) | EPOLLIN),
				 { .u64 = random64() } };

	return passed(&e, sizeof e);
}

static uint64_t epoll_results(void)
{
	fitting = 1 + below(50);
	return filled(fitting * sizeof(struct epoll_event));
}

/* --- time and signals */

static struct timespec moment(void)
{
	return percent(90) ? (struct timespec){ 0, (long)below(3000000) }
			   : (struct timespec){ (time_t)number(), (long)number() };
}

static struct timeval short_moment(void)
{
	return percent(90) ? (struct timeval){ 0, (long)below(3000) }
			   : (struct timeval){ (time_t)number(), (long)number() };
}

static uint64_t timespec(void)
{
	struct timespec t = moment();

	return percent(8) ? 0 : passed(&t, sizeof t);
}

static uint64_t timeval(void)
{
	struct timeval t = short_moment();

	return percent(8) ? 0 : passed(&t, sizeof t);
}

static uint64_t timespecs(void)
{
	struct timespec t[2] = { moment(), moment() };

	if (percent(30))
		t[below(2)].tv_nsec = (long)PICK(UTIME_NOW, UTIME_OMIT);
	return percent(30) ? 0 : passed(t, sizeof t);
}

static uint64_t timevals(void)
{
	struct timeval t[2] = { short_moment(), short_moment() };

	return percent(30) ? 0 : passed(t, sizeof t);
}

static uint64_t signal_set(void)
{
	uint64_t set = percent(50) ? random64() & random64() : PICK(0, ~0UL, 1UL << 9, 1UL << 11);

	fitting = 8;
	return percent(25) ? 0 : passed(&set, 8);
}

static uint64_t signal_set_and_size(void)
{
	uint64_t both[2] = { signal_set(), percent(90) ? 8 : number() };

	return percent(40) ? 0 : passed(both, sizeof both);
}

static void some_handler(int sig)
{
}

static uint64_t signal_action(void)
{
	struct {
		uint64_t handler, flags, restorer, mask;
	} sa = { percent(90) ? PICK(P(some_handler), P(some_handler), 0, 1) : number(),
		 some_of(&names_sigaction), number(), random64() & random64() };

	fitting = 8; /* the size of the set of signals comes last */
	return passed(&sa, sizeof sa);
}

static uint64_t signal_event(void)
{
	struct sigevent e = { .sigev_notify = (int)some_of(&names_sigev),
			      .sigev_signo = percent(80) ? SIGUSR1 : signal_number(),
			      .sigev_value.sival_ptr = (void *)(uintptr_t)number() };

	e._sigev_un._tid = percent(80) ? (int)syscall(SYS_gettid) : process();
	return percent(25) ? 0 : passed(&e, sizeof e);
}

static uint64_t signal_info(void)
{
	siginfo_t si = { .si_signo = signal_number(),
			 .si_code = percent(80) ? SI_QUEUE : (int)number() };

	return percent(30) ? 0 : passed(&si, sizeof si);
}

static uint64_t signal_stack(void)
{
	size_t size = percent(70) ? 8192 : length();

	return PASS(stack_t,
		    { .ss_sp = room(size),
		      .ss_flags = (int)(percent(60) ? SS_DISABLE : some_of(&names_sigaltstack)),
		      .ss_size = size });
}

/* --- processes */

static uint64_t clone_flags(void)
{
	uint64_t own_memory =
	    some_of(&names_clone) & ~(uint64_t)(CLONE_VM | CLONE_VFORK | CLONE_THREAD);

	return percent(50) ? SIGCHLD : percent(90) ? own_memory | SIGCHLD : some_of(&names_clone);
}

static uint64_t clone_args(void)
{
	fitting = sizeof(struct clone_args);
	return PASS(struct clone_args, { .flags = clone_flags() & ~0xffUL,
					 .pidfd = filled(4),
					 .child_tid = filled(4),
					 .parent_tid = filled(4),
					 .exit_signal = percent(80) ? SIGCHLD : number(),
					 .stack = zero_mostly(),
					 .stack_size = zero_mostly(),
					 .tls = number(),
					 .set_tid = zero_mostly(),
					 .set_tid_size = zero_mostly(),
					 .cgroup = zero_mostly() });
}

static uint64_t limits(void)
{
	return PASS(struct rlimit, { percent(50) ? 1UL << (10 + below(50)) : number(),
				     percent(80) ? ~0UL : number() });
}

static uint64_t capability_header(void)
{
	uint32_t h[2] = { (uint32_t)PICK(0x20080522, 0x20080522, 0x20071026, 0x19980330, number()),
			  percent(70) ? 0 : (uint32_t)process() };

	return passed(h, sizeof h);
}

static uint64_t capability_data(void)
{
	uint32_t d[6];

	for (int i = 0; i < 6; i++)
		d[i] = percent(80) ? ~0U : (uint32_t)random64();
	return passed(d, sizeof d);
}

static uint64_t processors(void)
{
	return PASS(uint64_t, { percent(80) ? 3 : random64() });
}

static uint64_t small_number(void)
{
	return PASS(uint64_t, { below(3) });
}

/* struct sched_attr, which no header has that goes with sched.h. */
static uint64_t scheduling(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
		uint32_t clamp_min, clamp_max;
	} attr = { .size = (uint32_t)(percent(80) ? 48 + 8 * below(2) : number()),
		   .policy = (uint32_t)some_of(&names_sched),
		   .flags = zero_mostly(),
		   .nice = (int32_t)below(20),
		   .priority = (uint32_t)below(3) };

	fitting = 0; /* the flags come next */
	return passed(&attr, sizeof attr);
}

static uint64_t futex_operation(void)
{
	return one_of(&names_futex) | PICK(0, FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME, number());
}

static uint64_t futex_vector(void)
{
	struct {
		uint64_t val, uaddr;
		uint32_t flags, reserved;
	} v[130];
	size_t n = percent(90) ? 1 + below(4) : below(130);

	for (size_t i = 0; i < n; i++)
		v[i].val = below(2), v[i].uaddr = a_futex(),
		v[i].flags = (uint32_t)PICK(2, 0x82, 2, number()), v[i].reserved = 0;
	uint64_t p = P(put(v, n * sizeof *v));
	fitting = n;
	return p;
}

static uint64_t futex_size_flags(void)
{
	return percent(70) ? PICK(2, 0x82) : number();
}

static uint64_t robust_list(void)
{
	uint64_t head[3] = { P(me.scratch), zero_mostly(), zero_mostly() };

	fitting = sizeof head;
	return passed(head, sizeof head);
}

/* --- sockets */

static uint64_t an_address(void)
{
	union {
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		char bytes[128];
	} u = { .bytes = "" };
	uint16_t port = htons((uint16_t)(20000 + below(40)));
	uint64_t size = 2;

	switch (below(7)) {
	case 0:
		u.in = (struct sockaddr_in){ .sin_family = AF_INET,
					     .sin_port = port,
					     .sin_addr = { htonl(INADDR_LOOPBACK) } };
		size = sizeof u.in;
		break;
	case 1:
		u.in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
					       .sin6_port = port,
					       .sin6_addr = IN6ADDR_LOOPBACK_INIT };
		size = sizeof u.in6;
		break;
	case 2: u.un.sun_family = AF_UNIX; break;
	case 3: /* abstract */
		u.un = (struct sockaddr_un){ AF_UNIX, { 0, (char)('a' + below(4)) } };
		size = 4;
		break;
	case 4:
	case 5:
		u.un.sun_family = AF_UNIX;
		strcpy(u.un.sun_path, percent(70) ? "sock" : relative_name());
		size = percent(80) ? 3 + strlen(u.un.sun_path) : below(129);
		break;
	default:
		for (int i = 0; i < 128; i++)
			u.bytes[i] = (char)random64();
		u.bytes[1] = 0;
		size = below(140);
	}
	uint64_t p = P(put(&u, sizeof u));
	fitting = size;
	return p;
}

static uint64_t map_flags(void)
{
	uint64_t kind = percent(90) ? PICK(MAP_PRIVATE, MAP_SHARED) : some_of(&names_map);

	return kind | (percent(60) ? MAP_ANONYMOUS : 0) | (percent(40) ? some_of(&names_map) : 0);
}

static uint64_t address_room(void)
{
	return percent(50) ? 0 : filled(128);
}

static uint64_t address_length(void)
{
	return PASS(uint32_t, { percent(80) ? (uint32_t)below(130) : (uint32_t)number() });
}

/* Control messages: descriptors, credentials, and headers that lie. */
static size_t control(char *bytes, size_t room_left)
{
	size_t used = 0;

	for (uint64_t n = 1 + below(3); n && used + 1200 < room_left; n--) {
		struct cmsghdr *c = (void *)(bytes + used);
		int type = percent(75) ? SCM_RIGHTS : (int)some_of(&names_cmsg_socket),
		    *data = (void *)CMSG_DATA(c);
		size_t size = 4 * (percent(90) ? 1 + below(4) : below(260));

		for (size_t i = 0; i < size / 4; i++)
			data[i] = descriptor();
		if (type == SCM_CREDENTIALS) {
			size = 12;
			data[0] = process(), data[1] = data[2] = 0;
		}
		*c = (struct cmsghdr){ percent(92) ? CMSG_LEN(size) : number(),
				       percent(90) ? SOL_SOCKET : (int)number(), type };
		used += CMSG_SPACE(size);
	}
	return used;
}

static struct msghdr message_header(void)
{
	char bytes[4096] __attribute__((aligned(8))) = "";
	struct msghdr m = { .msg_iov = (void *)(uintptr_t)vectors(),
			    .msg_flags = (int)zero_mostly() };

	m.msg_iovlen = fitting;
	if (percent(40)) {
		m.msg_name = (void *)(uintptr_t)an_address();
		m.msg_namelen = (socklen_t)fitting;
	}
	if (percent(60)) {
		size_t size = control(bytes, sizeof bytes);
		m.msg_control = put(bytes, size);
		m.msg_controllen = percent(90) ? size : length();
	}
	return m;
}

static uint64_t message(void)
{
	struct msghdr m = message_header();

	return passed(&m, sizeof m);
}

static uint64_t messages(void)
{
	struct mmsghdr m[8] = { 0 };
	size_t n = 1 + below(8);

	for (size_t i = 0; i < n; i++)
		m[i].msg_hdr = message_header();
	uint64_t p = P(put(m, sizeof m));
	fitting = n;
	return p;
}

static uint64_t message_flags(void)
{
	return percent(60) ? MSG_DONTWAIT : some_of(&names_msg) | (percent(90) ? MSG_DONTWAIT : 0);
}

static uint64_t socket_domain(void)
{
	return percent(50)   ? AF_UNIX
	       : percent(80) ? PICK(AF_INET, AF_INET6, AF_NETLINK)
			     : some_of(&names_addr_family);
}

static uint64_t socket_type(void)
{
	return some_of(&names_sock_type) | (percent(90) ? SOCK_NONBLOCK : number());
}

static uint64_t socket_option(void)
{
	switch (arg[1]) {
	case SOL_SOCKET: return some_of(&names_sock_option);
	case IPPROTO_TCP: return some_of(&names_tcp_option);
	case IPPROTO_IP: return some_of(&names_ip_option);
	case IPPROTO_IPV6: return some_of(&names_ipv6_option);
	default: return number();
	}
}

static uint64_t option_value(void)
{
	uint64_t v[8] = { number(), below(3), number(), 0 };

	fitting = PICK(4, 4, 8, 16, 1, 12);
	return passed(v, sizeof v);
}

/* --- filters of calls */

static uint32_t an_action(void)
{
	uint32_t action = (uint32_t)PICK(SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, SECCOMP_RET_ERRNO,
					 SECCOMP_RET_TRAP, SECCOMP_RET_TRACE, SECCOMP_RET_LOG);

	if (percent(4)) /* nobody answers, and the thread is gone */
		action = (uint32_t)PICK(SECCOMP_RET_USER_NOTIF, SECCOMP_RET_KILL_THREAD, number());
	return action | (uint32_t)below(200);
}

/* Most of them say something of one call, some are anything. */
static uint64_t a_filter(void)
{
	struct sock_filter f[40] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)rows[below(ROW_COUNT)].nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, an_action()),
	};
	size_t n = 3 + below(36);

	for (size_t i = 3; i < n; i++)
		f[i] = (struct sock_filter){ (uint16_t)below(0x100), (uint8_t)below(n - i),
					     (uint8_t)below(n - i), (uint32_t)below(64) };
	if (percent(70))
		n = 3;
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return PASS(struct sock_fprog,
		    { (unsigned short)(percent(95) ? n : number()), put(f, n * sizeof *f) });
}

/* Not strict mode, in which a thread can do nothing but end. */
static uint64_t seccomp_operation(void)
{
	return PICK(1, 1, 1, 1, 2, 3, 4, number() | 1);
}

static uint64_t seccomp_argument(void)
{
	return arg[0] == 1 ? a_filter() : PASS(uint64_t, { an_action() });
}

static uint64_t seccomp_flags(void)
{
	return percent(60) ? 0 : some_of(&names_seccomp_filter);
}

/* --- tracing */

static uint64_t ptrace_address(void)
{
	return percent(40) ? PICK(0, 1, 2, 8, 512, 120) : P(area());
}

static uint64_t ptrace_data(void)
{
	struct iovec v = { room(1024), length() };

	return percent(40) ? below(40) : percent(50) ? passed(&v, sizeof v) : filled(512);
}

/* --- System V IPC: few keys and numbers, so that calls meet */

static uint64_t ipc_key(void)
{
	return percent(90) ? below(6) : number();
}

static uint64_t ipc_id(void)
{
	return percent(90) ? below(12) | (percent(20) ? 1UL << 15 : 0) : number();
}

static uint64_t ipc_flags(void)
{
	return percent(80) ? PICK(0, IPC_CREAT | 0666, IPC_CREAT | IPC_EXCL | 0600, IPC_NOWAIT)
			   : number();
}

static uint64_t ipc_command(void)
{
	return percent(90) ? below(20) : number();
}

static uint64_t semaphore_operations(void)
{
	struct sembuf ops[600];
	size_t n = percent(95) ? 1 + below(4) : below(600);

	for (size_t i = 0; i < n; i++)
		ops[i] =
		    (struct sembuf){ (unsigned short)below(percent(95) ? 4 : 70000),
				     (short)(below(5) - 2),
				     (short)(percent(85) ? IPC_NOWAIT | SEM_UNDO : (int)number()) };
	uint64_t p = P(put(ops, n * sizeof *ops));
	fitting = n;
	return p;
}

static uint64_t semaphore_argument(void)
{
	return percent(40) ? below(10) : filled(1024);
}

static uint64_t ipc_message(void)
{
	long m[16] = { percent(80) ? (long)(1 + below(4)) : (long)number() };

	fitting = below(sizeof m);
	return passed(m, sizeof m);
}

/* --- the table */

static generator *const generators[ARG_TYPES] = {
	[ARG_FD] = a_descriptor,
	[ARG_DIRFD] = a_directory,
	[ARG_INT] = integer,
	[ARG_UINT] = integer,
	[ARG_ID] = an_id,
	[ARG_PID] = a_process,
	[ARG_SIZE] = a_size,
	[ARG_LONG] = an_offset,
	[ARG_OFFSET] = page_offset,
	[ARG_HEX] = zero_mostly,
	[ARG_SECCOMP_OP] = seccomp_operation,
	[ARG_SECCOMP_FLAGS] = seccomp_flags,
	[ARG_SECCOMP_ARG] = seccomp_argument,
	[ARG_PTRACE_ADDR] = ptrace_address,
	[ARG_PTRACE_DATA] = ptrace_data,
	[ARG_IPC_KEY] = ipc_key,
	[ARG_IPC_ID] = ipc_id,
	[ARG_IPC_FLAGS] = ipc_flags,
	[ARG_IPC_CMD] = ipc_command,
	[ARG_IPC_DATA] = address_room,
	[ARG_SEM_ARG] = semaphore_argument,
	[ARG_SEM_OPS] = semaphore_operations,
	[ARG_IPC_MESSAGE] = ipc_message,
	[ARG_PTR] = any_pointer,
	[ARG_MODE] = a_mode,
	[ARG_FILE_MODE] = file_mode,
	[ARG_OPEN_MODE] = a_mode,
	[ARG_DEV] = zero_mostly,
	[ARG_SIGNAL] = a_signal,
	[ARG_LONG_PTR] = position,
	[ARG_OUT_SOCKLEN] = address_length,
	[ARG_GROUPS] = groups,
	[ARG_PATH] = a_path,
	[ARG_STR] = a_string,
	[ARG_BUF] = a_buffer,
	[ARG_XATTR_VALUE] = a_buffer,
	[ARG_OUT_BUF] = a_buffer,
	[ARG_OUT_PATH] = a_buffer,
	[ARG_OUT_BYTES] = a_buffer,
	[ARG_OUT_DIRENTS] = a_buffer,
	[ARG_IOV] = vectors,
	[ARG_OUT_IOV] = vectors,
	[ARG_STRINGS] = strings,
	[ARG_STRINGS_COUNT] = strings,
	[ARG_OPEN_FLAGS] = open_flags,
	[ARG_OPEN_HOW] = how_to_open,
	[ARG_FCNTL_ARG] = fcntl_arg,
	[ARG_IOCTL_ARG] = ioctl_arg,
	[ARG_UTIMES] = timespecs,
	[ARG_UTIMBUF] = timevals,
	[ARG_MAP_FLAGS] = map_flags,
	[ARG_MREMAP_ADDR] = an_area,
	[ARG_POLLFDS] = poll_list,
	[ARG_FD_SET] = descriptor_set,
	[ARG_EPOLL_EVENT] = epoll_interest,
	[ARG_OUT_EPOLL_EVENTS] = epoll_results,
	[ARG_TIMESPEC] = timespec,
	[ARG_TIMEVAL] = timeval,
	[ARG_TIMEVAL_PAIR] = timevals,
	[ARG_ITIMERVAL] = timevals,
	[ARG_ITIMERSPEC] = timespecs,
	[ARG_SIGEVENT] = signal_event,
	[ARG_SIGSET] = signal_set,
	[ARG_OUT_SIGSET] = signal_set,
	[ARG_PSELECT_SIGSET] = signal_set_and_size,
	[ARG_SIGACTION] = signal_action,
	[ARG_SIGINFO] = signal_info,
	[ARG_STACK] = signal_stack,
	[ARG_CLONE_FLAGS] = clone_flags,
	[ARG_CLONE_STACK] = zero_mostly,
	[ARG_CLONE_ARGS] = clone_args,
	[ARG_RLIMIT] = limits,
	[ARG_CAP_HEADER] = capability_header,
	[ARG_CAP_DATA] = capability_data,
	[ARG_SCHED_PARAM] = small_number,
	[ARG_CPU_SET] = processors,
	[ARG_FUTEX_WORD] = a_futex,
	[ARG_FUTEX_OP] = futex_operation,
	[ARG_FUTEX_TIMEOUT] = timespec,
	[ARG_FUTEX_WORD2] = a_futex,
	[ARG_SOCKET_DOMAIN] = socket_domain,
	[ARG_SOCKET_TYPE] = socket_type,
	[ARG_SOCKET_PROTO] = zero_mostly,
	[ARG_SOCKET_OPTION] = socket_option,
	[ARG_OPTION_VALUE] = option_value,
	[ARG_OUT_OPTION_VALUE] = option_value,
	[ARG_MSG_FLAGS] = message_flags,
	[ARG_SOCKADDR] = an_address,
	[ARG_OUT_SOCKADDR] = address_room,
	[ARG_MSGHDR] = message,
	[ARG_OUT_MSGHDR] = message,
};

/* Where the type says less than what is behind it. */
static const struct {
	short nr, arg;
	generator *make;
} special[] = {
	{ SYS_recvmmsg, 1, messages },
	{ SYS_sendmmsg, 1, messages },
	{ SYS_process_vm_readv, 1, vectors },
	{ SYS_process_vm_readv, 3, vectors },
	{ SYS_process_vm_writev, 1, vectors },
	{ SYS_process_vm_writev, 3, vectors },
	{ SYS_sched_setattr, 1, scheduling },
	{ SYS_set_robust_list, 0, robust_list },
	{ SYS_set_tid_address, 0, a_futex },
	{ SYS_futex_waitv, 0, futex_vector },
	{ 454, 3, futex_size_flags },
	{ 455, 4, futex_size_flags },
	{ 456, 0, futex_vector },
	{ SYS_brk, 0, an_area },
};

static uint64_t make_argument(void)
{
	enum arg kind = row->arg[at];

	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (special[i].nr == row->nr && special[i].arg == at)
			return special[i].make();
	if (generators[kind])
		return generators[kind]();
	if (types[kind].names)
		return some_of(types[kind].names);
	return types[kind].when == AFTER ? filled(256) : number();
}

/* Calls that end what makes them, make another, or cost the host more than others: seldom. */
static bool is_rare(const struct row *r)
{
	static const short rare[] = { SYS_exit,         SYS_exit_group, SYS_fork,     SYS_vfork,
				      SYS_clone,        SYS_clone3,     SYS_execve,   SYS_execveat,
				      SYS_pause,        SYS_sync,       SYS_syncfs,   SYS_chdir,
				      SYS_chroot,       SYS_fchdir,     SYS_setuid,   SYS_setresuid,
				      SYS_close_range,  SYS_kill,       SYS_tkill,    SYS_tgkill,
				      SYS_fsync,        SYS_setreuid,   SYS_mlockall, SYS_mkdir,
				      SYS_rt_sigsuspend };

	for (size_t i = 0; i < sizeof rare / sizeof *rare; i++)
		if (rare[i] == r->nr)
			return true;
	return false;
}

/* What would take the bounds away that keep the host from harm: see main.c's limits. */
static void tame(const struct row *r, uint64_t a[6])
{
	uint64_t *resource = r->nr == SYS_setrlimit ? &a[0] : r->nr == SYS_prlimit64 ? &a[1] : NULL;

	if (resource && ((uint32_t)*resource == RLIMIT_AS || (uint32_t)*resource == RLIMIT_FSIZE))
		*resource = RLIMIT_CORE;
}

/* A name, and flags among which AT_EMPTY_PATH is: mostly it has to be both, or it is an error. */
static void empty_path(const struct row *r, uint64_t a[6])
{
	int name = -1;

	for (int i = 0; i < r->argc; i++) {
		const struct names *n = types[r->arg[i]].names;
		if (r->arg[i] == ARG_PATH)
			name = i;
		for (size_t j = 0; n && n->list[j].text; j++)
			if (name >= 0 && strcmp(n->list[j].text, "AT_EMPTY_PATH") == 0) {
				a[name] = P(put("", 1));
				a[i] |= AT_EMPTY_PATH;
			}
	}
}

static void odd_number(struct call *c)
{
	c->row = -1;
	c->nr = (long)PICK((uint64_t)-1, 337, 423, 470, 511, 512, 547, 548, 1000, 0x40000000,
			   0x40000001, number());
	if (c->nr >= 0 && c->nr < 512 && *grammar_name(c->nr) != '?')
		c->nr += 512; /* a row's: its arguments would not be tame */
	for (int i = 0; i < 6; i++)
		c->arg[i] = percent(50) ? number() : filled(64);
}

void grammar_call(struct call *c)
{
	const struct row *r = &rows[below(ROW_COUNT)];

	if (percent(1)) {
		odd_number(c);
		return;
	}
	while ((r->status == NONE && percent(90)) || (is_rare(r) && percent(95)))
		r = &rows[below(ROW_COUNT)];
	row = r;
	arg = c->arg;
	fitting = 0;
	for (at = 0; at < r->argc; at++)
		c->arg[at] = make_argument();
	for (; at < 6; at++)
		c->arg[at] = number();
	if (percent(15))
		empty_path(r, c->arg);
	tame(r, c->arg);
	c->nr = r->nr;
	c->row = (int)(r - rows);
}

long grammar_row_nr(int i)
{
	return i < ROW_COUNT ? rows[i].nr : -1;
}

const char *grammar_name(long nr)
{
	for (int i = 0; i < ROW_COUNT; i++)
		if (rows[i].nr == nr)
			return rows[i].name;
	return "?";
}
