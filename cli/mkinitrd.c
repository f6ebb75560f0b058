/* SPDX-License-Identifier: Apache-2.0 */
/* hl mkinitrd: makes an archive for --initrd out of a directory, or of programs with what they need
 * to run. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

#define LIST_MS     60000
#define MAX_SCRIPTS 4 /* interpreters that are scripts themselves, as execve(2) has it */

struct mkinitrd {
	struct output out;
	struct hl_initrd *archive;
	const char *file;          /* -o */
	const char *const *packer; /* NULL: none */
	bool programs, help;
	const char **more; /* --add */
	int nr_more;
	/* of the last program that names one: libraries name none, and it lists theirs as well */
	char linker[PATH_MAX];
};

/* ---- programs ---- */

static int add(struct mkinitrd *m, const char *path, const char *guest)
{
	struct hl_error *err = NULL;

	return hl_initrd_add(m->archive, path, guest, &err) ? report_error(&m->out, err) : 0;
}

/* As execvp(3) finds it, or NULL. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH") ?: "/bin:/usr/bin";
	char *found;

	if (strchr(name, '/'))
		return access(name, F_OK) == 0 ? strdup(name) : NULL;
	for (;; path++) {
		int len = (int)strcspn(path, ":");
		if (asprintf(&found, "%.*s%s%s", len, path, len ? "/" : "", name) < 0)
			return NULL;
		if (access(found, X_OK) == 0)
			return found;
		free(found);
		path += len;
		if (!*path)
			return NULL;
	}
}

/* The name of the dynamic linker of an ELF file, "" where it has none; -1: it is broken. *library:
 * it has none and is linked dynamically. */
static int find_linker(int fd, const Elf64_Ehdr *eh, char linker[PATH_MAX], bool *library)
{
	Elf64_Phdr ph;

	linker[0] = '\0';
	*library = false;
	for (int i = 0; i < eh->e_phnum; i++) {
		uint64_t at = eh->e_phoff + (uint64_t)i * sizeof ph;
		if (at > INT64_MAX || pread(fd, &ph, sizeof ph, (off_t)at) != sizeof ph)
			return -1;
		*library |= ph.p_type == PT_DYNAMIC;
		if (ph.p_type != PT_INTERP)
			continue;
		if (ph.p_filesz == 0 || ph.p_filesz > PATH_MAX || ph.p_offset > INT64_MAX ||
		    pread(fd, linker, ph.p_filesz, (off_t)ph.p_offset) != (ssize_t)ph.p_filesz ||
		    linker[ph.p_filesz - 1])
			return -1;
		*library = false;
		return 0;
	}
	return 0;
}

/* Lets the dynamic linker write to `text` which libraries `program` needs, a name without symlinks:
 * as in the kernel's hands, $ORIGIN is where the file lies. The program may be hostile, and the
 * linker it names, too: what that changes is lost, and it has no network. */
static int list_libraries(struct mkinitrd *m, const char *linker, const char *program, FILE *text)
{
	const char *const args[] = { linker, "--list", program };
	struct hl_config *cfg = hl_config_new();
	struct hl_sandbox *sb = NULL;
	struct hl_result res;
	struct hl_error *err = NULL;
	int status = 0;

	hl_config_set_args(cfg, 3, args);
	hl_config_set_root(cfg, "/");
	hl_config_set_overlay(cfg, NULL);
	hl_config_set_stdio(cfg, -1, fileno(text), -1);
	hl_config_set_timeout(cfg, LIST_MS);
	hl_config_clear_env(cfg);
	if (hl_sandbox_start(cfg, &sb, &err) || hl_sandbox_wait(sb, HL_FOREVER, &res, &err)) {
		status = report_error(&m->out, err);
	} else if (res.end != HL_EXITED || res.status != 0) {
		complain(&m->out, "%s: %s does not list its libraries", program, linker);
		status = STATUS_HL;
	}
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	rewind(text);
	return status;
}

/* A hostile linker could name a file that is nobody's business. */
static bool is_elf(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char magic[SELFMAG];
	bool elf = fd >= 0 && pread(fd, magic, SELFMAG, 0) == SELFMAG &&
		   memcmp(magic, ELFMAG, SELFMAG) == 0;

	if (fd >= 0)
		close(fd);
	return elf;
}

/* Lines as "	libc.so.6 => /lib/libc.so.6 (0x7f...)", "	/lib/ld.so (0x7f...)", and of the
 * vDSO, which is no file. */
static int add_libraries(struct mkinitrd *m, FILE *text, const char *program)
{
	char line[2 * PATH_MAX];
	int status = 0;

	while (!status && fgets(line, sizeof line, text)) {
		char *path = strstr(line, " => "), *end = strrchr(line, '(');
		path = path ? path + 4 : line + strspn(line, " \t");
		if (strncmp(path, "not found", 9) == 0) {
			line[strcspn(line, "=")] = '\0';
			complain(&m->out, "%s needs %s, which is not found", program,
				 line + strspn(line, " \t"));
			status = STATUS_HL;
		} else if (*path == '/' && end > path) {
			end[-1] = '\0';
			if (is_elf(path)) {
				status = add(m, path, NULL);
			} else {
				complain(&m->out, "%s needs %s, which is no library", program,
					 path);
				status = STATUS_HL;
			}
		}
	}
	return status;
}

