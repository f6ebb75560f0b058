/* SPDX-License-Identifier: Apache-2.0 */
/* Which variables of the caller's a program in a workspace starts with. What is not in the list
 * does not go in; what smells of a secret does not, whatever the list says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/workspace.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* With a star at the end, what begins so. */
static const char *const allowed[] = {
	/* language and time */
	"LANG", "LANGUAGE", "LC_*", "TZ",
	/* the terminal */
	"TERM", "COLORTERM", "TERM_PROGRAM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR",
	"CLICOLOR", "CLICOLOR_FORCE", "LS_COLORS", "PAGER", "LESS",
	/* builds */
	"CI", "CC", "CXX", "CPP", "LD", "AR", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS",
	"MAKEFLAGS", "CMAKE_*", "SOURCE_DATE_EPOCH", "DEBIAN_FRONTEND", "NODE_ENV", "NODE_OPTIONS",
	"PYTHON*", "GOFLAGS", "GOOS", "GOARCH", "CGO_*", "RUSTFLAGS", "RUST_BACKTRACE", "RUST_LOG",
	"CARGO_TERM_*", "JAVA_HOME", "JAVA_TOOL_OPTIONS", "MAVEN_OPTS", "GRADLE_OPTS",
	/* who commits */
	"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL",
	"GIT_PAGER", "EDITOR", "VISUAL"
};

static const char *const smells[] = {
	"TOKEN",  "SECRET",  "PASS",    "KEY",  "CREDENTIAL", "AUTH_",
	"COOKIE", "SESSION", "PRIVATE", "_PWD", "APIKEY",     "CERT"
};

static bool is_allowed(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
		size_t n = strcspn(allowed[i], "*");
		if (n <= len && strncmp(name, allowed[i], n) == 0 && (allowed[i][n] || n == len))
			return true;
	}
	return false;
}

static bool smells_of_secret(const char *name, size_t len)
{
	char copy[256];

	snprintf(copy, sizeof copy, "%.*s", (int)len, name);
	for (size_t i = 0; i < sizeof smells / sizeof *smells; i++) {
		if (len >= sizeof copy || strcasestr(copy, smells[i]))
			return true;
	}
	return false;
}

/* Directories of programs that the world has. */
static bool is_shown(const struct workspace *w, const char *dir, size_t len)
{
	const char *const tops[] = { "/bin", "/sbin",           "/usr",  "/opt",
				     "/nix", "/home/linuxbrew", w->home, w->dir };

	for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) {
		size_t n = strlen(tops[i]);
		if (n <= len && strncmp(dir, tops[i], n) == 0 && (n == len || dir[n] == '/'))
			return true;
	}
	return false;
}

/* The caller's PATH without directories that are not there. */
static bool put_path(const struct workspace *w, const char *path, struct strings *out)
{
	char *shown = calloc(1, (path ? strlen(path) : 0) + 2);
	size_t used = 0;

	if (!shown)
		return false;
	while (path && *path) {
		size_t len = strcspn(path, ":");
		if (is_shown(w, path, len)) {
			if (used)
				shown[used++] = ':';
			memcpy(shown + used, path, len);
			used += len;
		}
		path += len + (path[len] == ':');
	}
	bool ok = env_put(out, "PATH", 4, used ? shown : DEFAULT_PATH);
	free(shown);
	return ok;
}

bool workspace_environment(const struct workspace *w, const struct strings *caller,
			   const char *home, struct strings *out)
{
	bool ok = put_path(w, env_value(caller, "PATH"), out) &&
		  env_put(out, "HOME", 4, home ? home : "/");

	for (size_t i = 0; ok && i < caller->count; i++) {
		const char *text = caller->item[i];
		size_t len = strcspn(text, "=");
		if (text[len] && is_allowed(text, len) && !smells_of_secret(text, len))
			ok = env_put(out, text, len, text + len + 1);
	}
	return ok;
}
