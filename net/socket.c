/* SPDX-License-Identifier: Apache-2.0 */
/* Implements the part of a socket that does not depend on its family: the file operations, and the
 * options of level SOL_SOCKET (socket(7)). See the header. */
#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "fs/saved.h"
#include "net/device.h"
#include "net/net.h"
#include "net/netlink.h"
#include "net/socket_filter.h"
#include "util/time.h"

/* SOF_TIMESTAMPING_*, of which Linux 6.15 has so many */
#define TIMESTAMPING_ALL 0x7ffff
#define OPT_ID_TCP       (1 << 16) /* SOF_TIMESTAMPING_OPT_ID_TCP, Linux 6.2 */
#define OPT_RX_FILTER    (1 << 17) /* SOF_TIMESTAMPING_OPT_RX_FILTER, Linux 6.12 */

static const struct file_ops socket_file_ops;

struct socket *file_socket(struct file *f)
{
	return f->ops == &socket_file_ops ? container_of(f, struct socket, file) : NULL;
}

static struct socket *socket_of(struct file *f)
{
	return container_of(f, struct socket, file);
}

void scm_release(struct scm *scm)
{
	if (!scm->files)
		return;
	for (unsigned i = 0; i < scm->files->n; i++)
		file_put(scm->files->files[i]);
	free(scm->files);
	scm->files = NULL;
}

void socket_init(struct socket *s, struct caller *c, struct net *net, const struct socket_ops *ops,
		 int family, int type, int protocol, unsigned flags)
{
	file_init(&s->file, &socket_file_ops, O_RDWR | (flags & O_NONBLOCK));
	file_set_anon(&s->file, c, "socket");
	anon_attr_init(&s->attr, c, S_IFSOCK | 0777);
	/* as sockfs has them */
	s->attr.atime = s->attr.mtime = s->attr.ctime = (struct timespec){ 0 };
	s->ops = ops;
	s->peek_off = s->incoming_cpu = -1;
	s->pacing = UINT64_MAX;
	s->net = net;
	ns_get(&net->ns);
	list_init(&s->net_node);
	s->family = family;
	s->type = type;
	s->protocol = protocol;
	s->sndbuf = s->rcvbuf = SOCKET_BUF_DEFAULT;
	s->rcvlowat = 1;
	s->linger = -1;
}

void socket_publish(struct socket *s)
{
	mutex_lock(&s->net->lock);
	list_add_tail(&s->net->sockets, &s->net_node);
	mutex_unlock(&s->net->lock);
}

uint64_t socket_deadline(struct caller *c, uint64_t timeo)
{
	return timeo ? sleeper_deadline(c->sleeper, timeo) : DEADLINE_NONE;
}

void socket_move_peek(struct socket *s, size_t n, bool peek)
{
	int off = s->peek_off;

	if (off >= 0 && peek)
		s->peek_off = n < (size_t)(INT32_MAX - off) ? off + (int)n : INT32_MAX;
	else if (off >= 0)
		s->peek_off = n < (size_t)off ? off - (int)n : 0;
}

unsigned socket_times(const struct socket *s, struct timespec when, bool sent,
		      struct socket_time out[2])
{
	int stamp = s->stamp, flags = s->timestamping;
	bool asked =
	    stamp || sent || (s->family != AF_UNIX && flags & SOF_TIMESTAMPING_RX_SOFTWARE);
	unsigned n = 0;

	if (stamp) {
		out[n] = (struct socket_time){ stamp, sizeof when, { when } };
		if (stamp == SO_TIMESTAMP || stamp == SO_TIMESTAMP_NEW)
			out[n].at[0].tv_nsec /= 1000; /* a struct timeval */
		n++;
	}
	if (asked && flags & SOF_TIMESTAMPING_SOFTWARE &&
	    (sent || flags & SOF_TIMESTAMPING_RX_SOFTWARE || !(flags & OPT_RX_FILTER)))
		out[n++] = (struct socket_time){ s->timestamping_name, sizeof out->at, { when } };
	return n;
}

