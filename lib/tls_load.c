/* SPDX-License-Identifier: MIT */
/*
 * Where TLS comes from: a module beside the programs (TLS_MODULE is its file's
 * name, found by the run path), or this very program.
 */
#ifdef TLS_MODULE
#include <dlfcn.h>
#endif

#include "error.h"
#include "tls.h"

#ifdef TLS_MODULE
const struct tls_api *
tls_load(struct rmq_error *e)
{
	static const struct tls_api *api;
	void *module;

	if (api != NULL)
		return api;
	if ((module = dlopen(TLS_MODULE, RTLD_NOW | RTLD_LOCAL)) == NULL ||
	    (api = dlsym(module, "rmq_tls_api")) == NULL)
		rmq_fail(e, RMQ_CONFIG, 0, "cannot load TLS: %s", dlerror());
	return api;
}
#else
const struct tls_api *
tls_load(struct rmq_error *e)
{
	(void)e;
	return &rmq_tls_api;
}
#endif
