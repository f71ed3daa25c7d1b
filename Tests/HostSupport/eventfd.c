#include "HostSupport.h"

#include <sys/eventfd.h>

int host_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
