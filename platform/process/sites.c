/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call sites: where a program makes system calls, in text that is patched so that they come by the
 * thread's line (line.c).
 *
 * A site is an instruction of five bytes, which may stand anywhere, and the `syscall` behind it;
 * both become
 *
 *	jmp *entry	ff 24 25, and the address of the entry: STUB_TABLE + 8 * number
 *
 * whose last two bytes are those of `syscall`. So a jump to the call itself, and the restart of a
 * call, do what they did. The entry leads to code of ours (STUB_SITES), which begins with the five
 * bytes and goes on by the line; where it cannot, it jumps back to the `syscall`.
 *
 * The patched page is a copy which the stub alone has mapped. mm/ does not know of it: whatever is
 * read by a call, saved or forked is the original. The copy can be executed and not read: to the
 * guest's own loads it is a page of another protection key (pkeys(7)), so that they fault, and get
 * the original page back, which is then left alone. Where the CPU has no such keys, nothing is
 * patched. Patched is only what a file has mapped privately, without a page of the mapping's own:
 * what changes such a page takes it away from here first.
 *
 * Code and entries stay until the space ends: a thread may be in the midst of them. A guest that
 * maps something where the table is gets all its text back before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process/process.h"
#include "stub_symbols.h"

#define TEXTS_MAX  64 /* text beyond is not patched */
#define PAGES_MAX  64
#define CODE_PAGES (SITES_CODE_SIZE / PAGE_SIZE)

#define FIRST_SIZE 5 /* the instruction before the `syscall` */
#define CALL_SIZE  2
#define WHOLE      (FIRST_SIZE + CALL_SIZE)

/* A mapped range that may be patched. */
struct text {
	struct list node;
	uint64_t start, end;
	struct memfile *mf;
	uint64_t off;
};

/* A page of it that is. */
struct patched {
	struct list node;
	uint64_t addr;
	struct memfile *mf;
	uint64_t off;
	uint32_t slot;
};

void sites_init(struct process_space *s)
{
	list_init(&s->sites.texts);
	list_init(&s->sites.pages);
	list_init(&s->sites.left);
}

/* ---- what is mapped ---- */

static void text_drop(struct process_space *s, struct text *t)
{
	list_del(&t->node);
	s->sites.nr_texts--;
	memfile_put(t->mf);
	free(t);
}

static void text_add(struct process_space *s, uint64_t start, uint64_t end, struct memfile *mf,
		     uint64_t off)
{
	struct text *t = s->sites.nr_texts < TEXTS_MAX ? malloc(sizeof *t) : NULL;

	if (!t)
		return;
	*t = (struct text){ .start = start, .end = end, .mf = memfile_get(mf), .off = off };
	list_add(&s->sites.texts, &t->node);
	s->sites.nr_texts++;
}

static void texts_cut(struct process_space *s, uint64_t start, uint64_t end)
{
	struct text *t, *next;

	list_for_each_safe (t, next, &s->sites.texts, node) {
		if (t->end <= start || end <= t->start)
			continue;
		struct text old = *t;
		memfile_get(old.mf);
		text_drop(s, t);
		if (old.start < start)
			text_add(s, old.start, start, old.mf, old.off);
		if (end < old.end)
			text_add(s, end, old.end, old.mf, old.off + (end - old.start));
		memfile_put(old.mf);
	}
}

static const struct text *text_at(struct process_space *s, uint64_t addr)
{
	const struct text *t;

	list_for_each (t, &s->sites.texts, node) {
		if (t->start <= addr && addr < t->end)
			return t;
	}
	return NULL;
}

/* ---- pages ---- */

static struct patched *patched_at(struct process_space *s, uint64_t page)
{
	struct patched *p;

	list_for_each (p, &s->sites.pages, node) {
		if (p->addr == page)
			return p;
	}
	return NULL;
}

/* The stub has something else there, or will have before anything is mapped anew: the slot may go
 * to others when the space has gone, or its page is known to be unmapped. */
static void patched_drop(struct process_space *s, struct patched *p)
{
	list_del(&p->node);
	memfile_put(p->mf);
	p->mf = NULL;
	list_add(&s->sites.left, &p->node);
}

static void patched_free(struct process_space *s, struct patched *p)
{
	list_del(&p->node);
	slots_give(&s->m->pages, p->slot);
	if (p->mf)
		memfile_put(p->mf);
	free(p);
}

static int map_page(struct process_space *s, uint64_t addr, int prot, uint32_t slot)
{
	const struct step step = { SYS_mmap,
				   { addr, PAGE_SIZE, (uint64_t)prot, MAP_SHARED | MAP_FIXED,
				     STUB_FD_CONTROL, (uint64_t)slot * PAGE_SIZE },
				   STEP_LAST };

	return stub_command(&s->stub, &step, 1, -1, NULL);
}

