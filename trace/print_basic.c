/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, pointers, strings, buffers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "mm/access.h"
#include "trace/print.h"

void print_nothing(struct print *p, int i, const struct names *names)
{
}

void print_int(struct print *p, int i, const struct names *names)
{
	text_printf(p->out, "%d", (int)p->a[i]);
}

void print_uint(struct print *p, int i, const struct names *names)
{
	text_printf(p->out, "%u", (unsigned)p->a[i]);
}

void print_ulong(struct print *p, int i, const struct names *names)
{
	text_printf(p->out, "%lu", p->a[i]);
}

void print_long(struct print *p, int i, const struct names *names)
{
	text_printf(p->out, "%ld", (long)p->a[i]);
}

void print_hex(struct print *p, int i, const struct names *names)
{
	text_printf(p->out, "%#lx", p->a[i]);
}

void print_hex32(struct print *p, int i, const struct names *names)
{
	text_printf(p->out, "%#x", (unsigned)p->a[i]);
}

void print_id(struct print *p, int i, const struct names *names)
{
	if ((uint32_t)p->a[i] == UINT32_MAX)
		text_puts(p->out, "-1");
	else
		print_uint(p, i, names);
}

void print_flags(struct print *p, int i, const struct names *names)
{
	names_put_flags(p->out, names, (uint32_t)p->a[i]);
}

void print_enum(struct print *p, int i, const struct names *names)
{
	names_put_value(p->out, names, (uint32_t)p->a[i]);
}

void print_dirfd(struct print *p, int i, const struct names *names)
{
	if ((int)p->a[i] == AT_FDCWD)
		text_puts(p->out, "AT_FDCWD");
	else
		print_int(p, i, names);
}

void print_address(struct print *p, gva_t addr)
{
	if (addr.v)
		text_printf(p->out, "%#lx", addr.v);
	else
		text_puts(p->out, "NULL");
}

void print_pointer(struct print *p, int i, const struct names *names)
{
	print_address(p, GVA(p->a[i]));
}

/* What the call fills in: only where it did not fail. */
static bool fetch_result(struct print *p, gva_t addr, void *dst, size_t size)
{
	if (p->result >= 0)
		return fetch(p, addr, dst, size);
	print_address(p, addr);
	return false;
}

void print_mincore(struct print *p, int i, const struct names *names)
{
	unsigned char vec[TRACE_ARRAY_MAX];
	uint64_t pages = (p->a[1] + PAGE_SIZE - 1) / PAGE_SIZE;
	unsigned shown = pages < TRACE_ARRAY_MAX ? (unsigned)pages : TRACE_ARRAY_MAX;

	if (!fetch_result(p, GVA(p->a[i]), vec, shown))
		return;
	text_putc(p->out, '[');
	for (unsigned k = 0; k < shown; k++)
		text_printf(p->out, "%s%d", k ? ", " : "", vec[k] & 1);
	text_puts(p->out, pages > shown ? ", ...]" : "]");
}

void print_mremap_addr(struct print *p, int i, const struct names *names)
{
	if (p->a[3] & 2) /* MREMAP_FIXED */
		print_address(p, GVA(p->a[i]));
}

void print_mode_bits(struct text *out, unsigned mode)
{
	text_printf(out, mode ? "%#03o" : "000", mode);
}

void print_mode(struct print *p, int i, const struct names *names)
{
	print_mode_bits(p->out, (unsigned)p->a[i]);
}

void print_file_mode(struct print *p, int i, const struct names *names)
{
	static const struct name types[] = { { S_IFREG, "S_IFREG" },   { S_IFDIR, "S_IFDIR" },
					     { S_IFCHR, "S_IFCHR" },   { S_IFBLK, "S_IFBLK" },
					     { S_IFIFO, "S_IFIFO" },   { S_IFLNK, "S_IFLNK" },
					     { S_IFSOCK, "S_IFSOCK" }, { 0, NULL } };
	const struct names table = { NULL, types };
	unsigned mode = (unsigned)p->a[i];

	if (mode & S_IFMT) {
		names_put_value(p->out, &table, mode & S_IFMT);
		text_putc(p->out, '|');
	}
	for (const struct name *n = (const struct name[]){ { S_ISUID, "S_ISUID|" },
							   { S_ISGID, "S_ISGID|" },
							   { S_ISVTX, "S_ISVTX|" },
							   { 0, NULL } };
	     n->text; n++) {
		if (mode & n->value)
			text_puts(p->out, n->text);
	}
	print_mode_bits(p->out, mode & 0777);
}

void print_dev(struct print *p, int i, const struct names *names)
{
	unsigned type = (unsigned)p->a[i - 1] & S_IFMT;

	if (type == S_IFCHR || type == S_IFBLK)
		text_printf(p->out, "makedev(%#x, %#x)", major(p->a[i]), minor(p->a[i]));
}

