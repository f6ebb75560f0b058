/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loopback of a sandbox that has no network of the host's: TCP and UDP over 127.0.0.0/8 and
 * ::1, wholly inside the monitor. There are no packets: a connection is two sockets that know each
 * other, and what one sends is in the other's queue at once. So nothing is lost, delayed or sent
 * again, and what programs can see of a connection (order, ends, resets, errors, states) is what
 * they see of one over Linux's loopback. Packets are made where a raw or a packet socket looks at
 * them, and of what such sockets and ping sockets send; those of TCP have none.
 *
 *   loop.c          families, life, what TCP and UDP share
 *   loop_name.c     addresses and ports: bind(2), which socket a packet would reach
 *   loop_tcp.c      connections: connect, listen, accept, shutdown, close, poll
 *   loop_wait.c     TIME_WAIT
 *   loop_stream.c   the bytes of connections
 *   loop_udp.c      datagrams
 *   loop_frame.c    packets, where somebody wants to see them or makes them himself
 *   loop_raw.c      raw and ping sockets
 *   loop_packet.c   packet sockets
 *   loop_option.c   options, TCP_INFO, ioctl
 *   loop_control.c  what comes along with a send
 *   loop_error.c    the queue of errors
 *   loop_diag.c     what sock_diag(7) says of them
 *   loop_save.c     snapshots
 *
 * Locks: loop->lock guards names, connections and states; loop_sock.lock, inside it, a queue. A
 * stream is copied to a guest's memory under loop_sock.read_lock, outside of both, at most. What a
 * call reads of the first kind without loop->lock is atomic; who changes it wakes `wait`
 * afterwards, and who sleeps looks again once it is on `wait`.
 */
#ifndef HL_NET_LOOP_SOCK_H
#define HL_NET_LOOP_SOCK_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <time.h>

/* needs struct timespec */
#include <linux/errqueue.h>

#include "host/random.h"
#include "net/loop.h"
#include "net/net.h"
#include "net/socket.h"
#include "util/lock.h"
#include "util/rbtree.h"
#include "util/ref.h"

#define LOOP_BUCKETS 1024
/* When something was sent: SOF_TIMESTAMPING_TX_*, the last one since Linux 6.15. */
#define TX_TIMES                                                                                   \
	(SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | \
	 SOF_TIMESTAMPING_TX_ACK | 1 << 18)
/* Linux: struct sk_buff and struct skb_shared_info, for each datagram */
#define LOOP_OVERHEAD   576U
#define NR_LOOP_OPTIONS 56 /* see loop_option.c, which has so many at most */

/* Linux: socket_state. */
enum loop_phase { SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED };

/* Linux: TCP_URG_VALID, TCP_URG_READ. What is marked is in the queue, so that it is never yet to
 * come. */
enum loop_urgent { URGENT_NONE, URGENT_VALID, URGENT_READ };

/* An address of IPv4 is one of IPv6 (mapped). */
struct loop_name {
	struct in6_addr ip;
	uint16_t port; /* 0: none */
};

/* A piece of a stream, a datagram, or an error about one (`from` is then where it was sent). */
struct loop_chunk {
	struct list node;
	size_t len, off, size; /* data[off..len) is unread; data has `size` bytes */
	/* of a datagram: who sent it, to which of our addresses, when, and what came along */
	struct loop_name from;
	struct in6_addr to;
	struct timespec when;
	int ttl, tos;
	unsigned lost;               /* how many did not get in before it */
	struct sock_extended_err ee; /* of an error */
	bool peeked;                 /* one without data: a peek by SO_PEEK_OFF has passed it */
	/* of a packet socket: ETH_P_*, PACKET_*, and how long it was before a filter cut it */
	uint16_t protocol;
	uint8_t kind;
	uint32_t whole;
	unsigned char data[];
};

struct decoder;
struct encoder;

struct loop_sock {
	struct socket sk;
	struct ref refs; /* of its file and of its peer */
	struct loop *loop;

	/* loop->lock */
	struct list bound; /* in loop->ports: has a port */
	struct loop_name local, remote;
	bool own_port, own_ip; /* chosen by the guest, not by us */
	_Atomic int state;     /* TCP_* */
	enum loop_phase phase;
	_Atomic unsigned shutdown;
	_Atomic int err;             /* a positive errno; taken without the lock */
	_Atomic bool done;           /* Linux: SOCK_DONE, the peer has ended the stream */
	struct loop_sock *peer;      /* a reference */
	_Atomic uint64_t connection; /* its number, the peer has the same; 0: none */
	struct loop_sock *listener;  /* whose queue it is in, or waits for; borrowed */
	struct loop_sock *embryo;    /* of one that waits: by the reference of its file */
	struct list accept_node;     /* in one of those of a listener, or in loop->parked */
	struct list accept_queue;    /* embryos, by the reference of their file */
	struct list pending;         /* sockets that wait for room in it: accept_node */
	unsigned accept_len, backlog;

