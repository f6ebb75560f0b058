/* SPDX-License-Identifier: Apache-2.0 */
/* A directory to work in, and what around it a program does not see. See the header. */
#include "lib/workspace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/vfs.h"
#include "lib/gitconfig.h"
#include "lib/listings.h"

#define SHOWN     (MOUNT_RDONLY | MOUNT_NOSUID | MOUNT_NODEV)
#define WRITABLE  (MOUNT_NOSUID | MOUNT_NODEV)
#define LOOKED_AT 65536 /* bytes of a file that are searched for a secret */
/* Names in a directory below DIR: a million pictures are no secrets, and take half a second. */
#define NAMES_BELOW 4096

/* Secrets, below the home and below DIR: keys, tokens, profiles of browsers and clouds, histories,
 * sockets of agents. */
static const char *const secrets[] = {
	/* keys */
	".gnupg", ".local/share/keyrings", ".local/share/kwalletd", ".password-store", ".pki",
	".ssh", ".step", ".age", ".config/age", ".config/sops", ".config/op", ".config/1Password",
	".config/Bitwarden", ".config/keepassxc",
	/* passwords and tokens of tools */
	".netrc", "_netrc", ".authinfo", ".authinfo.gpg", ".git-credentials",
	".config/git/credentials", ".config/gh", ".config/glab-cli", ".config/hub", ".pypirc",
	".config/pypoetry/auth.toml", ".cargo/credentials", ".cargo/credentials.toml",
	".gem/credentials", ".m2/settings.xml", ".m2/settings-security.xml",
	".gradle/gradle.properties", ".nuget/NuGet.Config", ".composer/auth.json",
	".config/composer/auth.json", ".hex/hex.config", ".docker", ".config/containers/auth.json",
	".kube", ".helm", ".config/helm/registry", ".vault-token", ".terraform.d", ".terraformrc",
	".pgpass", ".my.cnf", ".mylogin.cnf", ".s3cfg", ".boto", ".rclone.conf", ".config/rclone",
	".msmtprc", ".mbsyncrc", ".huggingface", ".cache/huggingface/token", ".kaggle",
	".config/github-copilot", ".config/Code", ".config/Cursor", ".vscode-server",
	".claude.json", ".claude/.credentials.json", ".codex/auth.json", ".gemini",
	".config/openai",
	/* clouds */
	".aws", ".azure", ".config/azure", ".config/gcloud", ".config/doctl", ".config/fly", ".fly",
	".config/heroku", ".config/netlify", ".netlify", ".vercel", ".config/vercel", ".wrangler",
	".config/.wrangler", ".oci", ".bluemix", ".aliyun", ".config/hcloud", ".config/scw",
	".config/linode-cli", ".pulumi", ".config/configstore", ".databrickscfg", ".snowsql",
	/* browsers, mail, chat, wallets */
	".mozilla", ".thunderbird", ".config/BraveSoftware", ".config/Signal", ".config/Slack",
	".config/chromium", ".config/discord", ".config/google-chrome", ".config/microsoft-edge",
	".config/opera", ".config/vivaldi", ".cache/mozilla", ".cache/chromium",
	".cache/google-chrome", ".var/app", "snap/firefox", "snap/chromium", ".bitcoin",
	".ethereum", ".electrum", ".config/solana",
	/* sessions, and what was typed */
	".ICEauthority", ".Xauthority", ".config/pulse", ".dbus", ".bash_history", ".zsh_history",
	".histfile", ".local/share/fish/fish_history", ".python_history", ".node_repl_history",
	".psql_history", ".mysql_history", ".sqlite_history", ".rediscli_history", ".lesshst",
	".viminfo", ".local/state/nvim/shada", ".wget-hsts"
};

/* Names at the top of DIR, and of the directories there, that hold a secret, always, or where
 * `sign` is in them. Further down nobody looks: a checkout has thousands of directories. */
