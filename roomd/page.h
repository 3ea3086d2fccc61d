/* page.h - the HTML page: index.html with its parameters in a data block, and what may come into it. Pure.
 *
 * No script of the page is inline (threat model D-H14, D-H15): the parameters are JSON in <script type="application/json">,
 * in which nothing can end the element.
 */
#ifndef ROOMD_PAGE_H
#define ROOMD_PAGE_H

#include "roomd/params.h"

#define PAGE_PLACEHOLDER "<!-- PARAMS -->"	/* the line of index.html that gives way to the data block */

enum { PAGE_LIMIT = 1024 * 1024, PAGE_POLICY_LIMIT = 16 * 1024 };

/* Appends the page. False: no placeholder in the template, no memory, over out's limit. */
bool page_write(const struct site *site, struct span template, const struct params_request *r, struct buf *out);

/* Appends the Content-Security-Policy: our own files, and connections to ourselves and to every signaling server. */
bool page_write_policy(const struct site *site, struct buf *out);

#endif
