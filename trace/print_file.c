/* SPDX-License-Identifier: Apache-2.0 */
/* Files, memory, events. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "trace/print.h"

static void print_open_value(struct text *out, uint64_t flags)
{
	uint64_t rest = flags & ~(uint64_t)O_ACCMODE;

	names_put_value(out, &names_open_access, flags & O_ACCMODE);
	if (rest) {
		text_putc(out, '|');
		names_put_flags(out, &names_open, rest);
	}
}

void print_open_flags(struct print *p, int i, const struct names *names)
{
	print_open_value(p->out, (uint32_t)p->a[i]);
}

void print_open_mode(struct print *p, int i, const struct names *names)
{
	if (p->a[i - 1] & O_CREAT || (p->a[i - 1] & O_TMPFILE) == O_TMPFILE)
		print_mode_bits(p->out, (unsigned)p->a[i]);
}

void print_open_how(struct print *p, int i, const struct names *names)
{
	struct open_how how;

	if (!FETCH(p, i, &how))
		return;
	text_puts(p->out, "{flags=");
	print_open_value(p->out, how.flags);
	if (how.flags & O_CREAT || how.mode) {
		text_puts(p->out, ", mode=");
		print_mode_bits(p->out, (unsigned)how.mode);
	}
	text_puts(p->out, ", resolve=");
	names_put_flags(p->out, &names_resolve, how.resolve);
	text_putc(p->out, '}');
}

static void print_type_and_mode(struct text *out, uint64_t mode)
{
	struct print p = { .out = out, .a = &mode };

	print_file_mode(&p, 0, NULL);
}

static bool is_device(unsigned mode)
{
	return (mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK;
}

void print_stat(struct print *p, int i, const struct names *names)
{
	struct stat st; /* the layout of libc is the kernel's: sys/stat.c */

	if (!FETCH(p, i, &st))
		return;
	text_puts(p->out, "{st_mode=");
	print_type_and_mode(p->out, st.st_mode);
	if (is_device(st.st_mode))
		text_printf(p->out, ", st_rdev=makedev(%#x, %#x), ...}", major(st.st_rdev),
			    minor(st.st_rdev));
	else
		text_printf(p->out, ", st_size=%ld, ...}", (int64_t)st.st_size);
}

void print_statx_flags(struct print *p, int i, const struct names *names)
{
	uint64_t flags = (uint32_t)p->a[i], sync = flags & 0x6000; /* AT_STATX_SYNC_TYPE */

	text_puts(p->out, sync == 0        ? "AT_STATX_SYNC_AS_STAT"
			  : sync == 0x2000 ? "AT_STATX_FORCE_SYNC"
			  : sync == 0x4000 ? "AT_STATX_DONT_SYNC"
					   : "0x6000");
	if (flags & ~sync) {
		text_putc(p->out, '|');
		names_put_flags(p->out, &names_at, flags & ~sync);
	}
}

void print_statx(struct print *p, int i, const struct names *names)
{
	struct statx st;

	if (!FETCH(p, i, &st))
		return;
	text_puts(p->out, "{stx_mask=");
	names_put_flags(p->out, &names_statx, st.stx_mask);
	text_puts(p->out, ", stx_attributes=");
	names_put_flags(p->out, &names_statx_attr, st.stx_attributes);
	text_puts(p->out, ", stx_mode=");
	print_type_and_mode(p->out, st.stx_mode);
	text_printf(p->out, ", stx_size=%llu, ...}", st.stx_size);
}

void print_statfs(struct print *p, int i, const struct names *names)
{
	struct statfs st;

	if (!FETCH(p, i, &st))
		return;
	text_puts(p->out, "{f_type=");
	names_put_value(p->out, &names_fs_magic, (uint64_t)st.f_type);
	text_printf(p->out, ", f_bsize=%ld, f_blocks=%lu, f_bfree=%lu, f_bavail=%lu",
		    (long)st.f_bsize, st.f_blocks, st.f_bfree, st.f_bavail);
	text_printf(p->out, ", f_files=%lu, f_ffree=%lu, f_fsid={val=[%#x, %#x]}", st.f_files,
		    st.f_ffree, (unsigned)st.f_fsid.__val[0], (unsigned)st.f_fsid.__val[1]);
	text_printf(p->out, ", f_namelen=%ld, f_frsize=%ld, f_flags=", (long)st.f_namelen,
		    (long)st.f_frsize);
	names_put_flags(p->out, &names_statfs, (uint64_t)st.f_flags);
	text_putc(p->out, '}');
}

/* ---- fcntl ---- */