/* read(2) and write(2) are recv and send without flags. */

static unsigned socket_io_flags(const struct file *f)
{
	return f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0;
}

static ssize_t socket_read(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct socket *s = socket_of(f);
	struct socket_msg m = { .uio = u, .flags = socket_io_flags(f) };

	if (pos)
		return -ESPIPE;
	if (!u->resid)
		return 0;
	ssize_t n = s->ops->recvmsg(s, c, &m);
	scm_release(&m.scm);
	return n;
}

static ssize_t socket_write(struct file *f, struct caller *c, struct uio *u, int64_t *pos)
{
	struct socket *s = socket_of(f);
	struct socket_msg m = { .uio = u, .flags = socket_io_flags(f) };

	if (pos)
		return -ESPIPE;
	if (s->type == SOCK_SEQPACKET)
		m.flags |= MSG_EOR;
	return s->ops->sendmsg(s, c, &m);
}

static unsigned socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = socket_of(f);

	return s->ops->poll(s, pt);
}

static int64_t socket_ioctl(struct file *f, struct caller *c, struct mm *mm, unsigned cmd,
			    uint64_t arg)
{
	struct socket *s = socket_of(f);

	return s->ops->ioctl ? s->ops->ioctl(s, c, mm, cmd, arg) : -ENOTTY;
}

static int socket_getattr(struct file *f, struct caller *c, unsigned mask, struct statx *out)
{
	anon_getattr(f, &socket_of(f)->attr, out);
	return 0;
}

static int socket_setattr(struct file *f, struct caller *c, const struct iattr *change)
{
	return anon_setattr(&socket_of(f)->attr, c, change);
}

static void socket_release(struct file *f)
{
	struct socket *s = socket_of(f);
	struct net *net = s->net;

	mutex_lock(&net->lock);
	list_del(&s->net_node);
	mutex_unlock(&net->lock);
	anon_attr_destroy(&s->attr);
	socket_filter_free(s);
	s->ops->release(s);
	ns_put(&net->ns);
}

static int socket_linger(struct file *f, struct caller *c)
{
	struct socket *s = socket_of(f);

	return s->ops->linger ? s->ops->linger(s, c) : 0;
}

/* ---- snapshots ---- */

static FILE_UNSAVED(socket_unsaved, "socket");

static const struct saved_kind *socket_saved_by(const struct file *f)
{
	const struct socket *s = (const struct socket *)(const void *)f;

	_Static_assert(offsetof(struct socket, file) == 0, "a socket begins with its file");
	return s->family == AF_NETLINK ? &netlink_saved
	       : s->ops->saved         ? s->ops->saved
				       : &socket_unsaved;
}

static void save_time(struct encoder *out, const struct timespec *t)
{
	encode_signed(out, t->tv_sec);
	encode_signed(out, t->tv_nsec);
}

static void load_time(struct decoder *in, struct timespec *t)
{
	t->tv_sec = (time_t)decode(in);
	t->tv_nsec = decode_between(in, 0, NSEC_PER_SEC - 1);
}

void socket_save(struct saver *s, struct socket *so)
{
	const struct anon_attr *a = &so->attr;
	struct encoder *out = &s->out;

	file_save_state(s, &so->file);
	encode(out, a->mode);
	encode(out, a->uid);
	encode(out, a->gid);
	save_time(out, &a->atime);
	save_time(out, &a->mtime);
	save_time(out, &a->ctime);
	encode(out, so->rcvtimeo);
	encode(out, so->sndtimeo);
	encode(out, so->sndbuf);
	encode(out, so->rcvbuf);
	encode(out, so->rcvlowat);
	encode(out, so->flags);
	encode_signed(out, so->priority);
	encode_signed(out, so->mark);
	encode_signed(out, so->linger);
	encode_signed(out, so->bound_if);
	encode_signed(out, so->stamp);
	encode_signed(out, so->timestamping);
	encode_signed(out, so->timestamping_name);
	encode_signed(out, so->peek_off);
	encode_signed(out, so->busy_poll);
	encode_signed(out, so->incoming_cpu);
	encode(out, so->pacing);
	socket_filter_save(s, so);
}

