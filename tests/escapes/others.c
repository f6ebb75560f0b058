/* SPDX-License-Identifier: Apache-2.0 */
/* Ways out that are no files: sockets, processes, memory, namespaces, the kernel. */
#include "tests/escapes/guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* Each type of socket, to one name. */
static void reach_unix(const char *name, bool abstract)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof un;

	snprintf(un.sun_path + abstract, sizeof un.sun_path - 1, "%s", name);
	if (abstract)
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		int s = socket(AF_UNIX, types[i], 0);
		must_fail(connect(s, (struct sockaddr *)&un, len), path("connect to %s", name));
		must_fail(sendto(s, "reached", 7, 0, (struct sockaddr *)&un, len), "sendto");
		close(s);
	}
}

/* The host listens at /host/listener, at OUTSIDE/listener and for datagrams beside them. */
CASE(unix_paths)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/host/own-socket" };
	int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

	reach_unix("/host/listener", false);
	reach_unix("/host/datagrams", false);
	reach_unix("/host/links/rel/listener", false);
	reach_unix("/host/links/abs/listener", false);
	reach_unix(path("%s/listener", world.outside), false);
	reach_unix("/host/../../outside/listener", false);
	reach_unix("/proc/self/root//../outside/listener", false);
	rename("/host/listener", "/host/renamed");
	reach_unix("/host/renamed", false);
	rename("/host/renamed", "/host/listener");
	must_work(bind(s, (struct sockaddr *)&un, sizeof un), "bind");
	must_work(listen(s, 1), "listen");
	must_work(connect(c, (struct sockaddr *)&un, sizeof un), "connect among guests");
	unlink("/host/own-socket");
}

CASE(abstract_sockets)
{
	reach_unix(path("hl-escapes-%d", world.victim), true);
	reach_unix("/tmp/.X11-unix/X0", true);
	reach_unix("/run/systemd/notify", false);
	reach_unix("/run/docker.sock", false);
	reach_unix("/run/dbus/system_bus_socket", false);
}

static void reach_inet(int family, int type)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)world.port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)world.port) };
	int s = socket(family, type | SOCK_NONBLOCK, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in6.sin6_addr = in6addr_loopback;
	struct sockaddr *to = family == AF_INET ? (void *)&in : (void *)&in6;
	socklen_t len = family == AF_INET ? sizeof in : sizeof in6;
	connect(s, to, len);
	sendto(s, "reached", 7, MSG_NOSIGNAL, to, len);
	in.sin_addr.s_addr = htonl(0xa9fea9fe); /* 169.254.169.254 */
	connect(s, (struct sockaddr *)&in, sizeof in);
	close(s);
}

struct datagram {
	struct iphdr ip;
	struct udphdr udp;
	char text[8];
} __attribute__((packed));

static uint16_t checksum(const void *p, size_t len)
{
	uint32_t sum = 0;
	uint16_t word;

	for (size_t i = 0; i < len; i += sizeof word) {
		memcpy(&word, (const char *)p + i, sizeof word);
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* To where the host listens. */
static struct datagram datagram_to_host(void)
{
	struct datagram d = {
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP },
		.udp = { .source = htons(9), .dest = htons((uint16_t)world.port) },
		.text = "reached",
	};

	d.ip.tot_len = htons(sizeof d);
	d.udp.len = htons(sizeof d.udp + sizeof d.text);
	d.ip.saddr = d.ip.daddr = htonl(INADDR_LOOPBACK);
	d.ip.check = checksum(&d.ip, sizeof d.ip);
	return d;
}

/* Where the sandbox has a network of its own, its root may make packets there. What it makes is
 * seen in none of the host's (suite.c, judge_packets). */
static void reach_by_packets(void)
{
	const struct datagram d = datagram_to_host();
	const struct sockaddr_in in = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_halen = ETH_ALEN };
	struct {
		struct ethhdr eth;
		struct datagram d;
	} __attribute__((packed)) frame = { .eth.h_proto = htons(ETH_P_IP), .d = d };
	static const int protocols[] = { IPPROTO_ICMP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_RAW };

	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		int s = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, protocols[i]);
		long sent =
		    sendto(s, &d.udp, sizeof d - sizeof d.ip, 0, (const void *)&in, sizeof in);
		if (s >= 0 && protocols[i] == IPPROTO_UDP)
			must_work(sent, "a packet of one's own");
		setsockopt(s, IPPROTO_IP, IP_HDRINCL, &(int){ 1 }, sizeof(int));
		sendto(s, &d, sizeof d, 0, (const void *)&in, sizeof in);
		close(s);
	}
	for (int index = 0; index < 4; index++) {
		int raw = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
		int cooked = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_ALL));
		ll.sll_ifindex = index;
		sendto(raw, &frame, sizeof frame, 0, (void *)&ll, sizeof ll);
		sendto(cooked, &d, sizeof d, 0, (void *)&ll, sizeof ll);
		bind(raw, (void *)&ll, sizeof ll);
		send(raw, &frame, sizeof frame, 0);
		close(raw);
		close(cooked);
	}
}

