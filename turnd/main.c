/* turnd - a TURN server (RFC 8656). Start reading at core/turn_server.h; io/worker.h has the picture of a packet's way. */
#include "turnd/turnd.h"

int main(int argc, char **argv)
{
	return service_main(&turnd_service, argc, argv);
}