int socket_load(struct loader *l, struct socket *so)
{
	struct anon_attr *a = &so->attr;
	struct decoder *in = &l->in;
	int err = file_load_state(l, &so->file);

	a->mode = S_IFSOCK | (mode_t)(decode_max(in, UINT32_MAX) & 07777);
	a->uid = (uid_t)decode_max(in, UINT32_MAX);
	a->gid = (gid_t)decode_max(in, UINT32_MAX);
	load_time(in, &a->atime);
	load_time(in, &a->mtime);
	load_time(in, &a->ctime);
	so->rcvtimeo = decode(in);
	so->sndtimeo = decode(in);
	so->sndbuf = (unsigned)decode_between(in, SOCKET_SNDBUF_MIN, INT_MAX);
	so->rcvbuf = (unsigned)decode_between(in, SOCKET_RCVBUF_MIN, INT_MAX);
	so->rcvlowat = (unsigned)decode_max(in, INT_MAX);
	so->flags = decode(in);
	so->priority = (int)decode_between(in, INT_MIN, INT_MAX);
	so->mark = (int)decode_between(in, INT_MIN, INT_MAX);
	so->linger = (int)decode_between(in, INT_MIN, INT_MAX);
	so->bound_if = (int)decode_between(in, 0, INT_MAX);
	so->stamp = (int)decode_between(in, 0, INT_MAX);
	so->timestamping = (int)decode_between(in, 0, TIMESTAMPING_ALL);
	so->timestamping_name = (int)decode_between(in, 0, INT_MAX);
	so->peek_off = (int)decode_between(in, INT_MIN, INT_MAX);
	so->busy_poll = (int)decode_between(in, 0, INT_MAX);
	so->incoming_cpu = (int)decode_between(in, INT_MIN, INT_MAX);
	so->pacing = decode(in);
	if (!err)
		err = socket_filter_load(l, so);
	return !err && in->failed ? loader_damaged(l, "a socket") : err;
}

static const struct file_ops socket_file_ops = {
	.saved = &socket_unsaved,
	.saved_by = socket_saved_by,
	.fasync = true,
	.linger = socket_linger,
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.getattr = socket_getattr,
	.setattr = socket_setattr,
	.release = socket_release,
};

/* Options of SOL_SOCKET */

/* Booleans that a socket keeps and gives back; what they mean, if anything, is the family's
 * affair. */
#define BOOLEAN_OPTIONS                                                                            \
	(1UL << SO_DEBUG | 1UL << SO_REUSEADDR | 1UL << SO_DONTROUTE | 1UL << SO_BROADCAST |       \
	 1UL << SO_KEEPALIVE | 1UL << SO_OOBINLINE | 1UL << SO_NO_CHECK | 1UL << SO_REUSEPORT |    \
	 1UL << SO_PASSCRED | 1UL << SO_RXQ_OVFL | 1UL << SO_LOCK_FILTER |                         \
	 1UL << SO_SELECT_ERR_QUEUE | 1UL << SO_WIFI_STATUS | 1UL << SO_NOFCS | 1UL << SO_PASSSEC)

static bool option_is_boolean(int name)
{
	return name > 0 && name < 64 && BOOLEAN_OPTIONS >> name & 1;
}

/* One of them at a time. */
static bool tells_time(int name)
{
	return name == SO_TIMESTAMP || name == SO_TIMESTAMPNS || name == SO_TIMESTAMP_NEW ||
	       name == SO_TIMESTAMPNS_NEW;
}

static int get_timeout(const void *val, unsigned len, uint64_t *out)
{
	struct timeval tv;

	if (len < sizeof tv)
		return -EINVAL;
	memcpy(&tv, val, sizeof tv);
	if (tv.tv_usec < 0 || tv.tv_usec >= (long)USEC_PER_SEC)
		return -EDOM;
	if (tv.tv_sec < 0 || (uint64_t)tv.tv_sec > UINT64_MAX / NSEC_PER_SEC / 4)
		*out = tv.tv_sec < 0
			   ? 1
			   : 0; /* a negative one does not wait at all, an endless one is none */
	else
		*out = timeval_to_ns(&tv);
	return 0;
}

