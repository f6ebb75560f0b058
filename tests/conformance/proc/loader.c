/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fresh program finds: registers, stack, auxiliary vector, segments. Linked with its own
 * entry point, in several ways: static and dynamic, at a fixed address and not. DYNAMIC: libc's
 * loader runs before the entry point.
 */
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "case.h"

/* The entry point notes the registers and goes on to libc's. */
unsigned long entry_regs[17];

__asm__(".globl entry_point\n"
	"entry_point:\n"
	"	mov %rax, entry_regs+0(%rip)\n"
	"	mov %rbx, entry_regs+8(%rip)\n"
	"	mov %rcx, entry_regs+16(%rip)\n"
	"	mov %rdx, entry_regs+24(%rip)\n"
	"	mov %rsi, entry_regs+32(%rip)\n"
	"	mov %rdi, entry_regs+40(%rip)\n"
	"	mov %rbp, entry_regs+48(%rip)\n"
	"	mov %rsp, entry_regs+56(%rip)\n"
	"	mov %r8, entry_regs+64(%rip)\n"
	"	mov %r9, entry_regs+72(%rip)\n"
	"	mov %r10, entry_regs+80(%rip)\n"
	"	mov %r11, entry_regs+88(%rip)\n"
	"	mov %r12, entry_regs+96(%rip)\n"
	"	mov %r13, entry_regs+104(%rip)\n"
	"	mov %r14, entry_regs+112(%rip)\n"
	"	mov %r15, entry_regs+120(%rip)\n"
	"	pushf\n"
	"	pop entry_regs+128(%rip)\n"
	"	jmp _start\n");

static unsigned long *entry_stack(void)
{
	return (unsigned long *)entry_regs[7];
}

static Elf64_auxv_t *auxv(void)
{
	char **p = environ;

	while (*p)
		p++;
	return (Elf64_auxv_t *)(void *)(p + 1);
}

#ifndef DYNAMIC
CASE(entry_registers)
{
	unsigned long any = 0;

	for (int i = 0; i < 16; i++)
		if (i != 7)
			any |= entry_regs[i];
	X(any);
	X(entry_regs[16] & ~0x10UL);
}
#endif

CASE(entry_stack)
{
	unsigned long *sp = entry_stack();

	V((uintptr_t)sp % 16);
	V(*sp);
	V((char **)(sp + 1) == case_argv);
	V(sp[1 + sp[0]]);
	V((char **)(sp + 2 + sp[0]) == environ);
}

/* Strings lie above the vectors, in the order arguments, environment; the path of the program at
 * the very end. */
CASE(strings)
{
	char *last = NULL;

	V(case_argv[0] > (char *)auxv());
	V(case_argv[1] == case_argv[0] + strlen(case_argv[0]) + 1);
	V(environ[0] == case_argv[1] + strlen(case_argv[1]) + 1);
	for (char **e = environ; *e; e++)
		last = *e;
	V((char *)getauxval(AT_EXECFN) == last + strlen(last) + 1);
	say("%s\n", strcmp((char *)getauxval(AT_EXECFN), case_self) == 0 ? "AT_EXECFN is the path"
									 : "AT_EXECFN differs");
}

CASE(auxv_types)
{
	static const int types[] = { AT_SYSINFO_EHDR, AT_HWCAP,  AT_PAGESZ,   AT_CLKTCK,
				     AT_PHDR,         AT_PHENT,  AT_PHNUM,    AT_BASE,
				     AT_FLAGS,        AT_ENTRY,  AT_UID,      AT_EUID,
				     AT_GID,          AT_EGID,   AT_SECURE,   AT_RANDOM,
				     AT_HWCAP2,       AT_EXECFN, AT_PLATFORM, AT_MINSIGSTKSZ };

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		int n = 0;
		for (Elf64_auxv_t *a = auxv(); a->a_type != AT_NULL; a++)
			n += (int)a->a_type == types[i];
		say("type %d: %d\n", types[i], n);
	}
}

CASE(auxv_values)
{
	V(getauxval(AT_PAGESZ));
	V(getauxval(AT_CLKTCK));
	V(getauxval(AT_PHENT));
	V(getauxval(AT_BASE) != 0);
	V(getauxval(AT_BASE) % 4096);
	V(getauxval(AT_FLAGS));
	V(getauxval(AT_UID));
	V(getauxval(AT_EUID));
	V(getauxval(AT_GID));
	V(getauxval(AT_EGID));
	V(getauxval(AT_SECURE));
	say("%s\n", (char *)getauxval(AT_PLATFORM));
	V(getauxval(AT_MINSIGSTKSZ) >= 2048);
}

