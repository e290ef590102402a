/* SPDX-License-Identifier: MIT */
/*
 * A stream of bytes to a broker: addresses tried in turn, TCP, TLS.
 */
#ifndef RMQ_TRANSPORT_H
#define RMQ_TRANSPORT_H

#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"

struct addrinfo;

enum transport_state { TRANSPORT_DOWN, TRANSPORT_RESOLVING, TRANSPORT_CONNECTING, TRANSPORT_SECURING, TRANSPORT_UP };

struct transport {
	enum transport_state	 state;
	int			 fd;
	const struct rmq_uri	*uri;
	const struct rmq_host	*host;
	const char		*cacertfile;
	struct resolver		*resolver;
	const struct addrinfo	*address;	/* the one being tried */
	struct tls		*tls;
	const struct tls_api	*api;		/* of it */
	int64_t			 deadline;	/* of all addresses */
	int64_t			 address_deadline;
	int64_t			 address_started;
	int64_t			 round_trip;	/* ms that TCP's handshake took */
	bool			 want_write;	/* the last write did not take anything */
	char			*staged;	/* the record of TLS that is being written */
	size_t			 staged_start, staged_end;
};

bool	transport_start(struct transport *, const struct rmq_uri *, const struct rmq_host *,
	    const char *cacertfile, int64_t deadline, struct rmq_error *);
bool	transport_adopt(struct transport *, int fd, struct rmq_error *);
/* 1: up, 0: not yet, -1: failed */
int	transport_advance(struct transport *, struct rmq_error *);
int	transport_fd(const struct transport *);
short	transport_events(const struct transport *, bool reading);
int64_t	transport_deadline(const struct transport *);	/* of the present state; INT64_MAX when up */

/* More than 0: bytes; 0: the other side has closed (read only); -1: would block; -2: failed. */
ssize_t	transport_read(struct transport *, void *, size_t, struct rmq_error *);
ssize_t	transport_write(struct transport *, const struct iovec *, int, struct rmq_error *);
bool	transport_holds_back(const struct transport *);	/* bytes that it took, until the next write of any */
bool	transport_pending(const struct transport *);	/* bytes that only transport_read() can see */
void	transport_user_timeout(struct transport *, int64_t ms);	/* how long sent bytes may stay unacknowledged */
void	transport_close(struct transport *);

#endif
