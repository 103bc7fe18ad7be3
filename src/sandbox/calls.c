/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sandbox/parts.h"

/* An argument of 32 bits: what the upper half holds is not looked at by the kernel either. */
#define WORD UINT64_C(0xffffffff)
#define IS(argument, value) \
	{ argument, WORD, value }
#define ONLY(argument, bits) \
	{ argument, WORD & ~(uint64_t)(bits), 0 }
#define WITHOUT(argument, bits) \
	{ argument, bits, 0 }
#define IF(...) \
	{ __VA_ARGS__ }

/* MSG_FASTOPEN would connect a listening socket, once shut down, to any address. */
#define SEND_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)
#define PUNCH_HOLE 3 /* FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE */

static const struct sp_call ALLOWED[] = {
	/* Bytes of descriptors that are there. */
	{"read", {{0}}, "signals, eventfds, sockets"},
	{"write", {{0}}, "eventfds, sockets, the log"},
	{"readv", {{0}}, "the C library's streams"},
	{"writev", {{0}}, "the C library's last words"},
	{"pread64", {{0}}, "guest memory and pictures, which may be cut short while they are read"},
	{"pwrite64", {{0}}, "guest memory"},
	{"preadv2", {{0}}, "an eventfd, without waiting"},
	{"lseek", {{0}}, "the C library, for a line of the log"},
	{"close", {{0}}, "clients, and descriptors that they sent"},
	{"fstat", {{0}}, "descriptors that a client sent, and nothing by a path"},
	{"fallocate", IF(IS(1, PUNCH_HOLE)), "a reset empties a device's memory"},
	{"fcntl", IF(IS(1, F_DUPFD_CLOEXEC)), "a picture, or a descriptor to be sent, is kept"},
	{"fcntl", IF(IS(1, F_GETFD)), "whether a descriptor is there"},
	{"fcntl", IF(IS(1, F_SETFD), IS(2, FD_CLOEXEC)), "that none is inherited"},
	{"fcntl", IF(IS(1, F_GETFL)), "what a client's descriptor allows"},
	{"fcntl", IF(IS(1, F_SETFL), WITHOUT(2, O_ASYNC)), "sockets that do not block"},
	{"fcntl", IF(IS(1, F_GET_SEALS)), "whether a client's memory can shrink"},
	{"fcntl", IF(IS(1, F_ADD_SEALS)), "that it cannot"},

	/* Sockets: those that wait for clients, and these. */
	{"accept4", {{0}}, "a client"},
	{"recvfrom", {{0}}, "control socket, viewers"},
	{"recvmsg", {{0}}, "requests, and descriptors with them"},
	{"recvmmsg", {{0}}, "the same, for the journal"},
	{"sendto", IF(ONLY(3, SEND_FLAGS), {4, UINT64_MAX, 0}),
		"control socket, viewers; to no address"},
	{"sendmsg", IF(ONLY(2, SEND_FLAGS)), "replies"},
	{"sendmmsg", IF(ONLY(3, SEND_FLAGS)), "the same, for the journal"},
	{"shutdown", {{0}}, "a viewer's end"},
	{"getsockname", {{0}}, "what a viewer came by"},
	{"getpeername", {{0}}, "libvncserver asks who came"},
	{"getsockopt", {{0}}, "how much a socket holds, and whose it is"},
	{"setsockopt", IF(IS(1, SOL_SOCKET), IS(2, SO_SNDBUF)), "room for an update"},
	{"setsockopt", IF(IS(1, SOL_SOCKET), IS(2, SO_KEEPALIVE)), "viewers that are gone"},
	{"setsockopt", IF(IS(1, IPPROTO_TCP), IS(2, TCP_USER_TIMEOUT)), "the same"},
	{"setsockopt", IF(IS(1, IPPROTO_TCP), IS(2, TCP_NODELAY)), "viewers, at once"},
	{"socketpair", IF(IS(0, AF_UNIX), ONLY(1, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK)),
		"a client's second socket; libvncserver writes into one"},

	/* Waiting. */
	{"epoll_wait", {{0}}, "the loop"},
	{"epoll_pwait", {{0}}, "the loop, on arm64"},
	{"epoll_ctl", {{0}}, "the loop"},
	{"eventfd2", {{0}}, "doorbells"},
	{"poll", {{0}}, "libraries; the last words do not wait for the log"},
	{"ppoll", {{0}}, "the same, on arm64"},
	{"select", {{0}}, "libvncserver"},
	{"pselect6", {{0}}, "libvncserver"},
	{"restart_syscall", {{0}}, "one of these, after a stop"},
	{"futex", IF(IS(1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG)), "the C library, after a first time"},

	/* Memory, none of which is code. */
	{"mmap", IF(WITHOUT(2, PROT_EXEC)), "guest memory, and the C library's"},
	{"mprotect", IF(WITHOUT(2, PROT_EXEC)), "the C library's"},
	{"munmap", {{0}}, "guest memory, and the C library's"},
	{"mremap", {{0}}, "the C library's, that grows"},
	{"madvise", IF(IS(2, MADV_DONTNEED)), "the C library's, that is given back"},
	{"brk", {{0}}, "the C library's"},
	{"mlock", {{0}}, "a page of the journal"},

	/* Questions whose answers are no secrets. */
	{"clock_gettime", {{0}}, "the loop, where the kernel's page cannot tell"},
	{"gettimeofday", {{0}}, "libvncserver, likewise"},
	{"time", {{0}}, "libvncserver, likewise"},
	{"getrandom", {{0}}, "a viewer's challenge"},
	{"getpid", {{0}}, "the control socket's answer, and abort()"},
	{"gettid", {{0}}, "abort()"},
	{"uname", {{0}}, "libvncserver asks for the name of who came by a Unix socket"},
	{"sysinfo", {{0}}, "the C library's qsort()"},

	/* Signals and the end. */
	{"rt_sigprocmask", {{0}}, "abort()"},
	{"rt_sigreturn", {{0}}, "the end of a handler"},
	{"tgkill", IF(IS(0, SP_CALL_OWN_PROCESS), IS(2, SIGABRT)), "abort()"},
	{"exit", {{0}}, "the end"},
	{"exit_group", {{0}}, "the end"},
	{.name = NULL},
};

/* What libraries try and do without. None of them is worth a guest's screen. */
static const struct sp_call REFUSED[] = {
	{"access", {{0}}, "files that libraries look for"},
	{"faccessat", {{0}}, "the same"},
	{"faccessat2", {{0}}, "the same"},
	{"open", {{0}}, "the same: locales, time zones, numbers of processors"},
	{"openat", {{0}}, "the same"},
	{"stat", {{0}}, "the same"},
	{"lstat", {{0}}, "sockets' paths at the end, which are the holder's"},
	{"newfstatat", {{0}}, "the same"},
	{"statx", {{0}}, "the same"},
	{"readlink", {{0}}, "the same"},
	{"readlinkat", {{0}}, "the same"},
	{"unlink", {{0}}, "sockets' paths at the end"},
	{"unlinkat", {{0}}, "the same"},
	{"rmdir", {{0}}, "their directory at the end"},
	{"ioctl", {{0}}, "streams ask whether they are terminals"},
	{"socket", {{0}}, "libraries ask for names, and log"},
	{.name = NULL},
};

const struct sp_call *sp_calls_allowed(void) {
	return ALLOWED;
}

const struct sp_call *sp_calls_refused(void) {
	return REFUSED;
}