	/* Reads of a stream, one at a time: held while bytes are copied to the guest, but not by
	 * those that sleep. */
	struct mutex read_lock;
	struct mutex lock;
	/* guarded by lock */
	struct list queue;          /* struct loop_chunk */
	struct loop_chunk *reading; /* is being copied, and freed by the read if NULL then */
	size_t queued;              /* bytes unread */
	size_t charged;             /* what they cost of the receive buffer */
	size_t room_at;      /* the peer found no room, and is told when no more is queued; 0: no */
	uint64_t read_pos;   /* how much of the stream was read: where the queue begins */
	uint64_t urgent_pos; /* of the urgent byte, which is in the queue */
	enum loop_urgent urgent;
	unsigned char urgent_byte;
	struct list errors;   /* struct loop_chunk; loop_error.c */
	size_t error_bytes;   /* what they cost */
	uint32_t zerocopy_id; /* of the next send with MSG_ZEROCOPY */
	uint32_t sent_id;     /* of the next datagram or byte (SOF_TIMESTAMPING_OPT_ID) */

	struct waitqueue wait;    /* readers, writers, pollers, acceptors */
	_Atomic unsigned drops;   /* datagrams */
	_Atomic bool own_buffers; /* SO_SNDBUF or SO_RCVBUF was set */
	/* of the connection: bytes, and the pieces they went in */
	_Atomic uint64_t sent, received;
	_Atomic uint32_t pieces_sent, pieces_received;
	_Atomic bool active; /* it began the connection */
	_Atomic bool ended;  /* it has said that it sends no more */
	_Atomic int option[NR_LOOP_OPTIONS];
	_Atomic uint32_t hidden_types[8]; /* raw: ICMP_FILTER, ICMPV6_FILTER */
	_Atomic int checksum;             /* raw, IPv6: where packets have one; -1: nowhere */
	/* of a packet socket: loop->lock */
	uint16_t protocol;               /* ETH_P_*; 0: none */
	int interface;                   /* 0: all */
	_Atomic bool auxdata;            /* PACKET_AUXDATA */
	_Atomic unsigned seen, unstored; /* packets, since PACKET_STATISTICS asked */
	size_t number; /* loop_save.c: among those that are saved, or loaded; 0: none yet */
};

/* What is left of a connection that we ended first; loop_wait.c. */
struct loop_wait {
	struct rb_node node; /* loop.waits */
	struct list age;     /* loop.ending; those in TIME_WAIT */
	struct loop_name local, remote;
	int family, bound_if;
	uint32_t mark;
	int state; /* TCP_TIME_WAIT; TCP_FIN_WAIT2: the file is closed, the peer has not ended */
	bool own_port, reuse_addr, reuse_port; /* of the socket */
	uint64_t number;                       /* no other has it */
	uint64_t since, until;                 /* monotonic_ns() */
};

struct loop {
	struct mutex lock;
	struct mm_host *mem;                /* who pays */
	struct list ports[3][LOOP_BUCKETS]; /* loop_sock.bound, by loop_table() and port */
	struct list raws, taps;             /* raw and packet sockets that hear: loop_sock.bound */
	_Atomic unsigned watchers;          /* how many those are */
	uint64_t connections;               /* made so far */
	unsigned first_port, last_port;     /* for sockets that do not choose one */
	unsigned next_port;
	unsigned turn;               /* among those that share a port */
	struct random_stream random; /* where choices of ports come from */
	struct list parked;          /* they connect since lo is down: accept_node */
	struct rb_tree waits;        /* struct loop_wait, by local port and the rest of the names */
	struct list ending;          /* those in TIME_WAIT, by the time they end */
	unsigned nr_waits;
	unsigned waits_read; /* with so many, how many there may be is looked at again */
	uint64_t waits_made; /* so far */
};

static inline struct loop_sock *loop_of(struct socket *s)
{
	return container_of(s, struct loop_sock, sk);
}

static inline struct lo *loop_lo(const struct loop_sock *s)
{
	return &s->sk.net->lo;
}

