// What must run inside a signal handler or between fork and exec, and so cannot be Swift: no allocation, no locks, no lazy
// initialisation. Besides, calls of variable arity, which Swift does not import.
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>
#include <time.h>

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

// Starts a program in a process group of its own, with this process's environment and three descriptors as its standard ones, no signal blocked or ignored.
// It is killed when the calling thread ends. `child_descriptor` becomes readable when it has ended; the caller closes it, and
// waits for the child. Returns 0 or an errno: that of execve, too.
int host_spawn(
    const char *path, char *const arguments[], const int standard[3], pid_t *child, int *child_descriptor);

// A pipe, read end first, whose ends close on exec. Returns 0 or an errno.
int host_pipe_pair(int ends[2]);

// Sends bytes, and copies of `descriptor_count` (at most 8) descriptors with the first of them, on a Unix stream socket; waits for room. Returns 0 or an errno.
int host_send_descriptors(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count);

// How many columns the terminal has; 0 when that is not known.
int host_terminal_columns(int descriptor);

// Gives back memory that was freed, and the program's pages in memory that are as in its file.
void host_give_back_memory(void);

// The cores that the calling thread may run on; 0 when that is not known.
int host_usable_cores(void);

// For disk images: GNU's and Linux's calls, which Swift does not see. Each returns 0 or an errno.

// Locks the whole file against others' openings of it, for as long as this opening lasts; does not wait: EAGAIN or EACCES.
int host_disk_lock(int descriptor, bool exclusive);

// Makes a range read as zeros: `punch` gives its storage back, `zero` keeps it.
int host_disk_punch(int descriptor, off_t offset, off_t length);
int host_disk_zero(int descriptor, off_t offset, off_t length);

// A block device's size, logical and physical block in bytes.
int host_disk_device_facts(int descriptor, unsigned long long *size, unsigned int *logical_block, unsigned int *physical_block);

// What programs that care for block devices ask besides (flock): udev looks at none that is locked so. EWOULDBLOCK: another has it.
int host_disk_device_lock(int descriptor, bool exclusive);
bool host_disk_device_is_read_only(int descriptor);

// Tells a block device that a range, of whole logical blocks, holds nothing: what it reads as then is not known. Waits for the device.
int host_disk_device_discard(int descriptor, unsigned long long offset, unsigned long long length);

// Opens a file past the page cache. Its descriptor, or -1 with errno set: EINVAL where the file system has no such thing.
int host_disk_open_direct(const char *path, bool writable);
// What addresses in memory, and positions and lengths, are to be multiples of then. 0 or an errno: EINVAL as above.
int host_disk_direct_alignment(int descriptor, unsigned int *memory, unsigned int *position);

// Tap devices: frames behind a struct virtio_net_hdr of 12 bytes. 0, or an errno. `take` is for one that was opened elsewhere: EINVAL when
// it is no tap, or has no such headers. A device that was made for several queues is opened as such (EINVAL otherwise), once for each. `offloads` says what the reader of frames finishes by itself.
int host_tap_open(const char *name, bool is_multi_queue, int *descriptor);
int host_tap_take(int descriptor);
int host_tap_offloads(int descriptor, bool checksum, bool tcp4, bool tcp6, bool ecn, bool udp);

// A file of `size` bytes in memory, all holes. Its descriptor, or -1 with errno set.
int host_memory_file(const char *name, off_t size);
// One to share with another program, which cannot change its size: pages that were gone would be the end of who touches them.
int host_shared_memory(const char *name, off_t size);

// For shared directories: openat2 and other calls that Swift does not see. Names are single components.
//
// `links` is /proc/self/fd, opened once: what a descriptor of O_PATH names is opened and linked by its entry there, so that a
// name that changes meanwhile plays no part. Those that give a descriptor or a size give -1 with errno set when they fail, the
// others 0 or an errno.

// The top of a tree, and the descriptor of O_PATH of what `name` names in a directory of it: of a symbolic link, the link.
int host_tree_open(const char *path);
int host_tree_find(int directory, const char *name);

// Makes and opens a new file: EEXIST if there is anything of that name.
int host_tree_create(int directory, const char *name, int flags, mode_t mode);

// Opens what a descriptor names; the second for nothing but to name it again.
int host_tree_reopen(int links, int descriptor, int flags);
int host_tree_node(int links, int descriptor);

int host_tree_link(int links, int descriptor, int directory, const char *name);
int host_tree_set_mode(int links, int descriptor, mode_t mode);
int host_tree_set_owner(int descriptor, uid_t owner, gid_t group);
int host_tree_set_times(int descriptor, const struct timespec times[2]);
ssize_t host_tree_link_target(int descriptor, char *buffer, size_t size);

// Entries of an open directory from a position on, as getdents64 gives them.
ssize_t host_tree_entries(int descriptor, off_t position, void *buffer, size_t size);

// Raises the limit of open descriptors towards `wanted` as far as the host lets it. What it is then.
unsigned long long host_descriptor_limit(unsigned long long wanted);

// Takes from this process, for good, all system calls but those that it needs to move bytes between the descriptors that it has, and,
// if wanted, to make connections by IP and read the name server's address. Any other call ends it with SIGSYS. Where the
// host has Landlock no file is left but those beside /etc/resolv.conf. 0 or an errno.
int host_confine(bool wants_internet);
