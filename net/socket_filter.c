/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the filters of sockets, and runs them. See the header. */
#include "net/socket_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/saved.h"
#include "host/random.h"
#include "mm/mm.h"
#include "net/net.h"
#include "net/socket.h"
#include "util/bpf.h"

struct socket_filter {
	unsigned len;
	struct sock_filter prog[];
};

static size_t size_of(unsigned len)
{
	return sizeof(struct socket_filter) + len * sizeof(struct sock_filter);
}

/* What is known of a packet besides its bytes (Linux: bpf_anc_helper); what we cannot say is
 * refused when a program is attached. */
static bool is_ancillary(uint32_t k)
{
	switch (k - (uint32_t)SKF_AD_OFF) {
	case SKF_AD_PROTOCOL:
	case SKF_AD_PKTTYPE:
	case SKF_AD_IFINDEX:
	case SKF_AD_MARK:
	case SKF_AD_QUEUE:
	case SKF_AD_HATYPE:
	case SKF_AD_RXHASH:
	case SKF_AD_CPU:
	case SKF_AD_VLAN_TAG:
	case SKF_AD_VLAN_TAG_PRESENT:
	case SKF_AD_VLAN_TPID:
	case SKF_AD_RANDOM: return true;
	default: return false;
	}
}

static bool allows(const struct sock_filter *f)
{
	switch (f->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS: return f->k < (uint32_t)SKF_AD_OFF || is_ancillary(f->k);
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_B | BPF_MSH:
	case BPF_ALU | BPF_MOD | BPF_X: return true;
	case BPF_ALU | BPF_MOD | BPF_K: return f->k;
	default: return false;
	}
}

/* No queue, mark, hash or VLAN: a packet over lo has none. */
static uint32_t ancillary(const struct filter_packet *p, uint32_t k)
{
	uint32_t v = 0;

	switch (k - (uint32_t)SKF_AD_OFF) {
	case SKF_AD_PROTOCOL: return p->protocol;
	case SKF_AD_PKTTYPE: return p->type;
	case SKF_AD_IFINDEX: return p->interface;
	case SKF_AD_HATYPE: return p->hatype;
	case SKF_AD_RANDOM: random_bytes(NULL, &v, sizeof v); return v;
	default: return 0;
	}
}

/* Linux: bpf_internal_load_pointer_neg_helper. */
static bool read_at(const struct filter_packet *p, uint32_t offset, size_t n, uint32_t *to)
{
	const unsigned char *start = p->data - p->before;
	size_t len = p->before + p->len, at = p->before;

	if (offset < (uint32_t)SKF_LL_OFF) {
		if (offset > INT32_MAX)
			return false;
		at += offset;
	} else if (offset < (uint32_t)SKF_NET_OFF) {
		at = p->link + (offset - (uint32_t)SKF_LL_OFF);
	} else {
		at = p->net + (offset - (uint32_t)SKF_NET_OFF);
	}
	if (at > len || len - at < n)
		return false;
	*to = 0;
	for (size_t i = 0; i < n; i++)
		*to = *to << 8 | start[at + i];
	return true;
}

static bool load(const void *data, const struct sock_filter *f, uint32_t x, uint32_t *to)
{
	const struct filter_packet *p = data;
	size_t n = BPF_SIZE(f->code) == BPF_W ? 4 : BPF_SIZE(f->code) == BPF_H ? 2 : 1;

	switch (BPF_MODE(f->code)) {
	case BPF_LEN: *to = (uint32_t)p->len; return true;
	case BPF_MSH:
		if (!read_at(p, f->k, 1, to))
			return false;
		*to = (*to & 0xf) << 2;
		return true;
	case BPF_IND: return read_at(p, f->k + x, n, to);
	default:
		if (f->k < (uint32_t)SKF_AD_OFF)
			return read_at(p, f->k, n, to);
		*to = ancillary(p, f->k);
		return true;
	}
}

static const struct bpf_kind of_packets = { allows, load };

/* Puts another one in the place of the socket's; NULL: none. */
static struct socket_filter *put(struct socket *s, struct socket_filter *f)
{
	mutex_lock(&s->net->filters);
	struct socket_filter *old = s->filter;
	s->filter = f;
	mutex_unlock(&s->net->filters);
	return old;
}

static void let_go(struct socket *s, struct socket_filter *f)
{
	if (f)
		mm_host_uncharge(s->net->mem, size_of(f->len));
	free(f);
}

static int attach(struct socket *s, const void *prog, unsigned len)
{
	unsigned n = len / sizeof(struct sock_filter);

	if (!n || n > BPF_MAXINSNS || len % sizeof(struct sock_filter))
		return -EINVAL;
	int err = bpf_check(&of_packets, prog, n);
	if (err)
		return err;
	if (!mm_host_charge(s->net->mem, size_of(n)))
		return -ENOMEM;
	struct socket_filter *f = malloc(size_of(n));
	if (!f) {
		mm_host_uncharge(s->net->mem, size_of(n));
		return -ENOMEM;
	}
	f->len = n;
	memcpy(f->prog, prog, len);
	let_go(s, put(s, f));
	return 0;
}

int socket_filter_attach(struct socket *s, const void *prog, unsigned len)
{
	return socket_flag(s, SO_LOCK_FILTER) ? -EPERM : attach(s, prog, len);
}

int socket_filter_detach(struct socket *s)
{
	if (socket_flag(s, SO_LOCK_FILTER))
		return -EPERM;
	struct socket_filter *f = put(s, NULL);
	let_go(s, f);
	return f ? 0 : -ENOENT;
}

void socket_filter_free(struct socket *s)
{
	if (s->filter)
		let_go(s, put(s, NULL));
}

int socket_filter_get(struct socket *s, struct sock_filter *buf, unsigned room)
{
	mutex_lock(&s->net->filters);
	const struct socket_filter *f = s->filter;
	int n = f ? (int)f->len : 0;
	if (f && room && room < f->len)
		n = -EINVAL;
	else if (f && room)
		memcpy(buf, f->prog, f->len * sizeof *buf);
	mutex_unlock(&s->net->filters);
	return n;
}

bool socket_filter_passes(struct socket *s, const struct filter_packet *p, size_t least,
			  size_t *len)
{
	size_t n = SIZE_MAX;

	if (s->filter) {
		mutex_lock(&s->net->filters);
		const struct socket_filter *f = s->filter;
		if (f)
			n = bpf_run(&of_packets, f->prog, p);
		mutex_unlock(&s->net->filters);
	}
	if (n && n < least)
		n = least;
	*len = n < p->len ? n : p->len;
	return n != 0;
}

void socket_filter_save(struct saver *sv, struct socket *s)
{
	mutex_lock(&s->net->filters);
	const struct socket_filter *f = s->filter;
	encode_bytes(&sv->out, f ? f->prog : NULL, f ? f->len * sizeof *f->prog : 0);
	mutex_unlock(&s->net->filters);
}

int socket_filter_load(struct loader *l, struct socket *s)
{
	struct sock_filter prog[BPF_MAXINSNS];
	size_t len;
	const void *data = decode_bytes(&l->in, &len);

	if (!len)
		return 0;
	if (!data || len > sizeof prog)
		return loader_damaged(l, "the filter of a socket");
	memcpy(prog, data, len);
	int err = attach(s, prog, (unsigned)len);
	return err == -EINVAL ? loader_damaged(l, "the filter of a socket") : err;
}