extern char entry_point[];
extern const char __ehdr_start[];

CASE(auxv_program)
{
	const ElfW(Ehdr) *eh = (const void *)__ehdr_start;

	V(getauxval(AT_ENTRY) == (uintptr_t)entry_point);
	V(getauxval(AT_PHNUM) == eh->e_phnum);
	V(getauxval(AT_PHDR) == (uintptr_t)__ehdr_start + eh->e_phoff);
}

CASE(auxv_random)
{
	unsigned char *r = (unsigned char *)getauxval(AT_RANDOM), or = 0;
	int same = 1;

	for (int i = 0; i < 16; i++) {
		or |= r[i];
		same &= r[i] == r[0];
	}
	V(or != 0);
	V(same);
}

CASE(auxv_random_differs)
{
	unsigned char *mine = (unsigned char *)getauxval(AT_RANDOM), other[16];
	int p[2];

	NEED(pipe(p));
	pid_t pid = fork();
	if (pid == 0) {
		char role[] = "role:random", *argv[] = { case_self, role, NULL };
		dup2(p[1], 1);
		execv(case_self, argv);
		_exit(1);
	}
	reap("child", pid);
	R(read(p[0], other, 16));
	V(memcmp(mine, other, 16) != 0);
}

ROLE(random)
{
	NEED(write(1, (void *)getauxval(AT_RANDOM), 16));
}

CASE(proc_self_auxv)
{
	char buf[2048];
	int fd = (int)R(open("/proc/self/auxv", O_RDONLY));
	ssize_t n = read(fd, buf, sizeof buf), mine = 0;

	while (auxv()[mine].a_type != AT_NULL)
		mine++;
	V(n >= (mine + 1) * 16);
	V(memcmp(buf, auxv(), (mine + 1) * 16));
}

CASE(vdso_image)
{
	const ElfW(Ehdr) *eh = (const void *)getauxval(AT_SYSINFO_EHDR);
	int loads = 0, dynamic = 0;

	V(memcmp(eh->e_ident, ELFMAG, SELFMAG));
	V(eh->e_type);
	V(eh->e_machine);
	const ElfW(Phdr) *ph = (const void *)((const char *)eh + eh->e_phoff);
	for (int i = 0; i < eh->e_phnum; i++) {
		loads += ph[i].p_type == PT_LOAD;
		dynamic += ph[i].p_type == PT_DYNAMIC;
	}
	V(loads);
	V(dynamic);
}

static char bss[100000], data[5000] = { 1 };

CASE(bss_is_zero)
{
	int any = 0;

	for (size_t i = 0; i < sizeof bss; i++)
		any |= bss[i];
	V(any);
	for (size_t i = 1; i < sizeof data; i++)
		any |= data[i];
	V(any);
	V(data[0]);
	memset(bss, 1, sizeof bss);
	V(bss[99999]);
}

static const char constant[] = "constant";

CASE(segment_rights)
{
	char line[512], rights[4096] = "";
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char perm[8];
	static const void *const at[] = { __ehdr_start, entry_point, constant, data };

	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perm) != 3)
			continue;
		for (int i = 0; i < 4; i++)
			if ((uintptr_t)at[i] >= from && (uintptr_t)at[i] < to)
				snprintf(rights + strlen(rights), 32, "%d %s\n", i, perm);
		if (strstr(line, "[stack]"))
			snprintf(rights + strlen(rights), 32, "stack %s\n", perm);
	}
	say("%s", rights);
}

CASE(fp_state)
{
	unsigned mxcsr = 0;
	unsigned short cw = 0;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(cw));
	X(mxcsr);
	X(cw);
}

CASE(segment_registers)
{
	unsigned short cs, ss, ds, es;
	unsigned long gs = 1, fs = 1;

	__asm__ volatile("mov %%cs, %0; mov %%ss, %1; mov %%ds, %2; mov %%es, %3"
			 : "=r"(cs), "=r"(ss), "=r"(ds), "=r"(es));
	say("cs %x ss %x ds %x es %x\n", cs, ss, ds, es);
	R(syscall(SYS_arch_prctl, 0x1004, &gs)); /* ARCH_GET_GS */
	X(gs);
	R(syscall(SYS_arch_prctl, 0x1003, &fs)); /* ARCH_GET_FS */
	V(fs == *(unsigned long *)fs);
	R(syscall(SYS_arch_prctl, 0x1001, 0x1234000UL)); /* ARCH_SET_GS */
	R(syscall(SYS_arch_prctl, 0x1004, &gs));
	X(gs);
	R(syscall(SYS_arch_prctl, 0x1001, 1UL << 63));
	R(syscall(SYS_arch_prctl, 0x1002, 1UL << 47));
	R(syscall(SYS_arch_prctl, 0x9999, 0));
}

