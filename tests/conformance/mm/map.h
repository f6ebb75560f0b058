/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the memory families: pages, probes that survive a fault, and which fault it was. */
#ifndef HL_TESTS_MAP_H
#define HL_TESTS_MAP_H

#include <setjmp.h>
#include <sys/mman.h>

#include "case.h"

#define PAGE 4096UL

static sigjmp_buf probe_env;
static siginfo_t probe_info;

static UNUSED void probe_fault(int sig, siginfo_t *info, void *ctx)
{
	probe_info = *info;
	siglongjmp(probe_env, 1);
}

static UNUSED const char *fault_name(const siginfo_t *i)
{
	if (i->si_signo == SIGSEGV)
		return i->si_code == SEGV_MAPERR   ? "SEGV_MAPERR"
		       : i->si_code == SEGV_ACCERR ? "SEGV_ACCERR"
						   : "SEGV_?";
	return i->si_code == BUS_ADRERR   ? "BUS_ADRERR"
	       : i->si_code == BUS_ADRALN ? "BUS_ADRALN"
					  : "BUS_?";
}

static UNUSED void probe_begin(void)
{
	handle_info(SIGSEGV, probe_fault, 0);
	handle_info(SIGBUS, probe_fault, 0);
}

/* Touches one byte and prints what happened: its value, or the fault and whether si_addr is the
 * byte's address. */
static UNUSED void peek(const char *what, const volatile void *p)
{
	probe_begin();
	if (sigsetjmp(probe_env, 1) == 0)
		say("read %s: %02x\n", what, *(const volatile unsigned char *)p);
	else
		say("read %s: %s%s\n", what, fault_name(&probe_info),
		    probe_info.si_addr == p ? "" : " elsewhere");
}

static UNUSED void poke(const char *what, volatile void *p, unsigned char value)
{
	probe_begin();
	if (sigsetjmp(probe_env, 1) == 0) {
		*(volatile unsigned char *)p = value;
		say("write %s: ok\n", what);
	} else {
		say("write %s: %s%s\n", what, fault_name(&probe_info),
		    probe_info.si_addr == p ? "" : " elsewhere");
	}
}

static UNUSED char *map_anon(size_t pages, int prot)
{
	return (char *)NEED(mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* A file of `pages` pages and `extra` bytes, each page filled with its letter. */
static UNUSED int make_file(const char *path, size_t pages, size_t extra)
{
	int fd = (int)NEED(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
	char page[PAGE];

	for (size_t i = 0; i <= pages; i++) {
		memset(page, 'a' + (int)i, PAGE);
		NEED(write(fd, page, i < pages ? PAGE : extra));
	}
	NEED(lseek(fd, 0, SEEK_SET));
	return fd;
}

#endif
