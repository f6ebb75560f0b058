/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots that an enemy has written. An input is the header and the metadata of one; pages are
 * zeroes, because they mean nothing to the monitor. Sizes and checksums are made to fit, so that
 * what lies behind them is reached. What can be opened is loaded into a sandbox with a world of its
 * own, whole, and taken apart again: its tasks are made and stand still, but no code of a guest
 * runs, on a platform that has none. Descriptors do not become more.
 *
 * The files that seeds have mapped are in an archive beside the program (snapshot-seeds).
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "arch/regs.h"
#include "lib/confine.h"
#include "lib/sandbox.h"
#include "lib/snapshot.h"
#include "platform/choose.h"
#include "snapshot/image.h"
#include "util/minmax.h"

#define PAGES_MAX (4UL << 20)
#define FP_SIZE   4096
/* Threads that end a little later have some; what is left behind adds up. */
#define DESCRIPTORS_MAX 100

int LLVMFuzzerInitialize(int *argc, char ***argv);

static char world[PATH_MAX];

/* ---- a platform without guests ---- */

struct machine {
	char nothing;
};

struct space {
	char nothing;
};

struct context {
	struct cpu_regs regs;
	unsigned char fp[FP_SIZE];
};

static int machine_create(struct machine **out, struct errmsg *errmsg)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : -ENOMEM;
}

static void machine_props(const struct machine *m, struct machine_props *out)
{
	*out = (struct machine_props){
		.arena_max = 1UL << 32,
		.window_max = 1UL << 32,
		.fault_map_unit = 4UL << 20,
		.user_end = ARCH_SPACE_END,
		.cow_copy_pages = 8,
	};
}

static int machine_attach(struct machine *m, struct physmem *pm, struct machine_kin *kin,
			  const struct machine_hook *hook, struct errmsg *errmsg)
{
	return 0;
}

static void machine_destroy(struct machine *m)
{
	free(m);
}

static int space_create(struct machine *m, struct space **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : -ENOMEM;
}

static void space_destroy(struct space *s)
{
	free(s);
}

static void check_range(gva_t addr, uint64_t len)
{
	CHECK(len && addr.v % PAGE_SIZE == 0 && len % PAGE_SIZE == 0);
	CHECK(addr.v >= GUEST_MMAP_MIN && addr.v < ARCH_SPACE_END &&
	      len <= ARCH_SPACE_END - addr.v);
}

static int space_map(struct space *s, gva_t addr, uint64_t len, unsigned prot, struct memfile *mf,
		     uint64_t off)
{
	check_range(addr, len);
	CHECK(off % PAGE_SIZE == 0 && (mf->writable || !(prot & GUEST_WRITE)));
	return 0;
}

static int space_unmap(struct space *s, gva_t addr, uint64_t len)
{
	check_range(addr, len);
	return 0;
}

static int space_protect(struct space *s, gva_t addr, uint64_t len, unsigned prot)
{
	check_range(addr, len);
	return 0;
}

static int context_create(struct machine *m, struct context **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : -ENOMEM;
}

static void context_destroy(struct context *c)
{
	free(c);
}

static int run(struct context *c, struct space *s, struct kick *k, struct event *ev)
{
	CHECK(!"guest code runs");
	return -EIO;
}

static void syscall_result(struct context *c, uint64_t result)
{
	regs_set_result(&c->regs, result);
}

static int regs_get(struct context *c, struct cpu_regs *out)
{
	*out = c->regs;
	return 0;
}

static int regs_set(struct context *c, const struct cpu_regs *in)
{
	c->regs = *in;
	return 0;
}

static size_t fp_size(const struct machine *m, uint64_t *features)
{
	*features = 7;
	return FP_SIZE;
}

static int fp_get(struct context *c, void *buf, size_t size)
{
	CHECK(size == FP_SIZE);
	memcpy(buf, c->fp, size);
	return 0;
}

static int fp_set(struct context *c, const void *buf, size_t size)
{
	CHECK(!buf || size == FP_SIZE);
	if (buf)
		memcpy(c->fp, buf, size);
	return 0;
}

static uint64_t runs(const struct context *c)
{
	return 0;
}

static bool cpu_time(struct context *c, struct cpu_time *out)
{
	return false;
}

static bool space_clock(struct space *s, clockid_t *out)
{
	return false;
}

static void schedule_as(struct context *c, pid_t host_tid)
{
}

static const struct platform no_guests = {
	.name = "none",
	.machine_create = machine_create,
	.machine_props = machine_props,
	.machine_attach = machine_attach,
	.machine_destroy = machine_destroy,
	.space_create = space_create,
	.space_destroy = space_destroy,
	.space_map = space_map,
	.space_unmap = space_unmap,
	.space_protect = space_protect,
	.context_create = context_create,
	.context_destroy = context_destroy,
	.run = run,
	.syscall_result = syscall_result,
	.regs_get = regs_get,
	.regs_set = regs_set,
	.fp_size = fp_size,
	.fp_get = fp_get,
	.fp_set = fp_set,
	.runs = runs,
	.cpu_time = cpu_time,
	.space_clock = space_clock,
	.schedule_as = schedule_as,
};

