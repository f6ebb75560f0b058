/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An addon of the driver of node (node.js): a function that seeds OpenSSL's generator anew. Node
 * has the generator from its start and gives programs no way to seed it; of an addon OpenSSL's
 * functions can be called, as they are exported. What of Node-API is needed is declared here, so
 * that nothing has to be installed to build it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/random.h>

typedef void *napi_env, *napi_value, *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

extern int napi_create_function(napi_env env, const char *name, size_t len, napi_callback function,
				void *data, napi_value *result);
extern int napi_get_boolean(napi_env env, bool value, napi_value *result);
extern void RAND_add(const void *bytes, int len, double entropy);
extern int RAND_status(void);

napi_value napi_register_module_v1(napi_env env, napi_value exports);

/* True: it was done. The generators of all threads are seeded from the one that this seeds, and see
 * it when they are used next. */
static napi_value seed(napi_env env, napi_callback_info info)
{
	unsigned char bytes[48];
	napi_value result = NULL;
	bool got = getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes;

	if (got)
		RAND_add(bytes, sizeof bytes, sizeof bytes);
	napi_get_boolean(env, got && RAND_status() == 1, &result);
	return result;
}

/* The module is the function. */
napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	napi_value result = NULL;

	napi_create_function(env, NULL, 0, seed, NULL, &result);
	return result;
}
