/* bus_local.h - the bus of a single instance: every room is ordered here, and nothing is kept beyond its memory. */
#ifndef SIGNALD_BUS_LOCAL_H
#define SIGNALD_BUS_LOCAL_H

#include "signald/bus.h"

void bus_local_init(struct bus *b);	/* holds nothing, needs no close */

#endif