unsigned long syscall_regs[14];
void syscall_with_marks(void);

__asm__(".globl syscall_with_marks\n"
	"syscall_with_marks:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov $110, %eax\n" /* getppid */
	"	mov $0x1111, %ebx; mov $0x2222, %edx; mov $0x3333, %esi; mov $0x4444, %edi; mov "
	"$0x5555, %ebp\n"
	"	mov $0x6666, %r8d; mov $0x7777, %r9d; mov $0x8888, %r10d; mov $0x9999, %r12d; mov "
	"$0xaaaa, %r13d\n"
	"	mov $0xbbbb, %r14d; mov $0xcccc, %r15d\n"
	"	std; stc\n"
	"	syscall\n"
	"1:	mov %rbx, syscall_regs+0(%rip); mov %rdx, syscall_regs+8(%rip); mov %rsi, "
	"syscall_regs+16(%rip)\n"
	"	mov %rdi, syscall_regs+24(%rip); mov %rbp, syscall_regs+32(%rip); mov %r8, "
	"syscall_regs+40(%rip)\n"
	"	mov %r9, syscall_regs+48(%rip); mov %r10, syscall_regs+56(%rip); mov %r12, "
	"syscall_regs+64(%rip)\n"
	"	mov %r13, syscall_regs+72(%rip); mov %r14, syscall_regs+80(%rip); mov %r15, "
	"syscall_regs+88(%rip)\n"
	"	mov %r11, syscall_regs+104(%rip)\n"
	"	lea 1b(%rip), %rax; sub %rcx, %rax; mov %rax, syscall_regs+96(%rip)\n"
	"	cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

/* rcx becomes the address behind the instruction, r11 the flags; all else but rax stays. */
CASE(registers_across_syscall)
{
	syscall_with_marks();
	for (int i = 0; i < 13; i++)
		say("%lx ", syscall_regs[i]);
	say("direction and carry %lx\n", syscall_regs[13] & 0x401);
}

/* The 128 bytes below the stack pointer belong to the program, also while the kernel works for
 * it. */
CASE(red_zone)
{
	unsigned long bad;

	__asm__ volatile(
	    "lea -128(%%rsp), %%rdi; mov $16, %%ecx; mov $0x5a5a, %%eax; rep stosq;"
	    "mov $110, %%eax; syscall;"
	    "xor %%ebx, %%ebx; lea -128(%%rsp), %%rdi; mov $16, %%ecx;"
	    "1: cmpq $0x5a5a, (%%rdi); je 2f; inc %%ebx; 2: add $8, %%rdi; loop 1b; mov %%rbx, %0"
	    : "=r"(bad)
	    :
	    : "rax", "rbx", "rcx", "rdi", "r11", "memory", "cc");
	V(bad);
}

CASE(unknown_syscalls)
{
	R(syscall(1000));
	R(syscall(-1));
	R(syscall(400));
	R(syscall(0x7fffffff));
	R(syscall(SYS_uselib, 0));
	R(syscall(SYS_create_module, 0));
}

CASE(personality)
{
	R(personality(0xffffffff));
	R(personality(ADDR_NO_RANDOMIZE));
	R(personality(0xffffffff));
	R(personality(0));
}

/* The stack's limit and where the break starts: relations every program relies on. */
CASE(layout)
{
	char *stack = (char *)entry_stack(),
	     *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *brk = (char *)syscall(SYS_brk, 0);

	V((uintptr_t)stack >> 40 == 0x7f);
	V(map < stack);
	V(brk < map);
}

static int pie_child(void *arg)
{
	char *argv[] = { (char *)arg, (char *)(uintptr_t) "x", NULL };

	execve(arg, argv, environ);
	say("%s: %s\n", (char *)arg, strerrorname_np(errno));
	return 1;
}

/* A minimal program: exit(42), header and code in one page. */
static void make_elf(const char *path, unsigned long vaddr,
		     void (*change)(Elf64_Ehdr *, Elf64_Phdr *))
{
	static const unsigned char code[] = { 0xb8, 60, 0, 0, 0, 0xbf, 42, 0, 0, 0, 0x0f, 5 };
	struct {
		Elf64_Ehdr eh;
		Elf64_Phdr ph[2];
		unsigned char code[sizeof code];
	} f = { .eh = { .e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_version = 1,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1 },
		.ph = { { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_align = 4096 },
			{ .p_type = PT_NULL } } };
	int fd = (int)NEED(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));

	memcpy(f.eh.e_ident, "\177ELF\2\1\1", 7);
	memcpy(f.code, code, sizeof code);
	f.eh.e_entry = vaddr + offsetof(__typeof__(f), code);
	f.ph[0].p_vaddr = vaddr;
	f.ph[0].p_filesz = f.ph[0].p_memsz = sizeof f;
	if (change)
		change(&f.eh, f.ph);
	NEED(write(fd, &f, sizeof f));
	close(fd);
}