static const struct suspect {
	const char *pattern; /* with one star at most, at its beginning or its end */
	size_t len;
	const char *sign;
	bool innocent; /* later rows do not count for it */
} suspects[] = {
#define NAMED(pattern) pattern, sizeof(pattern) - 1
	{ NAMED(".env.example"), NULL, true },
	{ NAMED(".env.sample"), NULL, true },
	{ NAMED(".env.template"), NULL, true },
	{ NAMED(".env.dist"), NULL, true },
	{ NAMED(".env"), NULL, false },
	{ NAMED(".env.*"), NULL, false },
	{ NAMED(".npmrc"), "_auth", false },
	{ NAMED(".npmrc"), "_password", false },
	{ NAMED(".yarnrc.yml"), "npmAuth", false },
	{ NAMED("*.pem"), "PRIVATE KEY", false },
	{ NAMED("*.key"), "PRIVATE KEY", false },
	{ NAMED("id_rsa"), NULL, false },
	{ NAMED("id_ecdsa"), NULL, false },
	{ NAMED("id_ed25519"), NULL, false },
	{ NAMED("*.ppk"), NULL, false },
	{ NAMED("*.p12"), NULL, false },
	{ NAMED("*.pfx"), NULL, false },
	{ NAMED("*.jks"), NULL, false },
	{ NAMED("*.keystore"), NULL, false },
	{ NAMED("*.kdbx"), NULL, false },
	{ NAMED("*.json"), "\"private_key\"", false },
	{ NAMED("kubeconfig"), NULL, false },
	{ NAMED("*.tfstate"), NULL, false },
	{ NAMED("*.tfvars"), NULL, false },
	{ NAMED("secrets.*"), NULL, false },
};

/* What programs of the host obey that lies in DIR: editors, and agents that write code. */
static const char *const obeyed[] = { ".vscode", ".idea",  ".zed",      ".fleet",       ".cursor",
				      ".claude", ".codex", ".mcp.json", ".devcontainer" };

/* The same of git, below .git. */
static const char *const obeyed_by_git[] = { "hooks", "config.worktree", "modules" };

/* The same where DIR is the home: what shells and sessions run. */
static const char *const obeyed_at_home[] = { ".bash_aliases",
					      ".bash_login",
					      ".bash_logout",
					      ".bash_profile",
					      ".bashrc",
					      ".config/autostart",
					      ".config/environment.d",
					      ".config/fish",
					      ".config/git",
					      ".config/nvim",
					      ".config/systemd",
					      ".emacs",
					      ".emacs.d",
					      ".gitconfig",
					      ".inputrc",
					      ".kshrc",
					      ".local/bin",
					      ".login",
					      ".pam_environment",
					      ".profile",
					      ".tmux.conf",
					      ".vim",
					      ".vimrc",
					      ".xinitrc",
					      ".xprofile",
					      ".xsession",
					      ".xsessionrc",
					      ".zlogin",
					      ".zprofile",
					      ".zshenv",
					      ".zshrc",
					      "bin",
					      ".local/share/applications",
					      ".pythonrc",
					      ".gdbinit",
					      ".config/gdb" };

/* Tool chains that people have in their homes. */
static const char *const tools[] = { ".asdf",
				     ".bun/bin",
				     ".cargo/bin",
				     ".deno/bin",
				     ".ghcup",
				     ".juliaup",
				     ".local/bin",
				     ".local/lib",
				     ".local/share/fnm",
				     ".local/share/mise",
				     ".local/share/uv",
				     ".nix-profile",
				     ".npm-global",
				     ".nvm",
				     ".opam",
				     ".pyenv",
				     ".rbenv",
				     ".rustup",
				     ".sdkman",
				     ".volta",
				     "go/bin" };

/* The same elsewhere. */
static const char *const tools_elsewhere[] = { "/nix/store", "/nix/var/nix/profiles",
					       "/home/linuxbrew" };

/* What package managers and compilers keep, for all programs of the user's. */
static const char *const caches[] = {
	".cache/ccache",   ".cache/go-build", ".cache/node-gyp", ".cache/pip",
	".cache/pnpm",     ".cache/uv",       ".cache/yarn",     ".cargo/git",
	".cargo/registry", ".ccache",         ".gradle/caches",  ".local/share/pnpm/store",
	".m2/repository",  ".npm/_cacache",   ".nuget/packages", "go/pkg/mod"
};

/* Places that are the world's own: none of them, and nothing above them, is a place to work in. */
static const char *const taken[] = {
	"/bin", "/boot", "/dev", "/etc",  "/lib", "/lib32", "/lib64",
	"/opt", "/proc", "/run", "/sbin", "/sys", "/usr",   "/var/run"
};

/* ---- which one ---- */

/* Is `path` `top`, or below it? */
static bool is_at(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (!path[len] || path[len] == '/');
}

