/* SPDX-License-Identifier: Apache-2.0 */
/* Creates memory files. The size is checked against RLIMIT_FSIZE first, because the host would send
 * SIGXFSZ where it fails. */
#include "host/memfd.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include "host/hostcall.h"

int memfd_sized(const char *name, uint64_t size)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_FSIZE, &rl) == 0 && rl.rlim_cur < size)
		return -EFBIG;
	int fd = memfd_create(name, MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	int err = (int)host_ret(ftruncate(fd, (off_t)size));
	if (err) {
		host_close(fd);
		return err;
	}
	return fd;
}