CASE(network)
{
	for (int i = 0; i < 4; i++)
		reach_inet(i & 1 ? AF_INET : AF_INET6, i & 2 ? SOCK_STREAM : SOCK_DGRAM);
	reach_by_packets();
}

/* Its first interface is taken down. A network of the sandbox's own has one that its root may take
 * down; that of the host's is as it was, which the witness sees to (witness.c). */
CASE(netlink)
{
	for (int proto = 0; proto < 32; proto++) {
		struct {
			struct nlmsghdr h;
			struct ifinfomsg i;
		} down = { .h = { .nlmsg_len = sizeof down,
				  .nlmsg_type = RTM_NEWLINK,
				  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
				  .nlmsg_seq = 1 },
			   .i = { .ifi_index = 1, .ifi_change = 1 } };
		int s = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, proto);
		if (s < 0)
			continue;
		send(s, &down, sizeof down, 0);
		close(s);
	}
}

CASE(other_families)
{
	for (int family = 0; family < 64; family++) {
		if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
		    family == AF_NETLINK || family == AF_PACKET) /* reach_by_packets() */
			continue;
		for (int type = 1; type < 11; type++)
			must_fail(socket(family, type, 0), path("socket of family %d", family));
	}
}

/* The host has a segment with the canary's text, a message queue, and a key that hl possesses. */
CASE(shared_memory)
{
	for (int id = 0; id < 70000; id += id < 200 ? 1 : 4681) {
		const char *p = shmat(id, NULL, SHM_RDONLY);
		if (p != (void *)-1)
			escaped("shmat of %d: %.64s", id, p);
	}
	if (shmat(world.shm, NULL, 0) != (void *)-1)
		escaped("shmat of the host's segment");
	must_fail(shmctl(world.shm, IPC_RMID, NULL), "IPC_RMID");
	int id = shmget((key_t)world.victim, 1, 0);
	must_fail(id, "shmget of the host's key");
	must_fail(semget((key_t)world.victim, 1, 0), "semget of the host's key");
	must_fail(mq_open("/hl-escapes", O_RDONLY | O_NONBLOCK), "mq_open of the host's queue");
	spill_path("/dev/shm/hl-escapes");
	must_fail(access("/dev/shm/hl-escapes", F_OK), "/dev/shm of the host");
	must_fail(syscall(SYS_request_key, "user", "hl-escapes", NULL, 0), "the host's key");
}

CASE(signals)
{
	signal(SIGTERM, SIG_IGN);
	for (int sig = 0; sig < 65; sig++) {
		must_fail(kill(world.victim, sig), "kill");
		must_fail(kill(-world.victim, sig), "kill of a group");
		must_fail(syscall(SYS_tkill, world.victim, sig), "tkill");
		must_fail(syscall(SYS_tgkill, world.victim, world.victim, sig), "tgkill");
		siginfo_t si = { .si_signo = sig, .si_code = SI_QUEUE };
		must_fail(syscall(SYS_rt_sigqueueinfo, world.victim, sig, &si), "rt_sigqueueinfo");
	}
	kill(-1, SIGTERM); /* all but itself */
	must_fail(kill(0x7fffffff, SIGKILL), "kill");
	must_fail(kill((pid_t)0x80000000, SIGKILL), "kill");
	pid_t pid = fork();
	while (pid == 0)
		pause();
	kill(-1, SIGKILL);
	must_work(waitpid(pid, NULL, 0), "waitpid");
}

