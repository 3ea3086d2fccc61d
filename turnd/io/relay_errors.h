/* relay_errors.h - ICMP errors that came back for a relay socket's datagrams, from the kernel's error queue of the socket.
 *
 * A socket with an error queue says every error once more at the next call on it, whomever that one is for: the queue must be
 * read whenever epoll reports EPOLLERR, and a refused datagram be tried once more (batch.c does).
 *
 * Thread: the worker's.
 */
#ifndef TURND_IO_RELAY_ERRORS_H
#define TURND_IO_RELAY_ERRORS_H

#include "turnd/core/turn_server.h"

int relay_errors_enable(int fd, uint8_t family);	/* as setsockopt() */

/* Takes at most max errors off the queue, without waiting; returns how many of them came by ICMP, in out[]. */
unsigned relay_errors_read(int fd, struct icmp_error *out, unsigned max);

#endif