static int set_timeout(_Atomic uint64_t *timeo, const void *val, unsigned len)
{
	uint64_t ns;
	int err = get_timeout(val, len, &ns);

	if (!err)
		*timeo = ns;
	return err;
}

/* The kernel doubles what is asked for, to have room for its own overhead (socket(7)). */
static unsigned buffer_size(int val, unsigned max, unsigned min)
{
	unsigned size = (unsigned)val < max ? (unsigned)val : max;

	return size * 2 > min ? size * 2 : min;
}

static int set_linger(struct socket *s, const void *val, unsigned len)
{
	struct linger l;

	if (len < sizeof l)
		return -EINVAL;
	memcpy(&l, val, sizeof l);
	s->linger = l.l_onoff ? l.l_linger & INT32_MAX : -1;
	return 0;
}

static int set_integer(struct socket *s, int name, int val)
{
	switch (name) {
	case SO_SNDBUF:
		s->sndbuf = buffer_size(val, net_sysctl("core/wmem_max", SOCKET_BUF_DEFAULT),
					SOCKET_SNDBUF_MIN);
		return 0;
	case SO_RCVBUF:
		s->rcvbuf = buffer_size(val, net_sysctl("core/rmem_max", SOCKET_BUF_DEFAULT),
					SOCKET_RCVBUF_MIN);
		return 0;
	case SO_SNDBUFFORCE:
		s->sndbuf = buffer_size(val < 0 ? 0 : val, SOCKET_BUF_MAX, SOCKET_SNDBUF_MIN);
		return 0;
	case SO_RCVBUFFORCE:
		s->rcvbuf = buffer_size(val < 0 ? 0 : val, SOCKET_BUF_MAX, SOCKET_RCVBUF_MIN);
		return 0;
	case SO_RCVLOWAT: s->rcvlowat = val < 0 ? INT32_MAX : val ? val : 1; return 0;
	case SO_PRIORITY: s->priority = val; return 0;
	case SO_MARK: s->mark = val; return 0;
	case SO_DETACH_FILTER: return socket_filter_detach(s);
	case SO_BSDCOMPAT: return 0;  /* Linux has forgotten it */
	case SO_CNX_ADVICE: return 0; /* another route: there is one way to each place */
	case SO_INCOMING_CPU: s->incoming_cpu = val; return 0;
	case SO_PEEK_OFF: s->peek_off = val; return 0;
	case SO_ZEROCOPY: return -EOPNOTSUPP;
	}
	return -ENOPROTOOPT;
}

/* Of a socket whose messages go through no interface it is kept and told, no more. */
static int bind_to_interface(struct socket *s, struct caller *c, int index)
{
	if (s->bound_if && !cred_ns_capable(c->cred, s->net->ns.owner, CAP_NET_RAW))
		return -EPERM;
	if (index < 0)
		return -EINVAL;
	s->bound_if = index;
	return 0;
}

static int bind_to_device(struct socket *s, struct caller *c, const void *val, unsigned len)
{
	char name[IFNAMSIZ] = { 0 };
	unsigned index = 0;

	memcpy(name, val, len < sizeof name ? len : sizeof name - 1);
	if (name[0]) {
		index = device_index(s->net, name);
		if (!index)
			return -ENODEV;
	}
	return bind_to_interface(s, c, (int)index);
}

/* No queue of a device stands behind our sockets, which poll none. */
static int set_busy_poll(struct socket *s, struct caller *c, int val)
{
	if (val < 0)
		return -EINVAL;
	if (val > s->busy_poll && !cred_ns_capable(c->cred, s->net->ns.owner, CAP_NET_ADMIN))
		return -EPERM;
	s->busy_poll = val;
	return 0;
}