#define ELF_WITH(name, code)                                                                       \
	static void name(Elf64_Ehdr *eh, Elf64_Phdr *ph)                                           \
	{                                                                                          \
		code;                                                                              \
	}
ELF_WITH(other_machine, eh->e_machine = EM_AARCH64 + 100)
ELF_WITH(relocatable, eh->e_type = ET_REL)
ELF_WITH(no_segments, eh->e_phnum = 0)
ELF_WITH(wrong_phentsize, eh->e_phentsize = 32)
ELF_WITH(phdrs_past_end, eh->e_phoff = 1 << 20)
ELF_WITH(too_many_phdrs, eh->e_phnum = 2000)
ELF_WITH(filesz_over_memsz, ph[0].p_memsz = 8)
ELF_WITH(kernel_address, ph[0].p_vaddr = 0xffffffff80000000)
ELF_WITH(huge_memsz, ph[0].p_memsz = 1UL << 62)
ELF_WITH(zero_memsz, (ph[1] = ph[0], ph[1].p_filesz = ph[1].p_memsz = 0, ph[1].p_vaddr += 1 << 20,
		      eh->e_phnum = 2))
ELF_WITH(misaligned, ph[0].p_vaddr += 8)
ELF_WITH(missing_interpreter, (ph[1] = ph[0], ph[1].p_type = PT_INTERP, ph[1].p_offset = 4,
			       ph[1].p_filesz = 2, ph[1].p_memsz = 2, eh->e_phnum = 2))
ELF_WITH(writable, ph[0].p_flags |= PF_W)
ELF_WITH(with_bss, ph[0].p_flags |= PF_W; ph[0].p_memsz = 1 << 20)
ELF_WITH(entry_outside, eh->e_entry = 0x10)
ELF_WITH(out_of_order, (ph[1] = ph[0], ph[1].p_vaddr -= 1 << 20, eh->e_phnum = 2))
ELF_WITH(overlapping, (ph[1] = ph[0], ph[1].p_flags |= PF_W, eh->e_phnum = 2))
ELF_WITH(overlapping_bss,
	 (ph[1] = ph[0], ph[0].p_vaddr -= 1 << 16, ph[0].p_memsz += 1 << 20, eh->e_phnum = 2))
ELF_WITH(covered, (ph[1] = ph[0], ph[1].p_filesz = 0, eh->e_phnum = 2))
ELF_WITH(past_end, ph[0].p_filesz = ph[0].p_memsz = 100000)
ELF_WITH(all_past_end,
	 (ph[1] = ph[0], ph[1].p_vaddr += 1 << 20, ph[1].p_offset += 1 << 20, eh->e_phnum = 2))
ELF_WITH(bss_past_end, (ph[1] = ph[0], ph[1].p_vaddr += 1 << 20, ph[1].p_offset += 1 << 20,
			ph[1].p_memsz += 4096, eh->e_phnum = 2))
ELF_WITH(written_bss_past_end, (ph[1] = ph[0], ph[1].p_vaddr += 1 << 20, ph[1].p_offset += 1 << 20,
				ph[1].p_flags |= PF_W, ph[1].p_memsz += 4096, eh->e_phnum = 2))
ELF_WITH(huge_offset,
	 (ph[1] = ph[0], ph[1].p_vaddr += 1 << 20, ph[1].p_offset = -4096UL, eh->e_phnum = 2))
ELF_WITH(only_bss, (ph[1] = ph[0], ph[1].p_vaddr += (1 << 20) + 123, ph[1].p_offset = 77,
		    ph[1].p_filesz = 0, eh->e_phnum = 2))
