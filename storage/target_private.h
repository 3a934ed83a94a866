/* The kinds of targets; see target.h. */
#ifndef SOLOVIRT_STORAGE_TARGET_PRIVATE_H
#define SOLOVIRT_STORAGE_TARGET_PRIVATE_H

#include "storage/target.h"

/* Each does what target.h says of the function of its name. */
struct target_class {
	size_t hole;
	int (*write)(struct target *target, const uint8_t *data, size_t length, int64_t offset, struct error *err);
	int (*read)(struct target *target, uint8_t *data, size_t length, int64_t offset, struct error *err);
	int (*flush)(struct target *target, struct error *err);
	int (*extend)(struct target *target, int64_t size, struct error *err);
	void (*free)(struct target *target);
};

/* Begins the struct of each kind. */
struct target {
	const struct target_class *class;
	int fd; /* borrowed */
};

struct target *target_nbd_new(int fd);

#endif
