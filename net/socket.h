/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket: an open file with the operations of its address family (socket(2), socket(7)). Families
 * fill in an ops table; what all share (options of SOL_SOCKET, timeouts, read and write) is in
 * net/socket.c.
 */
#ifndef HL_NET_SOCKET_H
#define HL_NET_SOCKET_H

#include <sys/socket.h>

#include "fs/anon.h"
#include "fs/file.h"

#define SOCKET_SNDBUF_MIN                                                                          \
	4608U /* Linux: SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF, net.core.*mem_default, *mem_max */
#define SOCKET_RCVBUF_MIN  2304U
#define SOCKET_BUF_DEFAULT 212992U
#define SOCKET_BUF_MAX     (INT_MAX / 2) /* with SO_SNDBUFFORCE and its like */
#define SOCKET_SOMAXCONN   4096U

#ifndef SO_RCVTIMEO_NEW
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67
#endif
#define SO_RCVTIMEO_OLD 20
#define SO_SNDTIMEO_OLD 21

struct loader;
struct net;
struct saver;
struct socket;
struct socket_filter;

/* Descriptors and credentials that travel with data (unix(7)). */
#define SCM_MAX_FD 253
struct scm_files {
	struct user *user; /* reference: whose descriptors in flight they are; NULL: they are not */
	unsigned n;
	struct file *files[]; /* references */
};
struct scm {
	struct scm_files *files; /* NULL: none; owned */
	bool has_cred;
	struct ucred cred;
	/* when it was sent, if the receiver wants to know; zero: it was not known then */
	struct timespec when;
};
/* Puts the files that are still there. */
void scm_release(struct scm *scm);

/* One message on its way out or in. */
struct socket_msg {
	struct uio *uio;
	struct sockaddr_storage name;
	unsigned name_len;  /* send: 0: none. receive: filled in, 0: none */
	unsigned flags;     /* MSG_* of the call; MSG_DONTWAIT also for O_NONBLOCK */
	unsigned out_flags; /* receive: MSG_TRUNC, MSG_EOR, MSG_CTRUNC */
	bool no_message;    /* receive: the end came instead of one, and nothing goes with that */
	bool begun;         /* receive: name and scm are of a part that came before a freeze */
	struct scm scm;     /* send: files are taken when they go out */
	/* Control messages in the host's layout, of families that have them from the host. Send: as
	 * the guest gave them; receive: room, and then what came. NULL: none. */
	void *control;
	size_t control_len;
};

/* In snapshots, of a call that is made again: its name, and what travels with it. NULL: none. A
 * message that was loaded belongs to the call, also where that failed. */
void socket_msg_save(struct saver *s, const struct socket_msg *m);
int socket_msg_load(struct loader *l, struct socket_msg **out);

/* Which directions are over; Linux has the same numbers. */
enum { RCV_SHUTDOWN = 1, SEND_SHUTDOWN = 2, SHUTDOWN_MASK = 3 };

#define POLL_SEND (POLL_WRITE | POLLWRBAND) /* room, as sockets tell it */

#define SOCKET_GENERIC INT32_MIN

/* What the tables in /proc/net say of a socket (proc_pid_net(5)). */
struct socket_stat {
	/* TCP_*, for other sockets, too: TCP_ESTABLISHED is connected, TCP_CLOSE not */
	unsigned state;
	/* bytes that wait: to be read; to be sent or acknowledged. Listening: rx connections */
	unsigned rx, tx;
	unsigned drops; /* datagrams lost for want of room */
	unsigned retransmits, probes;
	unsigned rto, ato; /* us */
	unsigned cwnd, ssthresh;
	bool hidden; /* is in no table: not bound, or not connected */
	bool embryo; /* is not accepted yet: belongs to nobody */
	unsigned refs;
};

struct socket_ops {
	int (*bind)(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len);
	int (*connect)(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len,
		       bool nonblock);
	/* NULL, both: -EOPNOTSUPP. */
	int (*listen)(struct socket *s, struct caller *c, unsigned backlog);
	/* A new socket, its file with one reference for the caller. Length of the peer's address,
	 * which is the one it had when it connected: by now it may be gone. */
	int (*accept)(struct socket *s, struct caller *c, bool nonblock,
		      struct sockaddr_storage *peer, struct socket **out);
	/* Length of the address. */
	int (*getname)(struct socket *s, bool peer, struct sockaddr_storage *out);
	/* Bytes moved. -EINTR when interrupted. -EPIPE: the system call layer raises SIGPIPE for
	 * streams. */
	ssize_t (*sendmsg)(struct socket *s, struct caller *c, struct socket_msg *m);
	ssize_t (*recvmsg)(struct socket *s, struct caller *c, struct socket_msg *m);
	int (*shutdown)(struct socket *s, int how);
	unsigned (*poll)(struct socket *s, struct poll_table *pt);
	/* Asked first. -ENOPROTOOPT: no such option; SOCKET_GENERIC: net/socket.c is to answer.
	 * Getting: value into buf, its length returned. NULL: no options beyond the generic
	 * ones. */
	int (*setsockopt)(struct socket *s, struct caller *c, int level, int name, const void *val,
			  unsigned len);
	int (*getsockopt)(struct socket *s, struct caller *c, int level, int name, void *buf,
			  unsigned size);
	void (*stat)(struct socket *s, struct socket_stat *out); /* *out is zeroed */
	/* SO_ERROR: a positive errno, cleared */
	int (*take_error)(struct socket *s);
	int64_t (*ioctl)(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd,
			 uint64_t arg);
	int (*linger)(struct socket *s, struct caller *c); /* file_ops.linger; NULL: need not */
	const struct saved_kind *saved;    /* in snapshots; NULL: it cannot be saved yet */
	bool filters;                      /* it may have a filter: net/socket_filter.h */
	void (*release)(struct socket *s); /* frees it, now or when nobody needs it any more */
};

