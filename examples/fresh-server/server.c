/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server that gives each request a fresh copy of a warm python3:
 *
 *	server PORT APP.py [WORKERS]
 *
 * python3 starts once and loads the app, whose function handle() gets a path and a body. Each
 * request is one call of it in a copy out of a pool, which goes back to what it was behind it:
 * nothing of one request is there for another. A request that takes longer than five seconds is
 * ended alone. Connections are closed behind one answer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <hl.h>

#define REQUEST_MAX (1 << 20)
#define LIMIT_MS    5000

static void must(int failed, struct hl_error *const *err)
{
	if (failed) {
		fprintf(stderr, "server: %s\n", hl_error_text(*err));
		exit(1);
	}
}

/* ---- the image ---- */

static struct hl_config *new_config(void)
{
	struct hl_config *cfg = hl_config_new();

	hl_config_set_platform(cfg, getenv("HL_PLATFORM") ? getenv("HL_PLATFORM") : "auto");
	hl_config_set_isolate(cfg, true);
	hl_config_set_limit(cfg, HL_LIMIT_PIDS, 16);
	hl_config_set_limit(cfg, HL_LIMIT_MEMORY, 256 << 20);
	hl_config_set_stdio(cfg, -1, STDERR_FILENO, STDERR_FILENO);
	return cfg;
}

/* A python3 that has loaded nothing but what its driver needs. */
static struct hl_snapshot *warm_python(void)
{
	struct hl_config *cfg = new_config();
	struct hl_error *err = NULL;
	struct hl_snapshot *warm;
	struct hl_sandbox *sb;

	hl_config_set_driver(cfg, "python3:json");
	hl_config_add_moment(cfg, HL_MOMENT_ASKS, NULL);
	must(hl_sandbox_start(cfg, &sb, &err), &err);
	struct pollfd event = { hl_sandbox_event_fd(sb), POLLIN, 0 };
	while (!hl_sandbox_save_due(sb)) {
		if (hl_sandbox_wait(sb, 0, NULL, NULL) == 0) {
			fprintf(stderr, "server: python3 has ended\n");
			exit(1);
		}
		poll(&event, 1, -1);
	}
	/* the original is not to go on itself: it has no job */
	must(hl_sandbox_pause(sb, &err), &err);
	must(hl_sandbox_clone(sb, NULL, &warm, &err), &err);
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	return warm;
}

/* Copies of it go on where the app is loaded, and wait for a call. */
static struct hl_snapshot *load_app(const char *file)
{
	struct hl_snapshot *warm = warm_python(), *loaded;
	struct hl_config *cfg = new_config();
	struct hl_error *err = NULL;
	struct hl_bytes said;
	struct hl_sandbox *sb;
	char code[1 << 16];

	FILE *f = fopen(file, "re");
	if (!f) {
		fprintf(stderr, "server: %s: %s\n", file, strerror(errno));
		exit(1);
	}
	size_t len = fread(code, 1, sizeof code, f);
	fclose(f);
	must(hl_sandbox_restore(cfg, warm, &sb, &err), &err);
	must(hl_sandbox_call(sb, ":exec", code, len, HL_FOREVER, &said, &err), &err);
	hl_bytes_free(&said);
	must(hl_sandbox_clone(sb, NULL, &loaded, &err), &err);
	hl_sandbox_free(sb);
	hl_snapshot_close(warm);
	hl_config_free(cfg);
	return loaded;
}

/* ---- requests ---- */

struct server {
	int listener;
	struct hl_pool *pool;
};

/* A request's head ends with an empty line; the body has as many bytes as it says. The length of
 * both; 0: it is none, or too long. */
