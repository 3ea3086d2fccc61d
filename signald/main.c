#include "common/daemon/service.h"
#include "signald/config.h"
#include "signald/signald.h"

int main(int argc, char **argv)
{
	static const struct service signald = {
		.name = "signald",
		.purpose = "relays signaling messages between the members of a room (Collider's protocol)",
		.options = signald_options,
		.config_size = sizeof(struct signald_config),
		.check = signald_config_check,
		.start = signald_start,
		.drain = signald_drain,
		.drained = signald_drained,
		.reload = signald_reload,
		.stop = signald_stop,
		.free = signald_free,
		.admin = { .metrics = signald_metrics, .status = signald_status },
	};
	return service_main(&signald, argc, argv);
}
