/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pyhl: a warm python3 for code that one does not trust. `setup` saves one that has loaded its
 * modules, once, in a world of its own (--isolate); `run` is hl snapshot run of that file. Both
 * make a command line of hl's and leave the work to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"

#define FILE_NAME "python3.snap"

/* Those that are there are loaded. */
static const char modules_usual[] =
    "numpy?,pandas?,pydantic?,yaml?,jinja2?,bs4?,tabulate?,click?,tenacity?,tqdm?,openpyxl?,"
    "pypdf?,markdown_it?,PIL?,lxml?,lxml.etree?,cryptography?,dateutil?,dotenv?";

static const char help[] =
    "Usage: pyhl setup [--modules LIST] [--python PATH | --venv DIR] [--root DIR] [--dest DIR]\n"
    "                  [--force]\n"
    "       pyhl run [OPTIONS] (-c CODE | SCRIPT | -) [ARGS...]\n"
    "Runs Python code in fresh copies of a python3 that has loaded its modules already, each in a\n"
    "virtual machine and a world of its own: the host's programs read-only, and no network.\n"
    "\n"
    "  setup: saves that python3, if it is not there yet\n"
    "      --modules NAME,...  load these (NAME?: if it is there); else numpy, pandas and others,\n"
    "                          as far as they are installed\n"
    "      --python PATH       this interpreter, and not the python3 of PATH\n"
    "      --venv DIR          the one of a virtual environment\n"
    "      --root DIR          DIR is the whole world of the program (--python: a path in it)\n"
    "      --platform NAME     as of hl run\n"
    "      --dest DIR          save it here; else in $PYHL_HOME, $XDG_DATA_HOME/pyhl or\n"
    "                          ~/.local/share/pyhl\n"
    "      --force             save it anew\n"
    "\n"
    "  run: as python3 -c CODE, python3 SCRIPT or python3 - do\n"
    "      --dest DIR          from here; else from $PYHL_HOME, ./.pyhl, $XDG_DATA_HOME/pyhl or\n"
    "                          ~/.local/share/pyhl\n"
    "      --repeat N          N times more, each in a fresh copy\n"
    "  -v, --verbose           also the times that it took\n"
    "      All other options are those of hl run, such as --mount, --net-allow, --timeout,\n"
    "      --memory, --env, --deterministic.\n"
    "\n"
    "Exit status: the program's; as hl's where that fails; 2 for a usage error.\n";

static const struct output out = { .command = "pyhl" };

/* ---- words of a command line ---- */

struct words {
	char **item;
	int count;
	bool failed; /* no memory */
};

/* Takes `word` over; NULL stands for want of memory. */
static void add_owned(struct words *w, char *word)
{
	char **more = reallocarray(w->item, (size_t)w->count + 2, sizeof *more);

	if (!word || !more) {
		free(word);
		w->item = more ? more : w->item;
		w->failed = true;
		return;
	}
	w->item = more;
	more[w->count++] = word;
	more[w->count] = NULL;
}

static void add(struct words *w, const char *word)
{
	add_owned(w, strdup(word));
}

static void __attribute__((format(printf, 2, 3))) addf(struct words *w, const char *fmt, ...)
{
	char *word;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&word, fmt, ap) < 0)
		word = NULL;
	va_end(ap);
	add_owned(w, word);
}

static void words_free(struct words *w)
{
	for (int i = 0; i < w->count; i++)
		free(w->item[i]);
	free(w->item);
}

/* ---- where it is ---- */

/* The places to look for it, in order; ./.pyhl is one to run from alone. */
static void find_places(struct words *places, const char *dest, bool running)
{
	const char *home = getenv("PYHL_HOME"), *data = getenv("XDG_DATA_HOME");

	if (dest) {
		add(places, dest);
		return;
	}
	if (home && *home)
		add(places, home);
	if (running)
		add(places, "./.pyhl");
	if (data && *data)
		addf(places, "%s/pyhl", data);
	home = getenv("HOME");
	if (home && *home)
		addf(places, "%s/.local/share/pyhl", home);
}

/* ---- setup ---- */

struct setup {
	const char *modules, *root, *python, *venv, *dest, *platform;
	bool force, helped;
};