CASE(traced_processes)
{
	static const long requests[] = { PTRACE_ATTACH, PTRACE_SEIZE, PTRACE_PEEKDATA, PTRACE_CONT,
					 PTRACE_KILL };
	char text[64] = "";
	struct iovec local = { text, sizeof text };
	struct iovec remote = { (void *)strtoul(world.mark, NULL, 16), sizeof text };

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		must_fail(syscall(SYS_ptrace, requests[i], world.victim, remote.iov_base, text),
			  "ptrace");
	for (pid_t pid = 0; pid < 64; pid++)
		process_vm_readv(pid, &local, 1, &remote, 1, 0);
	must_fail(process_vm_readv(world.victim, &local, 1, &remote, 1, 0), "process_vm_readv");
	must_fail(process_vm_writev(world.victim, &local, 1, &remote, 1, 0), "process_vm_writev");
	(void)!write(1, text, sizeof text);
	must_fail(syscall(SYS_kcmp, getpid(), world.victim, 0, 0, 0), "kcmp");
}

CASE(process_settings)
{
	struct rlimit lim = { 0, 0 };
	struct sched_param sp = { 0 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must_fail(setpriority(PRIO_PROCESS, (id_t)world.victim, 19), "setpriority");
	must_fail(prlimit(world.victim, RLIMIT_CPU, &lim, NULL), "prlimit");
	must_fail(sched_setaffinity(world.victim, sizeof one, &one), "sched_setaffinity");
	must_fail(sched_setscheduler(world.victim, SCHED_IDLE, &sp), "sched_setscheduler");
	must_fail(syscall(SYS_ioprio_set, 1, world.victim, 3 << 13), "ioprio_set");
	must_fail(setpgid(world.victim, 0), "setpgid");
	must_fail(getpgid(world.victim), "getpgid");
	must_fail(getsid(world.victim), "getsid");
	must_fail(syscall(SYS_migrate_pages, world.victim, 0, NULL, NULL), "migrate_pages");
	must_fail(syscall(SYS_move_pages, world.victim, 0, NULL, NULL, NULL, 0), "move_pages");
	must_fail(syscall(SYS_get_robust_list, world.victim, &lim, &sp), "get_robust_list");
}

CASE(pidfds)
{
	must_fail(syscall(SYS_pidfd_open, world.victim, 0), "pidfd_open");
	for (pid_t pid = 1; pid < 64; pid++) {
		int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		for (int fd = 0; pidfd >= 0 && fd < 64; fd++) {
			int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
			check_fd(got, "pidfd_getfd");
			if (got >= 0)
				close(got);
		}
		if (pidfd >= 0)
			close(pidfd);
	}
	siginfo_t si;
	must_fail(waitid(P_PID, (id_t)world.victim, &si, WEXITED | WNOHANG), "waitid");
}

/* Whom a file tells of what happens to it. */
CASE(owners_of_files)
{
	int pair[2];

	must_work(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	fcntl(pair[0], F_SETSIG, SIGKILL);
	struct f_owner_ex who = { F_OWNER_PID, world.victim };
	fcntl(pair[0], F_SETOWN, world.victim);
	fcntl(pair[0], F_SETFL, O_ASYNC);
	must_work(write(pair[1], "x", 1), "write");
	fcntl(pair[0], F_SETOWN_EX, &who);
	must_work(write(pair[1], "x", 1), "write");
	fcntl(pair[0], F_SETOWN, -world.victim);
	must_work(write(pair[1], "x", 1), "write");
}

static void enter_namespaces(void)
{
	static const char *const kinds[] = { "mnt", "net", "pid", "user", "uts", "ipc", "cgroup" };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int fd = open(path("/proc/%d/ns/%s", world.victim, kinds[i]), O_RDONLY);
		must_fail(fd, "a namespace of the host");
		fd = open(path("/proc/1/ns/%s", kinds[i]), O_RDONLY);
		if (fd >= 0)
			setns(fd, 0);
		spill_path(path("%s/secret", world.outside));
		close(fd);
	}
	for (int bit = 0; bit < 32; bit++) {
		unshare(1 << bit);
		spill_path(path("%s/secret", world.outside));
	}
	unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET);
	spill_path(path("%s/secret", world.outside));
}

