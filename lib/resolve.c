/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks the host's getent(1) for the addresses of a name. How a host finds names is its own affair
 * (nsswitch.conf(5): files, name servers, a daemon of systemd's, a directory). The C library does
 * it with modules that it loads at run time, which a static executable can only load where the host
 * has the very C library that it was linked with; getent is that library's own client on each host.
 */
#include "lib/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/command.h"

/* The address that a line begins with. */
static bool line_address(char *line, struct in6_addr *out)
{
	struct in_addr four;

	line[strcspn(line, " \t%")] = '\0';
	if (inet_pton(AF_INET6, line, out) == 1)
		return true;
	*out = (struct in6_addr){ { { [10] = 0xff, 0xff } } };
	if (inet_pton(AF_INET, line, &four) != 1)
		return false;
	memcpy(&out->s6_addr[12], &four, sizeof four);
	return true;
}

static bool has(const struct in6_addr *list, size_t n, const struct in6_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (memcmp(&list[i], a, sizeof *a) == 0)
			return true;
	return false;
}

/* Each address has a line for each type of socket. */
static int take_addresses(char *text, struct in6_addr **out, size_t *count)
{
	char *save = NULL;
	struct in6_addr a;

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!line_address(line, &a) || has(*out, *count, &a))
			continue;
		struct in6_addr *more = reallocarray(*out, *count + 1, sizeof *more);
		if (!more)
			return -ENOMEM;
		more[(*count)++] = a;
		*out = more;
	}
	return 0;
}

static int ask(const char *const *argv, struct in6_addr **out, size_t *count)
{
	struct text text = { 0 };
	int err = host_command(argv, &text);

	if (!err && text.failed)
		err = -ENOMEM;
	if (!err && text.buf)
		err = take_addresses(text.buf, out, count);
	text_free(&text);
	return err;
}

int resolve(const char *name, struct in6_addr **out, size_t *count)
{
	/* Also the addresses of a family that the host has no address of: it may get one. What is
	 * not glibc's own getent knows no such option and leaves none out. */
	const char *all[] = { "/usr/bin/getent", "--no-addrconfig", "ahosts", name, NULL };
	const char *plain[] = { "/usr/bin/getent", "ahosts", name, NULL };
	int err;

	*out = NULL;
	*count = 0;
	err = ask(all, out, count);
	if (err == -ENOENT) {
		all[0] = plain[0] = "getent";
		err = ask(all, out, count);
	}
	if (!err && !*count)
		err = ask(plain, out, count);
	return err;
}
