/* Giving up rights, for good, before the first hostile byte is read. */
#ifndef SOLOVIRT_STORAGE_CONFINE_H
#define SOLOVIRT_STORAGE_CONFINE_H

#include <stdint.h>

struct error;

struct confine_limits {
	int64_t file_size;   /* most bytes of a regular file */
	int64_t cpu_seconds;
	int64_t memory;      /* bytes of address space; not under AddressSanitizer, which reserves terabytes */
};

/*
 * For this process and all its threads to come: becomes nobody when it is root, without groups or capabilities; can
 * gain no rights by execve; may open files only to read, only below the folders that name look-up and certificates
 * need, and execute none (landlock, where the kernel has it); dies with its parent; bounded in memory, CPU time, file
 * size, open files; leaves no core. Descriptors that are open stay usable.
 */
int confine(const struct confine_limits *limits, struct error *err);

#endif
