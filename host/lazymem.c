/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the host's, a mapping each. See the header. */
#include "host/lazymem.h"

#include <sys/mman.h>

void *lazymem_new(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void lazymem_free(void *p, size_t size)
{
	if (p)
		munmap(p, size);
}
