/* SPDX-License-Identifier: Apache-2.0 */
/*
 * procfs (proc(5)) and sysfs (sysfs(5)): views of a sandbox as files. What is shown is the guest's:
 * its processes, its mounts, its limits. Of the host only what a program can learn from the CPU and
 * system calls anyway.
 */
#ifndef HL_PROC_PROC_H
#define HL_PROC_PROC_H

#include "proc/pseudo.h"

struct mm;
struct process;
struct task;
struct vma;

/* What a mount of proc hides (proc(5), "Mount options"). */
enum proc_hide {
	PROC_HIDE_OFF,
	PROC_HIDE_CONTENTS = 1,  /* "noaccess": what is in the directories of others' processes */
	PROC_HIDE_PROCESSES = 2, /* "invisible": and the directories */
	PROC_HIDE_UNTRACED =
	    4 /* "ptraceable": all that the reader could not trace, whoever it is */
};
struct proc_options {
	_Atomic unsigned hide; /* enum proc_hide */
	_Atomic gid_t gid;     /* from whose members nothing is hidden but by PROC_HIDE_UNTRACED */
	_Atomic bool pids_only;
};
/* NULL of `o`: nothing is hidden. */
int procfs_create(struct sandbox *sb, struct pid_namespace *pids, const struct proc_options *o,
		  struct filesystem **out);
void procfs_set(struct filesystem *fs, const struct proc_options *o);
/* `net`: the network namespace whose interfaces it shows. */
int sysfs_create(struct sandbox *sb, struct ns_common *net, struct filesystem **out);
/* The control group of a sandbox with limits: proc/cgroupfs.c. */
int cgroupfs_create(struct sandbox *sb, struct filesystem **out);

/* The pid whose /proc/PID `f` is, open as a directory, borrowed from the file; NULL: it is none. */
struct pid *proc_pid_of_file(struct file *f);
/* ---- between the files of this folder ---- */

extern const struct pseudo_dir proc_pid_dir;    /* /proc/PID */
extern const struct pseudo_dir proc_sysctl_dir; /* /proc/sys */
extern const struct pseudo_dir proc_fd_dir, proc_fdinfo_dir, proc_ns_dir, proc_map_files_dir;

/* The process (NULL once reaped) and some task of it a node is about (NULL: a zombie).
 * sandbox->lock held. */
struct process *proc_process(struct pseudo_node *n);
struct task *proc_task(struct pseudo_node *n);
struct task *proc_task_of(struct pid *pid);
/* The address space, a reference; NULL when it has none any more. Takes sandbox->lock. */
struct mm *proc_mm(struct pseudo_node *n);
/* Like that, for the caller and the node. Takes sandbox->lock. */
int proc_check_inspect(struct pseudo_node *n, struct caller *c);
/* The text of a link to `f`, whose reference is taken over: its name as the caller sees it. */
int proc_link_to_file(struct file *f, struct caller *c, struct text *out);
/* pseudo_entry.may_open: for whom ptrace_may_inspect lets; of a zombie there is nothing to hide. */
int proc_may_open(struct pseudo_node *n, struct caller *c, int flags);
/* Is the node below /proc/PID/task/TID, and so about one thread? */
bool proc_is_thread(const struct pseudo_node *n);
/* A file shown from the host's file of the same name. */
int proc_show_host(struct text *out, const char *host_path);
/* The lines of it that begin with one of the `n` names. */
int proc_show_host_lines(struct text *out, const char *host_path, const char *const *names,
			 size_t n);
/* Runs `fn` on each vma, if the caller may look; on none when there is no address space. `gate`:
 * and on one for the vsyscall page, which is in no address space. */
int proc_each_vma(struct pseudo_node *n, struct caller *c,
		  int (*fn)(const struct vma *v, void *arg), void *arg, bool gate);
/* The line of /proc/PID/maps; the name in one that begins at `line`. */
void proc_put_map_name(struct text *out, size_t line, const char *name);
void proc_put_vma(struct text *out, const struct vma *v);
int64_t proc_maps_ioctl(struct pseudo_node *n, struct caller *c, struct mm *mm, unsigned cmd,
			uint64_t arg);
int proc_show_smaps_rollup(struct pseudo_node *n, struct caller *c, struct text *out);
ssize_t proc_read_pagemap(struct pseudo_node *n, struct caller *c, struct uio *u, int64_t pos);
int proc_store_clear_refs(struct pseudo_node *n, struct caller *c, char *text);
int proc_show_numa_maps(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_maps(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_smaps(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_status(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_schedstat(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_stat(struct pseudo_node *n, struct caller *c, struct text *out);
/* proc/system.c: files of /proc itself */
int proc_show_cgroups(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_cpuinfo(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_interrupts(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_loadavg(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_locks(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_meminfo(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_system_stat(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_uptime(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_vmstat(struct pseudo_node *n, struct caller *c, struct text *out);
/* Characters of `which` become octal escapes. */
void proc_put_escaped(struct text *out, const char *s, const char *which);
int proc_show_mounts(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_mountinfo(struct pseudo_node *n, struct caller *c, struct text *out);
unsigned proc_poll_mounts(struct pseudo_node *n, _Atomic uint64_t *poll_event,
			  struct poll_table *pt);
int proc_show_mountstats(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_io(struct pseudo_node *n, struct caller *c, struct text *out);
/* proc/pid_timers.c */
int proc_show_timers(struct pseudo_node *n, struct caller *c, struct text *out);
/* proc/pid_id_map.c */
int proc_show_id_map(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_store_id_map(struct pseudo_node *n, struct caller *c, const struct cred *opener,
		      char *text);
int proc_show_setgroups(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_store_setgroups(struct pseudo_node *n, struct caller *c, const struct cred *opener,
			 char *text);
int proc_may_open_setgroups(struct pseudo_node *n, struct caller *c, int flags);

/* proc/ns.c */
int proc_show_timens(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_store_timens(struct pseudo_node *n, struct caller *c, const struct cred *opener,
		      char *text);

/* proc/pid_settings.c */
int proc_show_oom_score(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_show_oom_score_adj(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_store_oom_score_adj(struct pseudo_node *n, struct caller *c, char *text);
int proc_show_oom_adj(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_store_oom_adj(struct pseudo_node *n, struct caller *c, char *text);
int proc_show_coredump_filter(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_store_coredump_filter(struct pseudo_node *n, struct caller *c, char *text);
int proc_show_timerslack(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_store_timerslack(struct pseudo_node *n, struct caller *c, char *text);
int proc_show_unset_id(struct pseudo_node *n, struct caller *c, struct text *out);
int proc_mem_open(struct pseudo_node *n, struct caller *c, int flags, struct file **out);

extern const struct saved_kind proc_mem_saved; /* of open files of /proc/PID/mem */

#endif