static int add_elf(struct mkinitrd *m, int fd, const char *program)
{
	char linker[PATH_MAX], real[PATH_MAX];
	Elf64_Ehdr eh;
	bool library;

	if (pread(fd, &eh, sizeof eh, 0) != sizeof eh || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh.e_phentsize != sizeof(Elf64_Phdr) || find_linker(fd, &eh, linker, &library)) {
		complain(&m->out, "%s: not an ELF file that hl can run", program);
		return STATUS_HL;
	}
	/* A program that is linked statically may be as dynamic as a library: then it needs
	 * none. */
	if (library)
		strcpy(linker, m->linker);
	if (!linker[0])
		return 0;
	strcpy(m->linker, linker);
	if (!realpath(program, real)) {
		complain(&m->out, "%s: %s", program, strerror(errno));
		return STATUS_HL;
	}
	FILE *text = tmpfile();
	if (!text) {
		complain(&m->out, "cannot make a file for the time being: %s", strerror(errno));
		return STATUS_HL;
	}
	int status = list_libraries(m, linker, real, text);
	if (!status)
		status = add(m, linker, NULL);
	if (!status)
		status = add_libraries(m, text, program);
	fclose(text);
	return status;
}

static int add_program(struct mkinitrd *m, const char *name, int scripts);

/* `line`: what stands behind "#!". env(1) finds the program that is its first word. */
static int add_script(struct mkinitrd *m, char *line, const char *program, int scripts)
{
	char *save, *interpreter, *word;

	line[strcspn(line, "\n")] = '\0';
	interpreter = strtok_r(line, " \t", &save);
	if (!interpreter || scripts == MAX_SCRIPTS) {
		complain(&m->out, "%s: no interpreter that can be added", program);
		return STATUS_HL;
	}
	int status = add_program(m, interpreter, scripts + 1);
	const char *base = strrchr(interpreter, '/');
	if (status || strcmp(base ? base + 1 : interpreter, "env") != 0)
		return status;
	do
		word = strtok_r(NULL, " \t", &save);
	while (word && (*word == '-' || strchr(word, '=')));
	return word ? add_program(m, word, scripts + 1) : 0;
}

static int add_program(struct mkinitrd *m, const char *name, int scripts)
{
	char head[256] = "", *path = find_program(name);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
	int status = STATUS_HL;

	if (fd < 0) {
		complain(&m->out, "%s: %s", name, path ? strerror(errno) : "not found");
		status = path ? STATUS_HL : STATUS_NOT_FOUND;
	} else if (pread(fd, head, sizeof head - 1, 0) < 0) {
		complain(&m->out, "%s: %s", path, strerror(errno));
	} else {
		char *full = path[0] == '/' ? strdup(path) : realpath(path, NULL);
		status = full ? add(m, full, NULL) : STATUS_HL;
		if (!status && memcmp(head, ELFMAG, SELFMAG) == 0)
			status = add_elf(m, fd, full);
		else if (!status && memcmp(head, "#!", 2) == 0)
			status = add_script(m, head + 2, full, scripts);
		free(full);
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return status;
}

/* ---- writing ---- */

static const char *const gzip[] = { "gzip", "-9nc", NULL };
static const char *const zstd[] = { "zstd", "-19qc", NULL };

/* The packer, which writes to `out`. What it reads is returned; -1 with errno. */
static int start_packer(const char *const *argv, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	int err =
	    posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[0]);
	if (!err)
		return ends[1];
	close(ends[1]);
	errno = err;
	return -1;
}

static int write_plain(struct mkinitrd *m, int fd)
{
	struct hl_error *err = NULL;

	return hl_initrd_write(m->archive, fd, &err) ? report_error(&m->out, err) : 0;
}

static int write_packed(struct mkinitrd *m, int fd)
{
	pid_t pid;
	int how, in = start_packer(m->packer, fd, &pid);

	if (in < 0) {
		complain(&m->out, "cannot run %s: %s", m->packer[0], strerror(errno));
		return STATUS_HL;
	}
	int status = write_plain(m, in);
	close(in);
	while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
		;
	if (!status && (!WIFEXITED(how) || WEXITSTATUS(how) != 0)) {
		complain(&m->out, "%s has failed", m->packer[0]);
		status = STATUS_HL;
	}
	return status;
}

static int write_to(struct mkinitrd *m, int fd)
{
	return m->packer ? write_packed(m, fd) : write_plain(m, fd);
}

static int cannot_write(struct mkinitrd *m)
{
	complain(&m->out, "cannot write %s: %s", m->file, strerror(errno));
	return STATUS_HL;
}

