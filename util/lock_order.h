/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one order of the monitor's locks. A thread that holds a lock takes only such whose number is
 * higher. The essays that the last column names say more about a lock; none of them has an order
 * of its own.
 *
 * Locks are of two kinds. One that SLEEPS may be held across work that takes long: copies from and
 * to a guest (which may have to wait for mm->lock), host calls on files, waits for a platform. Any
 * other is a short one: its holder does not wait, so that nobody waits long for it, whatever any
 * guest does. A short lock is never held when one that sleeps is taken. sandbox->lock is short:
 * that is why no process can make another's getppid wait.
 *
 * Two of a class are taken at a time only where the third column says how: BY_ADDRESS, the lower
 * address first; NESTS, in the order of the objects, which the text names.
 */
#ifndef HL_UTIL_LOCK_ORDER_H
#define HL_UTIL_LOCK_ORDER_H

#define LOCK_SHORT      0U
#define LOCK_SLEEPS     1U
#define LOCK_BY_ADDRESS 2U
#define LOCK_NESTS      4U

/* X(class, number, rules, what it guards and which objects nest, where more is said) */
/* clang-format off */
#define LOCK_CLASSES(X)                                                                            \
	X(POOL, 1, LOCK_SHORT,                                                                     \
	  "the copies of a pool", "lib/pool.c")                                                    \
	X(FORECASTS, 3, LOCK_SHORT,                                                                \
	  "what copies of a snapshot are expected to do", "snapshot/forecasts.c")                  \
	X(FREEZE, 2, LOCK_SLEEPS,                                                                  \
	  "freezes and thaws of a sandbox, one at a time", "kernel/freeze.h")                      \
	X(OUTPUT, 3, LOCK_SLEEPS,                                                                  \
	  "what a program has written, while the caller's functions get it", "lib/output.h")       \
	X(FAMILY, 5, LOCK_SLEEPS,                                                                  \
	  "what copies of a snapshot share", "lib/family.c")                                       \
	X(KIN, 6, LOCK_SLEEPS,                                                                     \
	  "what machines that are alike share", "platform/platform.h")                             \
	X(INSIDERS, 7, LOCK_SHORT,                                                                 \
	  "threads that have started copies and may start another (lib/family.h)")                 \
	X(KNOWN_FILES, 7, LOCK_SHORT,                                                              \
	  "which files copies of a snapshot have found", "snapshot/mapped.h")                      \
	X(SOCK_DIAG, 10, LOCK_SLEEPS,                                                              \
	  "the answers that wait in a netlink socket", "net/sock_diag.c")                          \
	X(FS_CONTEXT, 11, LOCK_SLEEPS,                                                             \
	  "the parameters of a file system that is being made", "sys/fsopen.c")                    \
	X(FASYNC_ARMING, 12, LOCK_SLEEPS,                                                          \
	  "changes of O_ASYNC, one at a time", "kernel/fasync.c")                                  \
	X(FILE_POS, 13, LOCK_SLEEPS,                                                               \
	  "the position of an open file; its owner (F_SETOWN)", "fs/file.h")                       \
	X(NAMESPACES, 14, LOCK_SLEEPS,                                                             \
	  "changes of mounts, one at a time; who propagates to whom", "fs/mount.h")                \
	X(OVERLAY, 16, LOCK_SLEEPS | LOCK_NESTS,                                                   \
	  "the names of an overlay, the position of a file of its layers; before those of a layer,"\
	  " which may be an overlay, too", "fs/overlay/internal.h")                                \
	X(EPOLL_NEST, 20, LOCK_SLEEPS,                                                             \
	  "which epoll instances are in which, one check at a time", "kernel/epoll.c")             \
	X(EPOLL, 22, LOCK_SLEEPS | LOCK_NESTS,                                                     \
	  "the items of an epoll instance; an outer instance before those in it", "kernel/epoll.c")\
	X(FILE_WATCH, 24, LOCK_NESTS,                                                              \
	  "the epoll items of a file; an epoll file before those of instances that it is in",      \
	  "kernel/epoll.c")                                                                        \
	X(FIFO, 30, LOCK_SLEEPS,                                                                   \
	  "the pipe behind a FIFO", "fs/pipefs/pipe.h")                                            \
	X(PIPE, 32, LOCK_SLEEPS | LOCK_BY_ADDRESS,                                                 \
	  "the buffers of a pipe, its ends", "fs/pipefs/pipe.c")                                   \
	X(PTY_TABLE, 34, LOCK_SLEEPS,                                                              \
	  "the numbers of terminals", "kernel/tty/pty.c")                                          \
	X(PTY, 36, LOCK_SHORT,                                                                     \
	  "the queues and settings of a terminal", "kernel/tty/pty.c")                             \
	X(NET, 40, LOCK_SLEEPS,                                                                    \
	  "the list of all sockets", "net/net.h")                                                  \
	X(UNIX_READ, 41, LOCK_SLEEPS,                                                              \
	  "reading the queue of a unix socket", "net/unix_sock.h")                                 \
	X(UNIX_NAMES, 42, LOCK_SLEEPS,                                                             \
	  "the names of unix sockets", "net/unix_name.c")                                          \
	X(LOOP_READ, 43, LOCK_SLEEPS,                                                              \
	  "reading the stream of a socket of a loopback", "net/loop_sock.h")                       \
	X(UNIX_GC, 44, LOCK_SLEEPS,                                                                \
	  "which sockets are in flight in messages", "net/unix_gc.c")                              \
	X(LOOP, 45, LOCK_SLEEPS,                                                                   \
	  "names and connections of a loopback", "net/loop_sock.h")                                \
	X(UNIX_SOCK, 46, LOCK_BY_ADDRESS,                                                          \
	  "the state and the queues of a unix socket; that of a listener before those of sockets"  \
	  " which wait to be accepted there", "net/unix_sock.h")                                   \
	X(LO, 47, LOCK_SHORT,                                                                      \
	  "the addresses of an interface lo", "net/lo.h")                                          \
	X(LOOP_SOCK, 47, LOCK_SHORT,                                                               \
	  "the queue of a socket of a loopback", "net/loop_sock.h")                                \
	X(UNIX_DEAD, 48, LOCK_SHORT,                                                               \
	  "messages that wait to be freed", "net/unix_gc.c")                                       \
	X(FILTER, 49, LOCK_SHORT,                                                                  \
	  "the filters of sockets of a network", "net/socket_filter.h")                            \
	X(NET_LEARNED, 49, LOCK_SHORT,                                                             \
	  "what names have been said to stand for", "net/policy.c")                                \
	X(EVENTFD, 50, LOCK_SHORT,                                                                 \
	  "the count of an eventfd", "kernel/eventfd.c")                                           \
	X(AIO, 52, LOCK_SLEEPS,                                                                    \
	  "the ring of a context of asynchronous I/O", "kernel/aio.h")                             \
	X(RAMFS_DATA, 54, LOCK_SLEEPS,                                                             \
	  "the data and the seals of a file in memory", "fs/ramfs/file.c")                         \
	X(DISK, 56, LOCK_SLEEPS,                                                                   \
	  "how large a file of the host is, while it is changed under a limit", "fs/hostfs/disk.c")\
	X(MM, 60, LOCK_SLEEPS | LOCK_NESTS,                                                        \
	  "an address space: vmas, backings, what is mapped; fork: a parent's before its child's", \
	  "mm/mm.h")                                                                               \
	X(PAGESOURCE, 62, LOCK_SLEEPS,                                                             \
	  "the mappings of a file", "mm/rmap.c")                                                   \
	X(FILECACHE, 64, LOCK_SLEEPS,                                                              \
	  "which pages of host files are in the arena", "mm/filecache.c")                          \
	X(HOSTFS_PAGES, 66, LOCK_SLEEPS,                                                           \
	  "host files that are mapped", "fs/hostfs/pages.c")                                       \
	X(CPIOFS_PAGES, 67, LOCK_SLEEPS,                                                           \
	  "pages of a cpio archive that were copied", "fs/cpiofs/internal.h")                      \
	X(PAGESTORE, 68, LOCK_SLEEPS,                                                              \
	  "the extents of a file in memory", "mm/pagestore.c")                                     \
	X(DISK_FILES, 69, LOCK_SLEEPS,                                                             \
	  "which files of the host are open under a limit", "fs/hostfs/disk.c")                    \
	X(SPACE, 70, LOCK_SLEEPS,                                                                  \
	  "the threads of an address space without KVM", "platform/process/process.h")             \
	X(STUB, 72, LOCK_SLEEPS | LOCK_NESTS,                                                      \
	  "a stub's orders, one at a time; the template's before a space's",                       \
	  "platform/process/process.h")                                                            \
	X(SLOTS, 74, LOCK_SHORT,                                                                   \
	  "which command pages and stacks are free", "platform/process/slots.c")                   \
	X(NURSERY, 75, LOCK_SHORT,                                                                 \
	  "the address spaces without KVM", "platform/process/nursery.c")                          \
	X(MACHINE, 76, LOCK_SHORT,                                                                 \
	  "the stubs of a machine that are about to be gone", "platform/process/stub.c")           \
	X(KVM_MEMORY, 78, LOCK_SLEEPS,                                                             \
	  "memory slots and page tables of a machine", "platform/kvm/memory.c")                    \
	X(KVM_POOL, 80, LOCK_SHORT,                                                                \
	  "who has which vCPU", "platform/kvm/vcpu.c")                                             \
	X(PHYSMEM, 82, LOCK_SHORT,                                                                 \
	  "what of the window for host files is free", "platform/physmem.h")                       \
	X(FORECAST, 83, LOCK_SHORT,                                                                \
	  "which pages copies of a program write first", "mm/forecast.h")                          \
	X(ARENA, 84, LOCK_SHORT,                                                                   \
	  "the reference counts of arena pages", "mm/arena.c")                                     \
	X(NET_LIST, 85, LOCK_SHORT,                                                                \
	  "the network namespaces of a sandbox", "net/net.h")                                      \
	X(KEYS, 85, LOCK_SLEEPS,                                                                   \
	  "keys, and which keyrings threads have", "keys/key.h")                                   \
	X(IPC_LIST, 85, LOCK_SHORT,                                                                \
	  "the IPC namespaces of a sandbox", "ipc/ipc.h")                                          \
	X(IPC, 85, LOCK_SHORT,                                                                     \
	  "the System V objects of an IPC namespace, its limits", "ipc/ipc.h")                     \
	X(MQUEUE, 85, LOCK_SHORT,                                                                  \
	  "the POSIX message queues of an IPC namespace", "ipc/mqueue.h")                          \
	X(BUDGET, 86, LOCK_SHORT,                                                                  \
	  "the thread that measures memory", "mm/budget.c")                                        \
	X(AIO_LIST, 87, LOCK_SHORT,                                                                \
	  "the contexts of asynchronous I/O of a sandbox", "kernel/aio.h")                         \
	X(FUTEX_BUCKET, 88, LOCK_BY_ADDRESS,                                                       \
	  "the waiters of a bucket", "kernel/futex_table.h")                                       \
	X(VDSO_CLOCK, 90, LOCK_SHORT,                                                              \
	  "the page that the vDSO reads the time from", "loader/vdso.c")                           \
	X(FDTABLE, 100, LOCK_SHORT,                                                                \
	  "descriptors", "kernel/fdtable.h")                                                       \
	X(SECCOMP, 101, LOCK_SHORT,                                                                \
	  "the calls that a seccomp listener hears of", "kernel/seccomp/notify.h")                 \
	X(RSEQ, 102, LOCK_SHORT,                                                                   \
	  "CPU numbers of restartable sequences", "kernel/rseq_cpu.c")                             \
	X(THREADS, 108, LOCK_SLEEPS,                                                               \
	  "which threads a process has, what ended ones have used", "kernel/process.h")            \
	X(SANDBOX, 110, LOCK_SHORT,                                                                \
	  "the process tree, signals, job control, timers", "kernel/process.h")                    \
	X(OBSERVER, 112, LOCK_SHORT,                                                               \
	  "what is told of system calls", "trace/tracer.h")                                       \
	X(FUTEX_PI, 114, LOCK_SHORT,                                                               \
	  "which task owns which priority-inheriting futex", "kernel/futex_pi.c")                  \
	X(THREAD_CLOCK, 116, LOCK_SHORT,                                                           \
	  "the CPU time of a thread without KVM", "platform/process/cputime.c")                    \
	X(TIMERFD, 118, LOCK_SHORT,                                                                \
	  "the ticks of a timerfd", "kernel/timerfd.c")                                            \
	X(CALLS, 119, LOCK_SHORT,                                                                  \
	  "calls between a program and who runs it", "kernel/calls.h")                             \
	X(FS_STRUCT, 120, LOCK_SHORT,                                                              \
	  "a process's root and working directory", "fs/vfs.h")                                    \
	X(OVERLAY_TABLE, 122, LOCK_SHORT,                                                          \
	  "which files of an overlay are in use, and where they lie", "fs/overlay/internal.h")     \
	X(DEVPTS, 124, LOCK_SHORT,                                                                 \
	  "the names of terminals", "fs/devpts.c")                                                 \
	X(RAMFS, 126, LOCK_SHORT,                                                                  \
	  "names and attributes of a file system in memory", "fs/ramfs/internal.h")                \
	X(HOSTFS_FIFOS, 127, LOCK_SHORT,                                                           \
	  "the FIFOs of a host's directory that guests have open", "fs/hostfs/fifo.c")             \
	X(HOSTFS_STATCACHE, 128, LOCK_SHORT,                                                       \
	  "the cache of attributes by path", "fs/hostfs/statcache.c")                              \
	X(CPIOFS, 129, LOCK_SHORT,                                                                 \
	  "the inodes of a cpio archive that are in use", "fs/cpiofs/internal.h")                  \
	X(ANON_ATTR, 130, LOCK_SHORT,                                                              \
	  "the attributes of a file without a name", "fs/anon.h")                                  \
	X(FILE_LOCKS, 132, LOCK_SHORT,                                                             \
	  "locks of files", "fs/locks.c")                                                          \
	X(WRITERS, 134, LOCK_SHORT,                                                                \
	  "which files are written to, which are run", "fs/writers.c")                             \
	X(INOTIFY, 136, LOCK_SHORT,                                                                \
	  "watches and events", "fs/inotify.c")                                                    \
	X(USERS, 138, LOCK_SHORT,                                                                  \
	  "the users that something is counted for", "cred/user.h")                                \
	X(WAITQUEUE, 140, LOCK_NESTS,                                                              \
	  "who waits; a file's before those of epoll instances that it is in", "host/wait.h")      \
	X(EPOLL_READY, 142, LOCK_SHORT,                                                            \
	  "the items of an epoll instance that may be ready", "kernel/epoll.c")                    \
	X(FASYNC, 144, LOCK_SHORT,                                                                 \
	  "signals that wait to be sent because of O_ASYNC", "kernel/fasync.c")                    \
	X(MOUNTS, 150, LOCK_SHORT,                                                                 \
	  "the mounts of all namespaces", "fs/mount.h")                                            \
	X(FREEZER, 152, LOCK_SHORT,                                                                \
	  "which tasks stand still", "host/freezer.h")
/* clang-format on */

#endif