/* ---- guest memory ---- */

bool fetch(struct print *p, gva_t addr, void *dst, size_t size)
{
	if (addr.v && copy_from_guest(p->t->mm, dst, addr, size) == 0)
		return true;
	print_address(p, addr);
	return false;
}

bool fetch_for(struct print *p, int i, void *dst, size_t size)
{
	return p->done ? fetch_result(p, GVA(p->a[i]), dst, size)
		       : fetch(p, GVA(p->a[i]), dst, size);
}

void print_int_pointer(struct print *p, int i, const struct names *names)
{
	int v;

	if (FETCH(p, i, &v))
		text_printf(p->out, "[%d]", v);
}

void print_socklen(struct print *p, int i, const struct names *names)
{
	uint32_t len;

	if (!FETCH(p, i, &len))
		return;
	if (len == p->socklen)
		text_printf(p->out, "[%u]", len);
	else
		text_printf(p->out, "[%u => %u]", p->socklen, len);
}

void print_long_pointer(struct print *p, int i, const struct names *names)
{
	long v;

	if (FETCH(p, i, &v))
		text_printf(p->out, "[%ld]", v);
}

void print_hex_pointer(struct print *p, int i, const struct names *names)
{
	uint64_t v;

	if (FETCH(p, i, &v))
		text_printf(p->out, "[%#lx]", v);
}

void print_fd_pair(struct print *p, int i, const struct names *names)
{
	int fd[2];

	if (FETCH(p, i, &fd))
		text_printf(p->out, "[%d, %d]", fd[0], fd[1]);
}

void print_groups(struct print *p, int i, const struct names *names)
{
	uint64_t n = p->done ? (uint64_t)p->result : p->a[0];
	uint32_t id[TRACE_ARRAY_MAX];
	unsigned shown = n < TRACE_ARRAY_MAX ? (unsigned)n : TRACE_ARRAY_MAX;

	if ((p->done && p->a[0] == 0) || !fetch_for(p, i, id, shown * sizeof *id)) {
		if (p->done && p->a[0] == 0)
			print_address(p, GVA(p->a[i]));
		return;
	}
	text_putc(p->out, '[');
	for (unsigned k = 0; k < shown; k++)
		text_printf(p->out, "%s%u", k ? ", " : "", id[k]);
	text_puts(p->out, n > shown ? ", ...]" : "]");
}

/* ---- strings ---- */

static const char *short_escape(char c)
{
	switch (c) {
	case '"': return "\\\"";
	case '\\': return "\\\\";
	case '\n': return "\\n";
	case '\t': return "\\t";
	case '\r': return "\\r";
	case '\f': return "\\f";
	case '\v': return "\\v";
	default: return NULL;
	}
}

/* Octal of as few digits as the next character allows. */
static void print_octal(struct text *out, unsigned char c, bool digit_follows)
{
	text_printf(out, digit_follows ? "\\%03o" : "\\%o", c);
}

void print_quoted(struct text *out, const char *s, size_t len, bool truncated)
{
	text_putc(out, '"');
	for (size_t i = 0; i < len; i++) {
		const char *esc = short_escape(s[i]);
		if (esc)
			text_puts(out, esc);
		else if (s[i] >= ' ' && s[i] <= '~')
			text_putc(out, s[i]);
		else
			print_octal(out, (unsigned char)s[i],
				    i + 1 < len && s[i + 1] >= '0' && s[i + 1] <= '7');
	}
	text_puts(out, truncated ? "\"..." : "\"");
}

static void print_hex_quoted(struct text *out, const char *s, size_t len)
{
	size_t shown = len < TRACE_STRING_MAX ? len : TRACE_STRING_MAX;

	text_putc(out, '"');
	for (size_t i = 0; i < shown; i++)
		text_printf(out, "\\x%02x", (unsigned char)s[i]);
	text_puts(out, len > shown ? "\"..." : "\"");
}

void print_guest_string(struct print *p, gva_t addr, size_t max)
{
	char *s = addr.v ? malloc(max + 1) : NULL;
	long n = s ? copy_string_from_guest(p->t->mm, s, addr, max + 1) : -EFAULT;

	if (n >= 0)
		print_quoted(p->out, s, (size_t)n, false);
	else if (n == -ENAMETOOLONG)
		print_quoted(p->out, s, max, true);
	else
		print_address(p, addr);
	free(s);
}

void print_path(struct print *p, int i, const struct names *names)
{
	print_guest_string(p, GVA(p->a[i]), 4095);
}

void print_string(struct print *p, int i, const struct names *names)
{
	print_guest_string(p, GVA(p->a[i]), TRACE_STRING_MAX);
}

void print_path_result(struct print *p, int i, const struct names *names)
{
	if (p->result < 0)
		print_address(p, GVA(p->a[i]));
	else
		print_path(p, i, names);
}

