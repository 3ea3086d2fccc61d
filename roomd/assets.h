/* assets.h - the files of the web client: built into the binary, or read from web-root while developing.
 *
 * All of them are read and named before the first request: no path from a client ever reaches open() (threat model D-H5).
 *
 * Owner: the daemon's shell.   Thread: any, once loaded.
 */
#ifndef ROOMD_ASSETS_H
#define ROOMD_ASSETS_H

#include "common/base/span.h"

struct web_file {
	const char *path;	/* of the URL: "/js/main.js"; NULL ends the table */
	const uint8_t *bytes;
	size_t len;
};
extern const struct web_file web_files[];	/* made by roomd/embed.sh from roomd/web */

enum { ASSET_ETAG_SIZE = 35 };			/* a quoted text, with the NUL */

struct asset {
	char *path;
	const char *content_type;		/* by the ending of the name; static */
	struct span bytes;
	char etag[ASSET_ETAG_SIZE];
};

struct assets;

/* root: NULL for the built-in files. NULL with a sentence in why[]. */
struct assets *assets_load(const char *root, char why[256]);
void assets_free(struct assets *a);
const struct asset *assets_find(const struct assets *a, struct span path);	/* NULL: there is none */

#endif
