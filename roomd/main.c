#include "common/daemon/service.h"
#include "roomd/roomd.h"

int main(int argc, char **argv)
{
	return service_main(&roomd_service, argc, argv);
}