ELF_WITH(nothing_loaded, ph[0].p_type = PT_NOTE)
ELF_WITH(empty_interpreter, (ph[1] = ph[0], ph[1].p_type = PT_INTERP, ph[1].p_offset = 10,
			     ph[1].p_filesz = 2, ph[1].p_memsz = 2, eh->e_phnum = 2))
ELF_WITH(short_interpreter, (ph[1] = ph[0], ph[1].p_type = PT_INTERP, ph[1].p_offset = 10,
			     ph[1].p_filesz = 1, ph[1].p_memsz = 1, eh->e_phnum = 2))
/* Its name stands in the identification's unused bytes. */
ELF_WITH(interpreter_i,
	 (ph[1] = ph[0], ph[1].p_type = PT_INTERP, ph[1].p_offset = 8,
	  ph[1].p_filesz = ph[1].p_memsz = 2, eh->e_phnum = 2, memcpy(eh->e_ident + 8, "i", 2)))
ELF_WITH(pie, eh->e_type = ET_DYN; eh->e_entry -= ph[0].p_vaddr; ph[0].p_vaddr = 0)

struct elf_case {
	const char *name;
	void (*change)(Elf64_Ehdr *, Elf64_Phdr *);
};

static void try_elfs(const struct elf_case *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		make_elf(list[i].name, 0x10000000, list[i].change);
		in_child(list[i].name, pie_child, (void *)(uintptr_t)list[i].name);
	}
}

CASE(elf_good)
{
	static const struct elf_case list[] = {
		{ "plain", NULL },        { "writable", writable },
		{ "with_bss", with_bss }, { "zero_memsz", zero_memsz },
		{ "pie", pie },           { "entry_outside", entry_outside }
	};

	try_elfs(list, sizeof list / sizeof *list);
}

/* What linkers do not make. */
CASE(elf_odd)
{
	static const struct elf_case list[] = { { "out_of_order", out_of_order },
						{ "overlapping", overlapping },
						{ "overlapping_bss", overlapping_bss },
						{ "covered", covered },
						{ "past_end", past_end },
						{ "all_past_end", all_past_end },
						{ "bss_past_end", bss_past_end },
						{ "only_bss", only_bss } };

	try_elfs(list, sizeof list / sizeof *list);
}

CASE(elf_bad)
{
	static const struct elf_case list[] = { { "other_machine", other_machine },
						{ "relocatable", relocatable },
						{ "no_segments", no_segments },
						{ "wrong_phentsize", wrong_phentsize },
						{ "phdrs_past_end", phdrs_past_end },
						{ "too_many_phdrs", too_many_phdrs },
						{ "empty_interpreter", empty_interpreter },
						{ "short_interpreter", short_interpreter },
						{ "missing_interpreter", missing_interpreter } };

	try_elfs(list, sizeof list / sizeof *list);
}

/* An ELF interpreter that exists and cannot be executed. */
CASE(elf_bad_interpreters)
{
	char name[] = "program";

	make_elf("program", 0x10000000, interpreter_i);
	make_elf("i", 0x20000000, NULL);
	in_child("program", pie_child, name);
	NEED(chmod("i", 0644));
	in_child("program", pie_child, name);
	NEED(unlink("i"));
	NEED(mkdir("i", 0755));
	in_child("program", pie_child, name);
	NEED(rmdir("i"));
	NEED(mkfifo("i", 0777));
	in_child("program", pie_child, name);
	NEED(unlink("i"));
	NEED(symlink("i", "i"));
	in_child("program", pie_child, name);
	NEED(unlink("i"));
	make_elf("i", 0x20000000, other_machine);
	in_child("program", pie_child, name);
	put_file("i", "no ELF");
	NEED(chmod("i", 0755));
	in_child("program", pie_child, name);
	put_file("i", "");
	in_child("program", pie_child, name);
}

/* What Linux notices only when the old program is gone. */
CASE(elf_bad_past_no_return)
{
	static const struct elf_case list[] = { { "filesz_over_memsz", filesz_over_memsz },
						{ "kernel_address", kernel_address },
						{ "huge_memsz", huge_memsz },
						{ "written_bss_past_end", written_bss_past_end },
						{ "huge_offset", huge_offset },
						{ "nothing_loaded", nothing_loaded },
						{ "misaligned", misaligned } };

	try_elfs(list, sizeof list / sizeof *list);
}
