/* SPDX-License-Identifier: MIT */
/* Exit statuses. */

#include <sysexits.h>

#include "broker/status.h"

int
status_of(enum rmq_status status)
{
	static const int statuses[] = {
		[RMQ_OK] = EX_OK,
		[RMQ_USAGE] = EX_USAGE,
		[RMQ_BAD_RECORD] = EX_DATAERR,
		[RMQ_NO_DESTINATION] = EX_NOUSER,
		[RMQ_NO_HOST] = EX_NOHOST,
		[RMQ_UNAVAILABLE] = EX_UNAVAILABLE,
		[RMQ_UNCONFIRMED] = EX_TEMPFAIL,
		[RMQ_INTERNAL] = EX_SOFTWARE,
		[RMQ_SYSTEM] = EX_OSERR,
		[RMQ_PROTOCOL] = EX_PROTOCOL,
		[RMQ_DENIED] = EX_NOPERM,
		[RMQ_CONFIG] = EX_CONFIG,
	};

	return statuses[status];
}

/* https://www.rabbitmq.com/amqp-0-9-1-reference#constants */
int
status_of_refusal(int code, int otherwise)
{
	switch (code) {
	case 403:
		return EX_NOPERM;
	case 404:
		return EX_NOUSER;
	default:
		return otherwise;
	}
}