/* What cannot be put back is lost: its guest must not run on. */
static void restore(struct process_space *s, struct patched *p)
{
	if (space_map_now(s, GVA(p->addr), PAGE_SIZE, GUEST_READ | GUEST_EXEC, p->mf, p->off)) {
		stub_send_kill(&s->stub);
		patched_drop(s, p);
	} else {
		patched_free(s, p);
	}
}

static void pages_restore(struct process_space *s, uint64_t start, uint64_t end)
{
	struct patched *p, *next;

	list_for_each_safe (p, next, &s->sites.pages, node) {
		if (start <= p->addr && p->addr < end)
			restore(s, p);
	}
}

static void pages_drop(struct process_space *s, uint64_t start, uint64_t end)
{
	struct patched *p, *next;

	list_for_each_safe (p, next, &s->sites.pages, node) {
		if (start <= p->addr && p->addr < end)
			patched_drop(s, p);
	}
}

/* ---- sites ---- */

static bool imm_operation(unsigned char op)
{
	return op == 0xc7 || op == 0x81 || op == 0x69 || op == 0xf7;
}

static bool extends_base(unsigned char rex)
{
	return (rex & 0xf1) == 0x41;
}

/*
 * Is the b8 at `p` the beginning of `mov $nr, %eax`, where the number in eax is known to be `nr`?
 * It might also be the end of another instruction with nr in it. Of what there is (SDM vol. 2,
 * 2.1 and B.2) that is: with a prefix, a move to another register; an immediate operand behind a
 * displacement or an index that ends with b8; a displacement whose base is rax or r8. With rax,
 * which holds nr, all but lea would have faulted. Bytes that only look so cost a site.
 */
static bool move_begins(const unsigned char *p)
{
	if ((p[-1] & 0xf0) == 0x40 || p[-1] == 0x66 || p[-1] == 0x8d)
		return false;
	if (imm_operation(p[-2]) && ((p[-1] & 0xc0) == 0x40 || (p[-1] & 0xc7) == 0x04))
		return false;
	if (imm_operation(p[-3]) && (p[-2] & 0xc7) == 0x44)
		return false;
	if (extends_base(p[-2]) || extends_base(p[-3]) || (p[-1] & 0xc7) == 0x84)
		return false;
	/* vector instructions; an address or a number of eight bytes */
	if (p[-4] == 0xc4 || p[-6] == 0x62 || p[-5] == 0x62)
		return false;
	return !((p[-5] & 0xf8) == 0x48 && ((p[-4] & 0xf8) == 0xb8 || (p[-4] & 0xfc) == 0xa0));
}

#define LOOK_BACK 6

/* `mov 8(%rsp), %r9` stands before the call in syscall(3) of glibc. The byte before is no prefix of
 * it, and it is not the end of a number. */
static bool load_begins(const unsigned char *p)
{
	static const unsigned char load[] = { 0x4c, 0x8b, 0x4c, 0x24, 0x08 };
	static const unsigned char prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
						  0x66, 0x67, 0xf0, 0xf2, 0xf3 };

	return !memcmp(p, load, sizeof load) && !memchr(prefixes, p[-1], sizeof prefixes) &&
	       (p[-5] & 0xf8) != 0x48 && (p[-4] & 0xf8) != 0xb8;
}

/* A page's original with what is before it in the file or the mapping. */
static bool may_patch(const unsigned char *p, uint32_t nr)
{
	uint32_t imm;

	memcpy(&imm, p + 1, sizeof imm);
	if (p[FIRST_SIZE] != 0x0f || p[FIRST_SIZE + 1] != 0x05)
		return false;
	return p[0] == 0xb8 ? imm == nr && move_begins(p) : load_begins(p);
}

static char *control_page(struct process_space *s, uint32_t slot)
{
	return s->m->control + (uint64_t)slot * PAGE_SIZE;
}

static void put32(char *at, uint32_t v)
{
	memcpy(at, &v, sizeof v);
}

static void put64(char *at, uint64_t v)
{
	memcpy(at, &v, sizeof v);
}

