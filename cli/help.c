/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the texts of --help and --version on standard output. docs/hl.1 says the same at more
 * length. */
#include <stdio.h>

#include "cli/cli.h"

static const char help[] =
    "Usage: hl [OPTIONS] [--] PROGRAM [ARGS...]\n"
    "       hl mkinitrd -o FILE [OPTIONS] DIR | --program PROGRAM...\n"
    "       hl --image IMAGE [OPTIONS] [--] [ARGS...]\n"
    "       hl image ls | import FILE|DIR[:NAME]... | inspect IMAGE... | rm IMAGE...\n"
    "       hl snapshot save FILE [OPTIONS] [--] PROGRAM [ARGS...]\n"
    "       hl snapshot run FILE [OPTIONS] [-- ARGS...] | info FILE\n"
    "       hl snapshot save --driver RUNTIME[:MODULE,...] FILE [OPTIONS]\n"
    "       hl snapshot run FILE [OPTIONS] (-e CODE | SCRIPT | -) [ARGS...]\n"
    "       hl bench [OPTIONS] [MODE...]\n"
    "       hl doctor [--json]\n"
    "       hl policy explain FILE\n"
    "Runs an unmodified Linux program in its own lightweight virtual machine; hl doctor says how\n"
    "well this host can do that, and what to do about what is missing.\n"
    "\n"
    "  -e, --exec CODE         run CODE by the interpreter PROGRAM, as its -c or -e does\n"
    "      --repeat N          run it N times more, each from a fresh start\n"
    "      --driver RUNTIME[:MODULE,...] hl snapshot save: get python3, node, perl,\n"
    "                          ruby or bash ready for jobs\n"
    "      --after SECONDS     hl snapshot save: save then; else when SIGUSR1 comes\n"
    "      --when idle         hl snapshot save: save when all of it sleeps,\n"
    "      --when listen[:PORT] ... when it listens at a port,\n"
    "      --when output:TEXT  ... when it prints the text\n"
    "      --self-contained    hl snapshot save: with the programs and libraries that it runs\n"
    "      --deterministic     hl snapshot run: the same random bytes and times in each run\n"
    "  -t, --timeout SECONDS   end everything after this time; exit status 124\n"
    "  -m, --memory SIZE       memory of all that runs: the largest process is killed beyond it\n"
    "      --stack SIZE        stack of a process (sizes: bytes, or as 512K, 64Mi, 1G)\n"
    "      --pids N            processes and threads at a time\n"
    "      --files N           open files at a time\n"
    "      --disk SIZE         what it has in files in memory and adds to the host's\n"
    "      --cpus N            CPUs to run on\n"
    "      --env NAME[=VALUE]  set a variable, or pass the caller's value on\n"
    "      --clear-env         start from an empty environment\n"
    "      --initrd FILE       a cpio archive is the whole world of the program\n"
    "      --image IMAGE       a container image is, by FILE|DIR[:NAME] or a name of hl image ls\n"
    "      --entrypoint PROGRAM in place of the image's own\n"
    "      --workdir DIR       start in this directory\n"
    "      --root DIR          DIR is the whole world of the program\n"
    "      --overlay[=DIR]     what is written to it goes to memory, or to DIR\n"
    "      --isolate           the host's programs, read-only, and nothing else of it\n"
    "      --workspace[=DIR]   the host's programs, and DIR to work in, without your secrets\n"
    "      --hide PATH         at PATH the program finds nothing\n"
    "      --mount HOST[:GUEST][:ro] a directory or file of the host at GUEST (default /host)\n"
    "      --tmpfs GUEST[:SIZE] an empty directory in memory at GUEST\n"
    "      --user UID[:GID]    run as this user, by number or by a name of the guest's\n"
    "      --policy FILE       options in a file; those beside it can only take away\n"
    "      --audit FILE        a JSON line in FILE for each thing that the program is refused\n"
    "      --learn FILE        write a policy that allows what this run uses\n"
    "      --dry-run           say what the program's world would hold, and run nothing\n"
    "      --hostname NAME     the name of the machine\n"
    "      --net none|host|namespace  a loopback of its own, the host's network, or a loopback\n"
    "                          in a network namespace of the host's\n"
    "      --net-allow RULE    let it reach no more than ADDRESS[/BITS], NAME or *.NAME, [:PORT]\n"
    "      --publish [ADDR:]HOST:GUEST[/udp] a port of the host (at 127.0.0.1) reaches its port "
    "GUEST\n"
    "      --net-block RULE    do not let it reach that\n"
    "      --sysroot DIR       look absolute paths up under DIR first, then on the host\n"
    "      --translator FILE   what runs programs for other CPUs (default: qemu-CPU-static)\n"
    "      --platform NAME     what runs the guest's code: auto (default), kvm or process\n"
    "      --host-priority     let real-time priority and negative nice reach the host's "
    "scheduler\n"
    "      --strict-jail       do not start where hl cannot confine itself as it would\n"
    "      --strace[=FILE]     a line for each system call, as strace prints it; to stderr or "
    "FILE\n"
    "      --strace=json:FILE  the same, as one JSON object a line\n"
    "      --core FILE         a core file of each process that crashes; %e, %p as in core(5)\n"
    "      --gdb ADDR          wait for gdb at [HOST]:PORT, or at the path of a unix socket\n"
    "      --stats             at the end: counts and times of system calls, faults, exits, "
    "memory\n"
    "  -v, --verbose           tell how the program crashed and what it missed; -vv: every event\n"
    "  -q, --quiet             not one line of hl's own\n"
    "  -h, --help              this text\n"
    "  -V, --version           the version\n"
    "\n"
    "Exit status: the program's; 128+N when signal N ended it; 124 at the time limit; 125 when hl\n"
    "failed; 126 when the program cannot be run; 127 when it is not found; 2 for a usage error.\n";

static int print(const char *text)
{
	return fputs(text, stdout) == EOF || fflush(stdout) ? STATUS_HL : 0;
}

int print_help(void)
{
	return print(help);
}

int print_version(void)
{
	char line[64];

	snprintf(line, sizeof line, "hl %s\n", hl_version());
	return print(line);
}
