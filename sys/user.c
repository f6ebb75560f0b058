/* SPDX-License-Identifier: Apache-2.0 */
/* Fetching and checking the arguments many system calls share. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "sys/sys.h"
#include "util/time.h"

int get_path(struct task *t, gva_t addr, bool empty_ok, char **out)
{
	char *buf = malloc(PATH_MAX);
	if (!buf)
		return -ENOMEM;
	long n = copy_string_from_guest(t->mm, buf, addr, PATH_MAX);
	if (n == 0 && !empty_ok)
		n = -ENOENT;
	if (n < 0) {
		free(buf);
		return (int)n;
	}
	*out = buf;
	return 0;
}

_Static_assert(sizeof(struct guest_iovec) == sizeof(struct iovec), "as the guest passes it");

/* readv(2): each length must fit ssize_t, the sum is cut to MAX_RW_COUNT as Linux does. `own`:
 * addresses of the caller's, which are looked at now. */
static int check_iovec(struct guest_iovec *iov, int n, bool own)
{
	uint64_t sum = 0;
	for (int i = 0; i < n; i++) {
		if (iov[i].len > SSIZE_MAX)
			return -EINVAL;
		if (own && !gva_range_ok(iov[i].base, iov[i].len))
			return -EFAULT;
		if (iov[i].len > MAX_RW_COUNT - sum)
			iov[i].len = MAX_RW_COUNT - sum;
		sum += iov[i].len;
	}
	return n;
}

static int copy_iovec(struct task *t, gva_t addr, uint64_t n, struct guest_iovec *fast,
		      struct guest_iovec **out, bool own)
{
	struct guest_iovec *iov = fast;
	if (n > IOV_MAX)
		return -EINVAL;
	if (n > 8) {
		iov = malloc(n * sizeof *iov);
		if (!iov)
			return -ENOMEM;
	}
	int err = copy_from_guest(t->mm, iov, addr, n * sizeof *iov)
		      ? -EFAULT
		      : check_iovec(iov, (int)n, own);
	if (err < 0 && iov != fast)
		free(iov);
	else
		*out = iov;
	return err;
}

int get_iovec(struct task *t, gva_t addr, uint32_t n, struct guest_iovec *fast,
	      struct guest_iovec **out)
{
	return copy_iovec(t, addr, n, fast, out, true);
}

int get_iovec_of_other(struct task *t, gva_t addr, uint64_t n, struct guest_iovec *fast,
		       struct guest_iovec **out)
{
	return copy_iovec(t, addr, n, fast, out, false);
}

int get_timespec(struct task *t, gva_t addr, struct timespec *ts)
{
	if (get_user(t, ts, addr))
		return -EFAULT;
	return timespec_valid(ts) ? 0 : -EINVAL;
}

int get_sigset(struct task *t, gva_t addr, uint64_t size, ksigset_t *out)
{
	if (size != sizeof *out)
		return -EINVAL;
	return get_user(t, out, addr);
}

uint64_t deadline_after(struct task *t, const struct timespec *rel)
{
	return sleeper_deadline(&t->sleeper, timespec_to_ns(rel));
}

uint64_t deadline_after_ms(struct task *t, int timeout)
{
	if (timeout <= 0)
		return timeout < 0 ? DEADLINE_NONE : 0;
	return sleeper_deadline(&t->sleeper, (uint64_t)timeout * NSEC_PER_MSEC);
}

int get_struct(struct task *t, gva_t addr, uint64_t size, void *out, size_t known)
{
	memset(out, 0, known);
	if (copy_from_guest(t->mm, out, addr, size < known ? size : known))
		return -EFAULT;
	for (uint64_t i = known; i < size; i++) {
		char c;
		if (get_user(t, &c, gva_add(addr, i)))
			return -EFAULT;
		if (c)
			return -E2BIG;
	}
	return 0;
}