static const char *why_not(const struct workspace *w)
{
	static const char *const sources[] = { "/opt", "/usr/src", "/usr/local/src" };
	bool source = false;

	if (strcmp(w->dir, "/") == 0)
		return "all of the host is no directory to work in";
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		source |= is_at(w->dir, sources[i]) && strcmp(w->dir, sources[i]) != 0;
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		if (is_at(taken[i], w->dir) || (is_at(w->dir, taken[i]) && !source))
			return "the directory is the system's";
	}
	if (is_at(w->home, w->dir) && strcmp(w->home, w->dir) != 0)
		return "the directory holds the home, with all that is secret in it: name one "
		       "below";
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		size_t len = strlen(w->home);
		if (is_at(w->dir, w->home) && w->dir[len] && is_at(w->dir + len + 1, secrets[i]))
			return "the directory holds what the user keeps secret";
	}
	return NULL;
}

/* The caller's home, where a directory in memory can stand in for it. */
static void find_home(const struct hl_config *cfg, char home[PATH_MAX])
{
	const char *name = env_value(&cfg->caller_env, "HOME");
	char plain[PATH_MAX], *real = name && *name == '/' ? realpath(name, NULL) : NULL;
	bool good = real && !mount_target(real, plain);

	for (size_t i = 0; good && i < sizeof taken / sizeof *taken; i++)
		good = !is_at(taken[i], real) && !is_at(real, taken[i]);
	snprintf(home, PATH_MAX, "%s", good ? real : "/root");
	free(real);
}

int workspace_find(const struct hl_config *cfg, struct workspace *out, struct errmsg *errmsg)
{
	const char *name = cfg->workspace;
	char *real = realpath(name, NULL);
	struct stat st;
	int err = real && stat(real, &st) == 0 ? S_ISDIR(st.st_mode) ? 0 : ENOTDIR : errno;

	if (err) {
		free(real);
		return errmsg_set(errmsg, err, "workspace '%s': %s", name, strerror(err));
	}
	snprintf(out->dir, sizeof out->dir, "%s", real);
	free(real);
	find_home(cfg, out->home);
	const char *why = why_not(out);
	return why ? errmsg_set(errmsg, EINVAL, "workspace '%s': %s", name, why) : 0;
}

void workspace_start(const struct workspace *w, char path[PATH_MAX])
{
	char cwd[PATH_MAX];

	snprintf(path, PATH_MAX, "%s",
		 getcwd(cwd, sizeof cwd) && is_at(cwd, w->dir) ? cwd : w->dir);
}

/* ---- its mounts ---- */

struct builder {
	struct mount_list list;
	const struct workspace *w;
	struct listings *listings;
	bool no_memory;
};

static void add(struct builder *b, const struct mount_spec *m)
{
	if (!mount_list_has(&b->list, m->target) && !mount_list_add(&b->list, m))
		b->no_memory = true;
}

/* Directories in memory on the way from `top`, which is one, to `path`. */
static void add_way(struct builder *b, const char *top, const char *path)
{
	char dir[PATH_MAX];

	if (!is_at(path, top))
		return;
	for (const char *s = path + strlen(top); *s && (s = strchr(s + 1, '/'));) {
		snprintf(dir, sizeof dir, "%.*s", (int)(s - path), path);
		add(b, &(struct mount_spec){
			   .type = "directory", .source = "", .target = dir, .flags = 0755 });
	}
}

/* false: it is not there, or its name is too long to be. */
static bool find_below(const char *top, const char *name, char path[PATH_MAX], struct stat *st)
{
	return snprintf(path, PATH_MAX, "%s/%s", top, name) < PATH_MAX && lstat(path, st) == 0;
}

static void add_host(struct builder *b, const char *path, unsigned flags)
{
	add(b, &(struct mount_spec){
		   .type = "hostfs", .source = path, .target = path, .flags = flags });
}

/* Nothing is seen of it any more. */
static void hide(struct builder *b, const char *path)
{
	add(b,
	    &(struct mount_spec){ .type = "hidden", .source = "", .target = path, .flags = SHOWN });
}

/* A symlink is left: where it leads to in the guest's tree is what the host has there. */
static void keep(struct builder *b, const char *top, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	if (find_below(top, name, path, &st) && !S_ISLNK(st.st_mode))
		add_host(b, path, SHOWN);
}

static bool holds(const char *path, const char *sign)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = malloc(LOOKED_AT);
	ssize_t n = fd >= 0 && text ? read(fd, text, LOOKED_AT) : -1;
	bool found = n < 0 || memmem(text, (size_t)n, sign, strlen(sign));

	free(text);
	if (fd >= 0)
		close(fd);
	return found;
}

/* Of all the names of a checkout: fnmatch(3) takes ten times as long. A star at the beginning
 * stands for no period there. */
