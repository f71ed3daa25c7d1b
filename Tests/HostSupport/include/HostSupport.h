#pragma once
#include <stdbool.h>

// What tests need of the host and Swift's Glibc module lacks.

// A non-blocking eventfd with the count 0, or -1.
int host_eventfd(void);

// A pipe and a pseudo terminal whose descriptors close on exec, so that children started by tests at the same time do not
// hold them. (Swift does not see GNU's functions.) They return 0 or an errno.
int host_pipe(int *read_end, int *write_end);
int host_terminal(int *host, int *user);

// Makes a file a block device, until its descriptor is closed: `device` becomes its path, of at most `size` bytes. Its descriptor, or -1
// with errno set: EACCES and others where this user, or this machine, cannot.
int host_loop_device(int file, unsigned int sector_size, bool read_only, char *device, unsigned long size);

// Gives the calling thread a network namespace of its own. 0 or an errno.
int host_own_network(void);

// Brings an interface of the thread's namespace up and opens a packet socket on it: frames of one Ethernet type, each behind a
// struct virtio_net_hdr of 10 bytes; who reads gives up after 20 s. A descriptor, or -1 with errno set.
int host_packet_socket(const char *name, unsigned short type);

// What a program may try once it is confined.
enum host_trial {
    host_trial_memory,
    host_trial_code,
    host_trial_resolver,
    host_trial_other_file,
    host_trial_new_file,
    host_trial_connection,
    host_trial_unix_socket,
    host_trial_program,
    host_trial_process,
    host_trial_other_signal,
    host_trial_other_memory,
    host_trial_abort,
};

// Tries one thing in a child that has called `confine`: the child's wait status. It exits with 0 or an errno, and with 255 when it
// could not be confined. -1: there was no child.
int host_confined_trial(int (*confine)(bool), bool wants_internet, enum host_trial trial);

bool host_has_landlock(void);
