/* Devices of a host as libvirt describes them, and what the configuration's selectors choose of them. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "src/document/path.h"
#include "src/virt/inventory.h"

/* A card with two functions in one group; the first can be divided. */
static const char gpu[] = "<device><name>pci_0000_3b_00_0</name><path>/sys/devices/pci0000:3a/0000:3b:00.0</path>"
                          "<capability type='pci'><class>0x030200</class><domain>0</domain><bus>59</bus><slot>0</slot><function>0</function>"
                          "<capability type='mdev_types'><type id='nvidia-222'><name>GRID T4-1B</name><deviceAPI>vfio-pci</deviceAPI>"
                          "<availableInstances>15</availableInstances></type></capability>"
                          "<product id='0x1eb8'>TU104GL [Tesla T4]</product><vendor id='0x10de'>NVIDIA Corporation</vendor>"
                          "<iommuGroup number='31'><address domain='0x0000' bus='0x3b' slot='0x00' function='0x0'/></iommuGroup>"
                          "<numa node='1'/></capability></device>";
static const char second_gpu[] = "<device><name>pci_0000_af_1f_7</name>"
                                 "<capability type='pci'><domain>0</domain><bus>175</bus><slot>31</slot><function>7</function>"
                                 "<product id='0x1eb8'/><vendor id='0x10de'/><iommuGroup number='7'/></capability></device>";
static const char bare[] = "<device><name>pci_0000_00_03_0</name>"
                           "<capability type='pci'><domain>0</domain><bus>0</bus><slot>3</slot><function>0</function>"
                           "<product id='0x10d3'/><vendor id='0x8086'/></capability></device>";
static const char mdev[] = "<device><name>mdev_c2177883_f1bb_47f0_914d_32a22e3a8804_0000_3b_00_0</name><capability type='mdev'>"
                           "<type id='nvidia-222'/><uuid>c2177883-f1bb-47f0-914d-32a22e3a8804</uuid>"
                           "<parent_addr>0000:3b:00.0</parent_addr><iommuGroup number='99'/></capability></device>";
static const char stick[] = "<device><name>usb_1_2</name><path>/sys/devices/pci0000:00/usb1/1-2</path><capability type='usb_device'>"
                            "<bus>1</bus><device>4</device><product id='0x0001'>HARDDRIVE</product><vendor id='0x46f4'>QEMU</vendor>"
                            "</capability></device>";
static const char other_stick[] = "<device><name>usb_1_3</name><capability type='usb_device'><bus>2</bus><device>11</device>"
                                  "<product id='0x0001'/><vendor id='0x46F4'/></capability></device>";
static const char disk[] = "<device><name>block_sda</name><capability type='storage'><block>/dev/sda</block></capability></device>";

static json_t *
match(const char *permitted)
{
	struct inventory *inventory = inventory_new();
	json_error_t why;
	json_t *tree = json_loads(permitted, 0, &why), *result;

	ck_assert_msg(tree != NULL, "%s", why.text);
	inventory_add(inventory, gpu, NULL);
	inventory_add(inventory, second_gpu, NULL);
	inventory_add(inventory, bare, NULL);
	inventory_add(inventory, mdev, NULL);
	inventory_add(inventory, stick, "AAA");
	inventory_add(inventory, other_stick, "BBB");
	inventory_add(inventory, disk, NULL);
	inventory_add(inventory, "<device>", NULL);
	inventory_add(inventory, "<device><capability type='mdev'/></device>", NULL);
	result = inventory_match(inventory, tree);
	inventory_free(inventory);
	json_decref(tree);
	return result;
}

static void
expect(const char *permitted, const char *devices)
{
	json_t *result = match(permitted);
	g_autofree char *text = NULL;
	char *raw = json_dumps(json_object_get(result, "devices"), JSON_COMPACT);

	text = g_strdup(raw);
	free(raw);
	json_decref(result);
	ck_assert_str_eq(text, devices);
}