void print_guest_buffer(struct print *p, gva_t addr, uint64_t len)
{
	char buf[TRACE_STRING_MAX];
	size_t shown = len < sizeof buf ? len : sizeof buf;

	if (shown == 0 && addr.v)
		text_puts(p->out, "\"\"");
	else if (fetch(p, addr, buf, shown))
		print_quoted(p->out, buf, shown, len > shown);
}

void print_buffer(struct print *p, int i, const struct names *names)
{
	print_guest_buffer(p, GVA(p->a[i]), p->a[i + 1]);
}

void print_buffer_result(struct print *p, int i, const struct names *names)
{
	/* A length of 0 asks getxattr and the like for the size alone. */
	if (p->result < 0 || (p->result > 0 && p->a[i + 1] == 0))
		print_address(p, GVA(p->a[i]));
	else
		print_guest_buffer(p, GVA(p->a[i]), (uint64_t)p->result);
}

void print_bytes_result(struct print *p, int i, const struct names *names)
{
	char buf[TRACE_STRING_MAX];
	size_t shown =
	    p->result > (int64_t)sizeof buf ? sizeof buf : (size_t)(p->result < 0 ? 0 : p->result);

	if (fetch_result(p, GVA(p->a[i]), buf, shown)) {
		print_hex_quoted(p->out, buf, shown);
		if (p->result > (int64_t)shown)
			text_puts(p->out, "...");
	}
}

/* `bytes`: how many the buffers hold, counted from the first. */
void print_iovec_at(struct print *p, gva_t addr, uint64_t count, uint64_t bytes)
{
	struct guest_iovec v[TRACE_ARRAY_MAX];
	unsigned shown = count < TRACE_ARRAY_MAX ? (unsigned)count : TRACE_ARRAY_MAX;

	if (!fetch(p, addr, v, shown * sizeof *v))
		return;
	text_putc(p->out, '[');
	for (unsigned k = 0; k < shown; k++) {
		uint64_t n = v[k].len < bytes ? v[k].len : bytes;
		text_puts(p->out, k ? ", {iov_base=" : "{iov_base=");
		print_guest_buffer(p, v[k].base, n);
		text_printf(p->out, ", iov_len=%lu}", v[k].len);
		bytes -= n;
	}
	text_puts(p->out, count > shown ? ", ...]" : "]");
}

void print_iovec(struct print *p, int i, const struct names *names)
{
	print_iovec_at(p, GVA(p->a[i]), p->a[i + 1], UINT64_MAX);
}

void print_iovec_result(struct print *p, int i, const struct names *names)
{
	print_iovec_at(p, GVA(p->a[i]), p->a[i + 1], p->result < 0 ? 0 : (uint64_t)p->result);
}

/* ---- argv and envp ---- */

void print_strings(struct print *p, int i, const struct names *names)
{
	gva_t addr = GVA(p->a[i]), str;

	if (!addr.v) {
		text_puts(p->out, "NULL");
		return;
	}
	text_putc(p->out, '[');
	for (unsigned n = 0;; n++, addr = gva_add(addr, sizeof str)) {
		if (copy_from_guest(p->t->mm, &str, addr, sizeof str)) {
			text_printf(p->out, "%s... /* %#lx */", n ? ", " : "", addr.v);
			break;
		}
		if (!str.v)
			break;
		if (n)
			text_puts(p->out, ", ");
		if (n == TRACE_ARRAY_MAX) {
			text_puts(p->out, "...");
			break;
		}
		print_guest_string(p, str, TRACE_STRING_MAX);
	}
	text_putc(p->out, ']');
}

void print_strings_count(struct print *p, int i, const struct names *names)
{
	gva_t addr = GVA(p->a[i]), str = addr;
	unsigned n = 0;

	print_address(p, addr);
	for (; addr.v && str.v && n < 100000; addr = gva_add(addr, sizeof str)) {
		if (copy_from_guest(p->t->mm, &str, addr, sizeof str))
			return;
		n += str.v != 0;
	}
	if (p->a[i])
		text_printf(p->out, " /* %u var%s */", n, n == 1 ? "" : "s");
}

/* ---- directory entries ---- */

void print_dirents(struct print *p, int i, const struct names *names)
{
	unsigned n = 0;
	uint16_t reclen;

	print_address(p, GVA(p->a[i]));
	if (p->result < 0)
		return;
	for (int64_t at = 0; at + 18 <= p->result; at += reclen, n++) {
		if (copy_from_guest(p->t->mm, &reclen, gva_add(GVA(p->a[i]), (uint64_t)at + 16),
				    sizeof reclen) ||
		    !reclen)
			break;
	}
	text_printf(p->out, " /* %u entr%s */", n, n == 1 ? "y" : "ies");
}