static inline struct loop_sock *loop_get(struct loop_sock *s)
{
	ref_get(&s->refs);
	return s;
}
/* Has it a port? One that it had before is still told (Linux: inet_sport). loop->lock held. */
static inline bool loop_is_bound(const struct loop_sock *s)
{
	return !list_empty(&s->bound);
}
void loop_put(struct loop_sock *s); /* NULL: nothing */

static inline bool loop_is_stream(const struct loop_sock *s)
{
	return s->sk.type == SOCK_STREAM;
}

static inline bool loop_is_raw(const struct loop_sock *s)
{
	return s->sk.type == SOCK_RAW;
}

static inline bool loop_is_ping(const struct loop_sock *s)
{
	return s->sk.type == SOCK_DGRAM && s->sk.family != AF_PACKET &&
	       s->sk.protocol != IPPROTO_UDP;
}

/* Where its port is: ping sockets have a table of their own. */
static inline int loop_table(const struct loop_sock *s)
{
	return loop_is_ping(s) ? SOCK_RAW : s->sk.type;
}

/* A packet of so many bytes of data goes over the interface. */
static inline void loop_count(const struct loop_sock *s, const struct in6_addr *to, size_t len)
{
	size_t ip = IN6_IS_ADDR_V4MAPPED(to) ? 20 : 40;

	s->sk.net->packets++;
	s->sk.net->bytes += len + ip + (loop_is_stream(s) ? 32 : 8);
}

/* loop.c */
/* A new socket, its file with one reference. -ENOMEM. */
int loop_new(struct net *net, struct caller *c, int family, int type, int protocol, unsigned flags,
	     struct loop_sock **out);
/* The name as getsockname(2) gives it to a socket of the family: its length. */
int loop_put_name(int family, const struct loop_name *n, struct sockaddr_storage *out);
int loop_take_error(struct socket *s);
/* A control message at *used of those of a receive. */
void loop_put_control(struct socket_msg *m, size_t *used, int level, int type, const void *data,
		      size_t len);
/* A piece for the socket's queue; NULL: no memory. */
struct loop_chunk *loop_chunk_new(struct loop_sock *s, size_t size);
void loop_chunk_free(struct loop_sock *s, struct loop_chunk *k);
void loop_purge(struct loop_sock *s);
void loop_wake(struct loop_sock *s, unsigned events);
int loop_bind(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len);
int loop_getname(struct socket *s, bool peer, struct sockaddr_storage *out);
void loop_stat(struct socket *s, struct socket_stat *out);

/*
 * Sleeps once on `wait`, with a lock given up that the caller holds and tests its condition under:
 * 0: test again; -EAGAIN: the time is over, or `nonblock`; -EINTR.
 */
int loop_sleep(struct loop_sock *on, struct mutex *held, struct waiter *w, unsigned events,
	       bool nonblock, uint64_t deadline);

/* loop_name.c; loop->lock held, but for loop_parse */
enum loop_use { LOOP_BIND, LOOP_REACH, LOOP_SEND };
/* The name in an address of the guest's, which is looked at as bind(2), or as connect(2) and
 * sendto(2) look at it. -errno as theirs. */
int loop_parse(struct loop_sock *s, enum loop_use use, const struct sockaddr *a, unsigned len,
	       struct loop_name *out);
/* Does it stand for all addresses, of both families or of IPv4? No lock is needed. */
bool loop_is_any(const struct in6_addr *a);
/* Gives the socket the name, with a port of our choice where it has none. -EADDRINUSE. */
int loop_bind_name(struct loop_sock *s, const struct loop_name *n);
/* A port for a socket that begins to talk. -EADDRNOTAVAIL, -EAGAIN. */
int loop_autobind(struct loop_sock *s, const struct loop_name *to);
/* Its own name in a connection there, from a port of ours. */
struct loop_name loop_name_towards(const struct loop_sock *s, unsigned port,
				   const struct loop_name *to);
/* Is there no other connection between these names, nor what is left of one? `choosing`: the port
 * is one of many that it could be. */
bool loop_is_connectable(struct loop_sock *s, unsigned port, const struct loop_name *to,
			 bool choosing);
/* As an accepted socket, beside its listener. */
void loop_bind_shared(struct loop_sock *s, unsigned port);
void loop_unbind(struct loop_sock *s);
/* A raw or packet socket is among those that hear what goes over lo (takes the lock itself), and is
 * not any more, if it was: then as loop_unbind. */
