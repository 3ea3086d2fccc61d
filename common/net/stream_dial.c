#include "common/net/stream_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

/* While the connection is being made. Outlives its stream when that is closed during the look-up. */
struct dial {
	uv_getaddrinfo_t lookup;
	uv_connect_t connect;
	struct stream *stream;		/* NULL: closed meanwhile */
	struct addrinfo *found, *next;	/* found: owned; next: to be tried if this one fails */
};

void stream_dial_free(struct dial *d)
{
	if (d != NULL && d->found != NULL)
		uv_freeaddrinfo(d->found);
	free(d);
}

void stream_dial_forget(struct stream *s)
{
	s->dial->stream = NULL;
	(void)uv_cancel((uv_req_t *)&s->dial->lookup);	/* if a thread is at it already, it cannot be stopped */
	s->dial = NULL;
}

static void on_connect(uv_connect_t *req, int status)
{
	struct stream *s = req->data;

	if (s->state == CLOSING)
		return;
	if (status < 0) {
		s->error = status;
		uv_close(&s->u.handle, stream_on_closed);	/* then the next address */
		return;
	}
	stream_opened(s);
	if (s->tls != NULL) {
		stream_tls_begin(s, span_of(NULL, 0));
		return;
	}
	if (s->handler->connected != NULL)
		s->handler->connected(s->owner);
	if (s->state == OPEN && !s->stopped)
		stream_read_on(s);
}

/* Tries the next address. False: there is none, and the last one's error tells why there is no connection. */
bool stream_dial_next(struct stream *s)
{
	struct dial *d = s->dial;
	const struct addrinfo *a = d->next;
	int rc;

	if (a == NULL) {
		s->state = CLOSING;
		s->end = STREAM_END_CONNECT;
		return false;
	}
	d->next = a->ai_next;
	stream_init_handle(s, AF_INET);
	rc = uv_tcp_connect(&d->connect, &s->u.tcp, a->ai_addr, on_connect);
	if (rc < 0) {
		s->error = rc;
		uv_close(&s->u.handle, stream_on_closed);
	}
	return true;
}

static void on_lookup(uv_getaddrinfo_t *req, int status, struct addrinfo *found)
{
	struct dial *d = req->data;
	struct stream *s = d->stream;

	d->found = d->next = found;
	if (s == NULL) {
		stream_dial_free(d);
		return;
	}
	s->state = CONNECTING;
	s->error = status;
	uv_close(&s->u.handle, stream_on_closed);	/* held the stream's place; each address takes a new one */
}

static struct stream *dial_new(uv_loop_t *loop, const struct stream_handler *h, void *owner)
{
	struct stream *s = stream_new(loop, h, owner);

	if (s == NULL)
		return NULL;
	s->dial = calloc(1, sizeof *s->dial);
	if (s->dial == NULL) {
		free(s);
		return NULL;
	}
	s->dial->stream = s;
	s->dial->lookup.data = s->dial;
	s->dial->connect.data = s;
	s->state = CONNECTING;
	return s;
}

struct stream *stream_connect_host(uv_loop_t *loop, const char *host, uint16_t port,
				   const struct stream_handler *h, void *owner)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct endpoint e = { .port = port };
	struct sockaddr_storage sa;
	struct stream *s = dial_new(loop, h, owner);
	char service[8];
	int rc;

	if (s == NULL)
		return NULL;
	stream_init_handle(s, AF_INET);
	if (ip_parse(&e.ip, span_str(host))) {
		(void)endpoint_to_sockaddr(&e, &sa);
		rc = uv_tcp_connect(&s->dial->connect, &s->u.tcp, (const struct sockaddr *)&sa, on_connect);
	} else {
		snprintf(service, sizeof service, "%u", port);
		rc = uv_getaddrinfo(loop, &s->dial->lookup, on_lookup, host, service, &hints);
		if (rc == 0)
			s->state = RESOLVING;
	}
	if (rc < 0)
		stream_end(s, STREAM_END_CONNECT, rc);
	return s;
}

struct stream *stream_connect_unix(uv_loop_t *loop, const char *path, const struct stream_handler *h, void *owner)
{
	struct stream *s = dial_new(loop, h, owner);

	if (s == NULL)
		return NULL;
	stream_init_handle(s, AF_UNIX);
	if (strlen(path) >= sizeof ((struct sockaddr_un *)0)->sun_path)	/* libuv would cut it */
		stream_end(s, STREAM_END_CONNECT, UV_ENAMETOOLONG);
	else
		uv_pipe_connect(&s->dial->connect, &s->u.pipe, path, on_connect);
	return s;
}
