/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hl, with a thread beside each sandbox that pauses and resumes it at random moments, hundreds of
 * times a second. Linked with the command's own objects: the start and the end of a sandbox go
 * through here, so that everything else is as in hl.
 *
 * HL_SHAKE_SEED: a number that decides the moments, as far as threads allow; the guest does not see
 * it. HL_SHAKE_COUNT: a file that gets a line with the number of pauses.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hl.h"

int __real_hl_sandbox_start(const struct hl_config *cfg, struct hl_sandbox **out,
			    struct hl_error **err);
void __real_hl_sandbox_free(struct hl_sandbox *sb);
int __real_hl_sandbox_free_within(struct hl_sandbox *sb, uint64_t milliseconds,
				  struct hl_error **err);
int __wrap_hl_sandbox_start(const struct hl_config *cfg, struct hl_sandbox **out,
			    struct hl_error **err);
void __wrap_hl_sandbox_free(struct hl_sandbox *sb);
int __wrap_hl_sandbox_free_within(struct hl_sandbox *sb, uint64_t milliseconds,
				  struct hl_error **err);

static uint64_t random_state;
static char count_file[4096];
static pthread_t shaker;
static atomic_bool shaking;
static unsigned long pauses;

static uint64_t next_random(void)
{
	random_state += 0x9e3779b97f4a7c15UL; /* splitmix64 */
	uint64_t z = random_state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9UL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebUL;
	return z ^ z >> 31;
}

__attribute__((constructor)) static void take_settings(void)
{
	const char *seed = getenv("HL_SHAKE_SEED"), *count = getenv("HL_SHAKE_COUNT");

	random_state = seed ? strtoull(seed, NULL, 0) : 1;
	if (count)
		snprintf(count_file, sizeof count_file, "%s", count);
	unsetenv("HL_SHAKE_SEED");
	unsetenv("HL_SHAKE_COUNT");
}

/* Mostly short, sometimes long: both fast successions and programs that get somewhere in between
 * are wanted. */
static void pass_time(uint64_t usual_ns, uint64_t rare_ns)
{
	uint64_t r = next_random(), max = r % 8 ? usual_ns : rare_ns;
	struct timespec ts = { 0, (long)((r >> 8) % max) };

	nanosleep(&ts, NULL);
}

static void stop_on(struct hl_error *err)
{
	fprintf(stderr, "shake: %s\n", hl_error_text(err));
	abort();
}

static void *shake(void *arg)
{
	struct hl_sandbox *sb = arg;
	struct hl_error *err = NULL;

	while (atomic_load(&shaking)) {
		pass_time(300000, 5000000);
		if (hl_sandbox_pause(sb, &err))
			stop_on(err);
		pass_time(60000, 2000000);
		if (hl_sandbox_resume(sb, &err))
			stop_on(err);
		pauses++;
	}
	return NULL;
}

int __wrap_hl_sandbox_start(const struct hl_config *cfg, struct hl_sandbox **out,
			    struct hl_error **err)
{
	int ret = __real_hl_sandbox_start(cfg, out, err);
	sigset_t all, old;

	if (ret)
		return ret;
	atomic_store(&shaking, true);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&shaker, NULL, shake, *out))
		abort();
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return 0;
}

static void write_count(void)
{
	int fd =
	    count_file[0] ? open(count_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;

	if (fd >= 0) {
		dprintf(fd, "%lu\n", pauses);
		close(fd);
	}
}

static void stop_shaking(void)
{
	if (atomic_exchange(&shaking, false)) {
		pthread_join(shaker, NULL);
		write_count();
	}
}

void __wrap_hl_sandbox_free(struct hl_sandbox *sb)
{
	stop_shaking();
	__real_hl_sandbox_free(sb);
}

int __wrap_hl_sandbox_free_within(struct hl_sandbox *sb, uint64_t milliseconds,
				  struct hl_error **err)
{
	stop_shaking();
	return __real_hl_sandbox_free_within(sb, milliseconds, err);
}
