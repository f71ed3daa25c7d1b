// What must run inside a signal handler, and so cannot be Swift: no allocation, no locks, no lazy initialisation.
#pragma once
#include <stdbool.h>
#include <termios.h>

// Puts the terminal `descriptor` into the mode `raw`, and sees to it that `saved` comes back when the process ends:
// by exit(), or by a signal (INT, TERM, HUP, QUIT, SEGV, BUS, ILL, FPE, TRAP, ABRT, SYS), which is then raised again with
// the action it had before. On TSTP the terminal goes back to `saved` until CONT.
// A signal that was ignored stays ignored. One terminal at a time: EBUSY while one is armed.
// Returns 0 or an errno. Call it from one thread at a time.
int host_terminal_arm(int descriptor, const struct termios *saved, const struct termios *raw);

// Puts `saved` back and reinstates the signal actions. Does nothing when no terminal is armed.
// Returns 0, or the errno of tcsetattr.
int host_terminal_disarm(void);

bool host_terminal_is_armed(void);

// What the signal handlers do first: puts `saved` back if a terminal is armed. Async-signal-safe.
void host_terminal_restore_now(void);

// Names the calling thread; the first 15 bytes count. (Swift does not see GNU's pthread_setname_np.)
void host_thread_set_name(const char *name);
