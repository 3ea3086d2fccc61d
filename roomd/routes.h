/* routes.h - from a request to its handler: 404 for what there is not, 405 with Allow for a wrong method. */
#ifndef ROOMD_ROUTES_H
#define ROOMD_ROUTES_H

#include "roomd/roomd.h"

void routes_handle(struct roomd *d, struct http_exchange *x, const struct http_request *r);

#endif
