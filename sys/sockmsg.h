/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of sendmsg(2) and recvmsg(2) between the guest's structures and the socket's. */
#ifndef HL_SYS_SOCKMSG_H
#define HL_SYS_SOCKMSG_H

#include "net/socket.h"
#include "sys/sys.h"

/* A socket address argument: -EINVAL for a bad length, -EFAULT. */
int get_sockaddr(struct task *t, gva_t addr, int len, struct sockaddr_storage *out);
/* A socket address result: cut to the room the guest says it has at `len_addr`, where the true
 * length is written. */
int put_sockaddr(struct task *t, const struct sockaddr_storage *name, int len, gva_t addr,
		 gva_t len_addr);

/* sendmsg and recvmsg of the message header at `addr`. */
int64_t send_header(struct task *t, struct socket *s, gva_t addr, unsigned flags);
int64_t receive_header(struct task *t, struct socket *s, gva_t addr, unsigned flags);
/* Receives into m->uio, from where a call that was frozen had got to. *over: something has come and
 * nothing more will, so that what goes with it can be written. */
int64_t receive_part(struct task *t, struct socket *s, struct socket_msg *m, bool *over);
/* The system call's result of a receive whose bytes are `r`; `err`: what goes with them could not
 * be written. */
int64_t receive_result(struct task *t, const struct socket *s, int64_t r, int err, unsigned flags);
/* The system call's result of a send or receive: SIGPIPE, restart. */
int64_t socket_result(struct task *t, const struct socket *s, int64_t r, uint64_t timeo,
		      unsigned flags);

#endif
