/* A domain from a spec alone: what its host's worker would be told.  Places are made up for what only storage and net know;
 * this machine's files and KVM are looked at. */
#ifndef SOLOVIRT_VIRT_DOMAIN_PREVIEW_H
#define SOLOVIRT_VIRT_DOMAIN_PREVIEW_H

#include <jansson.h>
#include <stdbool.h>

struct error;

/*
 * The XML (caller g_free()s) of a VirtualMachineInstance, or of the instance that a VirtualMachine would make; root is its
 * tree, which has been checked.  *warning (caller g_free()s) says what is missing on this machine, or stays NULL.
 */
char *domain_preview(const json_t *root, const char *namespace, bool emulation, char **warning, struct error *err);

#endif
