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
 * A short site is `xor %eax, %eax; syscall`, as read(2) of glibc has it. Its first two bytes become
 * a jump to that other jump, which stands in the padding behind the `ret` that follows. So a thread
 * may be between the two: sites_find() knows it there, and where there are several threads such
 * padding stays as it is when a page is given back.
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
#define SHORT_SIZE 2 /* the instruction before the `syscall` of a short site */

/* A mapped range that may be patched. */
struct text {
	struct list node;
	uint64_t start, end;
	struct memfile *mf;
	uint64_t off;
};

struct site {
	uint64_t at, call; /* where it begins, and its `syscall` */
	uint64_t jump;     /* where the long jump to its entry is */
};

/* A page of it that is. */
struct patched {
	struct list node;
	uint64_t addr;
	struct memfile *mf;
	uint64_t off;
	uint32_t slot;
	bool given_back; /* but for what threads may be about to execute */
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

/* Behind an opcode of one, two or three bytes whose prefix makes r8 the base. */
static bool has_base_r8(const unsigned char *p)
{
	return extends_base(p[-2]) || (p[-2] == 0x0f && extends_base(p[-3])) ||
	       (p[-3] == 0x0f && extends_base(p[-4]));
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
	if (has_base_r8(p) || (p[-1] & 0xc7) == 0x84)
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
static bool is_long(const unsigned char *p, uint32_t nr)
{
	uint32_t imm;

	memcpy(&imm, p + 1, sizeof imm);
	if (p[FIRST_SIZE] != 0x0f || p[FIRST_SIZE + 1] != 0x05)
		return false;
	return p[0] == 0xb8 ? imm == nr && move_begins(p) : load_begins(p);
}

/* The length of the instruction that does nothing at `p`, as assemblers make it of 7 bytes and
 * more; 0: there is none. */
static unsigned padding(const unsigned char *p)
{
	static const unsigned char nops[][8] = { { 0x0f, 0x1f, 0x84 }, { 0x0f, 0x1f, 0x80 } };
	unsigned prefixes = 0;

	while (prefixes < 3 && (p[prefixes] == 0x66 || p[prefixes] == 0x2e))
		prefixes++;
	for (unsigned i = 0; i < 2; i++) {
		if (!memcmp(p + prefixes, nops[i], 8 - i))
			return prefixes + 8 - i;
	}
	return 0;
}

/*
 * Of a short site all is known from the test of __libc_single_threaded to the padding:
 *
 *	-9	80 3d ........ 00	cmpb $0, ....(%rip)
 *	-2	74 ..			je ..
 *	0	31 c0 0f 05		xor %eax, %eax; syscall
 *	4	48 3d 00 f0 ff ff	cmp $-4096, %rax
 *	10	77 .. c3		ja ..; ret
 *	13				padding
 */
#define SHORT_BEFORE 9
#define SHORT_JUMP   13

static bool is_short(const unsigned char *p, uint32_t nr)
{
	static const unsigned char call[] = { 0x31, 0xc0, 0x0f, 0x05, 0x48, 0x3d,
					      0x00, 0xf0, 0xff, 0xff, 0x77 };

	return nr == 0 && p[-9] == 0x80 && p[-8] == 0x3d && p[-3] == 0 && p[-2] == 0x74 &&
	       !memcmp(p, call, sizeof call) && p[12] == 0xc3 && padding(p + SHORT_JUMP) >= WHOLE;
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
	uint64_t self = STUB_SITES + (uint64_t)i * SITE_SIZE, call = s->sites.at[i].call;

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

static void write_long_jump(char *page, const struct site *site, unsigned i)
{
	char *at = page + site->jump % PAGE_SIZE;

	memcpy(at, "\xff\x24\x25", 3);
	put32(at + 3, STUB_TABLE + i * 8);
}

/* Of a long site there is none. */
static void write_short_jump(char *page, const struct site *site)
{
	char *at = page + site->at % PAGE_SIZE;

	if (site->jump == site->at)
		return;
	at[0] = (char)0xeb;
	at[1] = (char)(site->jump - site->call);
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
	struct site *at = calloc(SITES_MAX, sizeof *at);
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
		if (PAGE_DOWN(s->sites.at[i].at) != page)
			continue;
		write_long_jump(copy, &s->sites.at[i], i);
		write_short_jump(copy, &s->sites.at[i]);
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

static bool site_is_new(struct process_space *s, const struct site *site)
{
	for (unsigned i = 0; i < s->sites.nr; i++) {
		if (s->sites.at[i].at == site->at)
			return false;
	}
	return true;
}

static bool is_patched(struct process_space *s, const struct site *site)
{
	const struct patched *p = patched_at(s, PAGE_DOWN(site->at));

	return p && !p->given_back && !site_is_new(s, site);
}

/* The site whose call `nr` ends at `ip`, and its first bytes. False: it is none that is known. */
static bool site_read(const struct text *t, uint64_t ip, uint32_t nr, struct site *site,
		      char first[FIRST_SIZE])
{
	enum { BEFORE = SHORT_BEFORE + SHORT_SIZE + CALL_SIZE, BEHIND = 20 };
	unsigned char bytes[BEFORE + BEHIND] = { 0 }, *p = bytes + BEFORE;

	if (ip - t->start < BEFORE || t->end - ip < BEHIND ||
	    pread(t->mf->fd, bytes, sizeof bytes, (off_t)(t->off + (ip - BEFORE - t->start))) !=
		(ssize_t)sizeof bytes)
		return false;
	site->call = ip - CALL_SIZE;
	if (is_long(p - WHOLE, nr)) {
		site->at = site->jump = ip - WHOLE;
		memcpy(first, p - WHOLE, FIRST_SIZE);
	} else if (is_short(p - SHORT_SIZE - CALL_SIZE, nr)) {
		site->at = ip - CALL_SIZE - SHORT_SIZE;
		site->jump = site->at + SHORT_JUMP;
		memcpy(first, "\x31\xc0\x0f\x1f", FIRST_SIZE); /* and a nop of three bytes */
	} else {
		return false;
	}
	return PAGE_DOWN(site->at) == PAGE_DOWN(site->jump + WHOLE - 1);
}

static bool patch_locked(struct process_space *s, uint64_t ip, uint32_t nr)
{
	char first[FIRST_SIZE];
	const struct text *t = text_at(s, ip - 1);
	struct site site;

	if (!t || s->sites.ended || s->destroyed || s->batch || !site_read(t, ip, nr, &site, first))
		return false;
	if (is_patched(s, &site))
		return true;
	/* One that was given back is left alone. */
	if (!site_is_new(s, &site) || s->sites.nr == SITES_MAX || s->sites.nr_pages == PAGES_MAX ||
	    tables_make(s) < 0)
		return false;
	uint64_t page = PAGE_DOWN(site.at);
	if (!patched_at(s, page))
		s->sites.nr_pages++; /* and never less: what is read again and again is left */
	unsigned i = s->sites.nr;
	s->sites.at[i] = site;
	write_code(s, i, first);
	atomic_store(&s->sites.nr, i + 1);
	return page_install(s, page, t->mf, t->off + (page - t->start)) == 0;
}

bool sites_patch(struct process_space *s, uint64_t ip, uint32_t nr)
{
	mutex_lock(&s->lock);
	bool done = patch_locked(s, ip, nr);
	mutex_unlock(&s->lock);
	return done;
}

static bool has_short(struct process_space *s, uint64_t page)
{
	for (unsigned i = 0; i < s->sites.nr; i++) {
		const struct site *site = &s->sites.at[i];
		if (PAGE_DOWN(site->at) == page && site->jump != site->at)
			return true;
	}
	return false;
}

/* What a thread that has made the first jump of a short site executes next stays there. */
static void give_back_but_jumps(struct process_space *s, struct patched *p)
{
	uint32_t slot, old = p->slot;

	if (slots_take(&s->m->pages, &slot)) {
		stub_send_kill(&s->stub);
		return;
	}
	char *copy = control_page(s, slot);
	bool read = pread(p->mf->fd, copy, PAGE_SIZE, (off_t)p->off) == (ssize_t)PAGE_SIZE;
	for (unsigned i = 0; i < s->sites.nr; i++) {
		const struct site *site = &s->sites.at[i];
		if (PAGE_DOWN(site->at) == p->addr && site->jump != site->at)
			write_long_jump(copy, site, i);
	}
	if (!read || map_page(s, p->addr, PROT_READ | PROT_EXEC, slot)) {
		stub_send_kill(&s->stub);
		slots_give(&s->m->pages, slot);
		return;
	}
	p->slot = slot;
	p->given_back = true;
	slots_give(&s->m->pages, old);
}

static void give_back(struct process_space *s, struct patched *p)
{
	bool alone = s->contexts.next == s->contexts.prev;

	if (p->given_back)
		return;
	if (alone || !has_short(s, p->addr))
		restore(s, p);
	else
		give_back_but_jumps(s, p);
}

bool sites_give_back(struct process_space *s, uint64_t addr)
{
	mutex_lock(&s->lock);
	struct patched *p = patched_at(s, PAGE_DOWN(addr));
	if (p)
		give_back(s, p);
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

bool sites_has_call(struct process_space *s, uint64_t ip)
{
	unsigned nr = atomic_load(&s->sites.nr);

	for (unsigned i = 0; i < nr; i++) {
		if (s->sites.at[i].call + CALL_SIZE == ip)
			return true;
	}
	return false;
}

uint64_t sites_find(struct process_space *s, uint64_t rip, bool *at_call)
{
	uint64_t i = (rip - STUB_SITES) / SITE_SIZE;
	unsigned nr = atomic_load(&s->sites.nr);

	*at_call = false;
	if (rip >= STUB_SITES && i < nr) {
		*at_call = rip % SITE_SIZE != 0;
		return *at_call ? s->sites.at[i].call : s->sites.at[i].at;
	}
	for (i = 0; i < nr; i++) {
		if (s->sites.at[i].jump == rip && s->sites.at[i].at != rip)
			return s->sites.at[i].at;
	}
	return 0;
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
