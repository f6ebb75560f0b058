/* SPDX-License-Identifier: Apache-2.0 */
/* Knows programs of other CPUs by their header, and finds who runs them. See the header. */
#include "loader/foreign.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/machine.h"
#include "loader/loader.h"

static const struct {
	unsigned machine, class, data;
	const char *translator, *name;
} machines[] = {
	{ EM_AARCH64, ELFCLASS64, ELFDATA2LSB, "qemu-aarch64", "aarch64" },
	{ EM_ARM, ELFCLASS32, ELFDATA2LSB, "qemu-arm", "32-bit ARM" },
	{ EM_RISCV, ELFCLASS64, ELFDATA2LSB, "qemu-riscv64", "RISC-V" },
	{ EM_PPC64, ELFCLASS64, ELFDATA2LSB, "qemu-ppc64le", "PowerPC" },
	{ EM_S390, ELFCLASS64, ELFDATA2MSB, "qemu-s390x", "s390" },
	{ EM_X86_64, ELFCLASS64, ELFDATA2LSB, "qemu-x86_64", "x86_64" },
};

/* Type and machine are at the same place in headers of both classes. */
const char *foreign_program(const char *head, size_t n, const char **machine)
{
	const unsigned char *e = (const unsigned char *)head;

	if (n < offsetof(Elf64_Ehdr, e_version) || memcmp(head, ELFMAG, SELFMAG) != 0)
		return NULL;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		bool big = machines[i].data == ELFDATA2MSB;
		unsigned type = e[16 + big] | (unsigned)e[17 - big] << 8;
		unsigned id = e[18 + big] | (unsigned)e[19 - big] << 8;
		if (machines[i].machine == ARCH_ELF_MACHINE || id != machines[i].machine ||
		    e[EI_CLASS] != machines[i].class || e[EI_DATA] != machines[i].data ||
		    (type != ET_EXEC && type != ET_DYN))
			continue;
		*machine = machines[i].name;
		return machines[i].translator;
	}
	return NULL;
}

/* What a distribution calls it: of one that needs no libraries, then any. */
static int open_in(struct caller *c, const char *dir, size_t len, const char *name,
		   struct file **file, char **where)
{
	static const char *const endings[] = { "-static", "" };
	int err = -ENOENT;

	for (size_t i = 0; err && i < sizeof endings / sizeof *endings; i++) {
		if (asprintf(where, "%.*s/%s%s", (int)len, dir, name, endings[i]) < 0)
			return -ENOMEM;
		err = exec_open(c, NULL, *where, 0, file);
		if (err)
			free(*where);
	}
	return err;
}

int foreign_translator(const struct translators *t, struct caller *c, const char *name,
		       struct file **file, char **where)
{
	const char *dir = t && t->path ? t->path : "";

	if (t && t->file) {
		*where = strdup(t->file);
		if (!*where)
			return -ENOMEM;
		if (exec_open(c, NULL, *where, 0, file) == 0)
			return 0;
		free(*where);
		return -ENOEXEC;
	}
	for (size_t len; *dir; dir += len + (dir[len] == ':')) {
		len = strcspn(dir, ":");
		/* a relative one would be another where the guest has gone elsewhere */
		int err = *dir == '/' ? open_in(c, dir, len, name, file, where) : -ENOENT;
		if (!err || err == -ENOMEM)
			return err;
	}
	return -ENOEXEC;
}