static void print_flock_struct(struct print *p, int i, bool is_get)
{
	struct flock fl;

	if (!FETCH(p, i, &fl))
		return;
	text_puts(p->out, "{l_type=");
	names_put_value(p->out, &names_lock_type, (uint16_t)fl.l_type);
	text_puts(p->out, ", l_whence=");
	names_put_value(p->out, &names_seek, (uint16_t)fl.l_whence);
	text_printf(p->out, ", l_start=%ld, l_len=%ld", (long)fl.l_start, (long)fl.l_len);
	if (is_get)
		text_printf(p->out, ", l_pid=%d", fl.l_pid);
	text_putc(p->out, '}');
}

void print_fcntl_arg(struct print *p, int i, const struct names *names)
{
	/* the others fill nothing in */
	p->done = (int)p->a[1] == F_GETLK || (int)p->a[1] == F_OFD_GETLK;
	switch ((int)p->a[1]) {
	case F_GETFD:
	case F_GETFL:
	case F_GETOWN:
	case F_GETSIG:
	case F_GETLEASE:
	case F_GETPIPE_SZ:
	case F_GET_SEALS: break;
	case F_SETFD: print_flags(p, i, &names_fd_flags); break;
	case F_SETFL: print_open_value(p->out, p->a[i]); break;
	case F_ADD_SEALS: print_flags(p, i, &names_file_seals); break;
	case F_SETSIG: print_signal(p, i, NULL); break;
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_SETLK:
	case F_OFD_SETLKW: print_flock_struct(p, i, false); break;
	case F_GETLK:
	case F_OFD_GETLK: print_flock_struct(p, i, true); break;
	case F_GETOWN_EX:
	case F_SETOWN_EX: print_pointer(p, i, NULL); break;
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
	case F_SETOWN:
	case F_SETPIPE_SZ: print_int(p, i, NULL); break;
	default: print_hex(p, i, NULL); break;
	}
}

/* ---- ioctl ---- */

void print_ioctl(struct print *p, int i, const struct names *names)
{
	unsigned cmd = (unsigned)p->a[i];
	static const char *const dir[] = { "_IOC_NONE", "_IOC_WRITE", "_IOC_READ",
					   "_IOC_READ|_IOC_WRITE" };
	const char *name = names_find(&names_ioctl, cmd);

	if (name)
		text_puts(p->out, name);
	else
		text_printf(p->out, "_IOC(%s, %#x, %#x, %#x)", dir[cmd >> 30], cmd >> 8 & 0xff,
			    cmd & 0xff, cmd >> 16 & 0x3fff);
}

static const struct name c_iflags[] = {
	{ IGNBRK, "IGNBRK" },   { BRKINT, "BRKINT" }, { IGNPAR, "IGNPAR" }, { PARMRK, "PARMRK" },
	{ INPCK, "INPCK" },     { ISTRIP, "ISTRIP" }, { INLCR, "INLCR" },   { IGNCR, "IGNCR" },
	{ ICRNL, "ICRNL" },     { IXON, "IXON" },     { IXANY, "IXANY" },   { IXOFF, "IXOFF" },
	{ IMAXBEL, "IMAXBEL" }, { IUTF8, "IUTF8" },   { 0, NULL }
};
static const struct name c_oflags[] = { { OPOST, "OPOST" },   { ONLCR, "ONLCR" },
					{ OCRNL, "OCRNL" },   { ONOCR, "ONOCR" },
					{ ONLRET, "ONLRET" }, { 0, NULL } };
static const struct name c_lflags[] = {
	{ ISIG, "ISIG" },     { ICANON, "ICANON" },   { ECHO, "ECHO" },     { ECHOE, "ECHOE" },
	{ ECHOK, "ECHOK" },   { ECHONL, "ECHONL" },   { NOFLSH, "NOFLSH" }, { TOSTOP, "TOSTOP" },
	{ IEXTEN, "IEXTEN" }, { ECHOCTL, "ECHOCTL" }, { ECHOKE, "ECHOKE" }, { 0, NULL }
};

static void print_termios(struct print *p, int i)
{
	struct {
		uint32_t iflag, oflag, cflag, lflag;
	} t;
	struct names in = { NULL, c_iflags }, out = { NULL, c_oflags }, local = { NULL, c_lflags };

	if (!FETCH(p, i, &t))
		return;
	text_puts(p->out, "{c_iflag=");
	names_put_flags(p->out, &in, t.iflag);
	text_puts(p->out, ", c_oflag=");
	names_put_flags(p->out, &out, t.oflag);
	text_printf(p->out, ", c_cflag=%#o, c_lflag=", t.cflag);
	names_put_flags(p->out, &local, t.lflag);
	text_puts(p->out, ", ...}");
}