static bool matches(const struct suspect *s, const char *name, size_t len)
{
	if (*s->pattern == '*')
		return len + 1 >= s->len && *name != '.' &&
		       memcmp(name + len + 1 - s->len, s->pattern + 1, s->len - 1) == 0;
	if (s->pattern[s->len - 1] == '*')
		return strncmp(name, s->pattern, s->len - 1) == 0;
	return len == s->len && memcmp(name, s->pattern, len) == 0;
}

/* The first row of the table that the name is of, unless it says that it is no secret; NULL: none.
 * `from`: where to begin. */
static const struct suspect *suspect_of(const char *name, const struct suspect *from)
{
	size_t len = strlen(name);

	for (const struct suspect *s = from; s < suspects + sizeof suspects / sizeof *suspects; s++)
		if (matches(s, name, len))
			return s->innocent ? NULL : s;
	return NULL;
}

static bool is_secret(const char *path, const char *name)
{
	const struct suspect *s = suspect_of(name, suspects);

	while (s && s->sign && !holds(path, s->sign))
		s = suspect_of(name, s + 1);
	return s != NULL;
}

static bool is_directory(const char *dir, const struct dirent *e)
{
	char path[PATH_MAX];
	struct stat st;

	return e->d_type != DT_UNKNOWN
		   ? e->d_type == DT_DIR
		   : find_below(dir, e->d_name, path, &st) && S_ISDIR(st.st_mode);
}

/* The names of a directory that have to be looked at, each behind a letter: s, it may be a secret;
 * d, it is a directory, where there are any `deeper`. 0 or -errno. */
static int list(const char *dir, bool deeper, DIR *d, unsigned *names, struct strings *out)
{
	for (struct dirent *e; (e = readdir(d));) {
		bool below = is_directory(dir, e);
		char name[NAME_MAX + 2];
		if (++*names > NAMES_BELOW && !deeper)
			return 0;
		if (below ? !deeper || strcmp(e->d_name, ".") == 0 ||
				strcmp(e->d_name, "..") == 0 || strcmp(e->d_name, ".git") == 0
			  : !suspect_of(e->d_name, suspects))
			continue;
		snprintf(name, sizeof name, "%c%s", below ? 'd' : 's', e->d_name);
		if (!strings_copy(out, 1, (const char *[]){ name }))
			return -ENOMEM;
	}
	return 0;
}

static bool has_newline(const struct strings *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (strchr(names->item[i], '\n'))
			return true;
	return false;
}

static int hide_suspects(struct builder *b, const char *dir, int deeper);

static int hide_names(struct builder *b, const char *dir, int deeper, const struct strings *names)
{
	char path[PATH_MAX];
	struct stat st;
	int err = 0;

	for (size_t i = 0; !err && i < names->count; i++) {
		const char *name = names->item[i] + 1;
		if (!find_below(dir, name, path, &st))
			continue;
		if (names->item[i][0] == 's') {
			if (is_secret(path, name))
				hide(b, path);
			continue;
		}
		err = hide_suspects(b, path, deeper - 1);
		/* what we may not list, the program may not either; or it is gone */
		if (err == -EACCES || err == -ENOENT || err == -ENOTDIR)
			err = 0;
	}
	return err;
}

/* In `dir`, and `deeper` levels of directories below it, of which not more than NAMES_BELOW names
 * each are looked at. 0 or -errno. */
static int hide_suspects(struct builder *b, const char *dir, int deeper)
{
	struct strings names = { .item = NULL };
	unsigned all = 0;
	struct stat st;

	if (lstat(dir, &st) < 0)
		return -errno;
	const struct strings *kept = listings_find(b->listings, &st);
	if (kept)
		return hide_names(b, dir, deeper, kept);
	DIR *d = opendir(dir);
	if (!d)
		return -errno;
	int err = fstat(dirfd(d), &st) < 0 ? -errno : list(dir, deeper > 0, d, &all, &names);
	if (!err)
		err = hide_names(b, dir, deeper, &names);
	if (err || has_newline(&names))
		strings_clear(&names);
	else
		listings_keep(b->listings, dirfd(d), &st, all, &names);
	closedir(d);
	return err;
}

/* 0 or -errno: what cannot be looked at cannot be hidden. */
static int hide_secrets(struct builder *b, const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	b->listings = listings_open(dir);
	int err = hide_suspects(b, dir, 1);
	listings_close(b->listings);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		if (find_below(dir, secrets[i], path, &st))
			hide(b, path);
	}
	return 0;
}