/* The code of site `i`: see line.c. */
static void write_code(struct process_space *s, unsigned i, const char *first)
{
	static const unsigned char code[SITE_SIZE - FIRST_SIZE] = {
		0xf3, 0x49, 0x0f, 0xae, 0xcb,                /* 5: rdgsbase %r11 */
		0x65, 0x48, 0x8b, 0x0c, 0x25, 0, 0, 0, 0,    /* 10: mov %gs:LINE_SELF, %rcx */
		0x48, 0xf7, 0xd1,                            /* 19: not %rcx */
		0x4a, 0x8d, 0x8c, 0x19, 0,    0, 0, 0,       /* 22: lea MAGIC+1(%rcx,%r11), %rcx */
		0xe3, 0x0d,                                  /* 30: jrcxz 45 */
		0x49, 0xbb, 0,    0,    0,    0, 0, 0, 0, 0, /* 32: movabs $call, %r11 */
		0x41, 0xff, 0xe3,                            /* 42: jmp *%r11 */
		0x48, 0xb9, 0,    0,    0,    0, 0, 0, 0, 0, /* 45: movabs $return, %rcx */
		0xe9, 0,    0,    0,    0,                   /* 55: jmp stub_line */
		0x0f, 0x0b,                                  /* 60: ud2 */
	};
	uint32_t slot = s->sites.code[i * SITE_SIZE / PAGE_SIZE];
	char *at = control_page(s, slot) + i * SITE_SIZE % PAGE_SIZE;
	uint64_t self = STUB_SITES + (uint64_t)i * SITE_SIZE, call = s->sites.at[i] + FIRST_SIZE;

	memcpy(at, first, FIRST_SIZE);
	memcpy(at + FIRST_SIZE, code, sizeof code);
	put32(at + 15, LINE_SELF);
	put32(at + 26, LINE_MAGIC + 1);
	put64(at + 34, call);
	put64(at + 47, call + CALL_SIZE);
	put32(at + 56, (uint32_t)(STUB_LINE_ADDR - (self + 60)));
	__atomic_store_n((uint64_t *)(void *)control_page(s, s->sites.table) + i, self,
			 __ATOMIC_RELEASE);
}

static void write_jump(char *page, uint64_t site, unsigned i)
{
	char *at = page + site % PAGE_SIZE;

	memcpy(at, "\xff\x24\x25", 3);
	put32(at + 3, STUB_TABLE + i * 8);
}

_Static_assert((STUB_TABLE & 0xffff) == 0 && STUB_TABLE >> 16 == 0x050f && SITES_MAX * 8 <= 65536,
	       "the last bytes of a jump are those of a system call");

/* The table and the code are mapped when they are first wanted. */
static int tables_make(struct process_space *s)
{
	struct sites *t = &s->sites;
	int err = 0;

	if (t->at)
		return 0;
	uint64_t *at = calloc(SITES_MAX, sizeof *at);
	unsigned n = 0;
	uint32_t slot[1 + CODE_PAGES];
	while (at && n < 1 + CODE_PAGES && !err)
		err = slots_take(&s->m->pages, &slot[n]) ?: (n++, 0);
	if (!at || err) {
		while (n)
			slots_give(&s->m->pages, slot[--n]);
		free(at);
		return -ENOMEM;
	}
	t->at = at;
	t->table = slot[0];
	for (unsigned i = 0; i <= CODE_PAGES; i++)
		memset(control_page(s, slot[i]), 0, PAGE_SIZE);
	for (unsigned i = 0; i < CODE_PAGES && !err; i++) {
		t->code[i] = slot[1 + i];
		err = map_page(s, STUB_SITES + i * PAGE_SIZE, PROT_READ | PROT_EXEC, slot[1 + i]);
	}
	if (!err)
		err = map_page(s, STUB_TABLE, PROT_READ, t->table);
	t->ended = err != 0;
	t->any = true;
	return err;
}

/* The page as it is to be: the original, and a jump at each of its sites. */
static int page_install(struct process_space *s, uint64_t page, struct memfile *mf, uint64_t off)
{
	struct patched *old = patched_at(s, page), *p = malloc(sizeof *p);
	int err = p ? 0 : -ENOMEM;

	if (!err)
		*p = (struct patched){ .addr = page, .mf = mf, .off = off };
	if (!err)
		err = slots_take(&s->m->pages, &p->slot);
	if (err) {
		free(p);
		return err;
	}
	memfile_get(mf);
	list_add(&s->sites.pages, &p->node);
	char *copy = control_page(s, p->slot);
	if (pread(mf->fd, copy, PAGE_SIZE, (off_t)off) != (ssize_t)PAGE_SIZE)
		err = -EIO;
	for (unsigned i = 0; i < s->sites.nr && !err; i++) {
		if (PAGE_DOWN(s->sites.at[i]) == page)
			write_jump(copy, s->sites.at[i], i);
	}
	if (err) {
		patched_free(s, p);
		return err;
	}
	err = map_page(s, page, PROT_EXEC, p->slot);
	if (err)
		restore(s, p);
	if (old && !err)
		patched_free(s, old);
	else if (old)
		patched_drop(s, old);
	return err;
}