static size_t read_request(int fd, char *buf, char **body)
{
	size_t len = 0, want = 0;

	*body = NULL;
	while (!*body || len < want) {
		ssize_t n = len < REQUEST_MAX ? read(fd, buf + len, REQUEST_MAX - len) : 0;
		if (n <= 0)
			return 0;
		len += (size_t)n;
		buf[len] = '\0';
		char *end = *body ? NULL : strstr(buf, "\r\n\r\n");
		if (!end)
			continue;
		*end = '\0';
		*body = end + 4;
		const char *said = strcasestr(buf, "\ncontent-length:");
		want = (size_t)(*body - buf) + (said ? strtoul(said + 16, NULL, 10) : 0);
		if (want > REQUEST_MAX)
			return 0;
	}
	return len;
}

static void answer(int fd, const char *status, const char *data, size_t len)
{
	char head[160];
	int n = snprintf(head, sizeof head,
			 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
			 "Connection: close\r\n\r\n",
			 status, len);

	if (send(fd, head, (size_t)n, MSG_NOSIGNAL | (len ? MSG_MORE : 0)) != n)
		return;
	while (len) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		data += sent;
		len -= (size_t)sent;
	}
}

/* One call in a copy that is fresh, and is put back behind it. */
static void serve(const struct server *s, int fd, char *buf)
{
	struct hl_error *err = NULL;
	struct hl_sandbox *sb;
	struct hl_bytes out = { 0 };
	char *body, *rest = NULL;
	size_t len = read_request(fd, buf, &body);
	char *path = len && strtok_r(buf, " ", &rest) ? strtok_r(NULL, " ", &rest) : NULL;

	if (!path) {
		answer(fd, "400 Bad Request", "", 0);
		return;
	}
	/* PATH, a line's end and the body, in place: the path is never longer than the head */
	size_t body_len = len - (size_t)(body - buf), path_len = strlen(path);
	char *message = body - path_len - 1;
	memmove(message, path, path_len);
	message[path_len] = '\n';
	if (hl_pool_take(s->pool, NULL, &sb, &err)) {
		answer(fd, "503 Service Unavailable", "", 0);
		fprintf(stderr, "server: %s\n", hl_error_text(err));
	} else {
		int failed = hl_sandbox_call(sb, "handle", message, path_len + 1 + body_len,
					     LIMIT_MS, &out, &err);
		hl_pool_give(s->pool, sb);
		const char *status = !failed ? "200 OK"
				     : hl_error_code(err) == HL_TIMED_OUT
					 ? "504 Gateway Timeout"
					 : "500 Internal Server Error";
		answer(fd, status, failed ? "" : out.data, failed ? 0 : out.len);
	}
	hl_bytes_free(&out);
	hl_error_free(err);
}

static void *work(void *arg)
{
	const struct server *s = arg;
	const struct timeval patience = { .tv_sec = 5 };
	char *buf = malloc(REQUEST_MAX + 1);

	for (;;) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
		serve(s, fd, buf);
		shutdown(fd, SHUT_WR);
		close(fd);
	}
	return NULL;
}

static int listen_at(unsigned port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 512) ||
	    getsockname(fd, (struct sockaddr *)&at, &size)) {
		fprintf(stderr, "server: port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	printf("http://127.0.0.1:%u/\n", ntohs(at.sin_port));
	return fd;
}

int main(int argc, char **argv)
{
	struct hl_error *err = NULL;
	struct server s;
	pthread_t thread;

	if (argc < 3) {
		fprintf(stderr, "server PORT APP.py [WORKERS]\n");
		return 2;
	}
	unsigned workers = argc > 3 ? (unsigned)atoi(argv[3]) : 2;
	struct hl_snapshot *loaded = load_app(argv[2]);
	struct hl_config *cfg = new_config();
	must(hl_pool_new(cfg, loaded, workers, &s.pool, &err), &err);
	s.listener = listen_at((unsigned)atoi(argv[1]));
	fflush(stdout);
	for (unsigned i = 0; i < workers; i++)
		if (pthread_create(&thread, NULL, work, &s))
			return 1;
	pause();
	return 0;
}
