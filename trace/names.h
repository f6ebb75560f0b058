/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the constants that system calls take, for the tracer. */
#ifndef HL_TRACE_NAMES_H
#define HL_TRACE_NAMES_H

#include <stdint.h>

#include "util/text.h"

struct name {
	uint64_t value;
	const char *text; /* NULL ends a list */
};

/* Flags are matched in order, so that a name for several bits comes before those of its parts. */
struct names {
	const char *unknown; /* "PROT_???" */
	const struct name *list;
};

/* One value; an unknown one as 0x5, with the table's `unknown` behind it as a comment. */
void names_put_value(struct text *out, const struct names *names, uint64_t value);
/* Flags joined by '|', what has no name in hexadecimal; none set: the name of 0, else "0". */
void names_put_flags(struct text *out, const struct names *names, uint64_t flags);
const char *names_find(const struct names *names, uint64_t value); /* NULL: none */

extern const struct names names_access, names_addr_family, names_arch_prctl, names_at, names_clock,
    names_clone, names_close_range, names_cmsg_socket, names_epoll, names_epoll_create,
    names_epoll_op, names_eventfd, names_fadvise, names_fallocate, names_fcntl, names_fd_flags,
    names_file_seals, names_flock, names_fs_magic, names_futex, names_ioctl, names_itimer,
    names_lock_type, names_madvise, names_map, names_mcl, names_membarrier, names_memfd,
    names_mremap, names_msg, names_msync, names_open, names_open_access, names_pidfd, names_poll,
    names_prctl, names_prio, names_prot, names_protocol, names_random, names_rename, names_resolve,
    names_rlimit, names_rusage, names_rwf, names_sched, names_seek, names_shutdown, names_sigaction,
    names_sigaltstack, names_sigev, names_sighow, names_sock_flags, names_sock_level,
    names_sock_option, names_sock_type, names_splice, names_statfs, names_statx, names_statx_attr,
    names_sync_range, names_tcp_option, names_timer, names_timerfd, names_unlink, names_wait,
    names_waitid, names_xattr, names_capability, names_ip_option, names_ipv6_option, names_inotify,
    names_signalfd, names_inotify_init, names_mount, names_umount, names_open_tree, names_seccomp,
    names_seccomp_filter, names_ptrace, names_move_mount, names_fsopen, names_fspick,
    names_fsconfig, names_mount_attr, names_listmount;

#endif
