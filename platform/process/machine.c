/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Creates the control file that the stubs of a sandbox share. The table of platform operations is
 * here.
 */
#include <errno.h>
#include <cpuid.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/memfd.h"
#include "platform/process/process.h"

#define GIB       (1UL << 30)
#define XCR0_PKRU (1UL << 9)
#define XCR0_AMX  (3UL << 17)

/* ---- what guests see of the CPU ---- */

_Static_assert(STUB_TEXT == ARCH_SPACE_END, "layout.h: the stub's part lies behind the guest's");

static uint64_t xcr0_read(void)
{
	uint32_t a, d;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a | (uint64_t)d << 32;
}

/* How much the enabled parts take, and which of them guests have. CPUID takes microseconds where
 * the host is a virtual machine, so it is asked about single parts only where guests lack some. */
static size_t fp_size_of(uint64_t enabled, uint64_t xcr0, size_t *pkru_at)
{
	size_t size = 576; /* legacy area and header (SDM vol. 1, 13.4) */
	unsigned a, b, c, d;

	*pkru_at = 0;
	if (enabled == xcr0) {
		__cpuid_count(0xd, 0, a, b, c, d);
		size = b > size ? b : size;
		if (xcr0 & XCR0_PKRU) {
			__cpuid_count(0xd, 9, a, b, c, d);
			*pkru_at = b;
		}
		return size;
	}
	for (unsigned i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		if (a + b > size)
			size = a + b;
		if (1UL << i == XCR0_PKRU)
			*pkru_at = b;
	}
	return size;
}

/* ---- platform.h ---- */

static int process_machine_each_thread(struct machine *machine, int (*fn)(void *arg), void *arg)
{
	struct process_machine *m = to_process_machine(machine);

	return m->founded ? nursery_each_thread(m->nursery, fn, arg) : 0;
}

static void process_machine_save_cpu(struct machine *machine)
{
	lines_save_cpu(to_process_machine(machine));
}

static void process_machine_destroy(struct machine *machine)
{
	struct process_machine *m = to_process_machine(machine);
	if (m->nursery) {
		(void)nursery_await(m->nursery);
		used_destroy(m);
		spare_destroy(m);
		nursery_let_go(m->nursery);
	}
	for (unsigned i = 0; i < DYING_MAX; i++)
		stub_reap_later(m, -1);
	if (m->nursery)
		nursery_leave(m->nursery, m);
	if (m->control)
		munmap(m->control, CONTROL_FILE_SIZE);
	if (m->control_fd >= 0)
		close(m->control_fd);
	lines_destroy(m);
	slots_destroy(&m->pages);
	slots_destroy(&m->stacks);
	mutex_destroy(&m->lock);
	free(m);
}

/* What all machines of this process have. */
static struct {
	pthread_once_t once;
	uint64_t xcr0;
	size_t size, pkru_at;
} fp = { .once = PTHREAD_ONCE_INIT };

static void fp_find(void)
{
	const uint64_t enabled = xcr0_read();

	fp.xcr0 = enabled & ~XCR0_AMX;
	fp.size = fp_size_of(enabled, fp.xcr0, &fp.pkru_at);
}

static struct process_machine *machine_alloc(void)
{
	struct process_machine *m = calloc(1, sizeof *m);
	if (!m)
		return NULL;
	m->control_fd = -1;
	for (unsigned i = 0; i < DYING_MAX; i++)
		m->dying[i] = -1;
	mutex_init(&m->lock, LOCK_MACHINE);
	list_init(&m->used);
	slots_init(&m->pages, CONTROL_PAGES);
	slots_init(&m->stacks, CONTROL_STACKS);
	pthread_once(&fp.once, fp_find);
	m->xcr0 = fp.xcr0;
	m->fp_size = fp.size;
	m->pkru_at = fp.pkru_at;
	lines_init(m);
	return m;
}