START_TEST(pci_devices_by_vendor_and_product)
{
	expect("{\"pciHostDevices\":[{\"pciVendorSelector\":\"10DE:1EB8\",\"resourceName\":\"a.io/t4\"}]}",
	    "[{\"resource\":\"a.io/t4\",\"bus\":\"pci\",\"address\":\"0000:3b:00.0\",\"group\":\"31\",\"node\":1},"
	    "{\"resource\":\"a.io/t4\",\"bus\":\"pci\",\"address\":\"0000:af:1f.7\",\"group\":\"7\"}]");
	expect("{\"pciHostDevices\":[{\"pciVendorSelector\":\"10de:1eb9\",\"resourceName\":\"a.io/t4\"}]}", "[]");
	expect("{}", "[]");
}
END_TEST

START_TEST(what_has_no_iommu_is_told_instead)
{
	json_t *result = match("{\"pciHostDevices\":[{\"pciVendorSelector\":\"8086:10d3\",\"resourceName\":\"a.io/nic\"}]}");

	ck_assert_uint_eq(json_array_size(json_object_get(result, "devices")), 0);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "problems")), 1);
	ck_assert_ptr_nonnull(strstr(path_string(result, "problems[0]"), "a.io/nic at 0000:00:03.0 cannot be handed to guests: it has no IOMMU group"));
	json_decref(result);
}
END_TEST

START_TEST(mediated_devices_by_the_name_of_their_type)
{
	static const char *const names[] = { "GRID T4-1B", "GRID_T4-1B" };

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *permitted =
		    g_strdup_printf("{\"mediatedDevices\":[{\"mdevNameSelector\":\"%s\",\"resourceName\":\"a.io/v\"}]}", names[i]);
		expect(permitted, "[{\"resource\":\"a.io/v\",\"bus\":\"mdev\",\"address\":\"c2177883-f1bb-47f0-914d-32a22e3a8804\",\"node\":1}]");
	}
	expect("{\"mediatedDevices\":[{\"mdevNameSelector\":\"GRID T4-1\",\"resourceName\":\"a.io/v\"}]}", "[]");
}
END_TEST

#define STICK "{\"vendor\":\"46f4\",\"product\":\"0001\"}"
START_TEST(usb_devices_one_by_one_or_together)
{
	expect("{\"usb\":[{\"resourceName\":\"a.io/s\",\"selectors\":[" STICK "]}]}",
	    "[{\"resource\":\"a.io/s\",\"bus\":\"usb\",\"address\":\"1:4\"},{\"resource\":\"a.io/s\",\"bus\":\"usb\",\"address\":\"2:11\"}]");
	expect("{\"usb\":[{\"resourceName\":\"a.io/s\",\"selectors\":[" STICK "," STICK "]}]}",
	    "[{\"resource\":\"a.io/s\",\"bus\":\"usb\",\"address\":\"1:4+2:11\"}]");
	expect("{\"usb\":[{\"resourceName\":\"a.io/s\",\"selectors\":[{\"vendor\":\"46F4\",\"product\":\"0001\",\"serial\":\"BBB\"}]}]}",
	    "[{\"resource\":\"a.io/s\",\"bus\":\"usb\",\"address\":\"2:11\"}]");
	expect("{\"usb\":[{\"resourceName\":\"a.io/s\",\"selectors\":[" STICK ",{\"vendor\":\"46f4\",\"product\":\"0002\"}]}]}", "[]");
	expect("{\"usb\":[{\"resourceName\":\"a.io/s\",\"selectors\":[]}]}", "[]");
}
END_TEST

START_TEST(only_usb_devices_have_a_file_with_a_serial_number)
{
	g_autofree char *path = inventory_usb_path(stick), *none = inventory_usb_path(gpu), *broken = inventory_usb_path("<");

	ck_assert_str_eq(path, "/sys/devices/pci0000:00/usb1/1-2");
	ck_assert_ptr_null(none);
	ck_assert_ptr_null(broken);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("inventory");
	TCase *tcase = tcase_create("inventory");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, pci_devices_by_vendor_and_product);
	tcase_add_test(tcase, what_has_no_iommu_is_told_instead);
	tcase_add_test(tcase, mediated_devices_by_the_name_of_their_type);
	tcase_add_test(tcase, usb_devices_one_by_one_or_together);
	tcase_add_test(tcase, only_usb_devices_have_a_file_with_a_serial_number);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