/* What the interpreter says of itself: its path, then directories that --isolate does not show and
 * that it needs. */
static const char about[] =
    "import os, sys\n"
    "shown = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/usr', '/opt']\n"
    "print(sys.executable)\n"
    "dirs = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path}\n"
    "for d in sorted(d for d in map(os.path.abspath, dirs - {''}) if os.path.isdir(d)):\n"
    "    if not any(d == s or d.startswith(s + '/') for s in shown):\n"
    "        shown.append(d)\n"
    "        print(d)\n";

/* Starts it with its output in the pipe; 0 or an errno. */
static int start_python(const char *python, int to, pid_t *pid)
{
	char *argv[] = { (char *)(uintptr_t)python, (char[]){ "-c" }, (char *)(uintptr_t)about,
			 NULL };
	posix_spawn_file_actions_t actions;
	int e = posix_spawn_file_actions_init(&actions);

	if (e)
		return e;
	e = posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO);
	if (!e)
		e = posix_spawnp(pid, python, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return e;
}

static void read_lines(int fd, struct words *lines)
{
	FILE *f = fdopen(fd, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (!f) {
		close(fd);
		lines->failed = true;
		return;
	}
	while ((n = getline(&line, &room, f)) > 0) {
		line[n - (line[n - 1] == '\n')] = '\0';
		add(lines, line);
	}
	free(line);
	fclose(f);
}

/* The lines that it prints; 0 or an exit status. */
static int ask_python(const char *python, struct words *lines)
{
	int fds[2], status;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		complain(&out, "no pipe: %s", strerror(errno));
		return STATUS_HL;
	}
	int e = start_python(python, fds[1], &pid);
	close(fds[1]);
	read_lines(fds[0], lines);
	if (e) {
		complain(&out, "%s: %s", python, strerror(e));
		return e == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXEC;
	}
	if (waitpid(pid, &status, 0) < 0 || status || !lines->count || lines->failed) {
		complain(&out, "%s is no python3 that works", python);
		return STATUS_HL;
	}
	return 0;
}

/* The interpreter and what of the host it needs to be given; 0 or an exit status. */
static int add_python(struct words *w, const struct setup *s)
{
	struct words lines = { NULL, 0, false };
	char *venv = NULL;

	if (s->root) {
		add(w, "--root");
		add(w, s->root);
		add(w, "--overlay");
		add(w, "--");
		add(w, s->python ? s->python : "python3");
		return 0;
	}
	if (s->venv && asprintf(&venv, "%s/bin/python3", s->venv) < 0)
		return report_no_memory(&out);
	int status = ask_python(venv ? venv : s->python ? s->python : "python3", &lines);
	free(venv);
	if (!status) {
		add(w, "--isolate");
		for (int i = 1; i < lines.count; i++) {
			add(w, "--mount");
			addf(w, "%s:%s:ro", lines.item[i], lines.item[i]);
		}
		add(w, "--");
		add(w, lines.item[0]);
	}
	words_free(&lines);
	return status;
}

/* As mkdir -p. */
static int make_directory(const char *dir)
{
	char *copy = strdup(dir);
	int ret = copy ? 0 : -1;

	for (char *slash = copy ? copy : NULL; slash && ret == 0;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			ret = -1;
		if (slash)
			*slash = '/';
	}
	free(copy);
	return ret;
}

/* What is told while it is made: a line on a terminal, which the next one overwrites. */
struct progress {
	bool shown;
	size_t loaded;
	char names[1024];
};

static void tell(void *arg, struct hl_call *call)
{
	struct progress *p = arg;
	size_t len, had = strlen(p->names);
	const char *name = hl_call_data(call, &len);

	p->loaded++;
	snprintf(p->names + had, sizeof p->names - had, " %.*s", (int)(len < 64 ? len : 64), name);
	if (p->shown)
		fprintf(stderr, "\r\033[Kpyhl: %zu modules, %.*s", p->loaded,
			(int)(len < 64 ? len : 64), name);
}