/* .git is a mount of its own, so that its name cannot be given to another directory. Its config is
 * shown without the passwords that people and machines leave in it. The .git of a worktree is a
 * file, and says where git's directory is, with the hooks and settings that git obeys: a program
 * that could write it would lead the host's git to settings of its own. */
static int add_git(struct builder *b, const char *dir)
{
	char git[PATH_MAX], config[PATH_MAX], path[PATH_MAX];
	struct stat st;

	if (!find_below(dir, ".git", git, &st))
		return 0;
	if (!S_ISDIR(st.st_mode)) {
		keep(b, dir, ".git");
		return 0;
	}
	add_host(b, git, WRITABLE);
	for (size_t i = 0; i < sizeof obeyed_by_git / sizeof *obeyed_by_git; i++)
		keep(b, git, obeyed_by_git[i]);
	if (!find_below(git, "hooks", path, &st) && errno == ENOENT)
		add(b, &(struct mount_spec){
			   .type = "empty", .source = "none", .target = path, .flags = SHOWN });
	if (!find_below(git, "config", config, &st))
		return 0;
	char *text;
	int err = gitconfig_without_secrets(config, &text);
	if (err)
		return err;
	if (text)
		add(b, &(struct mount_spec){
			   .type = "text", .source = text, .target = config, .flags = SHOWN });
	else
		add_host(b, config, SHOWN);
	free(text);
	return 0;
}

static int add_dir(struct builder *b)
{
	const struct workspace *w = b->w;
	int err;

	add_way(b, w->home, w->dir);
	add_host(b, w->dir, WRITABLE);
	for (size_t i = 0; i < sizeof obeyed / sizeof *obeyed; i++)
		keep(b, w->dir, obeyed[i]);
	if (strcmp(w->dir, w->home) == 0) {
		for (size_t i = 0; i < sizeof obeyed_at_home / sizeof *obeyed_at_home; i++)
			keep(b, w->dir, obeyed_at_home[i]);
	}
	err = add_git(b, w->dir);
	return err ? err : hide_secrets(b, w->dir);
}

/* What the user's git says of the user: a name and an address for commits. Files of the workspace
 * may be another user's of the host, which is no danger to git in here. */
static int add_gitconfig(struct builder *b)
{
	char path[PATH_MAX], *text;
	int err = gitconfig_identity(b->w->home, &text);

	if (err)
		return err;
	snprintf(path, sizeof path, "%.*s/.gitconfig", PATH_MAX - 16, b->w->home);
	add(b,
	    &(struct mount_spec){ .type = "file", .source = text, .target = path, .flags = 0644 });
	free(text);
	return 0;
}

static void add_tools(struct builder *b)
{
	const char *home = b->w->home;
	char path[PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
		if (!find_below(home, tools[i], path, &st) || !S_ISDIR(st.st_mode))
			continue;
		add_way(b, home, path);
		add_host(b, path, SHOWN);
	}
	for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
		if (!find_below(home, caches[i], path, &st) || !S_ISDIR(st.st_mode))
			continue;
		add_way(b, home, path);
		add(b, &(struct mount_spec){ .type = "overlay",
					     .lower = "hostfs",
					     .source = path,
					     .target = path,
					     .flags = WRITABLE });
	}
}

static int add_home(struct builder *b)
{
	if (strcmp(b->w->dir, b->w->home) == 0)
		return 0;
	add(b, &(struct mount_spec){
		   .type = "tmpfs", .source = "tmpfs", .target = b->w->home, .flags = WRITABLE });
	add_tools(b);
	return add_gitconfig(b);
}

int workspace_add(const struct workspace *w, struct mount_list *l, struct errmsg *errmsg)
{
	struct builder b = { .w = w };
	struct stat st;
	int err = add_home(&b);

	for (size_t i = 0; i < sizeof tools_elsewhere / sizeof *tools_elsewhere; i++) {
		if (stat(tools_elsewhere[i], &st) == 0 && S_ISDIR(st.st_mode))
			add_host(&b, tools_elsewhere[i], SHOWN);
	}
	if (!err)
		err = add_dir(&b);
	if (err)
		errmsg_set(errmsg, -err, "workspace '%s': what is secret in it cannot be found: %s",
			   w->dir, strerror(-err));
	else if (b.no_memory || !mount_list_add_sorted(l, &b.list))
		err = -ENOMEM;
	mount_list_clear(&b.list);
	return err;
}