CASE(namespaces)
{
	in_child(enter_namespaces);
}

static void mount_all(void)
{
	static const char *const types[] = { "proc",     "sysfs",      "devtmpfs",   "tmpfs",
					     "devpts",   "cgroup2",    "bpf",        "debugfs",
					     "ext4",     "hostfs",     "overlay",    "9p",
					     "fuse",     "nfs",        "securityfs", "mqueue",
					     "configfs", "binfmt_misc" };

	mkdir("/mnt", 0777);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (mount(world.outside, "/mnt", types[i], 0, NULL) == 0) {
			abuse("/mnt/secret");
			spill_path(path("/mnt/%d/environ", world.victim));
			umount2("/mnt", MNT_DETACH);
		}
		if (mount("none", "/mnt", types[i], 0,
			  path("lowerdir=%s:/host/links/rel,source=%s", world.outside,
			       world.outside)) == 0) {
			abuse("/mnt/secret");
			umount2("/mnt", MNT_DETACH);
		}
	}
	const char *const sources[] = { world.outside, "/host/links/rel", "/host/links/abs",
					"/proc/self/root//../outside", "/host/../../outside" };
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		must_fail(mount(sources[i], "/mnt", NULL, MS_BIND | MS_REC, NULL), "bind mount");
		must_fail(syscall(SYS_open_tree, AT_FDCWD, sources[i], 1), "open_tree");
	}
	mount("/", "/mnt", NULL, MS_BIND, NULL);
	abuse("/mnt/../outside/secret");
	abuse("/mnt/host/../../outside/secret");
	/* what was below the mounts of the guest's own */
	umount2("/proc", MNT_DETACH);
	umount2("/dev", MNT_DETACH);
	umount2("/host", MNT_DETACH);
	umount2("/", MNT_DETACH);
	spill_path("/proc/self/root/outside/secret");
	spill_path(path("/proc/%d/environ", world.victim));
	spill_path("/host/../outside/secret");
	abuse("/../outside/secret");
	must_fail(syscall(SYS_pivot_root, "/host/links/rel", "/host/links/rel"), "pivot_root");
}

CASE(mounts)
{
	in_child(mount_all);
}

CASE(names_of_machine)
{
	struct timeval tv = { 1, 0 };
	struct timex tx = { .modes = ADJ_FREQUENCY };

	sethostname("taken", 5);
	setdomainname("taken", 5);
	must_fail(settimeofday(&tv, NULL), "settimeofday");
	must_fail(adjtimex(&tx), "adjtimex");
	must_fail(clock_settime(CLOCK_REALTIME, &(struct timespec){ 1, 0 }), "clock_settime");
}

CASE(kernel_calls)
{
	int fd = open("/host/swap-file", O_RDWR | O_CREAT, 0600);

	must_work(ftruncate(fd, 1 << 20), "ftruncate");
	must_fail(swapon("/host/swap-file", 0), "swapon");
	must_fail(acct("/host/swap-file"), "acct");
	must_fail(syscall(SYS_quotactl, 0x80000200, "/host", 0, NULL), "quotactl");
	must_fail(reboot(0x12345), "reboot");
	must_fail(syscall(SYS_init_module, "", 0, ""), "init_module");
	must_fail(syscall(SYS_finit_module, fd, "", 0), "finit_module");
	must_fail(syscall(SYS_kexec_load, 0, 0, NULL, 0), "kexec_load");
	must_fail(syscall(SYS_bpf, 0, NULL, 0), "bpf");
	must_fail(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0), "perf_event_open");
	must_fail(syscall(SYS_userfaultfd, 0), "userfaultfd");
	must_fail(syscall(SYS_fanotify_init, 0, 0), "fanotify_init");
	must_fail(syscall(SYS_io_uring_setup, 8, NULL), "io_uring_setup");
	must_fail(syscall(SYS_iopl, 3), "iopl");
	must_fail(syscall(SYS_ioperm, 0, 1, 1), "ioperm");
	must_fail(syscall(SYS_lookup_dcookie, 0, NULL, 0), "lookup_dcookie");
	must_fail(syscall(SYS_syslog, 2, NULL, 0), "syslog");
	must_fail(syscall(SYS_vhangup), "vhangup");
}