/* Aside, so that nobody finds half an archive. */
static int write_file(struct mkinitrd *m)
{
	char *aside;
	mode_t mask = umask(0);

	umask(mask);
	if (asprintf(&aside, "%s.XXXXXX", m->file) < 0)
		return STATUS_HL;
	int fd = mkostemp(aside, O_CLOEXEC), status;
	if (fd < 0) {
		status = cannot_write(m);
	} else {
		status = write_to(m, fd);
		if (!status && (fchmod(fd, 0666 & ~mask) < 0 || rename(aside, m->file) < 0))
			status = cannot_write(m);
		close(fd);
		if (status)
			unlink(aside);
	}
	free(aside);
	return status;
}

/* ---- options ---- */

/* PATH[:GUEST] */
static int add_option(struct mkinitrd *m, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	char *path = colon ? strndup(arg, (size_t)(colon - arg)) : strdup(arg);

	if (colon && colon[1] != '/') {
		free(path);
		return usage_error(&m->out, "--add takes PATH or PATH:/GUEST, not '%s'", arg);
	}
	int status = path ? add(m, path, colon ? colon + 1 : NULL) : STATUS_HL;
	free(path);
	return status;
}

/* https://reproducible-builds.org/specs/source-date-epoch/ */
static int take_epoch(struct mkinitrd *m)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	if (!text)
		return 0;
	errno = 0;
	unsigned long long epoch = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || epoch > UINT32_MAX)
		return usage_error(&m->out, "SOURCE_DATE_EPOCH is no number of seconds: '%s'",
				   text);
	hl_initrd_set_newest(m->archive, (uint32_t)epoch);
	return 0;
}

static int bad_option(struct mkinitrd *m, int c, char **argv)
{
	if (c == ':')
		return usage_error(&m->out, "%s needs a value", argv[optind - 1]);
	return usage_error(&m->out, "mkinitrd has no option '%s'", argv[optind - 1]);
}

static int take_option(struct mkinitrd *m, int c, char **argv)
{
	switch (c) {
	case 'o': m->file = optarg; return 0;
	case 'p': m->programs = true; return 0;
	case 'z': m->packer = gzip; return 0;
	case 'Z': m->packer = zstd; return 0;
	case 'k': hl_initrd_set_keep_owners(m->archive, true); return 0;
	case 'a': m->more[m->nr_more++] = optarg; return 0;
	default: return bad_option(m, c, argv);
	}
}

static const struct option longs[] = {
	{ "output", required_argument, NULL, 'o' }, { "program", no_argument, NULL, 'p' },
	{ "add", required_argument, NULL, 'a' },    { "gzip", no_argument, NULL, 'z' },
	{ "zstd", no_argument, NULL, 'Z' },         { "keep-owners", no_argument, NULL, 'k' },
	{ "help", no_argument, NULL, 'h' },         { 0 },
};

static int parse(struct mkinitrd *m, int argc, char **argv)
{
	int c, status = take_epoch(m);

	while (!status && (c = getopt_long(argc, argv, ":o:zh", longs, NULL)) != -1) {
		if (c == 'h')
			m->help = true;
		else
			status = take_option(m, c, argv);
	}
	if (status || m->help)
		return status;
	if (!m->file)
		return usage_error(&m->out, "mkinitrd needs -o FILE");
	if (m->programs && optind == argc)
		return usage_error(&m->out, "--program needs the name of a program");
	if (!m->programs && argc - optind != 1 && !(argc == optind && m->nr_more))
		return usage_error(&m->out, "mkinitrd takes one directory, or --program");
	return 0;
}

/* Of one name in the archive the last file counts: what --add brings stands over the others. */
static int collect(struct mkinitrd *m, int nr_files, char **files)
{
	int status = 0;

	if (strcmp(m->file, "-") != 0)
		hl_initrd_leave_out(m->archive, m->file);
	for (int i = 0; !status && i < nr_files; i++)
		status = m->programs ? add_program(m, files[i], 0) : add(m, files[i], "/");
	for (int i = 0; !status && i < m->nr_more; i++)
		status = add_option(m, m->more[i]);
	return status;
}

static int make(struct mkinitrd *m, int argc, char **argv)
{
	int status = parse(m, argc, argv);

	if (status)
		return status;
	if (m->help)
		return print_help();
	status = collect(m, argc - optind, argv + optind);
	if (status)
		return status;
	return strcmp(m->file, "-") == 0 ? write_to(m, STDOUT_FILENO) : write_file(m);
}

int mkinitrd_main(int argc, char **argv)
{
	struct mkinitrd m = { .archive = hl_initrd_new(),
			      .more = calloc((size_t)argc, sizeof(char *)) };
	int status = STATUS_HL;

	signal(SIGPIPE, SIG_IGN); /* a packer that ends is an error to report */
	signal(SIGXFSZ, SIG_IGN);
	if (m.archive && m.more)
		status = make(&m, argc, argv);
	else
		complain(&m.out, "out of memory");
	hl_initrd_free(m.archive);
	free(m.more);
	return status;
}
