/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the unix family.
 *
 *   unix_socket.c   life and connection: create, bind, connect, listen, accept, shutdown, release,
 *                   poll, options
 *   unix_msg.c      messages: making, charging, freeing
 *   unix_send.c, unix_recv.c
 *   unix_name.c     names: abstract, in file systems
 *   unix_gc.c       descriptors in flight, and the collection of cycles of them
 *   unix_save.c     snapshots
 *
 * A unix_sock's memory lives as long as its file or a peer refers to it. Two connected sockets
 * refer to each other; the release of a file takes its own reference to the peer back.
 *
 * Locks, outermost first: unix_sock.read_lock, domain->gc_lock, domain->names_lock, unix_sock.lock
 * (two: by address; an embryo of the accept queue after its listener), waitqueue.lock. Guest memory
 * is copied under read_lock at most.
 */
#ifndef HL_NET_UNIX_SOCK_H
#define HL_NET_UNIX_SOCK_H

#include <sys/un.h>

#include "net/net.h"
#include "net/unix.h"
#include "util/lock.h"
#include "util/ref.h"

#define UNIX_NAME_BUCKETS 1024
#define UNIX_MAX_QLEN     10 /* datagrams; Linux: net.unix.max_dgram_qlen */

enum unix_state { UNIX_CLOSE, UNIX_LISTEN, UNIX_ESTABLISHED };

/* A bound name; shared with the sockets accept(2) makes. */
struct unix_addr {
	struct ref refs;
	unsigned len; /* as getsockname(2) gives it */
	union {
		struct sockaddr_un name;
		/* a path may fill sun_path; here it has its NUL */
		char bytes[sizeof(struct sockaddr_un) + 1];
	};
	/* keeps the inode, so that its number is not given to another; dentry NULL: abstract */
	struct path path;
	struct inode_id id; /* of the path */
};

/* A message in a queue. */
struct unix_msg {
	struct list node;
	struct unix_sock *sender; /* reference: for its send buffer and name */
	unsigned charge;          /* against the sender's buffer */
	struct scm scm;
	size_t len, off; /* data[off..len) is unread */
	bool peeked;     /* one without data: a peek by SO_PEEK_OFF has passed it */
	unsigned char data[];
};

struct loader;
struct saver;

struct unix_sock {
	struct socket sk;
	struct ref refs;
	struct unix_domain *domain;

	/* Held by who reads the queue: nobody else takes messages out of it meanwhile, also while
	 * one is copied to the guest without `lock`. Senders do not need it. */
	struct mutex read_lock;
	struct mutex lock;
	/* guarded by lock */
	_Atomic(enum unix_state) state; /* written with the lock held */
	bool dead;                      /* its file was released */
	bool embryo;                    /* not accepted yet */
	struct unix_sock *listener;     /* of an embryo: in whose queue it waits; borrowed */
	unsigned shutdown;
	int err;
	struct unix_sock *peer; /* reference; a dead one stays until we go */
	struct list queue;      /* struct unix_msg; taken out with read_lock, too */
	unsigned queue_len;
	size_t queue_bytes;
	/* struct unix_sock.accept_node: embryos, by the reference of their file */
	struct list accept_queue;
	unsigned accept_len, backlog;
	struct list senders;          /* datagram sockets connected to this one: sender_node */
	struct ucred cred, peer_cred; /* SO_PEERCRED; cred: of who called listen or connect */

	_Atomic(struct unix_addr *) addr; /* reference; set once, with the lock held */

	struct list accept_node; /* the listener's lock */
	struct list sender_node; /* the peer's lock */
	struct waitqueue wait;   /* readers, writers, pollers */
	struct waitqueue room;   /* those who want to put something into our queues */
	_Atomic unsigned wmem;   /* charges of our messages in the queues of others */
	struct list name_node;   /* domain->names_lock */
	/* domain->gc_lock */
	unsigned inflight; /* references to our file in messages */
	struct list inflight_node;
	unsigned gc_refs;
	bool gc_candidate;
	struct list gc_node;
	size_t number; /* unix_save.c: among those that are saved, or loaded; 0: none yet */
};

struct unix_domain {
	struct mm_host *mem; /* who pays for messages */
	struct mutex names_lock;
	struct list names[UNIX_NAME_BUCKETS]; /* bound sockets; guarded by names_lock */
	unsigned next_autobind;               /* guarded by names_lock */

	struct mutex gc_lock;
	struct list inflight; /* sockets with inflight > 0; guarded by gc_lock */
	/* one was sent to a socket in flight since no circle was seen; guarded by gc_lock */
	bool maybe_cyclic;

