/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints what of include/hl.h is in the programs that were compiled with it: sizes and places of
 * what callers have in their own memory, and numbers (docs/abi.md). abi.txt is what it printed so
 * far.
 */
#include <stddef.h>
#include <stdio.h>

#include "hl.h"

#define STRUCT(s) printf("struct " #s " %zu\n", sizeof(struct s))
#define FIELD(s, f)                                                                                \
	printf("struct " #s " " #f " %zu %zu\n", offsetof(struct s, f), sizeof(((struct s *)0)->f))
#define NUMBER(name) printf(#name " %llu\n", (unsigned long long)(name))

int main(void)
{
	STRUCT(hl_bytes);
	FIELD(hl_bytes, data);
	FIELD(hl_bytes, len);
	STRUCT(hl_result);
	FIELD(hl_result, end);
	FIELD(hl_result, status);
	FIELD(hl_result, stopped);
	FIELD(hl_result, all_stopped);
	FIELD(hl_result, wall_ns);
	STRUCT(hl_snapshot_info);
	FIELD(hl_snapshot_info, program);
	FIELD(hl_snapshot_info, driver);
	FIELD(hl_snapshot_info, saved_at);
	FIELD(hl_snapshot_info, processes);
	FIELD(hl_snapshot_info, threads);
	FIELD(hl_snapshot_info, pages);
	FIELD(hl_snapshot_info, size);
	STRUCT(hl_stats);
	FIELD(hl_stats, syscalls);
	FIELD(hl_stats, entries);
	FIELD(hl_stats, faults);
	FIELD(hl_stats, exceptions);
	FIELD(hl_stats, interrupts);
	FIELD(hl_stats, threads);
	FIELD(hl_stats, guest_memory);
	FIELD(hl_stats, guest_memory_max);
	FIELD(hl_stats, threads_max);
	STRUCT(hl_call_stats);
	FIELD(hl_call_stats, name);
	FIELD(hl_call_stats, number);
	FIELD(hl_call_stats, calls);
	FIELD(hl_call_stats, errors);
	FIELD(hl_call_stats, total_ns);
	FIELD(hl_call_stats, max_ns);
	STRUCT(hl_check);
	FIELD(hl_check, key);
	FIELD(hl_check, found);
	FIELD(hl_check, needed);
	FIELD(hl_check, value);
	FIELD(hl_check, text);
	FIELD(hl_check, advice);
	STRUCT(hl_platform_report);
	FIELD(hl_platform_report, name);
	FIELD(hl_platform_report, usable);
	FIELD(hl_platform_report, text);
	FIELD(hl_platform_report, round_trip_ns);
	FIELD(hl_platform_report, checks);
	FIELD(hl_platform_report, nr_checks);
	STRUCT(hl_host_report);
	FIELD(hl_host_report, picked);
	FIELD(hl_host_report, reason);
	FIELD(hl_host_report, kvm_exit_ns);
	FIELD(hl_host_report, kvm_exit_max_ns);
	FIELD(hl_host_report, kvm_exit_source);
	FIELD(hl_host_report, cached_in);
	FIELD(hl_host_report, platforms);
	FIELD(hl_host_report, nr_platforms);
	FIELD(hl_host_report, checks);
	FIELD(hl_host_report, nr_checks);
	NUMBER(HL_OK);
	NUMBER(HL_INVALID);
	NUMBER(HL_NOT_FOUND);
	NUMBER(HL_NOT_EXEC);
	NUMBER(HL_PLATFORM);
	NUMBER(HL_NO_MEMORY);
	NUMBER(HL_SYSTEM);
	NUMBER(HL_STATE);
	NUMBER(HL_TIMED_OUT);
	NUMBER(HL_LEFT_BEHIND);
	NUMBER(HL_UNSAVABLE);
	NUMBER(HL_DAMAGED);
	NUMBER(HL_FAILED);
	NUMBER(HL_NETWORK_DEFAULT);
	NUMBER(HL_NETWORK_NONE);
	NUMBER(HL_NETWORK_HOST);
	NUMBER(HL_NETWORK_NAMESPACE);
	NUMBER(HL_LIMIT_MEMORY);
	NUMBER(HL_LIMIT_STACK);
	NUMBER(HL_LIMIT_PIDS);
	NUMBER(HL_LIMIT_FILES);
	NUMBER(HL_LIMIT_DISK);
	NUMBER(HL_LIMIT_CPUS);
	NUMBER(HL_NR_LIMITS);
	NUMBER(HL_JAIL_THREADS);
	NUMBER(HL_JAIL_PROCESS);
	NUMBER(HL_TRACE_TEXT);
	NUMBER(HL_TRACE_JSON);
	NUMBER(HL_AUDIT_REFUSED);
	NUMBER(HL_AUDIT_ALL);
	NUMBER(HL_RUNNING);
	NUMBER(HL_EXITED);
	NUMBER(HL_SIGNALED);
	NUMBER(HL_EXPIRED);
	NUMBER(HL_KILLED);
	NUMBER(HL_BROKEN);
	NUMBER(HL_MOMENT_ASKS);
	NUMBER(HL_MOMENT_LISTENS);
	NUMBER(HL_MOMENT_PRINTS);
	NUMBER(HL_STATE_READY);
	NUMBER(HL_STATE_BUSY);
	NUMBER(HL_STATE_ENDED);
	NUMBER(HL_STATE_BROKEN);
	NUMBER(HL_FOUND);
	NUMBER(HL_MISSING);
	NUMBER(HL_DENIED);
	NUMBER(HL_NOT_LOOKED_FOR);
	NUMBER(HL_FOREVER);
	NUMBER(HL_MESSAGE_MAX);
	return 0;
}
