/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the machine of a sandbox and its memory. See the header. */
#include "kernel/hardware.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "mm/arena.h"
#include "platform/physmem.h"
#include "util/minmax.h"

/* What the monitor needs besides: stacks of its threads, its heap, mapped files. */
#define ADDRESS_SPACE_LEFT (256UL << 20)

static bool address_space_left(void)
{
	void *p = mmap(NULL, ADDRESS_SPACE_LEFT, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, ADDRESS_SPACE_LEFT);
	return true;
}

static int try_physmem(uint64_t arena, uint64_t window, struct physmem **out, struct errmsg *errmsg)
{
	int err = physmem_create(arena, window, out, errmsg);

	if (err || address_space_left())
		return err;
	physmem_destroy(*out);
	*out = NULL;
	return errmsg_set(
	    errmsg, ENOMEM,
	    "address space is limited to what guest memory alone takes (`ulimit -v`)");
}

/* So many sandboxes of a process have far more addresses for guest memory than a program wants.
 * Those beside have enough to use the memory that there is: a thousand of them fit. */
#define WITH_MANY_ADDRESSES 16
#define ADDRESSES_MANY      (1UL << 40)
#define ADDRESSES_MIN       (32UL << 30)

static uint64_t address_share(uint64_t all)
{
	uint64_t share = ADDRESSES_MIN;
	struct sysinfo si;

	all = min64(all, ADDRESSES_MANY);
	if (physmem_count() < WITH_MANY_ADDRESSES || sysinfo(&si) < 0)
		return all;
	while (share < all && share < (uint64_t)si.totalram * si.mem_unit)
		share *= 2;
	return min64(share, all);
}

/* The largest sizes the machine can address, halved until the host's limits on address space and
 * files allow them. */
static int create_physmem(struct hardware *hw, struct errmsg *errmsg)
{
	uint64_t arena = address_share(hw->props.arena_max);
	uint64_t window = address_share(hw->props.window_max);
	int err;
	do {
		struct errmsg inner = { "" };
		err = try_physmem(arena, window, &hw->physmem, &inner);
		if ((err != -ENOMEM && err != -EFBIG) || arena <= 1UL << 30)
			return err ? errmsg_set(errmsg, -err, "%s", inner.text) : 0;
		arena /= 2;
		window = window > 1UL << 30 ? window / 2 : window;
	} while (1);
}

int hardware_make(struct hardware *out, const struct platform *pf, struct machine_kin *kin,
		  const struct machine_hook *hook, struct errmsg *errmsg)
{
	struct hardware hw = { .platform = pf };
	int err = pf->machine_create(&hw.machine, errmsg);

	if (err)
		return err;
	pf->machine_props(hw.machine, &hw.props);
	err = create_physmem(&hw, errmsg);
	if (!err)
		err = pf->machine_attach(hw.machine, hw.physmem, kin, hook, errmsg);
	if (!err)
		err = arena_create(hw.physmem, &hw.arena);
	if (err)
		hardware_free(&hw);
	else
		*out = hw;
	return err;
}

void hardware_move(struct hardware *to, struct hardware *from)
{
	*to = *from;
	*from = (struct hardware){ .platform = NULL };
}

bool hardware_works(const struct hardware *hw)
{
	return !hw->platform->machine_works || hw->platform->machine_works(hw->machine);
}

void hardware_free(struct hardware *hw)
{
	if (hw->arena)
		arena_destroy(hw->arena);
	if (hw->machine)
		hw->platform->machine_destroy(hw->machine);
	if (hw->physmem)
		physmem_destroy(hw->physmem);
	*hw = (struct hardware){ .platform = NULL };
}