	struct mutex dead_lock;
	struct list dead;     /* messages to free; guarded by dead_lock */
	bool draining;        /* somebody is at it; guarded by dead_lock */
	bool collect_pending; /* a socket was closed meanwhile; guarded by dead_lock */
};

static inline struct unix_sock *unix_of(struct socket *s)
{
	return container_of(s, struct unix_sock, sk);
}

static inline struct unix_sock *unix_get(struct unix_sock *u)
{
	ref_get(&u->refs);
	return u;
}

void unix_put(struct unix_sock *u);

static inline bool unix_is_stream(const struct unix_sock *u)
{
	return u->sk.type == SOCK_STREAM;
}

static inline bool unix_is_dgram(const struct unix_sock *u)
{
	return u->sk.type == SOCK_DGRAM;
}

/* Sleeps with u->lock given up; the waiter goes on `q` at the first sleep, for `events`. 0, -EINTR,
 * -EAGAIN (deadline). */
int unix_sleep(struct unix_sock *u, struct waitqueue *q, struct waiter *w, unsigned events,
	       uint64_t deadline);
/* Room in the send buffer for poll and for who waits. */
bool unix_writable(const struct unix_sock *u);
/* Would a message from `u` have to wait for room at `other`? other->lock held. */
bool unix_queue_full(const struct unix_sock *u, const struct unix_sock *other);
/* Gives up the connection of a datagram socket. No lock held. */
void unix_dgram_disconnect(struct unix_sock *u);
/* May `u` send to `other`? */
static inline bool unix_may_send(const struct unix_sock *u, const struct unix_sock *other)
{
	lock_assert_held(&other->lock);
	return !other->peer || other->peer == u;
}

/* unix_send.c, unix_recv.c */
ssize_t unix_sendmsg(struct socket *s, struct caller *c, struct socket_msg *m);
ssize_t unix_recvmsg(struct socket *s, struct caller *c, struct socket_msg *m);

/* unix_msg.c */
/* A message with the next `len` bytes of `from`, charged to `u`. */
int unix_msg_new(struct unix_sock *u, struct uio *from, size_t len, struct unix_msg **out);
/* No lock held. Not recursive, however deep sockets lie in messages of sockets. */
void unix_free_message(struct unix_domain *d, struct unix_msg *m);
void unix_free_messages(struct unix_domain *d, struct list *list); /* which becomes empty */
int64_t unix_ioctl(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg);

/* unix_name.c */
/* -EINVAL: not an address; sets *len to the length without what follows a path's NUL. */
int unix_check_addr(const struct sockaddr *a, unsigned len);
int unix_bind_name(struct unix_sock *u, struct caller *c, const struct sockaddr_un *a,
		   unsigned len);
int unix_autobind(struct unix_sock *u);
/* The socket bound to the name, a reference. -ECONNREFUSED, -EPROTOTYPE, path walk errors. */
int unix_find(const struct net *net, struct caller *c, const struct sockaddr_un *a, unsigned len,
	      int type, struct unix_sock **out);
void unix_unbind(struct unix_sock *u);
struct unix_addr *unix_addr_get(struct unix_addr *a);
void unix_addr_put(struct unix_addr *a);

/* unix_gc.c */
/* The files of a message go on their way to `to`, or arrive; *scm gives and gets them.
 * -ETOOMANYREFS: the caller's user has more on the way than he may have open. */
int unix_files_depart(struct unix_sock *to, struct caller *c, struct scm *msg, struct scm *from);
void unix_files_arrive(struct unix_domain *d, struct scm *to, struct scm *msg);
/* For MSG_PEEK: another reference to each; gc_lock held. -ENOMEM. */
int unix_files_copy(struct scm *to, const struct scm *msg);
/* A socket was closed: frees those that now only messages to each other refer to. No lock held. In
 * the middle of freeing messages it is left to who does that, once all are freed. */
void unix_collect(struct unix_domain *d);

/* unix_save.c, which has all of the snapshots but this: the name of a socket, and whether it can be
 * found by it. 0 or -errno. */
void unix_addr_save(struct saver *s, const struct unix_sock *u);
int unix_addr_load(struct loader *l, struct unix_sock *u);
/* The files of a message that was loaded are on their way to `to`; they count as the user's. */
int unix_files_loaded(struct unix_sock *to, struct caller *c, uid_t uid, struct scm *msg);

extern const struct socket_ops unix_ops;

#endif