/* Every call of the table, and what lies behind it, with arguments of each kind. */
static void call_all(void)
{
	char path1[4096];
	const unsigned long args[] = { 0, 1, (unsigned long)path1, (unsigned long)AT_FDCWD, 4096 };

	snprintf(path1, sizeof path1, "%s/secret", world.outside);
	for (long nr = 0; nr < 600; nr++) {
		if (nr == SYS_exit || nr == SYS_exit_group || nr == SYS_fork || nr == SYS_vfork ||
		    nr == SYS_clone || nr == SYS_clone3 || nr == SYS_rt_sigreturn ||
		    nr == SYS_pause || nr == SYS_rt_sigsuspend || nr == SYS_ppoll ||
		    nr == SYS_pselect6 || nr == SYS_select || nr == SYS_poll ||
		    nr == SYS_rt_sigtimedwait || nr == SYS_kill || nr == SYS_tkill ||
		    nr == SYS_tgkill || nr == SYS_munmap || nr == SYS_futex || nr == SYS_read ||
		    nr == SYS_write || nr == SYS_close || nr == SYS_close_range ||
		    nr == SYS_wait4 || nr == SYS_waitid || nr == SYS_alarm || nr == SYS_dup2 ||
		    nr == SYS_dup3 || nr == SYS_setrlimit || nr == SYS_prlimit64 ||
		    nr == SYS_seccomp || nr == SYS_prctl || nr == SYS_arch_prctl || nr == SYS_brk ||
		    nr == SYS_mmap || nr == SYS_mprotect || nr == SYS_mremap || nr == SYS_flock ||
		    nr == SYS_setitimer || nr == SYS_timer_settime || nr == SYS_epoll_wait ||
		    nr == SYS_epoll_pwait || nr == SYS_epoll_pwait2 || nr == SYS_futex_waitv ||
		    nr == SYS_sigaltstack || nr == SYS_rt_sigaction || nr == SYS_rt_sigprocmask ||
		    nr == SYS_madvise || nr == SYS_rseq || nr == SYS_set_tid_address ||
		    nr == SYS_set_robust_list || nr == SYS_clock_nanosleep || nr == SYS_nanosleep ||
		    nr >= 449)
			continue;
		for (size_t i = 0; i < 5; i++)
			for (size_t k = 0; k < 5; k++)
				syscall(nr, args[i], args[k], args[(i + k) % 5], args[k], args[i],
					0);
	}
}

CASE(every_call)
{
	pid_t pid = fork();

	must_work(pid, "fork");
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		alarm(60);
		call_all();
		_exit(0);
	}
	/* how it ends is its own affair */
	must_work(waitpid(pid, NULL, 0), "waitpid");
}

CASE(programs_outside)
{
	const char *const names[] = { path("%s/program", world.outside), "/host/links/rel/program",
				      "/host/links/abs/program", "/host/../../outside/program",
				      "/proc/self/root//../outside/program" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		execl(names[i], "program", "executed", (char *)NULL);
	/* a script whose interpreter lies outside */
	int fd = open("/host/script", O_WRONLY | O_CREAT, 0777);
	must_work(fd, "creat");
	dprintf(fd, "#!%s/program\n", world.outside);
	close(fd);
	execl("/host/script", "script", (char *)NULL);
	fd = open("/host/script", O_WRONLY | O_TRUNC);
	dprintf(fd, "#!/host/links/rel/program\n");
	close(fd);
	execl("/host/script", "script", (char *)NULL);
	unlink("/host/script");
}

CASE(core_files)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	must_work(chdir("/host"), "chdir");
	setrlimit(RLIMIT_CORE, &all);
	prctl(PR_SET_DUMPABLE, 1);
	/* A core file belongs into the guest's own directory, and follows no link out of it. */
	int err = symlink(path("%s/core", world.outside), "core");
	pid_t pid = fork();
	if (pid == 0)
		abort();
	waitpid(pid, NULL, 0);
	char target[1];
	if (!err)
		must_fail(readlink("core", target, sizeof target), "a core file behind a link");
	unlink("core");
}
