/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of the host behind sockets of the guest. What the guest may ask of one stands in the
 * rules of its family: options, control messages and requests whose value is plain data and which
 * concern that socket alone.
 */
#ifndef HL_NET_HOST_SOCK_H
#define HL_NET_HOST_SOCK_H

#include "net/policy.h"
#include "net/socket.h"

struct host_options {
	int level;
	uint64_t low, high; /* bit n: option n, 64 + n */
};

bool host_option_listed(const struct host_options *list, int level, int name);

struct host_sock;

/* Options of SOL_SOCKET that concern the socket alone and whose value is plain data; the host says
 * which of them a socket has. Not here: filters, which are programs for the host's kernel;
 * SO_TXTIME, which is for the queues of network cards. Below 64, and from 64 on. */
#define HOST_SOCKET_OPTIONS                                                                        \
	(1UL << SO_DEBUG | 1UL << SO_REUSEADDR | 1UL << SO_TYPE | 1UL << SO_ERROR |                \
	 1UL << SO_DONTROUTE | 1UL << SO_BROADCAST | 1UL << SO_SNDBUF | 1UL << SO_RCVBUF |         \
	 1UL << SO_SNDBUFFORCE | 1UL << SO_RCVBUFFORCE | 1UL << SO_KEEPALIVE |                     \
	 1UL << SO_OOBINLINE | 1UL << SO_NO_CHECK | 1UL << SO_PRIORITY | 1UL << SO_LINGER |        \
	 1UL << SO_BSDCOMPAT | 1UL << SO_REUSEPORT | 1UL << SO_PASSCRED | 1UL << SO_PEERCRED |     \
	 1UL << SO_RCVLOWAT | 1UL << SO_SNDLOWAT | 1UL << SO_BINDTODEVICE |                        \
	 1UL << SO_DETACH_FILTER | 1UL << SO_PEERNAME | 1UL << SO_TIMESTAMP |                      \
	 1UL << SO_ACCEPTCONN | 1UL << SO_PASSSEC | 1UL << SO_MARK | 1UL << SO_TIMESTAMPNS |       \
	 1UL << SO_TIMESTAMPING | 1UL << SO_PROTOCOL | 1UL << SO_DOMAIN | 1UL << SO_RXQ_OVFL |     \
	 1UL << SO_WIFI_STATUS | 1UL << SO_PEEK_OFF | 1UL << SO_NOFCS | 1UL << SO_LOCK_FILTER |    \
	 1UL << SO_SELECT_ERR_QUEUE | 1UL << SO_BUSY_POLL | 1UL << SO_MAX_PACING_RATE |            \
	 1UL << SO_BPF_EXTENSIONS | 1UL << SO_INCOMING_CPU | 1UL << SO_CNX_ADVICE |                \
	 1UL << SO_MEMINFO | 1UL << SO_INCOMING_NAPI_ID | 1UL << SO_COOKIE |                       \
	 1UL << SO_PEERGROUPS | 1UL << SO_BINDTOIFINDEX | 1UL << SO_TIMESTAMP_NEW)
#define HOST_SOCKET_OPTIONS_HIGH                                                                   \
	(1UL << (SO_TIMESTAMPNS_NEW - 64) | 1UL << (SO_TIMESTAMPING_NEW - 64) |                    \
	 1UL << (SO_BUF_LOCK - 64) | 1UL << (74 - 64) /* SO_TXREHASH, Linux 5.19 */)