void loop_hear(struct loop_sock *s);
void loop_unhear(struct loop_sock *s);
struct list *loop_bucket(struct loop *l, int type, unsigned port);
/* May it listen at its port? -EADDRINUSE. */
int loop_check_listen(struct loop_sock *s);
/* The socket that gets what is sent `from` there `to`: the best; NULL: none. */
struct loop_sock *loop_find(struct loop *l, int type, const struct loop_name *from,
			    const struct loop_name *to);
/* Does a broadcast reach it? */
bool loop_hears(const struct loop_sock *s, const struct loop_name *to);

/* loop_wait.c; loop->lock held */
/* The connection has ended for us, and its names are kept in that state (struct loop_wait). */
void loop_wait_begin(struct loop_sock *s, int state);
/* The peer of one in FIN_WAIT2 sends no more: TIME_WAIT begins. */
void loop_wait_peer_ended(struct loop *l, const struct loop_name *local,
			  const struct loop_name *remote);
/* Nothing is kept any more: a reset has come, or a new connection. */
void loop_wait_end(struct loop *l, const struct loop_name *local, const struct loop_name *remote);
/* Is it too early for a new connection between them? `choosing`: from a port of our choice. */
bool loop_wait_refuses(struct loop *l, const struct loop_name *local,
		       const struct loop_name *remote, bool choosing);
/* The first of which our port is `port` or a higher one, and the next; NULL: there is none. */
struct loop_wait *loop_wait_first(struct loop *l, unsigned port, uint64_t now);
struct loop_wait *loop_wait_next(const struct loop_wait *w, uint64_t now);
/* With the network: loop->lock not held. */
void loop_waits_free(struct loop *l);

/* loop_control.c */
struct loop_sending {
	struct in6_addr from; /* an address of ours; see has_from */
	bool has_from;
	int hops, class; /* -1: the socket's */
	int times;       /* TX_TIMES */
};
/* What the control messages of a send say, to IPv4 (`four`) or to IPv6. -errno. */
int loop_take_controls(const struct loop_sock *s, const struct caller *c,
		       const struct socket_msg *m, bool four, struct loop_sending *out);

/* loop_error.c */
/* Nobody is at the port that the datagram was sent to. */
void loop_error_unreachable(struct loop_sock *s, const struct loop_name *to,
			    const struct loop_chunk *sent);
/* What was sent with MSG_ZEROCOPY is the sender's again. */
void loop_error_zerocopy(struct loop_sock *s);
static inline bool loop_sends_zerocopy(const struct loop_sock *s, const struct socket_msg *m)
{
	return m->flags & MSG_ZEROCOPY && socket_flag(&s->sk, SO_ZEROCOPY);
}
/* So many datagrams or bytes are sent, before they are at the receiver's: the times that are told
 * of it (TX_TIMES). */
void loop_error_times(struct loop_sock *s, struct caller *c, int times, size_t sent);
/* With MSG_ERRQUEUE. */
ssize_t loop_error_recvmsg(struct loop_sock *s, struct socket_msg *m);
bool loop_has_errors(struct loop_sock *s);
void loop_errors_purge(struct loop_sock *s);
/* loop_frame.c */
#define LOOP_FRAME_HEAD 14 /* ETH_HLEN: of zeros, then the protocol */
/* What the header of an IP packet says. */
struct loop_head {
	struct in6_addr from, to;
	int protocol, ttl, tos;
	bool still; /* IPv4: not to be divided */
};
/* The sum over so many bytes that the headers of the Internet have (RFC 1071), over another one. */
uint32_t loop_sum(const void *data, size_t len, uint32_t sum);
/* What stands in a header for it; of what has its own in it: 0. */
uint16_t loop_checksum(uint32_t sum);
/* The part of it that comes from the header of IP. */
uint32_t loop_pseudo_sum(const struct loop_head *h, size_t len);
/* A frame of the packet, of so many bytes that are zeros yet; NULL: no memory. */
unsigned char *loop_frame_new(const struct loop_head *h, size_t len, size_t *frame_len);
/* Where in it the packet's data begin. */
static inline size_t loop_frame_data(const struct loop_head *h)
{
	return LOOP_FRAME_HEAD + (IN6_IS_ADDR_V4MAPPED(&h->to) ? 20 : 40);
}
/* A datagram's, as it comes to that port; NULL: no memory. */
unsigned char *loop_frame_udp(const struct loop_chunk *k, unsigned port, size_t *len);
/* Shows a frame that goes over lo to raw and packet sockets. Has a raw socket got it? */
bool loop_frame_show(struct loop_sock *s, const unsigned char *frame, size_t len);
/* It goes over lo, and what is there for it gets it. */
void loop_frame_send(struct loop_sock *s, const unsigned char *frame, size_t len);
/* Nobody is there for it: that goes back. */
void loop_frame_refuse(struct loop_sock *s, const unsigned char *frame, size_t len);
/* Does the socket's filter let the datagram through? What it cuts off is gone. */
bool loop_filter_datagram(struct loop_sock *to, struct loop_chunk *k);