/* In the place of the product's (--wrap). */
int __wrap_platform_choose(const char *name, struct platform_choice *out, struct errmsg *errmsg);
int __wrap_platform_choose(const char *name, struct platform_choice *out, struct errmsg *errmsg)
{
	*out = (struct platform_choice){ .platform = &no_guests };
	return 0;
}

/* No jail: what libFuzzer and the sanitizers do when they find something is no guest's business. */
int __wrap_confine_start(struct confinement *c, const struct hl_config *cfg, struct hl_error **err);
int __wrap_confine_start(struct confinement *c, const struct hl_config *cfg, struct hl_error **err)
{
	return 0;
}

int __wrap_confine_calls(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
			 struct hl_error **err);
int __wrap_confine_calls(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
			 struct hl_error **err)
{
	return 0;
}

int __wrap_confine_files(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
			 const struct mount_list *mounts, struct hl_error **err);
int __wrap_confine_files(struct confinement *c, const struct hl_config *cfg, struct sandbox *sb,
			 const struct mount_list *mounts, struct hl_error **err)
{
	return 0;
}

/* ---- inputs ---- */

static uint32_t crc(const void *data, size_t len)
{
	return (uint32_t)crc32(0, data, (uInt)len);
}

/* A snapshot with this header and metadata, and pages between them. */
static int make_file(const uint8_t *data, size_t size)
{
	struct image_header h;
	const uint8_t *meta = data + sizeof h;
	size_t len = size - sizeof h;
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	memcpy(&h, data, sizeof h);
	memset(h.program_version, 0, sizeof h.program_version);
	snprintf(h.program_version, sizeof h.program_version, "%s", hl_version());
	h.pages_end = max64(IMAGE_PAGES, min64(h.pages_end, PAGES_MAX) & PAGE_MASK);
	h.meta_off = h.pages_end;
	h.meta_len = len;
	h.file_size = h.meta_off + len;
	h.meta_crc = crc(meta, len);
	h.header_crc = crc(&h, offsetof(struct image_header, header_crc));
	CHECK(fd >= 0 && pwrite(fd, &h, sizeof h, 0) == sizeof h);
	CHECK(pwrite(fd, meta, len, (off_t)h.meta_off) == (ssize_t)len);
	return fd;
}

static struct hl_config *new_config(void)
{
	struct hl_config *cfg = hl_config_new();

	CHECK(cfg);
	hl_config_set_initrd(cfg, world);
	hl_config_set_stdio(cfg, -1, -1, -1);
	hl_config_set_limit(cfg, HL_LIMIT_MEMORY, 256UL << 20);
	hl_config_set_limit(cfg, HL_LIMIT_PIDS, 100);
	hl_config_set_resettable(cfg, true);
	return cfg;
}

/* What it says of its world is looked at, but not made. */
static void look_at_world(const struct hl_snapshot *snap)
{
	struct hl_config *cfg = hl_config_new();
	struct hl_error *err = NULL;

	hl_config_take_world(cfg, snap);
	if (hl_config_check(cfg, &err))
		CHECK(hl_error_text(err)[0]);
	hl_error_free(err);
	hl_config_free(cfg);
}

static void load(const struct hl_snapshot *snap)
{
	struct hl_config *cfg = new_config();
	struct hl_sandbox *sb;
	struct hl_error *err = NULL;
	struct hl_snapshot_info info;

	hl_snapshot_inspect(snap, &info);
	look_at_world(snap);
	if (!sandbox_prepare(cfg, snap, &sb, &err))
		hl_sandbox_free(sb);
	else
		CHECK(hl_error_text(err)[0]);
	if (getenv("TRACE"))
		fprintf(stderr, "%s\n", err ? hl_error_text(err) : "it is loaded");
	hl_error_free(err);
	hl_config_free(cfg);
}

static unsigned count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	CHECK(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char program[PATH_MAX];

	snprintf(program, sizeof program, "%s", (*argv)[0]);
	snprintf(world, sizeof world, "%s/snapshot-world.cpio", dirname(program));
	CHECK(access(world, R_OK) == 0);
	return 0;
}

static void try_file(const char *name)
{
	struct hl_snapshot *snap;
	struct hl_error *err = NULL;

	if (hl_snapshot_open(name, &snap, &err)) {
		CHECK(hl_error_text(err)[0]);
	} else {
		load(snap);
		hl_snapshot_close(snap);
	}
	hl_error_free(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[32];

	if (size < sizeof(struct image_header))
		return -1;
	int fd = make_file(data, size);
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	try_file(name);
	close(fd);
	CHECK(count_descriptors() < DESCRIPTORS_MAX);
	return 0;
}