static int control_create(struct process_machine *m)
{
	m->control_fd = memfd_sized("hl-control", CONTROL_FILE_SIZE);
	if (m->control_fd < 0)
		return m->control_fd;
	m->control = mmap(NULL, CONTROL_FILE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_NORESERVE, m->control_fd, 0);
	if (m->control == MAP_FAILED) {
		m->control = NULL;
		return -errno;
	}
	return 0;
}

static int process_machine_create(struct machine **out, struct errmsg *errmsg)
{
	struct process_machine *m = machine_alloc();
	int err = m ? control_create(m) : -ENOMEM;
	if (err && m)
		process_machine_destroy((struct machine *)m);
	if (err)
		return errmsg_set(
		    errmsg, -err, "no memory for the process platform (is %s limited?): %s",
		    err == -EFBIG ? "file size, `ulimit -f`," : "address space, `ulimit -v`,",
		    strerror(-err));
	*out = (struct machine *)m;
	return 0;
}

static int start_result(int err, struct errmsg *errmsg)
{
	return err ? errmsg_set(errmsg, -err, "the process platform cannot start its stub: %s",
				strerror(-err))
		   : 0;
}

static int process_machine_attach(struct machine *machine, struct physmem *pm,
				  struct machine_kin *kin, const struct machine_hook *hook,
				  struct errmsg *errmsg)
{
	struct process_machine *m = to_process_machine(machine);
	m->pm = pm;
	m->hook = *hook;
	return start_result(nursery_enter(m, kin), errmsg);
}

static int process_machine_ready(struct machine *machine, struct errmsg *errmsg)
{
	struct process_machine *m = to_process_machine(machine);
	return start_result(nursery_await(m->nursery), errmsg);
}

static bool process_machine_works(struct machine *machine)
{
	struct process_machine *m = to_process_machine(machine);
	return nursery_works(m->nursery) && spare_works(m);
}

static void process_machine_props(const struct machine *machine, struct machine_props *out)
{
	*out = (struct machine_props){
		.arena_max = 1024 * GIB,
		.window_max = 1024 * GIB,
		.eager_map_max = 16 * GIB,
		.fault_map_unit = 1 * GIB,
		.cow_copy_pages = 8,
		.user_end = ARCH_SPACE_END,
	};
}

static size_t process_fp_size(const struct machine *machine, uint64_t *xcr0)
{
	const struct process_machine *m = (const struct process_machine *)machine;
	*xcr0 = m->xcr0;
	return m->fp_size;
}

const struct platform platform_process = {
	.name = "process",
	.checks = process_checks,
	.machine_create = process_machine_create,
	.machine_props = process_machine_props,
	.machine_attach = process_machine_attach,
	.machine_ready = process_machine_ready,
	.machine_works = process_machine_works,
	.machine_each_thread = process_machine_each_thread,
	.machine_save_cpu = process_machine_save_cpu,
	.machine_destroy = process_machine_destroy,
	.space_create = process_space_create,
	.space_destroy = process_space_destroy,
	.space_stop = process_space_stop,
	.space_rest = process_space_rest,
	.space_gather = process_space_gather,
	.space_flush = process_space_flush,
	.space_map = process_space_map,
	.space_unmap = process_space_unmap,
	.space_protect = process_space_protect,
	.context_create = process_context_create,
	.context_destroy = process_context_destroy,
	.context_leave = process_context_leave,
	.context_halt = process_context_halt,
	.context_watch = process_context_watch,
	.run = process_run,
	.syscall_result = process_syscall_result,
	.regs_get = process_regs_get,
	.regs_set = process_regs_set,
	.fp_size = process_fp_size,
	.fp_get = process_fp_get,
	.fp_set = process_fp_set,
	.breaks_set = process_breaks_set,
	.runs = process_runs,
	.cpu_time = process_cpu_time,
	.space_clock = process_space_clock,
	.schedule_as = process_schedule_as,
};
