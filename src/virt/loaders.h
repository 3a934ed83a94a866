/* UEFI on this machine. */
#ifndef SOLOVIRT_VIRT_LOADERS_H
#define SOLOVIRT_VIRT_LOADERS_H

/* Those of domain_loaders() that can be read here, NULL-terminated; the caller g_free()s the array only. */
const char **loaders_here(void);

#endif