/* A number of 32 bits, of which the largest is none, or of 64. */
static int set_pacing(struct socket *s, const void *val, unsigned len)
{
	uint32_t v;
	uint64_t rate;

	memcpy(&v, val, sizeof v);
	rate = v == UINT32_MAX ? UINT64_MAX : v;
	if (len == sizeof rate)
		memcpy(&rate, val, sizeof rate);
	s->pacing = rate;
	return 0;
}

/* Linux: sock_set_timestamping. */
bool socket_timestamping_is_valid(int flags)
{
	if (flags & ~TIMESTAMPING_ALL)
		return false;
	if (flags & OPT_ID_TCP && !(flags & SOF_TIMESTAMPING_OPT_ID))
		return false;
	return !(flags & SOF_TIMESTAMPING_OPT_STATS) || flags & SOF_TIMESTAMPING_OPT_TSONLY;
}

static int set_timestamping(struct socket *s, int name, int flags)
{
	if (!socket_timestamping_is_valid(flags))
		return -EINVAL;
	s->timestamping_name = name;
	s->timestamping = flags;
	return 0;
}

/* No event of a device ever comes. */
static bool may_filter(const struct socket *s)
{
	return s->ops->filters ||
	       (s->family == AF_NETLINK && s->protocol == NETLINK_KOBJECT_UEVENT);
}

static int generic_setsockopt(struct socket *s, struct caller *c, int name, const void *val,
			      unsigned len)
{
	int v;

	if (name == SO_BINDTODEVICE)
		return bind_to_device(s, c, val, len);
	if (name == SO_ATTACH_FILTER)
		return may_filter(s) ? socket_filter_attach(s, val, len) : -ENOPROTOOPT;
	if (len < sizeof v)
		return -EINVAL;
	memcpy(&v, val, sizeof v);
	if (name == SO_PASSSEC && s->family != AF_UNIX)
		return -EOPNOTSUPP;
	if (name == SO_REUSEPORT && v && s->family != AF_INET && s->family != AF_INET6)
		return -EOPNOTSUPP;
	if (name == SO_LOCK_FILTER && !v && socket_flag(s, SO_LOCK_FILTER))
		return -EPERM;
	if (option_is_boolean(name)) {
		if (v)
			atomic_fetch_or(&s->flags, 1UL << name);
		else
			atomic_fetch_and(&s->flags, ~(1UL << name));
		return 0;
	}
	if (tells_time(name)) {
		s->stamp = v ? name : 0;
		return 0;
	}
	switch (name) {
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW: return set_timeout(&s->rcvtimeo, val, len);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW: return set_timeout(&s->sndtimeo, val, len);
	case SO_LINGER: return set_linger(s, val, len);
	case SO_BINDTOIFINDEX: return bind_to_interface(s, c, v);
	case SO_BUSY_POLL: return set_busy_poll(s, c, v);
	case SO_MAX_PACING_RATE: return set_pacing(s, val, len);
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW: return set_timestamping(s, name, v);
	}
	return set_integer(s, name, v);
}

/* Options whose value must not be above `free` (or below 0) without one of the capabilities, as
 * Linux asks of those who set them; the host would ask the monitor's. */
static const struct {
	int level, name, free;
	bool raw; /* CAP_NET_RAW is enough, too */
	int err;
} privileged[] = {
	{ SOL_SOCKET, SO_DEBUG, 0, false, EACCES },
	{ SOL_SOCKET, SO_PRIORITY, 6, true, EPERM },
	{ SOL_SOCKET, SO_MARK, -1, true, EPERM },
	{ SOL_SOCKET, SO_SNDBUFFORCE, -1, false, EPERM },
	{ SOL_SOCKET, SO_RCVBUFFORCE, -1, false, EPERM },
	{ IPPROTO_IP, IP_TRANSPARENT, 0, true, EPERM },
	{ IPPROTO_IPV6, IPV6_TRANSPARENT, 0, true, EPERM },
	{ IPPROTO_TCP, TCP_REPAIR, -1, false, EPERM },
};