struct socket {
	struct file file;
	const struct socket_ops *ops;
	struct net *net;      /* a reference, of its file */
	struct list net_node; /* net->lock */
	int family, type, protocol;
	_Atomic bool outside; /* the monitor's own (lib/guest_end.h): no snapshot has it */
	struct anon_attr attr;
	/* options; each is read and written alone */
	_Atomic uint64_t rcvtimeo, sndtimeo; /* ns; 0: none */
	_Atomic unsigned sndbuf, rcvbuf, rcvlowat;
	_Atomic uint64_t flags;             /* bit n: the boolean option n (SO_*) is on */
	_Atomic int priority, mark, linger; /* linger: seconds, -1: off */
	_Atomic int bound_if;               /* SO_BINDTODEVICE: an index, 0: none */
	/* SO_TIMESTAMP or another of its kind: how the time of a message is told; 0: it is not */
	_Atomic int stamp;
	/* SOF_TIMESTAMPING_*, and which option set them: SO_TIMESTAMPING or its newer twin */
	_Atomic int timestamping, timestamping_name;
	_Atomic int peek_off; /* SO_PEEK_OFF; -1: peeks begin with what is unread */
	_Atomic int busy_poll, incoming_cpu;
	_Atomic uint64_t pacing; /* SO_MAX_PACING_RATE: bytes a second */
	/* net/socket_filter.h; owned, changed and run with net->filters held. NULL: none */
	struct socket_filter *_Atomic filter;
};

/* The generic part; `flags`: O_NONBLOCK. */
void socket_init(struct socket *s, struct caller *c, struct net *net, const struct socket_ops *ops,
		 int family, int type, int protocol, unsigned flags);
/* The generic part in a snapshot. 0 or -errno. */
void socket_save(struct saver *s, struct socket *so);
int socket_load(struct loader *l, struct socket *so);
/* The last step of making one: from now on the tables of /proc/net have it. */
void socket_publish(struct socket *s);
struct socket *file_socket(struct file *f); /* NULL: not a socket */
static inline bool socket_flag(const struct socket *s, int option)
{
	return s->flags >> option & 1;
}
/* The reading of so many bytes moves the offset of peeks, forward where it was a peek. One call at
 * a time. */
void socket_move_peek(struct socket *s, size_t n, bool peek);
/* Is a datagram, of which `skip` bytes are to be passed over, wholly passed? `peeked`: by a peek,
 * which has no other way to pass one without data (Linux: __skb_try_recv_from_queue). */
static inline bool socket_peek_passes(const struct socket *s, size_t len, size_t skip, bool peeked)
{
	return s->peek_off >= 0 && skip >= len && (skip || peeked);
}
/* A control message of SOL_SOCKET that tells when a datagram came. */
struct socket_time {
	int type;
	unsigned len; /* in bytes, of what `at` begins with */
	struct timespec at[3];
};
/* What the socket's options make of the time: how many there are (Linux: __sock_recv_timestamp).
 * `sent`: it is that of a sending, which is told without being asked for again. */
unsigned socket_times(const struct socket *s, struct timespec when, bool sent,
		      struct socket_time out[2]);
/* Would SO_TIMESTAMPING with these flags be refused for what they are? */
bool socket_timestamping_is_valid(int flags);
/* The deadline of a wait that starts now; `timeo` 0: none. */
uint64_t socket_deadline(struct caller *c, uint64_t timeo);
/* What is wrong with the level of an option that is to be set, or asked for: 0 or -errno. Linux
 * looks at it before the rest, and the caller does when the rest is wrong. */
int socket_level_error(const struct socket *s, int level, bool set);
int socket_setsockopt(struct socket *s, struct caller *c, int level, int name, const void *val,
		      unsigned len);
int socket_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf,
		      unsigned size);

/* socket(2): -EAFNOSUPPORT, -EINVAL, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT. `type` without flags. */
int socket_create(struct net *net, struct caller *c, int family, int type, int protocol,
		  unsigned flags, struct socket **out);
/* socketpair(2); -EOPNOTSUPP for families that have none. */
int socket_create_pair(struct net *net, struct caller *c, int family, int type, int protocol,
		       unsigned flags, struct socket *out[2]);

#endif
