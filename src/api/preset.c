/* Rows of presets. */
#include "config.h"

#include "src/api/domain.h"
#include "src/api/preset.h"
#include "src/api/rows.h"

static const struct schema_field spec_rows[] = {
	{ OBJECT("selector", struct preset_spec, selector, struct label_selector, &label_selector_schema), .flags = FIELD_PRESENT, .doc = "Labels of the instances." },
	{ OBJECT("domain", struct preset_spec, domain, struct domain, &domain_schema), .flags = FIELD_REQUIRED, .doc = "What is merged into them." },
	{ 0 },
};
static SCHEMA(spec_schema, struct preset_spec, "VirtualMachineInstancePresetSpec", "Which instances get what.", spec_rows);
static const struct schema_field preset_rows[] = {
	HEAD_ROWS(struct preset),
	{ OBJECT("spec", struct preset, spec, struct preset_spec, &spec_schema), .flags = FIELD_REQUIRED | FIELD_PRESENT, .doc = "Which instances get what.", .warn = "Presets are deprecated: use instancetypes and preferences." },
	{ 0 },
};
SCHEMA(preset_schema, struct preset, "VirtualMachineInstancePreset", "Hardware that is merged into instances.", preset_rows);