static bool site_is_new(struct process_space *s, uint64_t site)
{
	for (unsigned i = 0; i < s->sites.nr; i++) {
		if (s->sites.at[i] == site)
			return false;
	}
	return true;
}

static bool is_patched(struct process_space *s, uint64_t site)
{
	return !site_is_new(s, site) && patched_at(s, PAGE_DOWN(site));
}

static bool patch_locked(struct process_space *s, uint64_t site, uint32_t nr)
{
	unsigned char bytes[LOOK_BACK + WHOLE];
	const struct text *t = text_at(s, site);
	uint64_t page = PAGE_DOWN(site);

	if (s->sites.ended || s->destroyed || s->batch)
		return false;
	if (is_patched(s, site))
		return true;
	/* One that was given back is left alone. */
	if (!t || !site_is_new(s, site) || s->sites.nr == SITES_MAX ||
	    s->sites.nr_pages == PAGES_MAX || site % PAGE_SIZE > PAGE_SIZE - WHOLE ||
	    site - t->start < LOOK_BACK)
		return false;
	uint64_t off = t->off + (site - t->start);
	if (pread(t->mf->fd, bytes, sizeof bytes, (off_t)(off - LOOK_BACK)) !=
		(ssize_t)sizeof bytes ||
	    !may_patch(bytes + LOOK_BACK, nr) || tables_make(s) < 0)
		return false;
	if (!patched_at(s, page))
		s->sites.nr_pages++; /* and never less: what is read again and again is left */
	unsigned i = s->sites.nr;
	s->sites.at[i] = site;
	write_code(s, i, (const char *)bytes + LOOK_BACK);
	atomic_store(&s->sites.nr, i + 1);
	return page_install(s, page, t->mf, t->off + (page - t->start)) == 0;
}

bool sites_patch(struct process_space *s, uint64_t ip, uint32_t nr)
{
	mutex_lock(&s->lock);
	bool done = patch_locked(s, ip - WHOLE, nr);
	mutex_unlock(&s->lock);
	return done;
}

bool sites_give_back(struct process_space *s, uint64_t addr)
{
	mutex_lock(&s->lock);
	struct patched *p = patched_at(s, PAGE_DOWN(addr));
	if (p)
		restore(s, p);
	mutex_unlock(&s->lock);
	return p != NULL;
}

static void end_locked(struct process_space *s)
{
	pages_restore(s, 0, UINT64_MAX);
	s->sites.ended = true;
}

void sites_end(struct process_space *s)
{
	mutex_lock(&s->lock);
	end_locked(s);
	mutex_unlock(&s->lock);
}

uint64_t sites_find(struct process_space *s, uint64_t rip, unsigned *offset)
{
	uint64_t i = (rip - STUB_SITES) / SITE_SIZE;

	if (rip < STUB_SITES || i >= atomic_load(&s->sites.nr))
		return 0;
	*offset = (unsigned)(rip % SITE_SIZE);
	return s->sites.at[i];
}

/* ---- what happens to mappings ---- */

void sites_mapped(struct process_space *s, uint64_t addr, uint64_t len, struct memfile *mf,
		  uint64_t off)
{
	mutex_lock(&s->lock);
	text_add(s, addr, addr + len, mf, off);
	mutex_unlock(&s->lock);
}

void sites_unmapping(struct process_space *s, uint64_t addr, uint64_t len)
{
	mutex_lock(&s->lock);
	if (s->sites.at && addr < STUB_TABLE + PAGE_SIZE && STUB_TABLE < addr + len)
		end_locked(s);
	pages_drop(s, addr, addr + len);
	texts_cut(s, addr, addr + len);
	mutex_unlock(&s->lock);
}

void sites_protecting(struct process_space *s, uint64_t addr, uint64_t len, bool stays)
{
	mutex_lock(&s->lock);
	pages_restore(s, addr, addr + len);
	if (!stays)
		texts_cut(s, addr, addr + len);
	mutex_unlock(&s->lock);
}

void sites_forget(struct process_space *s)
{
	struct text *t, *next;

	mutex_lock(&s->lock);
	s->sites.ended = true;
	pages_drop(s, 0, UINT64_MAX);
	list_for_each_safe (t, next, &s->sites.texts, node)
		text_drop(s, t);
	mutex_unlock(&s->lock);
}

void sites_destroy(struct process_space *s)
{
	struct patched *p, *pnext;

	list_for_each_safe (p, pnext, &s->sites.left, node)
		patched_free(s, p);
	if (s->sites.at) {
		slots_give(&s->m->pages, s->sites.table);
		for (unsigned i = 0; i < CODE_PAGES; i++)
			slots_give(&s->m->pages, s->sites.code[i]);
	}
	free(s->sites.at);
}
