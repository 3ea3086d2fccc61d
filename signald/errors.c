#include "signald/errors.h"

const char *client_error_text(enum client_error e)
{
	static const char *const texts[ERROR_N] = {
		[ERROR_NOT_JSON] = "websocket.JSON.Receive error: ",
		[ERROR_SECOND_REGISTER] = "Duplicated register request",
		[ERROR_NO_IDS] = "Invalid register request: missing 'clientid' or 'roomid'",
		[ERROR_BAD_IDS] = "Invalid register request: 'clientid' and 'roomid' are made of 1 to 64 of A-Z a-z 0-9 _ -",
		[ERROR_ROOM_FULL] = "Max room capacity reached",
		[ERROR_DUPLICATE] = "Duplicated registration",
		[ERROR_NOT_REGISTERED] = "Client not registered",
		[ERROR_NO_MESSAGE] = "Invalid send request: missing 'msg'",
		[ERROR_UNKNOWN_COMMAND] = "Invalid message: unexpected 'cmd'",
		[ERROR_TOO_MANY] = "Too many messages queued for the client",
		[ERROR_UNAVAILABLE] = "The room cannot be reached now",
		[ERROR_NO_MEMORY] = "Out of memory",
	};
	return texts[e];
}

enum client_error client_error_of(enum hub_result r)
{
	switch (r) {
	case HUB_NOT_MEMBER:
		return ERROR_NOT_REGISTERED;
	case HUB_FULL:
		return ERROR_ROOM_FULL;
	case HUB_DUPLICATE:
		return ERROR_DUPLICATE;
	case HUB_TOO_MANY:
		return ERROR_TOO_MANY;
	case HUB_UNAVAILABLE:
		return ERROR_UNAVAILABLE;
	default:
		return ERROR_NO_MEMORY;
	}
}
