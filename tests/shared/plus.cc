/* SPDX-License-Identifier: Apache-2.0 */
/* plus PLATFORM: a C++ program that embeds libhl, and is called back by it. */
#include "hl.h"

#include <iostream>
#include <string>

static void hear(void *arg, const char *data, size_t len)
{
	static_cast<std::string *>(arg)->append(data, len);
}

int main(int, char **argv)
{
	const char *const args[] = { "echo", "hello" };
	std::string said;
	hl_error *err = nullptr;
	hl_sandbox *sb = nullptr;
	hl_result res;
	hl_config *cfg = hl_config_new();

	hl_config_set_platform(cfg, argv[1]);
	hl_config_set_args(cfg, 2, args);
	hl_config_set_output(cfg, 1, hear, &said);
	if (hl_sandbox_start(cfg, &sb, &err) || hl_sandbox_wait(sb, HL_FOREVER, &res, &err)) {
		std::cerr << hl_error_text(err) << "\n";
		return 1;
	}
	hl_sandbox_free(sb);
	hl_config_free(cfg);
	std::cout << hl_version() << " " << res.status << " " << said;
	return 0;
}