static void print_winsize(struct print *p, int i)
{
	struct winsize w;

	if (FETCH(p, i, &w))
		text_printf(p->out, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", w.ws_row,
			    w.ws_col, w.ws_xpixel, w.ws_ypixel);
}

static bool ioctl_fills_in(unsigned cmd)
{
	return cmd != TCSETS && cmd != TCSETSW && cmd != TCSETSF && cmd != TIOCSWINSZ &&
	       cmd != TIOCSPGRP && cmd != FIONBIO && cmd != FIOASYNC && cmd != TIOCSPTLCK;
}

void print_ioctl_arg(struct print *p, int i, const struct names *names)
{
	p->done = ioctl_fills_in((unsigned)p->a[1]);
	switch ((unsigned)p->a[1]) {
	case TCGETS:
	case TCSETS:
	case TCSETSW:
	case TCSETSF: print_termios(p, i); break;
	case TIOCGWINSZ:
	case TIOCSWINSZ: print_winsize(p, i); break;
	case FIONREAD:
	case FIONBIO:
	case FIOASYNC:
	case TIOCOUTQ:
	case TIOCGPGRP:
	case TIOCSPGRP:
	case TIOCGSID:
	case TIOCGPTN:
	case TIOCSPTLCK: print_int_pointer(p, i, NULL); break;
	case FIOCLEX:
	case FIONCLEX:
	case TIOCNOTTY:
	case TIOCEXCL:
	case TIOCNXCL: break;
	default: print_hex(p, i, NULL); break;
	}
}

/* ---- poll, select, epoll ---- */

void print_pollfds(struct print *p, int i, const struct names *names)
{
	struct pollfd fds[TRACE_ARRAY_MAX];
	unsigned shown = p->a[1] < TRACE_ARRAY_MAX ? (unsigned)p->a[1] : TRACE_ARRAY_MAX;

	if (!fetch(p, GVA(p->a[i]), fds, shown * sizeof *fds))
		return;
	text_putc(p->out, '[');
	for (unsigned k = 0; k < shown; k++) {
		text_printf(p->out, "%s{fd=%d", k ? ", " : "", fds[k].fd);
		if (fds[k].fd >= 0) {
			text_puts(p->out, ", events=");
			names_put_flags(p->out, &names_poll, (uint16_t)fds[k].events);
		}
		text_putc(p->out, '}');
	}
	text_puts(p->out, p->a[1] > shown ? ", ...]" : "]");
}

void print_fd_set(struct print *p, int i, const struct names *names)
{
	fd_set set;
	int n = (int)p->a[0] < FD_SETSIZE ? (int)p->a[0] : FD_SETSIZE;
	const char *sep = "";

	FD_ZERO(&set);
	if (n < 0 || !fetch(p, GVA(p->a[i]), &set, ((size_t)n + 63) / 64 * 8)) {
		if (n < 0)
			print_address(p, GVA(p->a[i]));
		return;
	}
	text_putc(p->out, '[');
	for (int fd = 0; fd < n; fd++) {
		if (FD_ISSET(fd, &set)) {
			text_printf(p->out, "%s%d", sep, fd);
			sep = " ";
		}
	}
	text_putc(p->out, ']');
}

static void print_one_epoll_event(struct text *out, const struct epoll_event *ev)
{
	text_puts(out, "{events=");
	names_put_flags(out, &names_epoll, ev->events);
	text_printf(out, ", data={u32=%u, u64=%lu}}", ev->data.u32, ev->data.u64);
}

void print_epoll_event(struct print *p, int i, const struct names *names)
{
	struct epoll_event ev;

	if ((int)p->a[1] == EPOLL_CTL_DEL)
		print_address(p, GVA(p->a[i]));
	else if (FETCH(p, i, &ev))
		print_one_epoll_event(p->out, &ev);
}

void print_epoll_events(struct print *p, int i, const struct names *names)
{
	struct epoll_event ev[TRACE_ARRAY_MAX];
	unsigned shown = p->result > TRACE_ARRAY_MAX ? TRACE_ARRAY_MAX : (unsigned)p->result;

	if (p->result < 0) {
		print_address(p, GVA(p->a[i]));
		return;
	}
	if (!fetch(p, GVA(p->a[i]), ev, shown * sizeof *ev))
		return;
	text_putc(p->out, '[');
	for (unsigned k = 0; k < shown; k++) {
		text_puts(p->out, k ? ", " : "");
		print_one_epoll_event(p->out, &ev[k]);
	}
	text_puts(p->out, p->result > shown ? ", ...]" : "]");
}
