/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a platform works here, and what an exit of its guests costs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "host/child.h"
#include "platform/platform.h"
#include "util/time.h"

#define GIB (1UL << 30)

/* Enough for a steady median; on a host where an exit takes 100 us, a few of them must do. */
#define WARM      8
#define ROUNDS    48
#define ROUNDS_LO 8
#define BUDGET_NS 2000000UL

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return timespec_to_ns(&ts);
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* One more system call of the guest: from here into it, and back. */
static int round_trip(const struct platform *pf, struct context *c, struct space *s, struct kick *k,
		      uint64_t *ns)
{
	uint64_t before = now_ns();
	struct event ev;
	int err = pf->run(c, s, k, &ev);

	*ns = now_ns() - before;
	return err ? err : ev.kind == EVENT_SYSCALL ? 0 : -EIO;
}

/* The median: what interrupts us now and then does not count. */
static int median(const struct platform *pf, struct context *c, struct space *s, struct kick *k,
		  uint64_t *out)
{
	uint64_t ns[ROUNDS], ignored, start;
	unsigned n = 0;
	int err = 0;

	for (unsigned i = 0; !err && i < WARM; i++)
		err = round_trip(pf, c, s, k, &ignored);
	start = now_ns();
	while (!err && n < ROUNDS && (n < ROUNDS_LO || now_ns() - start < BUDGET_NS))
		err = round_trip(pf, c, s, k, &ns[n++]);
	if (err)
		return err;
	qsort(ns, n, sizeof ns[0], by_size);
	*out = ns[n / 2];
	return 0;
}

static int measure_in(const struct platform *pf, struct machine *m, struct physmem *pm,
		      struct space *s, uint64_t *ns)
{
	const gva_t at = GVA(1UL << 20);
	struct kick k = { 0 };
	struct context *c;

	memcpy(physmem_base(pm), syscall_loop.bytes, syscall_loop.size);
	int err = pf->space_map(s, at, PAGE_SIZE, GUEST_READ | GUEST_EXEC, physmem_arena(pm), 0);
	if (!err)
		err = pf->context_create(m, &c);
	if (err)
		return err;
	struct cpu_regs regs = regs_start(at.v, 0);
	kick_attach(&k);
	err = pf->regs_set(c, &regs);
	if (!err)
		err = median(pf, c, s, &k, ns);
	kick_detach(&k);
	pf->context_destroy(c);
	return err;
}

static int measure_with(const struct platform *pf, struct machine *m, struct physmem *pm,
			uint64_t *ns, struct errmsg *errmsg)
{
	const struct machine_hook no_hook = { .fn = NULL };
	struct space *s;
	int err = pf->machine_attach(m, pm, NULL, &no_hook, errmsg);

	if (!err && pf->machine_ready)
		err = pf->machine_ready(m, errmsg);
	if (!err)
		err = pf->space_create(m, &s);
	if (err)
		return err;
	err = measure_in(pf, m, pm, s, ns);
	pf->space_destroy(s);
	return err;
}

static int measure(const struct platform *pf, uint64_t *ns, struct errmsg *errmsg)
{
	struct machine *m;
	struct physmem *pm = NULL;
	int err = kick_init();

	if (!err)
		err = pf->machine_create(&m, errmsg);
	if (err)
		return errmsg_set(errmsg, -err, "%s", strerror(-err));
	err = physmem_create(GIB, GIB, &pm, errmsg);
	if (!err)
		err = measure_with(pf, m, pm, ns, errmsg);
	/* What the machine maps must outlive it. */
	pf->machine_destroy(m);
	if (pm)
		physmem_destroy(pm);
	return err ? errmsg_set(errmsg, -err, "guests of platform %s do not run: %s", pf->name,
				strerror(-err))
		   : 0;
}

void look_memfd(struct check_result *r, bool thorough)
{
	if (!thorough && !host_is_filtered())
		return;
	int fd = memfd_create("hl", MFD_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		check_found(r, FOUND_YES, "memory files can be made");
		return;
	}
	int err = errno;
	check_found(r, err == EPERM || err == EACCES ? FOUND_DENIED : FOUND_NO,
		    "making a memory file (memfd_create): %s", strerror(err));
	check_advise(r, "sysctl vm.memfd_noexec below 2; in a container, a seccomp profile that "
			"allows memfd_create(2)");
}

static void note_failure(void *arg, const struct check_result *r)
{
	struct platform_report *out = arg;

	if (r->needed && r->found != FOUND_YES && out->usable) {
		out->usable = false;
		snprintf(out->text, sizeof out->text, "%s", r->text);
		snprintf(out->advice, sizeof out->advice, "%s", r->advice);
	}
}

void platform_probe(const struct platform *pf, struct platform_report *out, bool with_cost)
{
	struct errmsg errmsg = { "" };

	*out = (struct platform_report){ .usable = true };
	checks_make(pf->checks, false, note_failure, out);
	if (!out->usable || !with_cost || measure(pf, &out->round_trip_ns, &errmsg) == 0)
		return;
	out->usable = false;
	snprintf(out->text, sizeof out->text, "%.255s", errmsg.text);
}