static int save(const char *file, const struct setup *s)
{
	struct progress progress = { .shown = isatty(STDERR_FILENO) };
	struct words w = { NULL, 0, false };
	struct run r = { .verb = RUN_SAVE, .out = out, .after_ms = UINT64_MAX };

	r.told = tell;
	r.told_arg = &progress;
	add(&w, file);
	add(&w, "--driver");
	addf(&w, "python3:%s", s->modules ? s->modules : modules_usual);
	if (s->platform) {
		add(&w, "--platform");
		add(&w, s->platform);
	}
	int status = add_python(&w, s);
	if (!status && w.failed)
		status = report_no_memory(&out);
	r.file = file;
	if (!status)
		status = run_whole(&r, w.count, w.item);
	if (progress.shown)
		fputs("\r\033[K", stderr);
	if (!status)
		printf("pyhl: %s:%s\n", file, progress.names);
	words_free(&w);
	return status ? status : fflush(stdout) ? STATUS_HL : 0;
}

static const struct option setup_options[] = {
	{ "modules", required_argument, NULL, 'm' },
	{ "root", required_argument, NULL, 'r' },
	{ "python", required_argument, NULL, 'p' },
	{ "venv", required_argument, NULL, 'V' },
	{ "dest", required_argument, NULL, 'd' },
	{ "platform", required_argument, NULL, 'P' },
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

/* -1: go on; else an exit status. */
static int parse_setup(struct setup *s, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "+:h", setup_options, NULL)) != -1) {
		switch (c) {
		case 'm': s->modules = optarg; break;
		case 'r': s->root = optarg; break;
		case 'p': s->python = optarg; break;
		case 'V': s->venv = optarg; break;
		case 'd': s->dest = optarg; break;
		case 'P': s->platform = optarg; break;
		case 'f': s->force = true; break;
		case 'h': s->helped = true; return -1;
		case ':': return usage_error(&out, "%s needs a value", argv[optind - 1]);
		default: return usage_error(&out, "unknown option '%s'", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return usage_error(&out, "pyhl setup takes options alone, not '%s'", argv[optind]);
	if (s->venv && (s->python || s->root))
		return usage_error(&out, "--venv excludes --python and --root");
	return -1;
}

/* Is one there that this hl can run? */
static bool is_there(const char *file)
{
	struct hl_snapshot *snapshot;

	if (hl_snapshot_open(file, &snapshot, NULL))
		return false;
	hl_snapshot_close(snapshot);
	return true;
}

static int print(const char *text)
{
	return fputs(text, stdout) == EOF || fflush(stdout) ? STATUS_HL : 0;
}

static int setup_main(int argc, char **argv)
{
	struct setup s = { .modules = NULL };
	struct words places = { NULL, 0, false };
	int status = parse_setup(&s, argc, argv);
	char *file;

	if (status >= 0)
		return status;
	if (s.helped)
		return print(help);
	optind = 0;
	find_places(&places, s.dest, false);
	if (!places.count || asprintf(&file, "%s/" FILE_NAME, places.item[0]) < 0) {
		words_free(&places);
		return usage_error(&out, "there is no HOME to save it in: --dest DIR says where");
	}
	if (!s.force && is_there(file)) {
		printf("pyhl: %s is there; --force makes it anew\n", file);
		status = fflush(stdout) ? STATUS_HL : 0;
	} else if (make_directory(places.item[0]) < 0) {
		complain(&out, "%s: %s", places.item[0], strerror(errno));
		status = STATUS_HL;
	} else {
		status = save(file, &s);
	}
	free(file);
	words_free(&places);
	return status;
}

/* ---- run ---- */

/* Takes --dest DIR out of the options, and makes -c CODE, behind which all is the program's, what
 * hl snapshot run takes. *script: the place of SCRIPT among the words; 0: there is none. */
static int read_options(struct words *w, int argc, char **argv, const char **dest, int *script)
{
	int i = 1, n;

	*script = 0;
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i += n) {
		const char *word = argv[i];
		n = parse_option_words(argc - i, argv + i);
		if (strcmp(word, "--dest") == 0 || strcmp(word, "-c") == 0) {
			if (i + 1 >= argc)
				return usage_error(&out, "%s needs a value", word);
			n = 2;
		}
		if (strcmp(word, "--dest") == 0) {
			*dest = argv[i + 1];
		} else if (strncmp(word, "--dest=", 7) == 0) {
			*dest = word + 7;
		} else if (strcmp(word, "--") == 0) {
			i++;
			break;
		} else if (strncmp(word, "-c", 2) == 0) {
			add(w, "-e");
			add(w, word[2] ? word + 2 : argv[i + 1]);
			i += word[2] ? 1 : 2;
			goto program;
		} else {
			for (int k = 0; k < n && i + k < argc; k++)
				add(w, argv[i + k]);
		}
	}
	if (i < argc && strcmp(argv[i], "-") != 0)
		*script = w->count + 1;
program:
	add(w, "--");
	for (; i < argc; i++)
		add(w, argv[i]);
	return 0;
}

/* The script is a file of the host's, which the program sees at the same place. One that is named
 * from the caller's directory on is so in there, where the program starts; of any other the whole
 * name is told. */
static void add_script(struct words *w, char **script)
{
	char dir[PATH_MAX], *name = *script, *path = realpath(name, NULL);
	struct stat st;

	/* what is no file of the host's is looked for in the program's world */
	if (!path || stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !getcwd(dir, sizeof dir)) {
		free(path);
		return;
	}
	size_t len = strlen(dir);
	bool below = name[0] != '/' && strncmp(path, dir, len) == 0 &&
		     strcmp(path + len + (path[len] == '/'), name) == 0;
	if (strncmp(path, "/usr/", 5) != 0) {
		add(w, "--mount");
		addf(w, "%s:%s:ro", path, path);
	}
	if (below) {
		add(w, "--workdir");
		add(w, dir);
	} else {
		free(name);
		*script = path;
		return;
	}
	free(path);
}

static int not_found(const struct words *places)
{
	char text[2048] = "";
	size_t n = 0;

	for (int i = 0; i < places->count && n < sizeof text; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? ", " : "",
				      places->item[i]);
	complain(&out, "there is no warm python3 in %s: pyhl setup makes one", text);
	return STATUS_NOT_FOUND;
}

/* The file that is run; NULL: there is none. */
static char *find_file(const struct words *places)
{
	char *file;

	for (int i = 0; i < places->count; i++) {
		if (asprintf(&file, "%s/" FILE_NAME, places->item[i]) < 0)
			return NULL;
		if (access(file, F_OK) == 0)
			return file;
		free(file);
	}
	return NULL;
}

static int run_with(const char *file, struct words *w, int script)
{
	struct run r = { .verb = RUN_COPY, .out = out, .file = file, .times = true };
	struct words all = { NULL, 0, false };

	add(&all, file);
	if (script)
		add_script(&all, &w->item[script]);
	for (int i = 0; i < w->count; i++)
		add(&all, w->item[i]);
	int status = all.failed || w->failed ? report_no_memory(&out)
					     : snapshot_run(&r, all.count, all.item);
	words_free(&all);
	return status;
}

static int pyhl_run(int argc, char **argv)
{
	struct words w = { NULL, 0, false }, places = { NULL, 0, false };
	const char *dest = NULL;
	int script, status = read_options(&w, argc, argv, &dest, &script);

	for (int i = 0; !status && i < w.count && strcmp(w.item[i], "--") != 0; i++) {
		if (strcmp(w.item[i], "--help") == 0 || strcmp(w.item[i], "-h") == 0) {
			words_free(&w);
			return print(help);
		}
	}
	if (!status) {
		find_places(&places, dest, true);
		char *file = find_file(&places);
		status = file ? run_with(file, &w, script) : not_found(&places);
		free(file);
	}
	words_free(&places);
	words_free(&w);
	return status;
}

int pyhl_main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "setup") == 0)
		return setup_main(argc - 1, argv + 1);
	if (strcmp(verb, "run") == 0)
		return pyhl_run(argc - 1, argv + 1);
	if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0)
		return print(help);
	if (strcmp(verb, "--version") == 0 || strcmp(verb, "-V") == 0)
		return print_version();
	return usage_error(&out, "pyhl takes setup or run%s%s%s", *verb ? ", not '" : "", verb,
			   *verb ? "'" : "");
}