struct host_rules {
	/* bind(2) of the host's socket, for the caller. */
	int (*bind)(const struct host_sock *i, struct caller *c, const struct sockaddr *a,
		    unsigned len);
	/* May the socket listen? 0 or -errno; NULL: yes. */
	int (*check_listen)(const struct host_sock *i, struct caller *c);
	/* A message is about to be sent: 0 or -errno; NULL: nothing to do. */
	int (*prepare_send)(int fd, struct caller *c);
	/* May data of the socket go there, or come from there? 0 or -errno. NULL: yes. */
	int (*check_address)(const struct host_sock *i, struct caller *c, enum net_use use,
			     const struct sockaddr *a, unsigned len);
	/* Has somebody to look at what datagrams hold? NULL: no. */
	bool (*watches)(const struct host_sock *i);
	/* Those watched: may this one go out (to `a`; length 0: to the peer)? One has come. */
	int (*check_datagram)(const struct host_sock *i, struct caller *c, const struct sockaddr *a,
			      unsigned len, const void *data, size_t size);
	void (*take_datagram)(const struct host_sock *i, const struct sockaddr *a, unsigned len,
			      const void *data, size_t size);
	/* Must the senders of datagrams be judged, and is this one refused? Then the guest does not
	 * get what it sent. NULL, both: no. */
	bool (*judges_senders)(const struct host_sock *i);
	bool (*refuses_sender)(const struct host_sock *i, const struct sockaddr *a, unsigned len);
	/* May the message go out with its control messages? As above. */
	int (*check_control)(const struct host_sock *i, struct socket_msg *m);
	/* May the caller set the option of the host's socket? NULL: yes. */
	int (*check_option)(const struct host_sock *i, struct caller *c, int level, int name,
			    const void *val, unsigned len);
	const struct host_options *options; /* ends with those of level -1 */
	/* Size of the argument of an ioctl that goes to the host, both ways; 0: it does not. */
	unsigned (*ioctl_size)(const struct net *net, unsigned cmd);
};

int host_sock_create(struct net *net, struct caller *c, const struct host_rules *rules, int family,
		     int type, int protocol, unsigned flags, struct socket **out);

/* socket(2) of the host, where the network's sockets are: a descriptor or -errno. */
int host_sock_make(struct net *net, struct caller *c, int family, int type, int protocol);

/* The number of the inode that the host's tables know the socket by; 0: unknown. net->lock held. */
uint32_t host_sock_inode(struct socket *s);

/* In snapshots: net/host_save.c. */
extern const struct saved_kind host_saved;

/* ---- between host_sock.c, host_msg.c and those whose sockets have a host's socket behind them */

struct host_sock {
	struct socket sk;
	const struct host_rules *rules;
	int fd;         /* of the host, O_NONBLOCK */
	uint32_t inode; /* 0: nobody has asked yet; guarded by net->lock */
	/* net/netlink_inbox.c; NULL: it is no socket of the routing netlink */
	struct netlink_inbox *inbox;
};

static inline struct host_sock *host_sock_of(struct socket *s)
{
	return container_of(s, struct host_sock, sk);
}

int host_check_address(const struct host_sock *i, struct caller *c, enum net_use use,
		       const struct sockaddr *a, unsigned len);
/* The host knows no way there. In a sandbox without its network that is a refusal. */
void host_unreachable(const struct host_sock *i, struct caller *c, enum net_use use,
		      const struct sockaddr *a, unsigned len);
int host_sock_bind(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len);
int host_sock_connect(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len,
		      bool nonblock);
int host_sock_getname(struct socket *s, bool peer, struct sockaddr_storage *out);
int host_sock_setsockopt(struct socket *s, struct caller *c, int level, int name, const void *val,
			 unsigned len);
int host_sock_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf,
			 unsigned size);
int64_t host_sock_ioctl(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd,
			uint64_t arg);
ssize_t host_sock_sendmsg(struct socket *s, struct caller *c, struct socket_msg *m);
ssize_t host_sock_recvmsg(struct socket *s, struct caller *c, struct socket_msg *m);

/*
 * One call's wait for the host's socket: the call tries, waits, tries again. poll(2) may say
 * "ready" of a socket that gives the call nothing: it reports errors and ends that nobody asked
 * about (an unread error queue, for ever), and another thread may have been faster. So the first
 * wait is a poll; after one that did not help the call sleeps in an epoll instance of its own,
 * edge-triggered, which reports each change once.
 */
struct host_wait {
	struct host_sock *i;
	struct sleeper *sleeper;
	uint64_t deadline;
	short events;
	short revents; /* what the host reported in this wait; 0: nothing yet */
	int epfd;      /* -1: none yet */
};
/* `timeo`: the socket's (ns, 0: none). */
void host_wait_begin(struct host_wait *w, struct host_sock *i, struct caller *c, short events,
		     uint64_t timeo);
/* 0: try again. -EAGAIN: the time is over. -EINTR: interrupted. */
int host_wait(struct host_wait *w);
/* Something was moved: what was seen before says nothing any more. */
void host_wait_progress(struct host_wait *w);
void host_wait_end(struct host_wait *w);

#endif
