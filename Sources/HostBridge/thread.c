#include "HostBridge.h"
#include <sys/prctl.h>

void host_thread_set_name(const char *name) { (void)prctl(PR_SET_NAME, name, 0, 0, 0); }