/* The value of an integer option, which may be given as a byte (Linux: do_ip_setsockopt). */
static int option_value(const void *val, unsigned len)
{
	int v = 0;

	memcpy(&v, val, len < sizeof v ? len != 0 : sizeof v);
	return v;
}

static int check_privilege(const struct socket *s, struct caller *c, int level, int name,
			   const void *val, unsigned len)
{
	const struct net *net = s->net;
	bool none = level == IPPROTO_IPV6
			? s->family != AF_INET6
			: level != SOL_SOCKET && s->family != AF_INET && s->family != AF_INET6;

	for (size_t i = 0; i < sizeof privileged / sizeof *privileged && !none; i++) {
		if (privileged[i].level != level || privileged[i].name != name)
			continue;
		int v = option_value(val, len);
		if (v >= 0 && v <= privileged[i].free)
			return 0;
		bool may =
		    cred_ns_capable(c->cred, net->ns.owner, CAP_NET_ADMIN) ||
		    (privileged[i].raw && cred_ns_capable(c->cred, net->ns.owner, CAP_NET_RAW));
		return may ? 0 : -privileged[i].err;
	}
	return 0;
}

int socket_level_error(const struct socket *s, int level, bool set)
{
	if (level == SOL_SOCKET)
		return 0;
	switch (s->family) {
	case AF_NETLINK: return level == SOL_NETLINK ? 0 : -ENOPROTOOPT;
	case AF_INET:
		if (level == IPPROTO_IP || level == s->protocol)
			return 0;
		return set ? -ENOPROTOOPT : -EOPNOTSUPP;
	case AF_INET6:
		return level == IPPROTO_IP || level == IPPROTO_IPV6 || level == s->protocol
			   ? 0
			   : -ENOPROTOOPT;
	default: return -EOPNOTSUPP;
	}
}

int socket_setsockopt(struct socket *s, struct caller *c, int level, int name, const void *val,
		      unsigned len)
{
	int err = check_privilege(s, c, level, name, val, len);

	if (err)
		return err;
	int r =
	    s->ops->setsockopt ? s->ops->setsockopt(s, c, level, name, val, len) : SOCKET_GENERIC;
	if (r != SOCKET_GENERIC)
		return r;
	return level == SOL_SOCKET ? generic_setsockopt(s, c, name, val, len) : -EOPNOTSUPP;
}

static int put_value(void *buf, unsigned size, const void *val, unsigned len)
{
	if (len > size)
		len = size;
	memcpy(buf, val, len);
	return len;
}

static int put_timeout(void *buf, unsigned size, uint64_t ns)
{
	struct timeval tv = ns_to_timeval(ns);

	return put_value(buf, size, &tv, sizeof tv);
}

static int put_linger(void *buf, unsigned size, int seconds)
{
	struct linger l = { .l_onoff = seconds >= 0, .l_linger = seconds < 0 ? 0 : seconds };

	return put_value(buf, size, &l, sizeof l);
}

/* The name of the interface the socket is bound to. */
static int put_device(const struct socket *s, void *buf, unsigned size)
{
	char name[IFNAMSIZ];

	if (!s->bound_if)
		return 0;
	if (size < sizeof name)
		return -EINVAL;
	if (!device_name(s->net, (unsigned)s->bound_if, name))
		return -ENODEV;
	return put_value(buf, size, name, (unsigned)strlen(name) + 1);
}

