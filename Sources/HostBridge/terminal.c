#define _GNU_SOURCE
#include "HostBridge.h"
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

// Read by signal handlers: written only while `armed` is 0.
static struct termios saved_mode, raw_mode;
static int terminal = -1;
static atomic_int armed;

static const int fatal_signals[] = {
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS,
};
enum { FATAL_COUNT = sizeof fatal_signals / sizeof fatal_signals[0] };
static struct sigaction previous_fatal[FATAL_COUNT], previous_stop, previous_continue;

void host_terminal_restore_now(void) {
    int saved_errno = errno;
    if (atomic_load(&armed)) (void)tcsetattr(terminal, TCSANOW, &saved_mode);
    errno = saved_errno;
}

// A background process that touches the terminal is stopped by TTOU, or spoils the shell's mode.
static bool in_foreground(void) { return tcgetpgrp(terminal) == getpgrp(); }

static void on_fatal(int number) {
    host_terminal_restore_now();
    for (int i = 0; i < FATAL_COUNT; i++)
        if (fatal_signals[i] == number) (void)sigaction(number, &previous_fatal[i], NULL);
    // The signal is blocked in its handler: this one arrives, with the earlier action, on return.
    (void)raise(number);
}

static void on_continue(int number) {
    (void)number;
    int saved_errno = errno;
    if (atomic_load(&armed) && in_foreground()) (void)tcsetattr(terminal, TCSANOW, &raw_mode);
    errno = saved_errno;
}

static void on_stop(int number) {
    (void)number;
    int saved_errno = errno;
    if (in_foreground()) host_terminal_restore_now();
    // SIGSTOP stops like TSTP with its default action, without a window in which a second TSTP finds no handler.
    (void)raise(SIGSTOP);
    // Continued: on_continue sets the raw mode again.
    errno = saved_errno;
}

static void install(int number, void (*handler)(int), int flags, struct sigaction *previous) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    (void)sigaction(number, NULL, previous);
    // nohup and shells without job control ignore some of these on purpose.
    if (!(previous->sa_flags & SA_SIGINFO) && previous->sa_handler == SIG_IGN) return;
    (void)sigaction(number, &action, NULL);
}

static void at_exit(void) { (void)host_terminal_disarm(); }

int host_terminal_arm(int descriptor, const struct termios *saved, const struct termios *raw) {
    static atomic_flag exit_hook = ATOMIC_FLAG_INIT;
    if (atomic_load(&armed)) return EBUSY;
    saved_mode = *saved;
    raw_mode = *raw;
    terminal = descriptor;
    if (!atomic_flag_test_and_set(&exit_hook)) (void)atexit(at_exit);
    atomic_store(&armed, 1);
    for (int i = 0; i < FATAL_COUNT; i++) install(fatal_signals[i], on_fatal, SA_ONSTACK, &previous_fatal[i]);
    install(SIGTSTP, on_stop, SA_RESTART, &previous_stop);
    install(SIGCONT, on_continue, SA_RESTART, &previous_continue);
    // Handlers first: a signal in between finds a terminal that needs no repair.
    if (tcsetattr(descriptor, TCSANOW, raw) == 0) return 0;
    int reason = errno;
    (void)host_terminal_disarm();
    return reason;
}

int host_terminal_disarm(void) {
    if (!atomic_load(&armed)) return 0;
    int reason = tcsetattr(terminal, TCSANOW, &saved_mode) == 0 ? 0 : errno;
    for (int i = 0; i < FATAL_COUNT; i++) (void)sigaction(fatal_signals[i], &previous_fatal[i], NULL);
    (void)sigaction(SIGTSTP, &previous_stop, NULL);
    (void)sigaction(SIGCONT, &previous_continue, NULL);
    atomic_store(&armed, 0);
    return reason;
}

bool host_terminal_is_armed(void) { return atomic_load(&armed) != 0; }