/* loop_packet.c; loop->lock held: a packet socket may get the frame. `kind`: PACKET_*. */
void loop_tap(struct loop_sock *tap, const unsigned char *frame, size_t len, unsigned kind);
int loop_packet_name(const struct loop_sock *s, const struct loop_chunk *k,
		     struct sockaddr_storage *out);
void loop_packet_controls(const struct loop_sock *s, const struct loop_chunk *k,
			  struct socket_msg *m, size_t *used);

/* loop_stream.c, loop_udp.c */
/* Connections of datagrams are names alone. */
int loop_dgram_connect(struct socket *sk, struct caller *c, const struct sockaddr *a, unsigned len,
		       bool nonblock);
ssize_t loop_dgram_recvmsg(struct socket *sk, struct caller *c, struct socket_msg *m);
int loop_dgram_shutdown(struct socket *sk, int how);
unsigned loop_dgram_poll(struct socket *sk, struct poll_table *pt);
void loop_dgram_release(struct socket *sk);
/* Puts the datagram into the queue, or frees it. */
void loop_deliver(struct loop_sock *to, struct loop_chunk *k);
/* A datagram from `k->from` to `k->to` and that port: who gets it; false: nobody is there. */
bool loop_udp_arrive(struct loop_sock *s, struct loop_chunk *k, unsigned port);
/* Where a message goes, and from where. */
int loop_find_way(struct loop_sock *s, const struct socket_msg *m, struct loop_name *from,
		  struct loop_name *to, bool *connected);
/* A chunk for a message, with what goes along: hops, class, time. -errno. */
int loop_take_message(struct loop_sock *s, struct caller *c, struct socket_msg *m,
		      const struct loop_name *from, const struct in6_addr *to,
		      const struct loop_sending *with, struct loop_chunk **out);
ssize_t loop_tcp_sendmsg(struct socket *s, struct caller *c, struct socket_msg *m);
ssize_t loop_tcp_recvmsg(struct socket *s, struct caller *c, struct socket_msg *m);
/* How much of what is queued is in the receiver's own buffer; the rest is in the sender's. */
size_t loop_own_room(const struct loop_sock *to);
size_t loop_capacity(const struct loop_sock *to);
/* Is the next byte the urgent one? s->lock held. */
bool loop_at_mark(const struct loop_sock *s);
/* Is there room for another byte in the peer's queue? */
bool loop_tcp_writable(struct loop_sock *s);

/* loop_tcp.c; loop->lock held */
/* The other end has nobody who would read what is sent: a reset comes back. */
void loop_tcp_refused(struct loop_sock *s, struct loop_sock *peer);
int loop_tcp_connect(struct socket *s, struct caller *c, const struct sockaddr *a, unsigned len,
		     bool nonblock);

/* loop_option.c */
void loop_options_init(struct loop_sock *s);
/* In snapshots; what cannot be is seen in in->failed. */
void loop_options_save(struct encoder *out, const struct loop_sock *s);
void loop_options_load(struct decoder *in, struct loop_sock *s);
int loop_setsockopt(struct socket *s, struct caller *c, int level, int name, const void *val,
		    unsigned len);
int loop_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf,
		    unsigned size);
int64_t loop_ioctl(struct socket *s, struct caller *c, struct mm *mm, unsigned cmd, uint64_t arg);
#define LOOP_TCP_INFO_SIZE 280 /* of Linux 6.18 */
/* TCP_INFO: how much was put into `buf`. */
int loop_tcp_info(struct loop_sock *s, void *buf, unsigned size);
/* SO_MEMINFO: `out` has SK_MEMINFO_VARS words. */
void loop_meminfo(struct loop_sock *s, uint32_t *out);
/* The value of an option of IP, IPV6, TCP or UDP. */
int loop_option(const struct loop_sock *s, int level, int name);
void loop_set_option(struct loop_sock *s, int level, int name, int value);

extern const struct socket_ops loop_tcp_ops, loop_udp_ops, loop_raw_ops, loop_packet_ops;

#endif