static int get_integer(struct socket *s, int name, int *val)
{
	switch (name) {
	case SO_BINDTOIFINDEX: *val = s->bound_if; return 0;
	case SO_SNDBUF: *val = s->sndbuf; return 0;
	case SO_RCVBUF: *val = s->rcvbuf; return 0;
	case SO_RCVLOWAT: *val = s->rcvlowat; return 0;
	case SO_SNDLOWAT: *val = 1; return 0;
	case SO_PRIORITY: *val = s->priority; return 0;
	case SO_MARK: *val = s->mark; return 0;
	case SO_BSDCOMPAT:
	case SO_INCOMING_NAPI_ID: /* of no device's queue */
	case SO_ZEROCOPY: *val = 0; return 0;
	case SO_BPF_EXTENSIONS: *val = SKF_AD_MAX; return 0;
	case SO_INCOMING_CPU: *val = s->incoming_cpu; return 0;
	case SO_PEEK_OFF: *val = s->peek_off; return 0;
	case SO_BUSY_POLL: *val = s->busy_poll; return 0;
	case SO_TYPE: *val = s->type; return 0;
	case SO_DOMAIN: *val = s->family; return 0;
	case SO_PROTOCOL: *val = s->protocol; return 0;
	case SO_ERROR: *val = s->ops->take_error ? s->ops->take_error(s) : 0; return 0;
	}
	if (!option_is_boolean(name) && !tells_time(name))
		return -ENOPROTOOPT;
	*val = tells_time(name) ? s->stamp == name : socket_flag(s, name);
	return 0;
}

/* The peer's name; a buffer that is longer than it is an error, as Linux has it. */
static int put_peer_name(struct socket *s, void *buf, unsigned size)
{
	struct sockaddr_storage name;
	int len = s->ops->getname(s, true, &name);

	if (len < 0)
		return -ENOTCONN;
	return (unsigned)len < size ? -EINVAL : put_value(buf, size, &name, (unsigned)len);
}

static int put_pacing(const struct socket *s, void *buf, unsigned size)
{
	uint64_t rate = s->pacing;
	uint32_t v = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;

	return size >= sizeof rate ? put_value(buf, size, &rate, sizeof rate)
				   : put_value(buf, size, &v, sizeof v);
}

static int put_timestamping(const struct socket *s, int name, void *buf, unsigned size)
{
	struct {
		int flags, bind_phc; /* Linux: struct so_timestamping */
	} t = { .flags = 0 };

	if (name == SO_TIMESTAMPING || s->timestamping_name == name)
		t.flags = s->timestamping;
	return put_value(buf, size, &t, sizeof t);
}

static int generic_getsockopt(struct socket *s, int name, void *buf, unsigned size)
{
	int val;

	switch (name) {
	case SO_RCVTIMEO_OLD:
	case SO_RCVTIMEO_NEW: return put_timeout(buf, size, s->rcvtimeo);
	case SO_SNDTIMEO_OLD:
	case SO_SNDTIMEO_NEW: return put_timeout(buf, size, s->sndtimeo);
	case SO_LINGER: return put_linger(buf, size, s->linger);
	case SO_BINDTODEVICE: return put_device(s, buf, size);
	case SO_GET_FILTER: return socket_filter_get(s, buf, size / sizeof(struct sock_filter));
	case SO_PEERNAME: return put_peer_name(s, buf, size);
	case SO_MAX_PACING_RATE: return put_pacing(s, buf, size);
	case SO_TIMESTAMPING:
	case SO_TIMESTAMPING_NEW: return put_timestamping(s, name, buf, size);
	case SO_COOKIE:
		return size < sizeof s->file.anon_ino
			   ? -EINVAL
			   : put_value(buf, size, &s->file.anon_ino, sizeof s->file.anon_ino);
	}
	int err = get_integer(s, name, &val);
	return err ? err : put_value(buf, size, &val, sizeof val);
}

int socket_getsockopt(struct socket *s, struct caller *c, int level, int name, void *buf,
		      unsigned size)
{
	uint64_t cookie = s->net->ns.inum;

	if (level == SOL_SOCKET && name == SO_NETNS_COOKIE)
		return size == sizeof cookie ? put_value(buf, size, &cookie, sizeof cookie)
					     : -EINVAL;
	int r =
	    s->ops->getsockopt ? s->ops->getsockopt(s, c, level, name, buf, size) : SOCKET_GENERIC;

	if (r != SOCKET_GENERIC)
		return r;
	return level == SOL_SOCKET ? generic_getsockopt(s, name, buf, size) : -EOPNOTSUPP;
}
